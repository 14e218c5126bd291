//! PUBACK, PUBREC, PUBREL and PUBCOMP: one layout, four types.

use crate::codec::read::Reader;
use crate::codec::write;
use crate::{Frame, PacketType, Properties, ReasonCode, Version, Violation};

/// A step in the delivery of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The packet identifier of the PUBLISH.
    pub packet_id: u16,
    /// What became of it.
    pub reason: ReasonCode,
    /// The properties.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// An acknowledgement without properties.
    pub const fn new(packet_id: u16, reason: ReasonCode) -> Ack<'a> {
        Ack { packet_id, reason, properties: Properties::EMPTY }
    }

    /// Reads the fields of a PUBACK, PUBREC, PUBREL or PUBCOMP.
    #[inline]
    pub fn decode(frame: Frame<'a>, version: Version) -> Result<Ack<'a>, Violation> {
        match frame.body() {
            // Most say no more.
            &[high, low] if high | low != 0 => {
                Ok(Ack::new(u16::from_be_bytes([high, low]), ReasonCode::Success))
            }
            _ => Ack::decode_all(frame, version),
        }
    }

    fn decode_all(frame: Frame<'a>, version: Version) -> Result<Ack<'a>, Violation> {
        let mut reader = Reader::of(frame);
        let packet_id = reader.packet_id()?;
        let (reason, properties) = super::read_reason(&mut reader, frame.packet_type(), version)?;
        reader.finish()?;
        Ok(Ack { packet_id, reason, properties })
    }

    /// Appends the acknowledgement as a packet of this type.
    #[inline]
    pub fn encode(&self, packet_type: PacketType, version: Version, out: &mut Vec<u8>) {
        if self.reason == ReasonCode::Success && self.properties.is_empty() {
            let [high, low] = self.packet_id.to_be_bytes();
            out.extend_from_slice(&[packet_type.first_byte(), 2, high, low]);
            return;
        }
        write::packet(out, packet_type.first_byte(), |out| {
            write::two_bytes(out, self.packet_id);
            super::write_reason(self.reason, self.properties, version, out);
        });
    }
}
