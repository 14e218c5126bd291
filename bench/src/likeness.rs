//! A PUBLISH that differs from the one before by its packet identifier and its payload alone, as most do
//! that come in one read: comparing is cheaper than decoding, and this program is to cost little.

use mqtt::{Frame, Publish, QoS};

/// A PUBLISH that was decoded, and its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Likeness<'a> {
    publish: Publish<'a>,
    /// What stands before the packet identifier.
    head: &'a [u8],
    /// What stands between the packet identifier and the payload.
    middle: &'a [u8],
}

impl<'a> Likeness<'a> {
    /// `None`: `publish` is not what `frame` holds.
    pub(crate) fn of(frame: Frame<'a>, publish: Publish<'a>) -> Option<Likeness<'a>> {
        let head_len = frame.header_len() + 2 + publish.topic.len();
        let (head, rest) = frame.bytes().split_at_checked(head_len)?;
        let middle = rest.strip_suffix(publish.payload)?;
        let middle = match publish.qos {
            QoS::AtMostOnce => middle,
            QoS::AtLeastOnce | QoS::ExactlyOnce => middle.get(2..)?,
        };
        Some(Likeness { publish, head, middle })
    }

    /// Reads the packet that `bytes` begin with, if it is like this one and all there; returns what
    /// follows it, too.
    #[inline]
    pub(crate) fn read(&self, bytes: &'a [u8]) -> Option<(Publish<'a>, &'a [u8])> {
        let mut rest = bytes.strip_prefix(self.head)?;
        let mut packet_id = 0;
        if self.publish.qos != QoS::AtMostOnce {
            let (id, behind) = rest.split_first_chunk()?;
            (packet_id, rest) = (u16::from_be_bytes(*id), behind);
            if packet_id == 0 {
                return None;
            }
        }
        let rest = rest.strip_prefix(self.middle)?;
        let (payload, rest) = rest.split_at_checked(self.publish.payload.len())?;
        Some((Publish { packet_id, payload, ..self.publish }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::Likeness;
    use mqtt::{Property, PropertyBuffer, Publish, QoS, Version};

    fn encode(publish: &Publish<'_>, version: Version) -> Vec<u8> {
        let mut out = Vec::new();
        publish.encode(version, &mut out);
        out
    }

    /// What decoding says of `bytes` too, if they are like `first`.
    #[track_caller]
    fn check(first: &Publish<'_>, bytes: &[u8], version: Version, is_like: bool) {
        let model = encode(first, version);
        let frame = version.split_frame(&model, u32::MAX).unwrap().unwrap();
        let decoded = Publish::decode(frame, version).unwrap();
        let like = Likeness::of(frame, decoded).unwrap();
        let with_more = [bytes, b"more"].concat();
        let read = like.read(&with_more);
        assert_eq!(read.is_some(), is_like, "{first:?} {bytes:?}");
        if let Some((publish, rest)) = read {
            let frame = version.split_frame(bytes, u32::MAX).unwrap().unwrap();
            assert_eq!((Ok(publish), rest), (Publish::decode(frame, version), &b"more"[..]));
            assert!(like.read(bytes.split_last().unwrap().1).is_none());
        }
    }

    #[test]
    fn reads_what_decoding_reads() {
        let mut buffer = PropertyBuffer::new();
        buffer.push(Property::ContentType("text"));
        for version in [Version::V3_1_1, Version::V5] {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let packet_id = |id| if qos == QoS::AtMostOnce { 0 } else { id };
                let first = Publish {
                    dup: false,
                    qos,
                    retain: false,
                    packet_id: packet_id(7),
                    topic: "a/b",
                    properties: mqtt::Properties::EMPTY,
                    payload: b"payload",
                };
                let payload = b"another";
                let other = Publish { packet_id: packet_id(0x4321), payload, ..first };
                check(&first, &encode(&other, version), version, true);
                let retain = Publish { retain: true, ..other };
                check(&first, &encode(&retain, version), version, false);
                let longer = Publish { payload: b"longer one", ..other };
                check(&first, &encode(&longer, version), version, false);
                let elsewhere = Publish { topic: "a/c", ..other };
                check(&first, &encode(&elsewhere, version), version, false);
                // In MQTT 5 as long as the first, with a property in place of the payload.
                let (properties, payload) = (buffer.as_properties(), &b""[..]);
                let with_property = Publish { properties, payload, ..other };
                check(&first, &encode(&with_property, version), version, false);
            }
        }
    }

    #[test]
    fn a_packet_identifier_of_zero_is_left_to_the_decoder() {
        let first = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            packet_id: 7,
            topic: "t",
            properties: mqtt::Properties::EMPTY,
            payload: b"p",
        };
        let zero = Publish { packet_id: 0, ..first };
        check(&first, &encode(&zero, Version::V3_1_1), Version::V3_1_1, false);
    }
}
