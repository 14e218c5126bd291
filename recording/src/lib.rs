//! Recorded events of hooks: what is in the file that `hookmq plugin record` writes and `hookmq plugin replay`
//! reads, and what a broker sends to the former. It knows bytes, and neither plugins nor the broker.
//!
//! A file is [`MAGIC`] and then records, each a `u32` with the bytes that follow. A record is the name of the
//! hook (a byte with its length, then the name), the microseconds since the recording began (`u64`), and
//! fields: a byte that says [which](Field), a `u32` with the length of the value, the value. All numbers are
//! little-endian. Where events had to be left out a record without a name says how many. Fields that a reader does not know it skips, and a field that is absent is empty or 0. A last
//! record that is cut off is what a crash leaves, and is not an error.

mod field;
mod reader;
mod record;

pub use field::{Field, Kind};
pub use reader::{ReadError, Reader};
pub use record::Record;

/// What a file begins with: the name and version 1.
pub const MAGIC: [u8; 8] = *b"hookrec\x01";

/// A longer record is taken for damage: no packet is so large.
pub const MAX_RECORD: u32 = 512 * 1024 * 1024;
