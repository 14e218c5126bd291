//! What the broker could not send, so that no test builds it by accident.

use super::Client;
use crate::{Protocol, UserProperties};

/// Ok, or why the broker could not send it.
pub(super) type Check = Result<(), String>;

/// A string of a packet.
pub(super) fn text(what: &str, text: &str) -> Check {
    ensure(text.len() <= usize::from(u16::MAX), || {
        format!("the {what} is longer than 65535 bytes")
    })?;
    ensure(!text.contains('\0'), || format!("the {what} holds U+0000"))
}

/// Bytes that stand in a packet behind their length.
pub(super) fn bytes(what: &str, bytes: &[u8]) -> Check {
    ensure(bytes.len() <= usize::from(u16::MAX), || {
        format!("the {what} is longer than 65535 bytes")
    })
}

pub(super) fn topic_name(topic: &str) -> Check {
    text("topic name", topic)?;
    ensure(!topic.is_empty(), || "the topic name is empty".into())?;
    ensure(!topic.contains(['+', '#']), || format!("{topic:?} is no topic name but a filter"))
}

pub(super) fn topic_filter(filter: &str) -> Check {
    text("topic filter", filter)?;
    let inner = match filter.starts_with(SHARED_PREFIX) {
        true => shared(filter).ok_or_else(|| {
            format!("{filter:?} is not $share/, a name without + and #, / and a filter")
        })?,
        false => filter,
    };
    ensure(!inner.is_empty(), || "the topic filter is empty".into())?;
    let levels: Vec<&str> = inner.split('/').collect();
    for (index, level) in levels.iter().enumerate() {
        let alone = level.len() == 1 || !level.contains(['+', '#']);
        ensure(alone, || format!("{filter:?} has a wildcard that is not alone in its level"))?;
        let last = index + 1 == levels.len();
        ensure(*level != "#" || last, || format!("{filter:?} has levels behind its #"))?;
    }
    Ok(())
}

/// What messages are matched with: the filter behind the name of a shared subscription.
pub(super) fn matched_filter(filter: &str) -> &str {
    shared(filter).unwrap_or(filter)
}

/// Whether a filter, without `$share/` and its name, matches a topic.
pub(super) fn matches(filter: &str, topic: &str) -> bool {
    let starts_with_wildcard = filter.starts_with(['+', '#']);
    if starts_with_wildcard && topic.starts_with('$') {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

fn shared(filter: &str) -> Option<&str> {
    let (name, inner) = filter.strip_prefix(SHARED_PREFIX)?.split_once('/')?;
    let is_whole = !name.is_empty() && !name.contains(['+', '#']) && !inner.is_empty();
    is_whole.then_some(inner)
}

const SHARED_PREFIX: &str = "$share/";

pub(super) fn qos(qos: u8) -> Check {
    ensure(qos <= 2, || format!("there is no QoS {qos}"))
}

pub(super) fn properties(properties: &[u8], client: &Client) -> Check {
    ensure(properties.is_empty() || client.is_of_5(), || {
        "a client that does not speak MQTT 5 sends no properties".into()
    })?;
    ensure(UserProperties::new(properties).are_whole(), || {
        "the properties are not those of a packet".into()
    })
}

/// Whether what came with MQTT 5 can be there.
pub(super) fn is_5(protocol: Protocol) -> bool {
    protocol.level() >= 5
}

pub(super) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(why()) }
}
