//! What a plugin may hand over in on_before_deliver: changes of the message for this receiver.

use mqtt::{Identifier, Properties, PropertyBuffer, QoS};
use plugin_abi::raw;

use super::{Edited, Offer};
use crate::hooks::edits::{with_property, without_property};
use crate::hooks::parts::{PUBLISH, property, removed};
use crate::plugins::{Parts, text};

/// What a plugin has handed over about one message.
#[derive(Debug)]
pub(super) struct DeliverParts {
    /// What it has now; it can only get less.
    at_most: QoS,
    /// Bytes of payload that fit into the largest packet that the receiver takes.
    room: usize,
    reason: Option<Box<str>>,
    payload: Option<Box<[u8]>>,
    qos: Option<QoS>,
    properties: Vec<PropertyEdit>,
}

#[derive(Debug)]
enum PropertyEdit {
    /// A block of one.
    Set(Box<[u8]>),
    /// And the name, of a user property.
    Remove(Identifier, Box<str>),
}

impl DeliverParts {
    pub(super) fn new(at_most: QoS, room: usize) -> DeliverParts {
        let (reason, payload, qos, properties) = (None, None, None, Vec::new());
        DeliverParts { at_most, room, reason, payload, qos, properties }
    }

    /// Why it has refused, for the log.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What the message has become; `None` if it is as `before`.
    pub(super) fn edit(self, before: Option<&Edited>, published: Offer<'_>) -> Option<Edited> {
        let DeliverParts { payload, qos, properties, .. } = self;
        if payload.is_none() && qos.is_none() && properties.is_empty() {
            return None;
        }
        let mut edited = before.cloned().unwrap_or_default();
        for edit in properties {
            let now = edited.offer(published).properties;
            edited.properties = edit.apply(Properties::from_validated(now)).or(edited.properties);
        }
        edited.payload = payload.or(edited.payload);
        edited.qos = qos.or(edited.qos);
        Some(edited)
    }
}

impl Parts for DeliverParts {
    fn take(&mut self, part: u32, value: &[u8]) -> i32 {
        match part {
            raw::ANSWER_REASON => match text(value) {
                Ok(reason) => self.reason = Some(reason),
                Err(unfit) => return unfit,
            },
            raw::ANSWER_PAYLOAD if value.len() <= self.room => self.payload = Some(value.into()),
            raw::ANSWER_QOS => match value {
                [qos] if *qos <= self.at_most as u8 => self.qos = QoS::from_bits(*qos),
                _ => return raw::UNFIT,
            },
            raw::ANSWER_SET_PROPERTY => match property(value, PUBLISH) {
                Some(_) => self.properties.push(PropertyEdit::Set(value.into())),
                None => return raw::UNFIT,
            },
            raw::ANSWER_REMOVE_PROPERTY => match removed(value) {
                Some((identifier, name)) => {
                    self.properties.push(PropertyEdit::Remove(identifier, name.into()));
                }
                None => return raw::UNFIT,
            },
            raw::ANSWER_PAYLOAD => return raw::UNFIT,
            _ => return raw::UNKNOWN,
        }
        raw::TAKEN
    }
}

impl PropertyEdit {
    fn apply(&self, block: Properties<'_>) -> Option<PropertyBuffer> {
        match self {
            PropertyEdit::Set(value) => Some(with_property(block, property(value, PUBLISH)?)),
            PropertyEdit::Remove(identifier, name) => {
                Some(without_property(block, *identifier, name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use mqtt::Property;

    use Property::{ContentType, MessageExpiryInterval, TopicAlias, UserProperty};

    fn block(properties: &[Property<'_>]) -> Vec<u8> {
        let mut block = PropertyBuffer::new();
        assert!(properties.iter().all(|property| block.push(*property)));
        block.as_properties().as_bytes().to_vec()
    }

    fn user_property(name: &str) -> Vec<u8> {
        [&[Identifier::UserProperty as u8], name.as_bytes()].concat()
    }

    #[test]
    fn what_is_handed_over_must_fit() {
        let mut parts = DeliverParts::new(QoS::AtLeastOnce, 3);
        for (part, value, returned) in [
            (raw::ANSWER_PAYLOAD, &b"abc"[..], raw::TAKEN),
            (raw::ANSWER_PAYLOAD, b"abcd", raw::UNFIT),
            (raw::ANSWER_QOS, &[1], raw::TAKEN),
            (raw::ANSWER_QOS, &[2], raw::UNFIT),
            (raw::ANSWER_QOS, &[], raw::UNFIT),
            (raw::ANSWER_SET_PROPERTY, &block(&[ContentType("a")]), raw::TAKEN),
            (raw::ANSWER_SET_PROPERTY, &block(&[TopicAlias(1)]), raw::UNFIT),
            (raw::ANSWER_SET_PROPERTY, &block(&[Property::ReasonString("a")]), raw::UNFIT),
            (raw::ANSWER_SET_PROPERTY, &block(&[ContentType("a"); 2]), raw::UNFIT),
            (raw::ANSWER_SET_PROPERTY, &[], raw::UNFIT),
            (raw::ANSWER_REMOVE_PROPERTY, &user_property("a"), raw::TAKEN),
            (raw::ANSWER_REMOVE_PROPERTY, &[0xFF], raw::UNFIT),
            (raw::ANSWER_REMOVE_PROPERTY, &[], raw::UNFIT),
            (raw::ANSWER_REASON, b"why", raw::TAKEN),
            (raw::ANSWER_THROTTLE, &[0; 4], raw::UNKNOWN),
            (raw::ANSWER_TOPIC, b"a", raw::UNKNOWN),
        ] {
            assert_eq!(parts.take(part, value), returned, "{part} {value:?}");
        }
    }

    #[test]
    fn changes_add_up() {
        let published = block(&[ContentType("a"), UserProperty("n", "1"), UserProperty("m", "2")]);
        let qos = QoS::AtLeastOnce;
        let published = Offer { payload: b"p", properties: &published, qos, retain: false };
        let mut first = DeliverParts::new(qos, 100);
        first.take(raw::ANSWER_SET_PROPERTY, &block(&[ContentType("b")]));
        first.take(raw::ANSWER_PAYLOAD, b"first");
        let first = first.edit(None, published).unwrap();
        let mut second = DeliverParts::new(qos, 100);
        second.take(raw::ANSWER_SET_PROPERTY, &block(&[UserProperty("n", "3")]));
        second.take(raw::ANSWER_REMOVE_PROPERTY, &user_property("m"));
        second.take(raw::ANSWER_SET_PROPERTY, &block(&[MessageExpiryInterval(9)]));
        second.take(raw::ANSWER_QOS, &[0]);
        let second = second.edit(Some(&first), published).unwrap();
        let now = second.offer(published);
        let expected = [
            UserProperty("n", "1"),
            ContentType("b"),
            UserProperty("n", "3"),
            MessageExpiryInterval(9),
        ];
        assert_eq!(now.properties, block(&expected));
        assert_eq!((now.payload, now.qos), (&b"first"[..], QoS::AtMostOnce));
        assert_eq!(DeliverParts::new(qos, 100).edit(Some(&second), published), None);
    }
}
