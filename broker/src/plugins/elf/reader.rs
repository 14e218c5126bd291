//! Numbers and tables in the bytes of an ELF file. Whatever the file says, nothing outside of it is
//! read.

use super::{ENTRY_SIZE, ElfError};

#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) file: &'a [u8],
}

/// A piece of the file that the system maps, or may read.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub(super) kind: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) align: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn bytes<const N: usize>(self, at: u64) -> Result<[u8; N], ElfError> {
        let at = usize::try_from(at).map_err(|_| ElfError::Truncated)?;
        let bytes = self.file.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().ok_or(ElfError::Truncated)
    }

    pub(super) fn slice(self, at: u64, size: u64) -> Result<&'a [u8], ElfError> {
        self.holds(at, size)?;
        // Both are within the file, and so within memory.
        let (at, size) = (at as usize, size as usize);
        self.file.get(at..at + size).ok_or(ElfError::Truncated)
    }

    pub(super) fn u16(self, at: u64) -> Result<u16, ElfError> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    pub(super) fn u32(self, at: u64) -> Result<u32, ElfError> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    pub(super) fn u64(self, at: u64) -> Result<u64, ElfError> {
        self.bytes(at).map(u64::from_le_bytes)
    }

    pub(super) fn holds(self, offset: u64, size: u64) -> Result<(), ElfError> {
        match offset.checked_add(size) {
            Some(end) if end <= self.file.len() as u64 => Ok(()),
            _ => Err(ElfError::Truncated),
        }
    }

    /// The program headers; each lies within the file, and so does what it speaks of.
    pub(super) fn segments(
        self,
    ) -> Result<impl Iterator<Item = Result<Segment, ElfError>>, ElfError> {
        let table = self.u64(32)?;
        let (entry_size, count) = (u64::from(self.u16(54)?), u64::from(self.u16(56)?));
        if entry_size != ENTRY_SIZE {
            return Err(ElfError::NotShared);
        }
        self.holds(table, entry_size * count)?;
        Ok((0..count).map(move |index| self.segment(table + index * entry_size)))
    }

    fn segment(self, at: u64) -> Result<Segment, ElfError> {
        let segment = Segment {
            kind: self.u32(at)?,
            offset: self.u64(at + 8)?,
            address: self.u64(at + 16)?,
            size: self.u64(at + 32)?,
            align: self.u64(at + 48)?,
        };
        self.holds(segment.offset, segment.size)?;
        Ok(segment)
    }
}
