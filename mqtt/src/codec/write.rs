//! Appends the fields of a packet to a buffer.

use crate::codec::MAX_REMAINING_LENGTH;
use crate::{Properties, Version};

/// Writes a packet: `body` appends what follows the fixed header. Nothing is left behind of a
/// packet that no remaining length can express.
#[inline]
pub(crate) fn packet(out: &mut Vec<u8>, first_byte: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[first_byte, 0]);
    body(out);
    let remaining = out.len() - start - 2;
    match out.get_mut(start + 1) {
        // Nearly every packet but PUBLISH is short: one byte of length, and nothing moves.
        Some(length) if remaining < 0x80 => *length = remaining as u8,
        _ if remaining > MAX_REMAINING_LENGTH => out.truncate(start),
        _ => {
            let mut length = Vec::with_capacity(4);
            varint(&mut length, remaining as u32);
            out.splice(start + 1..start + 2, length);
        }
    }
}

pub(crate) fn byte(out: &mut Vec<u8>, value: u8) {
    out.push(value);
}

pub(crate) fn two_bytes(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn four_bytes(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// A variable byte integer; what is over 268,435,455 becomes five bytes, which no reader takes.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes a variable byte integer takes.
pub(crate) const fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Bytes with their length in front; what is over 65,535 is cut off.
pub(crate) fn binary(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    two_bytes(out, value.len() as u16);
    out.extend_from_slice(value);
}

/// A string with its length in front; what is over 65,535 bytes is cut off, at a character.
pub(crate) fn utf8(out: &mut Vec<u8>, value: &str) {
    binary(out, clip(value).as_bytes());
}

/// As much of a string as a packet can carry.
pub(crate) fn clip(value: &str) -> &str {
    value.get(..value.floor_char_boundary(usize::from(u16::MAX))).unwrap_or(value)
}

/// A block of properties with its length in front, if `version` has any. [MQTT-2.2.2-1]
pub(crate) fn properties(out: &mut Vec<u8>, version: Version, properties: Properties<'_>) {
    if version.has_properties() {
        varint(out, properties.as_bytes().len() as u32);
        out.extend_from_slice(properties.as_bytes());
    }
}
