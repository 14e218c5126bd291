//! SUBACK and UNSUBACK: a reason code for each filter of the request, in its order.

use std::borrow::Cow;

use crate::codec::read::Reader;
use crate::codec::write;
use crate::{Frame, PacketType, Properties, ReasonCode, Version, Violation};

/// The answer to SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// The packet identifier of the request. [MQTT-2.2.1-6]
    pub packet_id: u16,
    /// The properties.
    pub properties: Properties<'a>,
    /// A code for each filter: the granted QoS, or why not. [MQTT-3.9.3-1]
    pub reasons: Cow<'a, [ReasonCode]>,
}

/// The answer to UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// The packet identifier of the request. [MQTT-2.2.1-6]
    pub packet_id: u16,
    /// The properties.
    pub properties: Properties<'a>,
    /// A code for each filter; none where the version has none. [MQTT-3.11.3-1]
    pub reasons: Cow<'a, [ReasonCode]>,
}

impl<'a> SubAck<'a> {
    pub(crate) fn decode(frame: Frame<'a>, version: Version) -> Result<SubAck<'a>, Violation> {
        let mut reader = Reader::of(frame);
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(version)?;
        let reasons = read_reasons(reader, PacketType::SubAck)?;
        for &reason in &*reasons {
            version.check_suback(reason)?;
        }
        Ok(SubAck { packet_id, properties, reasons })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        write::packet(out, PacketType::SubAck.first_byte(), |out| {
            write::two_bytes(out, self.packet_id);
            write::properties(out, version, self.properties);
            out.extend(self.reasons.iter().map(|&reason| reason as u8));
        });
    }
}

impl<'a> UnsubAck<'a> {
    pub(crate) fn decode(frame: Frame<'a>, version: Version) -> Result<UnsubAck<'a>, Violation> {
        let mut reader = Reader::of(frame);
        let packet_id = reader.packet_id()?;
        if !version.has_properties() {
            reader.finish()?;
            let reasons = Cow::Borrowed(&[][..]);
            return Ok(UnsubAck { packet_id, properties: Properties::EMPTY, reasons });
        }
        let properties = reader.properties(version)?;
        let reasons = read_reasons(reader, PacketType::UnsubAck)?;
        Ok(UnsubAck { packet_id, properties, reasons })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        write::packet(out, PacketType::UnsubAck.first_byte(), |out| {
            write::two_bytes(out, self.packet_id);
            write::properties(out, version, self.properties);
            if version.has_properties() {
                out.extend(self.reasons.iter().map(|&reason| reason as u8));
            }
        });
    }
}

/// The rest of the packet: at least one reason code.
fn read_reasons(
    mut reader: Reader<'_>,
    packet: PacketType,
) -> Result<Cow<'static, [ReasonCode]>, Violation> {
    if reader.is_empty() {
        return Err(Violation::NoReasonCodes(reader.place()));
    }
    let mut reasons = Vec::with_capacity(reader.rest().len());
    while !reader.is_empty() {
        reasons.push(super::reason_code(&mut reader, packet)?);
    }
    Ok(Cow::Owned(reasons))
}
