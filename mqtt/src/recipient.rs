//! Who a packet is for: in which version it is told, how large a packet it takes, and whether it
//! wants to hear why.

use crate::{
    Lowered, Packet, PacketType, Properties, Property, PropertyBuffer, RefusedPublish, Version,
};

/// What a client said in its CONNECT about what it can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The version that it speaks.
    pub version: Version,
    /// The largest packet that it takes, in bytes; `u32::MAX`: any.
    pub maximum_packet_size: u32,
    /// Reason strings and user properties may come on any packet.
    pub request_problem_information: bool,
}

/// Why a packet was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// It is larger than the client takes.
    #[error("the packet is larger than the client takes")]
    TooLarge,
    /// The version of the client can only say it by closing the connection.
    #[error("the client's version has no word for it")]
    Close,
}

impl Recipient {
    /// A client of which nothing is known but the version in which to answer it.
    pub const fn stranger(version: Version) -> Recipient {
        Recipient { version, maximum_packet_size: u32::MAX, request_problem_information: true }
    }

    /// Appends a packet as this client can be told it: lowered, and without Reason String and User
    /// Properties if it does not want them or the packet is too large with them. A packet that the
    /// version has no need of is not written. A PUBLISH keeps its User Properties: they are its
    /// sender's. An acknowledgement without properties is no larger than the smallest CONNACK, so
    /// that it can be sent to whom has got one. [MQTT-3.1.2-24]
    pub fn write(&self, packet: Packet<'_>, out: &mut Vec<u8>) -> Result<(), Untold> {
        self.write_with(packet, RefusedPublish::Acknowledge, out)
    }

    /// The same with the choice of what a refused PUBLISH hears.
    pub fn write_with(
        &self,
        packet: Packet<'_>,
        refused: RefusedPublish,
        out: &mut Vec<u8>,
    ) -> Result<(), Untold> {
        let packet = match self.version.lower_with(packet, refused) {
            Lowered::Send(packet) => packet,
            Lowered::Skip => return Ok(()),
            Lowered::Close => return Err(Untold::Close),
        };
        if self.takes_explanation(&packet) && self.append(&packet, out) {
            return Ok(());
        }
        // [MQTT-3.1.2-29] [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.4.2-2] [MQTT-3.4.2-3]
        // [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1]
        // [MQTT-3.11.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.15.2-2]
        // [MQTT-3.15.2-3]
        let mut needed = PropertyBuffer::new();
        let mut bare = packet;
        if let Some(properties) = explained(&mut bare) {
            properties.filtered(|property| !explains(property), &mut needed);
            *properties = needed.as_properties();
        }
        if self.append(&bare, out) { Ok(()) } else { Err(Untold::TooLarge) }
    }

    fn takes_explanation(&self, packet: &Packet<'_>) -> bool {
        self.request_problem_information
            || matches!(
                packet.packet_type(),
                PacketType::ConnAck | PacketType::Publish | PacketType::Disconnect
            )
    }

    /// Appends it, unless it is too large.
    fn append(&self, packet: &Packet<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        packet.encode(self.version, out);
        let fits = out.len() - start <= self.maximum_packet_size as usize;
        if !fits {
            out.truncate(start);
        }
        fits
    }
}

fn explains(property: &Property<'_>) -> bool {
    matches!(property, Property::ReasonString(_) | Property::UserProperty(..))
}

/// The properties of a packet in which Reason String and User Properties only explain.
fn explained<'p, 'a>(packet: &'p mut Packet<'a>) -> Option<&'p mut Properties<'a>> {
    match packet {
        Packet::ConnAck(connack) => Some(&mut connack.properties),
        Packet::PubAck(ack) | Packet::PubRec(ack) => Some(&mut ack.properties),
        Packet::PubRel(ack) | Packet::PubComp(ack) => Some(&mut ack.properties),
        Packet::SubAck(suback) => Some(&mut suback.properties),
        Packet::UnsubAck(unsuback) => Some(&mut unsuback.properties),
        Packet::Disconnect(disconnect) => Some(&mut disconnect.properties),
        Packet::Auth(auth) => Some(&mut auth.properties),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ack, Auth, ConnAck, Disconnect, Publish, QoS, ReasonCode, SubAck, UnsubAck};

    const V5: Recipient = Recipient::stranger(Version::V5);

    fn properties() -> PropertyBuffer {
        let mut buffer = PropertyBuffer::new();
        for property in [
            Property::UserProperty("a", "b"),
            Property::ReasonString("because"),
            Property::UserProperty("c", "d"),
        ] {
            assert!(buffer.push(property));
        }
        buffer
    }

    /// Each packet that can have a reason string, with these properties.
    fn answers(properties: Properties<'_>) -> Vec<Packet<'_>> {
        let reason = ReasonCode::NotAuthorized;
        let ack = Ack { packet_id: 1, reason, properties };
        let released = Ack { reason: ReasonCode::PacketIdentifierNotFound, ..ack };
        let continued = ReasonCode::ContinueAuthentication;
        vec![
            Packet::ConnAck(ConnAck { session_present: false, reason, properties }),
            Packet::PubAck(ack),
            Packet::PubRec(ack),
            Packet::PubRel(released),
            Packet::PubComp(released),
            Packet::SubAck(SubAck { packet_id: 1, properties, reasons: vec![reason].into() }),
            Packet::UnsubAck(UnsubAck { packet_id: 1, properties, reasons: vec![reason].into() }),
            Packet::Disconnect(Disconnect { reason, properties }),
            Packet::Auth(Auth { reason: continued, properties }),
        ]
    }

    fn written(recipient: Recipient, packet: Packet<'_>) -> Result<Vec<u8>, Untold> {
        let mut out = b"before".to_vec();
        let result = recipient.write(packet, &mut out);
        assert!(out.starts_with(b"before"));
        result.map(|()| out.split_off(6))
    }

    /// [MQTT-3.1.2-24] [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.4.2-2] [MQTT-3.4.2-3]
    /// [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1]
    /// [MQTT-3.11.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.15.2-2]
    /// [MQTT-3.15.2-3]
    #[test]
    fn what_explains_is_left_out_of_a_packet_that_is_too_large() {
        let properties = properties();
        let full = answers(properties.as_properties());
        let bare = answers(Properties::EMPTY);
        for (full, bare) in full.into_iter().zip(bare) {
            let all = written(V5, full.clone()).unwrap();
            let least = written(V5, bare).unwrap();
            assert!(all.len() > least.len());
            for maximum_packet_size in 1..=all.len() as u32 {
                let recipient = Recipient { maximum_packet_size, ..V5 };
                let expected = match maximum_packet_size as usize {
                    size if size >= all.len() => Ok(&all),
                    size if size >= least.len() => Ok(&least),
                    _ => Err(Untold::TooLarge),
                };
                let result = written(recipient, full.clone());
                assert_eq!(result.as_ref().map_err(|untold| *untold), expected);
            }
        }
    }

    /// [MQTT-3.1.2-29]
    #[test]
    fn who_does_not_ask_hears_why_in_connack_and_disconnect_alone() {
        let recipient = Recipient { request_problem_information: false, ..V5 };
        let properties = properties();
        let full = answers(properties.as_properties());
        let bare = answers(Properties::EMPTY);
        for (full, bare) in full.into_iter().zip(bare) {
            let told = matches!(full, Packet::ConnAck(_) | Packet::Disconnect(_));
            let expected = if told { written(V5, full.clone()) } else { written(V5, bare) };
            assert_eq!(written(recipient, full), expected);
        }
    }

    #[test]
    fn what_a_packet_needs_stays() {
        let mut all = properties();
        assert!(all.push(Property::ReceiveMaximum(5)));
        let mut needed = PropertyBuffer::new();
        assert!(needed.push(Property::ReceiveMaximum(5)));
        let connack = |properties| {
            let reason = ReasonCode::Success;
            Packet::ConnAck(ConnAck { session_present: true, reason, properties })
        };
        let expected = written(V5, connack(needed.as_properties())).unwrap();
        let recipient = Recipient { maximum_packet_size: expected.len() as u32, ..V5 };
        assert_eq!(written(recipient, connack(all.as_properties())), Ok(expected));
    }

    #[test]
    fn a_publish_keeps_its_user_properties() {
        let properties = properties();
        let publish = Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic: "a",
            properties: properties.as_properties(),
            payload: b"x",
        });
        let whole = written(V5, publish.clone()).unwrap();
        let quiet = Recipient { request_problem_information: false, ..V5 };
        assert_eq!(written(quiet, publish.clone()).as_ref(), Ok(&whole));
        let small = Recipient { maximum_packet_size: whole.len() as u32 - 1, ..V5 };
        assert_eq!(written(small, publish), Err(Untold::TooLarge));
    }

    #[test]
    fn an_old_client_hears_what_its_version_can_say() {
        let old = Recipient::stranger(Version::V3_1_1);
        let disconnect = Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver));
        assert_eq!(written(old, disconnect), Err(Untold::Close));
        assert_eq!(written(old, Packet::PingResp), Ok(vec![0xD0, 0]));
        let refused = || Packet::PubAck(Ack::new(1, ReasonCode::NotAuthorized));
        assert_eq!(written(old, refused()), Ok(vec![0x40, 2, 0, 1]));
        let mut out = Vec::new();
        let closed = old.write_with(refused(), RefusedPublish::Close, &mut out);
        assert_eq!((closed, out), (Err(Untold::Close), vec![]));
    }
}
