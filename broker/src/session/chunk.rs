//! Bytes that several messages and receivers share, behind a pointer of one word: there is one in every
//! message that waits for a client.

use std::sync::atomic::{AtomicU64, Ordering};

use triomphe::ThinArc;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chunk(ThinArc<u64, u8>);

/// One that nothing has or had, in this process or in a store that it has opened.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// In the number of bytes that the store is not told of.
const UNKEPT: u64 = 1 << 63;

impl Chunk {
    /// New bytes. Each of them has a number that nothing else has, see [`Chunk::number`].
    pub(crate) fn new(bytes: &[u8]) -> Chunk {
        Chunk::kept_if(true, bytes)
    }

    /// The same; whether the store is told of them, their numbers say.
    pub(crate) fn kept_if(is_kept: bool, bytes: &[u8]) -> Chunk {
        let first = NEXT.fetch_add(bytes.len() as u64 + 1, Ordering::Relaxed);
        Chunk::numbered(if is_kept { first } else { first | UNKEPT }, bytes)
    }

    /// Bytes that had a number elsewhere.
    pub(crate) fn numbered(first: u64, bytes: &[u8]) -> Chunk {
        Chunk(ThinArc::from_header_and_slice(first, bytes))
    }

    /// From now on numbers begin here.
    pub(crate) fn begin_numbers_at(next: u64) {
        NEXT.fetch_max(next, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.slice
    }

    /// What tells the byte at `offset` apart from all others, for ever: the name of a message in the store.
    pub(crate) fn number(&self, offset: u32) -> u64 {
        self.0.header.header + u64::from(offset)
    }

    /// Whether the store is told of what has this number.
    #[inline]
    pub(crate) fn keeps(number: u64) -> bool {
        number & UNKEPT == 0
    }

    /// Tells it apart from all others that are in memory at the time.
    pub(crate) fn place(&self) -> usize {
        self.0.as_ptr().addr()
    }
}
