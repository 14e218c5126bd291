//! Bytes to packets: where one ends, how large it may be, and what its type is.
//!
//! The fields of each packet are read and written in [`packet`](crate::packet).

pub(crate) mod read;
pub(crate) mod write;

use crate::{
    Ack, Auth, ConnAck, Connect, Disconnect, Field, Packet, PacketType, Place, Publish, SubAck,
    Subscribe, UnsubAck, Unsubscribe, Version, Violation,
};

/// The most that the remaining length of a packet can say.
pub const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// One whole packet in a buffer; its fixed header is checked, its fields are not.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    header_len: usize,
    packet_type: PacketType,
}

impl<'a> Frame<'a> {
    /// The whole packet, header and all.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Packet type and flags.
    pub fn first_byte(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// The length of the fixed header in bytes: 2 to 5.
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// What follows the fixed header.
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(self.header_len..).unwrap_or_default()
    }

    /// The type that the first byte names.
    pub fn packet_type(&self) -> PacketType {
        self.packet_type
    }
}

/// Splits the first whole packet off `buf`; `None`: more bytes are needed. `max_packet_size` counts
/// the whole packet in bytes. A bad header is refused as soon as it is there, without its body.
#[inline]
pub fn split_frame(buf: &[u8], max_packet_size: u32) -> Result<Option<Frame<'_>>, Violation> {
    let Some((&first, rest)) = buf.split_first() else {
        return Ok(None);
    };
    split_rest(PacketType::from_first_byte(first)?, buf, rest, max_packet_size)
}

/// The same for a packet whose flags do not matter, and whose type is known.
pub(crate) fn split_frame_of(
    packet_type: PacketType,
    buf: &[u8],
    max_packet_size: u32,
) -> Result<Option<Frame<'_>>, Violation> {
    split_rest(packet_type, buf, buf.get(1..).unwrap_or_default(), max_packet_size)
}

/// `rest` is what follows the first byte.
#[inline]
fn split_rest<'a>(
    packet_type: PacketType,
    buf: &'a [u8],
    rest: &[u8],
    max_packet_size: u32,
) -> Result<Option<Frame<'a>>, Violation> {
    let Some((remaining, length_len)) = remaining_length(rest, packet_type)? else {
        return Ok(None);
    };
    let header_len = 1 + length_len;
    let size = header_len as u32 + remaining;
    if size > max_packet_size {
        let limit = max_packet_size;
        return Err(Violation::PacketTooLarge { packet: packet_type, size, limit });
    }
    Ok(buf.get(..size as usize).map(|bytes| Frame { bytes, header_len, packet_type }))
}

/// Reads the fields of a packet and gives them their MQTT 5 meaning. CONNECT names its own
/// version; `version` is what the others are written in. It allocates for the reason codes of
/// SUBACK and UNSUBACK alone.
pub fn decode<'a>(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, Violation> {
    Ok(match frame.packet_type {
        PacketType::Connect => Packet::Connect(Connect::decode(frame)?),
        PacketType::ConnAck => Packet::ConnAck(ConnAck::decode(frame, version)?),
        PacketType::Publish => Packet::Publish(Publish::decode(frame, version)?),
        PacketType::PubAck => Packet::PubAck(Ack::decode(frame, version)?),
        PacketType::PubRec => Packet::PubRec(Ack::decode(frame, version)?),
        PacketType::PubRel => Packet::PubRel(Ack::decode(frame, version)?),
        PacketType::PubComp => Packet::PubComp(Ack::decode(frame, version)?),
        PacketType::Subscribe => Packet::Subscribe(Subscribe::decode(frame, version)?),
        PacketType::SubAck => Packet::SubAck(SubAck::decode(frame, version)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(frame, version)?),
        PacketType::UnsubAck => Packet::UnsubAck(UnsubAck::decode(frame, version)?),
        PacketType::PingReq => empty(frame, Packet::PingReq)?,
        PacketType::PingResp => empty(frame, Packet::PingResp)?,
        PacketType::Disconnect => Packet::Disconnect(Disconnect::decode(frame, version)?),
        PacketType::Auth => Packet::Auth(Auth::decode(frame, version)?),
    })
}

fn empty<'a>(frame: Frame<'a>, packet: Packet<'a>) -> Result<Packet<'a>, Violation> {
    read::Reader::of(frame).finish()?;
    Ok(packet)
}

/// The remaining length and how many bytes it takes; `None`: it is not all there.
#[inline]
fn remaining_length(
    bytes: &[u8],
    packet_type: PacketType,
) -> Result<Option<(u32, usize)>, Violation> {
    match read::varint(bytes) {
        Ok(length) => Ok(Some(length)),
        Err(read::BadVarInt::Truncated) => Ok(None),
        Err(bad) => Err(bad.into_violation(Place::Packet(packet_type), Field::RemainingLength)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(bytes: &[u8], expected: Violation) {
        assert_eq!(split_frame(bytes, 1 << 20).map(|frame| frame.is_some()), Err(expected));
    }

    #[test]
    fn a_frame_ends_where_its_length_says() {
        let buf = [0x30, 0x03, 0x00, 0x01, b'a', 0xC0, 0x00];
        let frame = split_frame(&buf, 5).unwrap().unwrap();
        assert_eq!((frame.bytes(), frame.body()), (&buf[..5], &buf[2..5]));
        assert_eq!((frame.first_byte(), frame.header_len()), (0x30, 2));
    }

    #[test]
    fn a_part_of_a_frame_needs_more() {
        for part in [&[][..], &[0x30], &[0x30, 0xFF], &[0x30, 0xFF, 0xFF, 0x1F], &[0x30, 0x03, 0]] {
            assert!(split_frame(part, 1 << 20).unwrap().is_none(), "{part:?}");
        }
    }

    #[test]
    fn a_bad_header_is_refused_without_its_body() {
        let place = Place::Packet(PacketType::Connect);
        let field = Field::RemainingLength;
        let (packet, size) = (PacketType::Connect, 268_435_460);
        check_refused(&[0x00], Violation::ReservedPacketType(0));
        check_refused(&[0x80], Violation::ReservedFlags(PacketType::Subscribe)); // [MQTT-3.8.1-1]
        check_refused(&[0x60], Violation::ReservedFlags(PacketType::PubRel)); // [MQTT-3.6.1-1]
        check_refused(&[0xE1], Violation::ReservedFlags(PacketType::Disconnect));
        check_refused(&[0x36], Violation::QoSThree(Place::Packet(PacketType::Publish)));
        check_refused(&[0x38], Violation::DupWithQoSZero);
        check_refused(
            &[0x10, 0xFF, 0xFF, 0xFF, 0x7F],
            Violation::PacketTooLarge { packet, size, limit: 1 << 20 },
        );
        check_refused(&[0x10, 0xFF, 0xFF, 0xFF, 0xFF], Violation::VarIntTooLong { place, field });
        check_refused(&[0x10, 0x80, 0x00], Violation::VarIntNotMinimal { place, field });
    }

    #[test]
    fn the_limit_counts_the_whole_packet() {
        let buf = [0x30, 0x03, 0x00, 0x01, b'a'];
        assert!(split_frame(&buf, 5).is_ok());
        assert!(split_frame(&buf, 4).is_err());
    }
}
