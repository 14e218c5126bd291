//! What a plugin wants to be called for, as it has declared while it started; the rest never leaves the
//! broker.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

use std::collections::HashMap;

use plugin_abi::raw::{self, HostContext, View};

use super::described::{Described, Subject};
use super::host::Caller;
use crate::hooks::point;

/// The interests of a plugin, by the name of the hook; an empty one stands for all hooks.
#[derive(Debug, Default)]
pub(crate) struct Interests {
    of_hooks: HashMap<&'static str, Interest>,
}

/// What a plugin wants to be called for in one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interest {
    /// Filters; empty: any topic.
    topics: Vec<Box<str>>,
    /// Empty: any.
    listeners: Vec<Box<str>>,
    pub(crate) without_payload: bool,
}

impl Interests {
    /// Notes an interest. Returns what the host function does.
    fn declare(&mut self, hook: &str, kind: u32, value: &str) -> i32 {
        let hooks = point::ALL.iter().map(|(_, name)| *name).chain([""]);
        let Some(hook) = hooks.into_iter().find(|name| *name == hook) else { return raw::UNFIT };
        let interest = self.of_hooks.entry(hook).or_default();
        match kind {
            raw::INTEREST_TOPIC => {
                let is_shared = mqtt::topic::is_shared(value);
                if is_shared || mqtt::topic::check_topic_filter(value).is_err() {
                    return raw::UNFIT;
                }
                interest.topics.push(value.into());
            }
            raw::INTEREST_LISTENER if value.is_empty() => return raw::UNFIT,
            raw::INTEREST_LISTENER => interest.listeners.push(value.into()),
            raw::INTEREST_NO_PAYLOAD => interest.without_payload = true,
            _ => return raw::UNKNOWN,
        }
        raw::TAKEN
    }

    /// The interest in one hook, with that in all; `None`: the plugin is called for everything.
    pub(crate) fn of(&self, hook: &str) -> Option<Interest> {
        let mut interest = Interest::default();
        for declared in ["", hook].into_iter().filter_map(|name| self.of_hooks.get(name)) {
            interest.topics.extend_from_slice(&declared.topics);
            interest.listeners.extend_from_slice(&declared.listeners);
            interest.without_payload |= declared.without_payload;
        }
        (interest != Interest::default()).then_some(interest)
    }
}

impl Interest {
    /// Whether the plugin wants to be called for an event.
    pub(crate) fn wants(&self, event: &impl Described) -> bool {
        let of_subject = match event.subject() {
            Subject::Topic(topic) => self.wants_topic(topic),
            Subject::Filter(filter) => self.wants_filter(filter),
            Subject::Other => true,
        };
        of_subject && event.listener().is_none_or(|listener| self.wants_listener(listener))
    }

    /// Whether it wants messages to a topic.
    pub(crate) fn wants_topic(&self, topic: &str) -> bool {
        let mut filters = self.topics.iter();
        self.topics.is_empty() || filters.any(|filter| mqtt::topic::matches(filter, topic))
    }

    /// Whether it wants what is about clients of any listener.
    pub(crate) fn wants_all_listeners(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Whether it wants what is about clients of a listener.
    pub(crate) fn wants_listener(&self, listener: &str) -> bool {
        self.listeners.is_empty() || self.listeners.iter().any(|wanted| **wanted == *listener)
    }

    /// Whether a subscription can get messages that it wants.
    fn wants_filter(&self, filter: &str) -> bool {
        let inner = mqtt::topic::shared(filter).map_or(filter, |(_, inner)| inner);
        let mut filters = self.topics.iter();
        self.topics.is_empty() || filters.any(|wanted| mqtt::topic::overlap(wanted, inner))
    }
}

/// The host function.
///
/// # Safety
///
/// The context is one that [`Caller::context`] made; the views are valid for the call.
pub(super) unsafe extern "C" fn declare(
    context: HostContext,
    hook: View<'_>,
    kind: u32,
    value: View<'_>,
) -> i32 {
    let [hook, value] = [hook, value].map(|view| std::str::from_utf8(view.as_bytes()));
    let (Ok(hook), Ok(value)) = (hook, value) else { return raw::UNFIT };
    // SAFETY: the caller's promise.
    let caller = unsafe { Caller::from_context(context) };
    caller
        .while_starting(|declared| declared.interests.declare(hook, kind, value))
        .unwrap_or(raw::UNFIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(interests: &[(&str, u32, &str)]) -> Interests {
        let mut declared = Interests::default();
        for (hook, kind, value) in interests {
            assert_eq!(declared.declare(hook, *kind, value), raw::TAKEN, "{hook} {value}");
        }
        declared
    }

    #[test]
    fn several_add_up() {
        let interests = declared(&[
            ("", raw::INTEREST_TOPIC, "a/#"),
            ("on_publish", raw::INTEREST_TOPIC, "b"),
            ("on_publish", raw::INTEREST_NO_PAYLOAD, ""),
            ("on_session", raw::INTEREST_LISTENER, "tcp://1"),
        ]);
        let of_publish = interests.of("on_publish").unwrap();
        assert!(of_publish.wants_topic("a") && of_publish.wants_topic("b"));
        assert!(!of_publish.wants_topic("c") && of_publish.without_payload);
        let of_others = interests.of("on_message").unwrap();
        assert!(of_others.wants_topic("a/b") && !of_others.wants_topic("b"));
        assert!(!of_others.without_payload && of_others.wants_listener("tcp://2"));
        assert!(!interests.of("on_session").unwrap().wants_listener("tcp://2"));
        assert_eq!(Interests::default().of("on_publish"), None);
    }

    #[test]
    fn a_subscription_is_wanted_if_it_can_get_what_is() {
        let interest = declared(&[("", raw::INTEREST_TOPIC, "a/+/c")]).of("").unwrap();
        for wanted in ["#", "a/#", "a/b/+", "+/+/+", "$share/g/a/b/c"] {
            assert!(interest.wants_filter(wanted), "{wanted}");
        }
        for other in ["a", "a/b", "b/#", "+/+", "$SYS/#", "$share/g/b"] {
            assert!(!interest.wants_filter(other), "{other}");
        }
    }

    #[test]
    fn what_means_nothing_is_not_taken() {
        for (hook, kind, value, returned) in [
            ("on_nothing", raw::INTEREST_TOPIC, "a", raw::UNFIT),
            ("", raw::INTEREST_TOPIC, "a/#/b", raw::UNFIT),
            ("", raw::INTEREST_TOPIC, "$share/g/a", raw::UNFIT),
            ("", raw::INTEREST_LISTENER, "", raw::UNFIT),
            ("", 99, "", raw::UNKNOWN),
        ] {
            let mut interests = Interests::default();
            assert_eq!(interests.declare(hook, kind, value), returned, "{hook} {value}");
            assert_eq!(interests.of("on_publish"), None);
        }
    }
}
