//! AUTH: a round of enhanced authentication, from either side.

use crate::codec::read::Reader;
use crate::codec::write;
use crate::{Frame, Identifier, PacketType, Properties, ReasonCode, Version, Violation};

/// A round of enhanced authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Whether it begins, goes on or has ended.
    pub reason: ReasonCode,
    /// The properties; the method is among them.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(crate) fn decode(frame: Frame<'a>, version: Version) -> Result<Auth<'a>, Violation> {
        if !version.has_properties() {
            return Err(Violation::ReservedPacketType(PacketType::Auth as u8));
        }
        let mut reader = Reader::of(frame);
        let (reason, properties) = super::read_reason(&mut reader, PacketType::Auth, version)?;
        reader.finish()?;
        // An AUTH without any field is allowed; every other needs the method.
        let silent = frame.body().is_empty();
        if !silent && !properties.contains(Identifier::AuthenticationMethod) {
            return Err(Violation::AuthenticationMethodMissing);
        }
        Ok(Auth { reason, properties })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        write::packet(out, PacketType::Auth.first_byte(), |out| {
            super::write_reason(self.reason, self.properties, version, out);
        });
    }
}
