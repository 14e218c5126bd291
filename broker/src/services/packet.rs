//! A message of a plugin: checked when the plugin hands it over, and from then on the bytes of a PUBLISH.

use mqtt::{Frame, PacketType, Place, Properties, Publish, QoS, Version};

use super::Declined;
use crate::config::Limits;

/// A message as a plugin has it; nothing is checked yet.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) topic: &'a [u8],
    pub(crate) payload: &'a [u8],
    /// Without their length.
    pub(crate) properties: &'a [u8],
    pub(crate) qos: u8,
    pub(crate) retain: bool,
}

/// A PUBLISH of the version that the broker speaks inside.
pub(crate) struct Packet {
    bytes: Vec<u8>,
}

/// More than a header takes.
const HEADER: usize = 16;

impl Packet {
    /// Within the limits of a client's message; but its topic may begin with `$`, which only plugins can
    /// publish to.
    ///
    /// # Errors
    /// [`Declined::Unfit`] if no client could have sent it.
    pub(crate) fn new(draft: &Draft<'_>, limits: &Limits) -> Result<Packet, Declined> {
        Packet::checked(draft, limits).ok_or(Declined::Unfit)
    }

    fn checked(draft: &Draft<'_>, limits: &Limits) -> Option<Packet> {
        let Draft { payload, qos, retain, .. } = *draft;
        let topic = std::str::from_utf8(draft.topic).ok()?;
        mqtt::topic::check_topic_name(topic).ok()?;
        let is_short = topic.len() <= limits.max_topic_length
            && mqtt::topic::levels(topic).count() <= limits.max_topic_levels;
        let place = Place::Packet(PacketType::Publish);
        let properties = Properties::check(draft.properties, place).ok()?;
        let size = HEADER + topic.len() + draft.properties.len() + payload.len();
        if !is_short || topic.starts_with("$share/") || size > limits.max_packet_size as usize {
            return None;
        }
        let qos = QoS::from_bits(qos)?;
        let packet_id = u16::from(qos > QoS::AtMostOnce);
        let publish = Publish { dup: false, qos, retain, packet_id, topic, properties, payload };
        // An alias means nothing where there is no connection.
        publish.check_from_client(0).ok()?;
        let mut bytes = Vec::with_capacity(size);
        publish.encode(Version::INSIDE, &mut bytes);
        Some(Packet { bytes })
    }

    /// Whether it is at QoS 1 or 2, or retained.
    pub(crate) fn may_be_kept(&self) -> bool {
        const QOS_AND_RETAIN: u8 = 0b0111;
        self.bytes.first().is_some_and(|first| first & QOS_AND_RETAIN != 0)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stands in it. `None` is for the compiler: it was checked.
    pub(crate) fn read(&self) -> Option<(Frame<'_>, Publish<'_>)> {
        let frame = mqtt::split_frame(&self.bytes, u32::MAX).ok()??;
        Some((frame, Publish::decode(frame, Version::INSIDE).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAFT: Draft<'_> =
        Draft { topic: b"a/b", payload: b"x", properties: b"", qos: 1, retain: true };

    fn check(draft: &Draft<'_>) -> Result<Packet, Declined> {
        Packet::new(draft, &Limits::default())
    }

    #[test]
    fn what_a_plugin_says_is_what_stands_in_the_packet() {
        // Content Type.
        let properties = [&[3, 0, 1, b'j'][..], &[0x26, 0, 1, b'k', 0, 1, b'v']].concat();
        let packet = check(&Draft { properties: &properties, ..DRAFT }).unwrap();
        let (_, publish) = packet.read().unwrap();
        assert_eq!((publish.topic, publish.payload), ("a/b", &b"x"[..]));
        assert_eq!((publish.qos, publish.retain), (QoS::AtLeastOnce, true));
        assert_eq!(publish.properties.as_bytes(), properties);
        assert!(check(&Draft { topic: b"$SYS/x", ..DRAFT }).is_ok());
    }

    #[test]
    fn what_no_client_could_send_is_unfit() {
        let (long, deep) = (vec![b'x'; 5000], vec![b'/'; 64]);
        let large = vec![0; 1024 * 1024];
        let unfit = [
            Draft { topic: b"", ..DRAFT },
            Draft { topic: b"a/+", ..DRAFT },
            Draft { topic: b"a\0", ..DRAFT },
            Draft { topic: b"\xFF", ..DRAFT },
            Draft { topic: b"$share/g/t", ..DRAFT },
            Draft { topic: &long, ..DRAFT },
            Draft { topic: &deep, ..DRAFT },
            Draft { qos: 3, ..DRAFT },
            Draft { payload: &large, ..DRAFT },
            // Cut off; of another packet; a Subscription Identifier; a Topic Alias.
            Draft { properties: &[3, 0, 9], ..DRAFT },
            Draft { properties: &[0x11, 0, 0, 0, 1], ..DRAFT },
            Draft { properties: &[0x0B, 1], ..DRAFT },
            Draft { properties: &[0x23, 0, 1], ..DRAFT },
        ];
        for draft in unfit {
            assert_eq!(check(&draft).err(), Some(Declined::Unfit), "{:?}", draft.topic);
        }
    }
}
