//! Changes the topics that clients publish to, and the filters that they subscribe to, by rules of which
//! the first that fits counts. README.md beside this folder has every key.
//!
//! What is delivered has the new topic: a message has one topic for all its receivers.

mod rules;
mod source;
mod template;
#[cfg(test)]
mod tests;

use mqtt::topic::{check_topic_filter, check_topic_name};
use plugin_abi::{
    Client, Config, EditError, Host, Origin, Plugin, Publish, Result, Subscribe, Unsubscribe,
    Verdict, log, plugin,
};
use plugin_config::Facts;

use rules::{On, Rewritten, Rules};

struct TopicRewrite {
    rules: Rules,
}

/// A reason code of MQTT 5: the broker cannot do what it should.
const IMPLEMENTATION_SPECIFIC_ERROR: u8 = 0x83;
/// A reason code of MQTT 5.
const TOPIC_FILTER_INVALID: u8 = 0x8F;
/// A reason code of MQTT 5.
const TOPIC_NAME_INVALID: u8 = 0x90;

#[plugin]
impl Plugin for TopicRewrite {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let rules = Rules::read(&config)?;
        // A broker that shows them all the same is none the worse.
        let _ = host.interest("").without_payload();
        Ok(TopicRewrite { rules })
    }

    /// Wills come here too.
    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        if !is_clients(event.origin()) || event.is_asked_again() {
            return Verdict::Continue;
        }
        let topic = event.topic();
        let is_fit = |new: &str| check_topic_name(new).is_ok();
        match self.rewrite(On::Publish, topic, event.client(), is_fit) {
            Ok(None) => Verdict::Continue,
            Ok(Some(new)) => verdict(event.set_topic(&new)),
            Err(()) => Verdict::refuse_with(TOPIC_NAME_INVALID),
        }
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        if !is_clients(event.origin()) || event.is_asked_again() {
            return Verdict::Continue;
        }
        self.filter(event.client(), event.filter(), event.whole_filter(), |new| {
            event.set_filter(new)
        })
    }

    fn on_before_unsubscribe(&self, event: &Unsubscribe<'_>) -> Verdict {
        if !is_clients(event.origin()) || event.is_asked_again() {
            return Verdict::Continue;
        }
        self.filter(event.client(), event.filter(), event.whole_filter(), |new| {
            event.set_filter(new)
        })
    }
}

impl TopicRewrite {
    /// `whole`: the filter with `$share/` and its name, if it has them, which stay.
    fn filter(
        &self,
        client: Client<'_>,
        filter: &str,
        whole: &str,
        set: impl FnOnce(&str) -> std::result::Result<(), EditError>,
    ) -> Verdict {
        let share = whole.strip_suffix(filter).unwrap_or_default();
        let is_fit = |new: &str| check_topic_filter(&format!("{share}{new}")).is_ok();
        match self.rewrite(On::Subscribe, filter, client, is_fit) {
            Ok(None) => Verdict::Continue,
            Ok(Some(new)) => verdict(set(&format!("{share}{new}"))),
            Err(()) => Verdict::refuse_with(TOPIC_FILTER_INVALID),
        }
    }

    /// The new text; none if it stays. It is an error if a rule makes of it what cannot be.
    fn rewrite(
        &self,
        on: On,
        text: &str,
        client: Client<'_>,
        is_fit: impl Fn(&str) -> bool,
    ) -> std::result::Result<Option<String>, ()> {
        let facts = Facts::from(client);
        match self.rules.rewrite(on, text, &facts) {
            Rewritten::Same => Ok(None),
            Rewritten::To(new) if is_fit(&new) => Ok(Some(new)),
            Rewritten::To(new) => {
                log::debug!("{text:?} of {:?} would become {new:?}", facts.client_id);
                Err(())
            }
            Rewritten::Impossible => {
                log::debug!("the name of {:?} cannot be part of a topic", facts.client_id);
                Err(())
            }
        }
    }
}

/// What a plugin publishes or subscribes to, it has chosen by the names that are in force.
fn is_clients(origin: Origin) -> bool {
    !matches!(origin, Origin::Plugin | Origin::Broker)
}

fn verdict(edited: std::result::Result<(), EditError>) -> Verdict {
    match edited {
        Ok(()) => Verdict::Continue,
        Err(why) => {
            log::error!("the broker does not take another topic: {why}");
            Verdict::refuse_with(IMPLEMENTATION_SPECIFIC_ERROR)
        }
    }
}
