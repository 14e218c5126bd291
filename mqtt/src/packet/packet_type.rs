//! The type of a packet, and the flags that its first byte must have.

use crate::{Place, QoS, Violation};

/// The type of a packet; the values are those of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// PUBACK, PUBREC, PUBREL or PUBCOMP: an [`Ack`](crate::Ack).
    #[inline]
    pub fn is_ack(self) -> bool {
        use PacketType::{PubAck, PubComp, PubRec, PubRel};
        matches!(self, PubAck | PubRec | PubRel | PubComp)
    }

    /// The type that the first byte of a packet names; its flags must be as listed.
    #[inline]
    pub fn from_first_byte(first: u8) -> Result<PacketType, Violation> {
        let packet_type = match first >> 4 {
            1 => PacketType::Connect,
            2 => PacketType::ConnAck,
            3 => return publish(first),
            4 => PacketType::PubAck,
            5 => PacketType::PubRec,
            6 => PacketType::PubRel,
            7 => PacketType::PubComp,
            8 => PacketType::Subscribe,
            9 => PacketType::SubAck,
            10 => PacketType::Unsubscribe,
            11 => PacketType::UnsubAck,
            12 => PacketType::PingReq,
            13 => PacketType::PingResp,
            14 => PacketType::Disconnect,
            15 => PacketType::Auth,
            reserved => return Err(Violation::ReservedPacketType(reserved)),
        };
        // [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1]
        // [MQTT-3.15.1-1]
        if first == packet_type.first_byte() {
            Ok(packet_type)
        } else {
            Err(Violation::ReservedFlags(packet_type))
        }
    }

    /// The first byte of a packet of this type; that of PUBLISH without its flags.
    pub const fn first_byte(self) -> u8 {
        let flags = match self {
            PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
            _ => 0,
        };
        (self as u8) << 4 | flags
    }

    /// The name in the standard, such as `PUBLISH`.
    pub const fn name(self) -> &'static str {
        match self {
            PacketType::Connect => "CONNECT",
            PacketType::ConnAck => "CONNACK",
            PacketType::Publish => "PUBLISH",
            PacketType::PubAck => "PUBACK",
            PacketType::PubRec => "PUBREC",
            PacketType::PubRel => "PUBREL",
            PacketType::PubComp => "PUBCOMP",
            PacketType::Subscribe => "SUBSCRIBE",
            PacketType::SubAck => "SUBACK",
            PacketType::Unsubscribe => "UNSUBSCRIBE",
            PacketType::UnsubAck => "UNSUBACK",
            PacketType::PingReq => "PINGREQ",
            PacketType::PingResp => "PINGRESP",
            PacketType::Disconnect => "DISCONNECT",
            PacketType::Auth => "AUTH",
        }
    }
}

impl std::fmt::Display for PacketType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

fn publish(first: u8) -> Result<PacketType, Violation> {
    match QoS::from_bits(first >> 1 & 0b11) {
        // [MQTT-3.3.1-4]
        None => Err(Violation::QoSThree(Place::Packet(PacketType::Publish))),
        // [MQTT-3.3.1-2]
        Some(QoS::AtMostOnce) if first & 0b1000 != 0 => Err(Violation::DupWithQoSZero),
        Some(_) => Ok(PacketType::Publish),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_byte_names_its_type() {
        let good: Vec<u8> =
            (0..=255).filter(|&first| PacketType::from_first_byte(first).is_ok()).collect();
        let publish = [0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D];
        let others =
            [0x10, 0x20, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xA2, 0xB0, 0xC0, 0xD0, 0xE0, 0xF0];
        let mut expected = [&publish[..], &others[..]].concat();
        expected.sort_unstable();
        assert_eq!(good, expected);
    }
}
