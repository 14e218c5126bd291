//! DISCONNECT: the last packet of a connection, from either side.

use crate::codec::read::Reader;
use crate::codec::write;
use crate::{Frame, PacketType, Properties, ReasonCode, Version, Violation};

/// The last packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why it ends; `Success` is a normal end.
    pub reason: ReasonCode,
    /// The properties.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// A DISCONNECT without properties.
    pub const fn new(reason: ReasonCode) -> Disconnect<'a> {
        Disconnect { reason, properties: Properties::EMPTY }
    }

    pub(crate) fn decode(frame: Frame<'a>, version: Version) -> Result<Disconnect<'a>, Violation> {
        let mut reader = Reader::of(frame);
        let (reason, properties) =
            super::read_reason(&mut reader, PacketType::Disconnect, version)?;
        reader.finish()?;
        Ok(Disconnect { reason, properties })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        write::packet(out, PacketType::Disconnect.first_byte(), |out| {
            super::write_reason(self.reason, self.properties, version, out);
        });
    }
}
