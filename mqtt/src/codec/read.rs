//! Reads the fields of a packet off its body, one after the other.

use crate::{Field, Frame, Identifier, Place, Properties, Version, Violation};

/// What is left of a body, and where it stands, so that a violation can say so.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    place: Place,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], place: Place) -> Reader<'a> {
        Reader { rest: bytes, place }
    }

    /// A reader of the body of `frame`.
    pub(crate) fn of(frame: Frame<'a>) -> Reader<'a> {
        Reader::new(frame.body(), Place::Packet(frame.packet_type()))
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Ends a packet whose last field has been read.
    pub(crate) fn finish(self) -> Result<(), Violation> {
        if self.rest.is_empty() { Ok(()) } else { Err(Violation::TrailingBytes(self.place)) }
    }

    pub(crate) fn byte(&mut self, field: Field) -> Result<u8, Violation> {
        let [byte] = self.array(field)?;
        Ok(byte)
    }

    pub(crate) fn two_bytes(&mut self, field: Field) -> Result<u16, Violation> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn four_bytes(&mut self, field: Field) -> Result<u32, Violation> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn varint(&mut self, field: Field) -> Result<u32, Violation> {
        let (value, len) =
            varint(self.rest).map_err(|bad| bad.into_violation(self.place, field))?;
        self.take(len, field)?;
        Ok(value)
    }

    pub(crate) fn binary(&mut self, field: Field) -> Result<&'a [u8], Violation> {
        let len = self.two_bytes(field)?;
        self.take(usize::from(len), field)
    }

    pub(crate) fn utf8(&mut self, field: Field) -> Result<&'a str, Violation> {
        let bytes = self.binary(field)?;
        // [MQTT-1.5.4-1]; a byte order mark stays [MQTT-1.5.4-3].
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(Violation::NotUtf8 { place: self.place, field });
        };
        // [MQTT-1.5.4-2] Without an early end the loop takes many bytes at a time.
        if bytes.iter().fold(false, |nul, &byte| nul | (byte == 0)) {
            return Err(Violation::NulInString { place: self.place, field });
        }
        Ok(text)
    }

    /// The same where the string is likely to be `before`, which was checked.
    #[inline]
    pub(crate) fn utf8_again(
        &mut self,
        field: Field,
        before: &'a str,
    ) -> Result<&'a str, Violation> {
        let mut ahead = self.clone();
        if ahead.binary(field)? == before.as_bytes() {
            *self = ahead;
            return Ok(before);
        }
        self.utf8(field)
    }

    /// A packet identifier; 0 is none.
    pub(crate) fn packet_id(&mut self) -> Result<u16, Violation> {
        match self.two_bytes(Field::PacketId)? {
            0 => Err(Violation::PacketIdZero(self.place)), // [MQTT-2.2.1-3]
            id => Ok(id),
        }
    }

    pub(crate) fn property_identifier(&mut self) -> Result<Identifier, Violation> {
        let identifier = self.varint(Field::PropertyIdentifier)?;
        u8::try_from(identifier)
            .ok()
            .and_then(Identifier::from_u8)
            .ok_or(Violation::PropertyUnknown { place: self.place, identifier })
    }

    /// The properties that stand here, if `version` has any.
    pub(crate) fn properties(&mut self, version: Version) -> Result<Properties<'a>, Violation> {
        self.properties_in(self.place, version)
    }

    /// The same for a block that is not the packet's own.
    pub(crate) fn properties_in(
        &mut self,
        place: Place,
        version: Version,
    ) -> Result<Properties<'a>, Violation> {
        if !version.has_properties() {
            return Ok(Properties::EMPTY);
        }
        match self.varint(Field::PropertyLength)? {
            0 => Ok(Properties::EMPTY),
            len => Properties::check(self.take(len as usize, Field::PropertyLength)?, place),
        }
    }

    fn array<const N: usize>(&mut self, field: Field) -> Result<[u8; N], Violation> {
        let Some((head, rest)) = self.rest.split_first_chunk() else {
            return Err(Violation::Truncated { place: self.place, field });
        };
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, len: usize, field: Field) -> Result<&'a [u8], Violation> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return Err(Violation::Truncated { place: self.place, field });
        };
        self.rest = rest;
        Ok(head)
    }
}

/// What can be wrong with a variable byte integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadVarInt {
    Truncated,
    TooLong,
    NotMinimal,
}

impl BadVarInt {
    pub(crate) fn into_violation(self, place: Place, field: Field) -> Violation {
        match self {
            BadVarInt::Truncated => Violation::Truncated { place, field },
            BadVarInt::TooLong => Violation::VarIntTooLong { place, field },
            BadVarInt::NotMinimal => Violation::VarIntNotMinimal { place, field },
        }
    }
}

/// The variable byte integer at the start of `bytes`, and how many bytes it takes.
#[inline]
pub(crate) fn varint(bytes: &[u8]) -> Result<(u32, usize), BadVarInt> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            // [MQTT-1.5.5-1]
            let minimal = byte != 0 || index == 0;
            return if minimal { Ok((value, index + 1)) } else { Err(BadVarInt::NotMinimal) };
        }
    }
    Err(if bytes.len() < 4 { BadVarInt::Truncated } else { BadVarInt::TooLong })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_byte_integers() {
        for (bytes, value) in [
            (&[0x00][..], 0),
            (&[0x7F], 127),
            (&[0x80, 0x01], 128),
            (&[0xFF, 0x7F], 16_383),
            (&[0x80, 0x80, 0x01], 16_384),
            (&[0xFF, 0xFF, 0x7F], 2_097_151),
            (&[0x80, 0x80, 0x80, 0x01], 2_097_152),
            (&[0xFF, 0xFF, 0xFF, 0x7F], 268_435_455),
        ] {
            assert_eq!(varint(bytes), Ok((value, bytes.len())));
            let mut written = Vec::new();
            crate::codec::write::varint(&mut written, value);
            assert_eq!(written, bytes);
            assert_eq!(crate::codec::write::varint_len(value as usize), bytes.len());
        }
        assert_eq!(varint(&[]), Err(BadVarInt::Truncated));
        assert_eq!(varint(&[0xFF, 0xFF, 0xFF]), Err(BadVarInt::Truncated));
        assert_eq!(varint(&[0xFF, 0xFF, 0xFF, 0xFF]), Err(BadVarInt::TooLong));
        assert_eq!(varint(&[0x80, 0x00]), Err(BadVarInt::NotMinimal));
        assert_eq!(varint(&[0xFF, 0x80, 0x00]), Err(BadVarInt::NotMinimal));
    }
}
