//! Bytes that several messages and receivers share, behind a pointer of one word: there is one in every
//! message that waits for a client.

use triomphe::ThinArc;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chunk(ThinArc<(), u8>);

impl Chunk {
    pub(crate) fn new(bytes: &[u8]) -> Chunk {
        Chunk(ThinArc::from_header_and_slice((), bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.slice
    }

    /// Tells it apart from all others that are in memory at the time.
    pub(crate) fn place(&self) -> usize {
        self.0.as_ptr().addr()
    }
}
