//! What a message says about itself, at the beginning of its payload.

/// Who has sent a message, when, and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// In nanoseconds of [`clock::now`](crate::clock::now).
    pub(crate) at: u64,
    pub(crate) publisher: u32,
    pub(crate) sequence: u32,
    /// Tells the messages of one run from all others.
    pub(crate) run: u32,
}

impl Stamp {
    /// In bytes; a payload has at least so many.
    pub(crate) const LEN: usize = 20;

    /// Overwrites the beginning of a payload; one that is too short stays as it is.
    #[inline]
    pub(crate) fn write(&self, payload: &mut [u8]) {
        let Some(head) = payload.first_chunk_mut::<{ Stamp::LEN }>() else { return };
        let all = [self.at as u32, (self.at >> 32) as u32, self.publisher, self.sequence, self.run];
        for (field, value) in head.as_chunks_mut::<4>().0.iter_mut().zip(all) {
            *field = value.to_le_bytes();
        }
    }

    /// `None`: the payload is of somebody else.
    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Option<Stamp> {
        let head = payload.first_chunk::<{ Stamp::LEN }>()?;
        let [low, high, publisher, sequence, run] = head.as_chunks::<4>().0 else { return None };
        let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        Some(Stamp {
            at: u64::from(number(low)) | u64::from(number(high)) << 32,
            publisher: number(publisher),
            sequence: number(sequence),
            run: number(run),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn is_read_as_it_was_written() {
        let stamp = Stamp { at: u64::MAX - 5, publisher: 7, sequence: u32::MAX, run: 9 };
        let mut payload = [b'x'; Stamp::LEN + 2];
        stamp.write(&mut payload);
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert_eq!(&payload[Stamp::LEN..], b"xx");
        assert_eq!(Stamp::read(&payload[1..Stamp::LEN]), None);
    }
}
