//! CONNACK: the answer to CONNECT.

use crate::codec::read::Reader;
use crate::codec::write;
use crate::{Field, Frame, PacketType, Properties, ReasonCode, Version, Violation};

/// The answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// A session was resumed; written with `Success` alone.
    pub session_present: bool,
    /// Whether there is a connection, and why not.
    pub reason: ReasonCode,
    /// The properties.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    /// A refusal without properties.
    pub const fn refused(reason: ReasonCode) -> ConnAck<'a> {
        ConnAck { session_present: false, reason, properties: Properties::EMPTY }
    }

    pub(crate) fn decode(frame: Frame<'a>, version: Version) -> Result<ConnAck<'a>, Violation> {
        let mut reader = Reader::of(frame);
        let flags = reader.byte(Field::AcknowledgeFlags)?;
        if flags > 1 {
            return Err(Violation::ReservedAcknowledgeFlags); // [MQTT-3.2.2-1]
        }
        let session_present = flags == 1;
        let reason = if version.has_properties() {
            super::reason_code(&mut reader, PacketType::ConnAck)?
        } else {
            version.reason_of_return_code(reader.byte(Field::ReasonCode)?)?
        };
        // [MQTT-3.2.2-6]
        if session_present && reason != ReasonCode::Success {
            return Err(Violation::SessionPresentWithError);
        }
        let properties = reader.properties(version)?;
        reader.finish()?;
        Ok(ConnAck { session_present, reason, properties })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        write::packet(out, PacketType::ConnAck.first_byte(), |out| {
            // [MQTT-3.2.2-1] [MQTT-3.2.2-6]
            let session_present = self.session_present && self.reason == ReasonCode::Success;
            write::byte(out, u8::from(session_present));
            write::byte(out, version.connack_code(self.reason));
            write::properties(out, version, self.properties);
        });
    }
}
