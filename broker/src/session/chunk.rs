//! Bytes that several messages and receivers share, behind a pointer of one word: there is one in every
//! message that waits for a client.

use std::sync::atomic::{AtomicU64, Ordering};

use triomphe::ThinArc;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chunk(ThinArc<u64, u8>);

/// One that nothing has or had, in this process or in a store that it has opened.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Chunk {
    /// New bytes. Each of them has a number that nothing else has, see [`Chunk::number`].
    pub(crate) fn new(bytes: &[u8]) -> Chunk {
        Chunk::numbered(NEXT.fetch_add(bytes.len() as u64 + 1, Ordering::Relaxed), bytes)
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

    /// Tells it apart from all others that are in memory at the time.
    pub(crate) fn place(&self) -> usize {
        self.0.as_ptr().addr()
    }
}
