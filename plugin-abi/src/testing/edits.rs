//! What a plugin has changed of an event, as the broker sees it.

use super::rules;
use crate::{Property, SubscriptionOptions, properties::USER_PROPERTY, raw};

/// What a hook has changed that lets its event go on. What it has left alone is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edits {
    /// The topic of a message.
    pub topic: Option<String>,
    /// The payload of a message.
    pub payload: Option<Vec<u8>>,
    /// The QoS of a message.
    pub qos: Option<u8>,
    /// Whether a message is retained.
    pub retain: Option<bool>,
    /// Whether a message is kept as the broker would.
    pub kept: Option<bool>,
    /// The properties that a message is given, each as it stands in a packet; [`Edits::sets`] looks for one.
    pub properties: Vec<Vec<u8>>,
    /// The identifiers of the properties that are taken out of a message, and the names of user properties.
    pub removed: Vec<(u8, String)>,
    /// The whole topic filter.
    pub filter: Option<String>,
    /// How it is subscribed to.
    pub options: Option<SubscriptionOptions>,
    /// The client id of who connects.
    pub client_id: Option<String>,
    /// The user name of who connects.
    pub username: Option<String>,
    /// Seconds that the session of who connects outlives the connection.
    pub session_expiry: Option<u32>,
    /// Keep alive of who connects, in seconds.
    pub keep_alive: Option<u16>,
    /// The properties that CONNACK is given, each as it stands there; [`Edits::tells`] looks for one.
    pub connack: Vec<Vec<u8>>,
}

impl Edits {
    /// Whether a message is given this property.
    pub fn sets(&self, property: Property<'_>) -> bool {
        self.properties.contains(&property.encode())
    }

    /// Whether CONNACK is given this property.
    pub fn tells(&self, property: Property<'_>) -> bool {
        self.connack.contains(&property.encode())
    }

    pub(super) fn new(parts: &[(u32, Vec<u8>)]) -> Edits {
        let mut edits = Edits::default();
        for (part, value) in parts {
            // What does not fit was not taken.
            let _ = edits.take(*part, value);
        }
        edits
    }

    /// Keeps a change. `None`: it cannot stand in its packet, or is none.
    fn take(&mut self, part: u32, value: &[u8]) -> Option<()> {
        match part {
            raw::ANSWER_TOPIC => self.topic = Some(checked(value, topic_name)?),
            raw::ANSWER_PAYLOAD => self.payload = Some(value.to_vec()),
            raw::ANSWER_QOS => self.qos = Some(byte(value).filter(|qos| *qos <= 2)?),
            raw::ANSWER_RETAIN => self.retain = Some(flag(value)?),
            raw::ANSWER_KEPT => self.kept = Some(flag(value)?),
            raw::ANSWER_SET_PROPERTY => self.properties.push(property(value, 0x09)?),
            raw::ANSWER_REMOVE_PROPERTY => {
                let (identifier, name) = value.split_first()?;
                let is_free = is_property(*identifier, 0x09);
                let name = checked(name, |name| rules::text("name", name))?;
                let fits = is_free && (name.is_empty() || *identifier == USER_PROPERTY);
                self.removed.push(fits.then_some((*identifier, name))?);
            }
            raw::ANSWER_FILTER => self.filter = Some(checked(value, rules::topic_filter)?),
            raw::ANSWER_OPTIONS => {
                let byte = byte(value).filter(|byte| byte & 0xC0 == 0)?;
                let fits = byte & 3 <= 2 && byte >> 4 <= 2;
                self.options = fits.then(|| SubscriptionOptions::from_byte(byte)).or(None);
                self.options?;
            }
            raw::ANSWER_CLIENT_ID => {
                let client_id = checked(value, |id| rules::text("client id", id))?;
                self.client_id = Some(client_id).filter(|client_id| !client_id.is_empty());
                self.client_id.as_ref()?;
            }
            raw::ANSWER_USERNAME => {
                self.username = Some(checked(value, |name| rules::text("user name", name))?);
            }
            raw::ANSWER_SESSION_EXPIRY => {
                self.session_expiry = Some(u32::from_ne_bytes(value.try_into().ok()?));
            }
            raw::ANSWER_KEEP_ALIVE => {
                self.keep_alive = Some(u16::from_ne_bytes(value.try_into().ok()?));
            }
            raw::ANSWER_CONNACK_PROPERTY => self.connack.push(property(value, 0x1C)?),
            _ => return None,
        }
        Some(())
    }
}

/// What `answer` returns to a plugin that hands over a change.
pub(super) fn answer(part: u32, value: &[u8]) -> i32 {
    match Edits::default().take(part, value) {
        Some(()) => raw::TAKEN,
        None => raw::UNFIT,
    }
}

/// As a broker has it that looks at nothing but the standard: topics with `$` are its own.
fn topic_name(topic: &str) -> rules::Check {
    rules::topic_name(topic)?;
    rules::ensure(!topic.starts_with('$'), || format!("{topic:?} begins with $"))
}

fn checked(value: &[u8], check: impl FnOnce(&str) -> rules::Check) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    check(text).ok().map(|()| text.to_owned())
}

fn flag(value: &[u8]) -> Option<bool> {
    byte(value).filter(|flag| *flag <= 1).map(|flag| flag == 1)
}

fn byte(value: &[u8]) -> Option<u8> {
    match value {
        [byte] => Some(*byte),
        _ => None,
    }
}

/// Whether a plugin can set it: of a message (up to 0x09), or of CONNACK (0x1A and 0x1C).
fn is_property(identifier: u8, last: u8) -> bool {
    match identifier {
        USER_PROPERTY => true,
        0x01 | 0x02 | 0x03 | 0x08 | 0x09 => last == 0x09,
        0x1A | 0x1C => last == 0x1C,
        _ => false,
    }
}

/// One property, whole.
fn property(value: &[u8], last: u8) -> Option<Vec<u8>> {
    let (identifier, rest) = value.split_first()?;
    let string = |rest: &[u8]| {
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        (rest.len() >= length).then_some(length + 2)
    };
    let len = match identifier {
        0x01 => 1,
        0x02 => 4,
        &USER_PROPERTY => {
            let name = string(rest)?;
            name + string(rest.get(name..)?)?
        }
        _ => string(rest)?,
    };
    let fits = is_property(*identifier, last) && rest.len() == len;
    fits.then(|| value.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{
        BeforeConnect, Config, EditError, Host, Plugin, Publish, Result, Subscribe,
        testing::{self, Answer, Instance, json},
    };

    /// Changes what it can, and is told what it cannot.
    struct Changer;

    #[allow(refining_impl_trait, reason = "as the attribute has it")]
    impl Plugin for Changer {
        fn bootstrap(_host: Host, _config: Config) -> Result<Self> {
            Ok(Changer)
        }

        fn on_before_connect(&self, event: &BeforeConnect<'_>) -> bool {
            event.set_username("somebody").unwrap();
            event.set_keep_alive(7).unwrap();
            event.tell(Property::ServerReference("other")).unwrap();
            event.set_client_id("").is_err() && event.tell(Property::ContentType("t")).is_err()
        }

        fn on_before_subscribe(&self, event: &Subscribe<'_>) -> bool {
            event.set_filter("$share/g/a").unwrap();
            event.set_options(SubscriptionOptions { qos: 1, ..event.options() }).unwrap();
            event.set_filter("a/#/b") == Err(EditError::Unfit)
        }

        fn on_before_publish(&self, event: &Publish<'_>) -> bool {
            if event.is_asked_again() {
                return event.set_topic("b") == Err(EditError::AskedAgain);
            }
            event.set_topic("b").unwrap();
            event.set_payload("new").unwrap();
            event.set_kept(false).unwrap();
            event.set_property(Property::User("n", "v")).unwrap();
            event.remove_user_property("m").unwrap();
            event.set_topic("b/+") == Err(EditError::Unfit)
        }
    }

    fn changer() -> Instance<Changer> {
        testing::start(&testing::Host::new(), json!({})).unwrap()
    }

    #[test]
    fn a_test_sees_what_was_changed() {
        let changer = changer();
        let event = testing::Publish::to("a");
        let answer = changer.on_before_publish(&event);
        assert_ne!(answer, Answer::Continue);
        let edits = answer.edits();
        assert_eq!(
            (edits.topic.as_deref(), edits.payload.as_deref()),
            (Some("b"), Some(&b"new"[..]))
        );
        assert!(edits.sets(Property::User("n", "v")) && !edits.sets(Property::User("n", "w")));
        assert_eq!((edits.retain, edits.kept), (None, Some(false)));
        assert_eq!((edits.qos, &*edits.removed), (None, &[(USER_PROPERTY, "m".to_owned())][..]));
        assert_eq!(changer.on_before_publish(&event.asked_again()), Answer::Continue);

        let answer = changer.on_before_subscribe(&testing::Subscribe::to("a"));
        assert_eq!(answer.edits().filter.as_deref(), Some("$share/g/a"));
        assert_eq!(answer.edits().options.map(|options| options.qos), Some(1));

        let answer = changer.on_before_connect(&testing::BeforeConnect::of("c"));
        let edits = answer.edits();
        assert_eq!((edits.username.as_deref(), edits.keep_alive), (Some("somebody"), Some(7)));
        assert!(edits.tells(Property::ServerReference("other")) && edits.client_id.is_none());
    }

    #[test]
    #[should_panic(expected = "nothing is changed")]
    fn nothing_is_made_up() {
        let _ = changer().on_connect(&testing::Connect::of("c")).edits();
    }
}
