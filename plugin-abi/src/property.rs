//! Properties of MQTT 5 packets that a plugin sets.

use crate::properties::USER_PROPERTY;

/// A property that a plugin gives a packet (MQTT 5, section 2.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Property<'a> {
    /// Payload Format Indicator: 1 if the payload is UTF-8.
    PayloadFormat(u8),
    /// Message Expiry Interval, in seconds.
    MessageExpiry(u32),
    /// Content Type.
    ContentType(&'a str),
    /// Response Topic.
    ResponseTopic(&'a str),
    /// Correlation Data.
    CorrelationData(&'a [u8]),
    /// Response Information; in CONNACK.
    ResponseInformation(&'a str),
    /// Server Reference; in CONNACK.
    ServerReference(&'a str),
    /// User Property: name and value.
    User(&'a str, &'a str),
}

impl Property<'_> {
    /// As it stands in a packet. What is longer than a packet can say is cut in its length, so that the
    /// broker refuses it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match *self {
            Property::PayloadFormat(is_text) => vec![0x01, is_text],
            Property::MessageExpiry(seconds) => [&[0x02][..], &seconds.to_be_bytes()].concat(),
            Property::ContentType(text) => bytes(0x03, text.as_bytes()),
            Property::ResponseTopic(text) => bytes(0x08, text.as_bytes()),
            Property::CorrelationData(data) => bytes(0x09, data),
            Property::ResponseInformation(text) => bytes(0x1A, text.as_bytes()),
            Property::ServerReference(text) => bytes(0x1C, text.as_bytes()),
            Property::User(name, value) => {
                let mut block = bytes(USER_PROPERTY, name.as_bytes());
                block.extend_from_slice(&(value.len() as u16).to_be_bytes());
                block.extend_from_slice(value.as_bytes());
                block
            }
        }
    }
}

fn bytes(identifier: u8, value: &[u8]) -> Vec<u8> {
    [&[identifier][..], &(value.len() as u16).to_be_bytes(), value].concat()
}
