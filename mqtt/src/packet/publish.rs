//! PUBLISH: a message. Reading and writing one allocates nothing but room in the output.

use crate::codec::MAX_REMAINING_LENGTH;
use crate::codec::read::Reader;
use crate::codec::write;
use crate::packet::Additions;
use crate::{Field, Frame, Identifier, PacketType, Place, Properties, QoS, Version, Violation};

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The sender may have sent it before.
    pub dup: bool,
    /// How hard it is delivered.
    pub qos: QoS,
    /// It is to be kept, or was kept, as the topic's last message.
    pub retain: bool,
    /// The packet identifier; 0 with QoS 0.
    pub packet_id: u16,
    /// The topic name; empty if a Topic Alias stands for it.
    pub topic: &'a str,
    /// The properties.
    pub properties: Properties<'a>,
    /// The message itself.
    pub payload: &'a [u8],
}

const PLACE: Place = Place::Packet(PacketType::Publish);

impl<'a> Publish<'a> {
    /// Reads a PUBLISH; another packet is [`Violation::UnexpectedPacket`].
    #[inline]
    pub fn decode(frame: Frame<'a>, version: Version) -> Result<Publish<'a>, Violation> {
        Publish::decode_after(frame, version, "")
    }

    /// The same with the topic of the PUBLISH before, which is not checked again if it is that of
    /// this one too.
    #[inline]
    pub fn decode_after(
        frame: Frame<'a>,
        version: Version,
        before: &'a str,
    ) -> Result<Publish<'a>, Violation> {
        let first = frame.first_byte();
        let qos = match QoS::from_bits(first >> 1 & 0b11) {
            Some(qos) if frame.packet_type() == PacketType::Publish => qos,
            _ => return Err(Violation::UnexpectedPacket(frame.packet_type().name())),
        };
        let mut reader = Reader::new(frame.body(), PLACE);
        let topic = reader.utf8_again(Field::TopicName, before)?; // [MQTT-3.3.2-1]
        // [MQTT-2.2.1-2]
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { reader.packet_id()? };
        let properties = reader.properties(version)?;
        if topic.is_empty() || !std::ptr::eq(topic, before) {
            check_topic(topic, properties)?;
        }
        Ok(Publish {
            dup: first & 0b1000 != 0,
            qos,
            retain: first & 0b0001 != 0,
            packet_id,
            topic,
            properties,
            payload: reader.rest(),
        })
    }

    /// Checks what only a client's PUBLISH must keep to: no Subscription Identifier, and a Topic
    /// Alias of at most `topic_alias_maximum`. Returns the Topic Alias.
    #[inline]
    pub fn check_from_client(&self, topic_alias_maximum: u16) -> Result<Option<u16>, Violation> {
        if self.properties.is_empty() {
            return Ok(None);
        }
        // [MQTT-3.3.4-6]
        if self.properties.contains(Identifier::SubscriptionIdentifier) {
            return Err(Violation::SubscriptionIdentifierFromClient);
        }
        match self.properties.topic_alias() {
            // [MQTT-3.3.2-9]
            Some(alias) if alias > topic_alias_maximum => Err(Violation::TopicAliasInvalid(alias)),
            alias => Ok(alias),
        }
    }
}

impl Publish<'_> {
    /// Appends the packet; see [`Packet::encode`](crate::Packet::encode) for what is not written.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        self.encode_with(Additions::NONE, version, out);
    }

    /// The same with what is added for the receiver.
    #[inline]
    pub fn encode_with(&self, additions: Additions<'_>, version: Version, out: &mut Vec<u8>) {
        let remaining = self.remaining_length(additions, version);
        if remaining > MAX_REMAINING_LENGTH {
            return;
        }
        out.reserve(5 + remaining);
        self.encode_head(additions, version, out);
        out.extend_from_slice(self.payload);
    }

    /// Appends the packet up to its payload, for a writer that sends the payload from elsewhere.
    #[inline]
    pub fn encode_head(&self, additions: Additions<'_>, version: Version, out: &mut Vec<u8>) {
        let remaining = self.remaining_length(additions, version);
        if remaining > MAX_REMAINING_LENGTH {
            return;
        }
        out.push(self.first_byte());
        write::varint(out, remaining as u32);
        write::utf8(out, self.topic);
        if self.qos != QoS::AtMostOnce {
            write::two_bytes(out, self.packet_id);
        }
        if version.has_properties() {
            let own = self.properties.as_bytes();
            write::varint(out, (own.len() + additions.len()) as u32);
            out.extend_from_slice(own);
            additions.encode(out);
        }
    }

    /// The size of the whole packet in bytes, as Maximum Packet Size counts it.
    #[inline]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.encoded_len_with(Additions::NONE, version)
    }

    /// The same with what is added for the receiver.
    #[inline]
    pub fn encoded_len_with(&self, additions: Additions<'_>, version: Version) -> usize {
        let remaining = self.remaining_length(additions, version);
        1 + write::varint_len(remaining) + remaining
    }

    fn first_byte(&self) -> u8 {
        // [MQTT-3.3.1-2] [MQTT-4.3.1-1]
        let dup = self.dup && self.qos != QoS::AtMostOnce;
        PacketType::Publish.first_byte()
            | u8::from(dup) << 3
            | (self.qos as u8) << 1
            | u8::from(self.retain)
    }

    fn remaining_length(&self, additions: Additions<'_>, version: Version) -> usize {
        let packet_id = if self.qos == QoS::AtMostOnce { 0 } else { 2 };
        let properties = if version.has_properties() {
            let len = self.properties.as_bytes().len() + additions.len();
            write::varint_len(len) + len
        } else {
            0
        };
        2 + write::clip(self.topic).len() + packet_id + properties + self.payload.len()
    }
}

#[inline]
fn check_topic(topic: &str, properties: Properties<'_>) -> Result<(), Violation> {
    if topic.is_empty() && properties.topic_alias().is_none() {
        return Err(Violation::TopicEmpty); // [MQTT-4.7.3-1]
    }
    // Without an early end the loop takes many bytes at a time.
    if topic.bytes().fold(false, |wildcard, byte| wildcard | (byte == b'+') | (byte == b'#')) {
        return Err(Violation::TopicWildcard); // [MQTT-3.3.2-2]
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish<'a>(qos: QoS, topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { 7 };
        let properties = Properties::EMPTY;
        Publish { dup: true, qos, retain: false, packet_id, topic, properties, payload }
    }

    #[test]
    fn the_length_is_known_beforehand() {
        for len in [0, 1, 100, 122, 123, 124, 16_000, 16_380, 20_000] {
            let payload = vec![0; len];
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
                for version in [Version::V3_1_1, Version::V5] {
                    let mut out = Vec::new();
                    publish(qos, "a", &payload).encode(version, &mut out);
                    assert_eq!(publish(qos, "a", &payload).encoded_len(version), out.len());
                }
            }
        }
    }

    /// [MQTT-3.3.4-4]
    #[test]
    fn additions_follow_the_properties_as_they_came() {
        use crate::{Property, PropertyBuffer};
        let mut own = PropertyBuffer::new();
        own.push(Property::UserProperty("a", "1"));
        let mut identifiers = PropertyBuffer::new();
        identifiers.push(Property::SubscriptionIdentifier(7));
        identifiers.push(Property::SubscriptionIdentifier(300));
        let mut sent = publish(QoS::AtMostOnce, "", b"x");
        sent.properties = own.as_properties();
        let additions = Additions {
            subscription_identifiers: identifiers.as_properties(),
            topic_alias: Some(9),
        };
        let mut out = Vec::new();
        sent.encode_with(additions, Version::V5, &mut out);
        assert_eq!(sent.encoded_len_with(additions, Version::V5), out.len());
        let frame = crate::split_frame(&out, u32::MAX).unwrap().unwrap();
        let read = Publish::decode(frame, Version::V5).unwrap();
        assert!(read.properties.iter().eq([
            Property::UserProperty("a", "1"),
            Property::SubscriptionIdentifier(7),
            Property::SubscriptionIdentifier(300),
            Property::TopicAlias(9),
        ]));
        out.clear();
        sent.topic = "t";
        sent.encode_with(additions, Version::V3_1_1, &mut out);
        assert_eq!(out, [0x30, 4, 0, 1, b't', b'x']);
    }

    #[test]
    fn the_topic_before_changes_nothing() {
        for bytes in [
            &[0x30, 4, 0, 1, b'a', b'x'][..],
            &[0x30, 4, 0, 1, b'+', b'x'],
            &[0x30, 4, 0, 1, 0xFF, b'x'],
            &[0x30, 3, 0, 0, b'x'],
            &[0x30, 3, 0, 9, b'x'],
        ] {
            let frame = crate::split_frame(bytes, u32::MAX).unwrap().unwrap();
            let expected = Publish::decode(frame, Version::V3_1_1);
            for before in ["a", "b", "ab", "x"] {
                assert_eq!(Publish::decode_after(frame, Version::V3_1_1, before), expected);
            }
        }
    }

    #[test]
    fn a_topic_that_is_too_long_is_cut_at_a_character() {
        let topic = "ä".repeat(40_000);
        let mut out = Vec::new();
        publish(QoS::AtMostOnce, &topic, b"x").encode(Version::V5, &mut out);
        let frame = crate::split_frame(&out, u32::MAX).unwrap().unwrap();
        let read = Publish::decode(frame, Version::V5).unwrap();
        assert_eq!((read.topic.len(), read.payload), (65_534, &b"x"[..]));
    }

    /// [MQTT-2.2.1-2] [MQTT-3.3.1-2]
    #[test]
    fn qos_0_goes_out_without_dup_and_packet_id() {
        let mut out = Vec::new();
        publish(QoS::AtMostOnce, "a", b"").encode(Version::V3_1_1, &mut out);
        assert_eq!(out, [0x30, 3, 0, 1, b'a']);
    }

    /// [MQTT-3.3.2-9] [MQTT-3.3.4-6]
    #[test]
    fn a_client_keeps_to_its_aliases_and_names_no_subscription() {
        use crate::{Property, PropertyBuffer};
        for (property, expected) in [
            (Property::TopicAlias(5), Ok(Some(5))),
            (Property::ContentType("text"), Ok(None)),
            (Property::TopicAlias(6), Err(Violation::TopicAliasInvalid(6))),
            (Property::SubscriptionIdentifier(1), Err(Violation::SubscriptionIdentifierFromClient)),
        ] {
            let mut buffer = PropertyBuffer::new();
            assert!(buffer.push(property));
            let mut publish = publish(QoS::AtMostOnce, "a", b"");
            publish.properties = buffer.as_properties();
            assert_eq!(publish.check_from_client(5), expected);
        }
    }
}
