//! The fifteen packets, one noun a file: its fields, how it is read, how it is written.
//!
//! A file names no version. Where the bytes differ it asks whether there are properties; where
//! the meaning differs, `version.rs` knows.

mod ack;
mod additions;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod packet_type;
mod publish;
mod suback;
mod subscribe;
mod subscription;
mod unsubscribe;

pub use ack::Ack;
pub use additions::Additions;
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use packet_type::PacketType;
pub use publish::Publish;
pub use suback::{SubAck, UnsubAck};
pub use subscribe::{Subscribe, SubscriptionList};
pub use subscription::{RetainHandling, Subscription, SubscriptionOptions};
pub use unsubscribe::{FilterList, Unsubscribe};

use crate::codec::read::Reader;
use crate::codec::write;
use crate::{Field, Place, Properties, ReasonCode, Version, Violation};

/// A packet with its MQTT 5 meaning, borrowed from the buffer that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "CONNECT comes once; a box would cost an allocation")]
pub enum Packet<'a> {
    /// A client asks for a connection.
    Connect(Connect<'a>),
    /// The answer to CONNECT.
    ConnAck(ConnAck<'a>),
    /// A message.
    Publish(Publish<'a>),
    /// The answer to a QoS 1 PUBLISH.
    PubAck(Ack<'a>),
    /// The answer to a QoS 2 PUBLISH.
    PubRec(Ack<'a>),
    /// The answer to PUBREC.
    PubRel(Ack<'a>),
    /// The answer to PUBREL.
    PubComp(Ack<'a>),
    /// A client subscribes.
    Subscribe(Subscribe<'a>),
    /// The answer to SUBSCRIBE.
    SubAck(SubAck<'a>),
    /// A client unsubscribes.
    Unsubscribe(Unsubscribe<'a>),
    /// The answer to UNSUBSCRIBE.
    UnsubAck(UnsubAck<'a>),
    /// A client is alive.
    PingReq,
    /// The answer to PINGREQ.
    PingResp,
    /// The last packet of a connection.
    Disconnect(Disconnect<'a>),
    /// A round of enhanced authentication.
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// Appends the bytes for this version. What the version cannot say has been lowered before
    /// ([`Version::lower`]); what is left of it is not written. Nothing is appended for a packet
    /// of more than 268,435,455 bytes behind its header. Strings over 65,535 bytes are cut off;
    /// that they are otherwise well-formed is the caller's care.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Packet::Connect(connect) => connect.encode(out),
            Packet::ConnAck(connack) => connack.encode(version, out),
            Packet::Publish(publish) => publish.encode(version, out),
            Packet::PubAck(ack) => ack.encode(PacketType::PubAck, version, out),
            Packet::PubRec(ack) => ack.encode(PacketType::PubRec, version, out),
            Packet::PubRel(ack) => ack.encode(PacketType::PubRel, version, out),
            Packet::PubComp(ack) => ack.encode(PacketType::PubComp, version, out),
            Packet::Subscribe(subscribe) => subscribe.encode(version, out),
            Packet::SubAck(suback) => suback.encode(version, out),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.encode(version, out),
            Packet::UnsubAck(unsuback) => unsuback.encode(version, out),
            Packet::PingReq | Packet::PingResp => {
                out.extend_from_slice(&[self.packet_type().first_byte(), 0]);
            }
            Packet::Disconnect(disconnect) => disconnect.encode(version, out),
            Packet::Auth(auth) => auth.encode(version, out),
        }
    }

    /// The packet's name in the standard, such as `PUBLISH`.
    pub fn kind(&self) -> &'static str {
        self.packet_type().name()
    }

    /// The packet's type.
    pub fn packet_type(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::ConnAck(_) => PacketType::ConnAck,
            Packet::Publish(_) => PacketType::Publish,
            Packet::PubAck(_) => PacketType::PubAck,
            Packet::PubRec(_) => PacketType::PubRec,
            Packet::PubRel(_) => PacketType::PubRel,
            Packet::PubComp(_) => PacketType::PubComp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::SubAck(_) => PacketType::SubAck,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::UnsubAck(_) => PacketType::UnsubAck,
            Packet::PingReq => PacketType::PingReq,
            Packet::PingResp => PacketType::PingResp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }
}

/// A reason code that this packet can carry.
fn reason_code(reader: &mut Reader<'_>, packet: PacketType) -> Result<ReasonCode, Violation> {
    let value = reader.byte(Field::ReasonCode)?;
    // [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.9.3-2]
    // [MQTT-3.11.3-2] [MQTT-3.14.2-1] [MQTT-3.15.2-1]
    ReasonCode::from_u8(value)
        .filter(|reason| reason.is_in(packet))
        .ok_or(Violation::ReasonCodeMisplaced { place: Place::Packet(packet), value })
}

/// Reads the end that the acknowledgements, DISCONNECT and AUTH share: reason code and properties,
/// and `Success` and none where the packet ends before them.
fn read_reason<'a>(
    reader: &mut Reader<'a>,
    packet: PacketType,
    version: Version,
) -> Result<(ReasonCode, Properties<'a>), Violation> {
    if !version.has_properties() || reader.is_empty() {
        return Ok((ReasonCode::Success, Properties::EMPTY));
    }
    let reason = reason_code(reader, packet)?;
    if reader.is_empty() {
        return Ok((reason, Properties::EMPTY));
    }
    Ok((reason, reader.properties(version)?))
}

/// Writes the end that the acknowledgements, DISCONNECT and AUTH share: reason code and properties,
/// and neither where silence says the same.
fn write_reason(
    reason: ReasonCode,
    properties: Properties<'_>,
    version: Version,
    out: &mut Vec<u8>,
) {
    if !version.has_properties() || (reason == ReasonCode::Success && properties.is_empty()) {
        return;
    }
    write::byte(out, reason as u8);
    if !properties.is_empty() {
        write::properties(out, version, properties);
    }
}
