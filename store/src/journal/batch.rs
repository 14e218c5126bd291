//! One batch in a journal file of fjall, format 3: a start, items, an end with the checksum of the items. Every
//! batch that the store writes has a [`Mark`] among them; without it, or with that of another store, it is none.

use xxhash_rust::xxh3::xxh3_64;

use crate::format::Identity;
use crate::keys::MARK;
use crate::record::Mark;

/// A batch that is whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// Where the next one begins.
    pub(crate) end: usize,
    /// By which fjall orders what it has; not in the checksum.
    pub(crate) seqno: u64,
    pub(crate) mark: Mark,
}

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const TRAILER: &[u8; 4] = b"FJL\x03";
const UNCOMPRESSED: u8 = 0;

/// The batch that begins at `at`.
pub(crate) fn read(bytes: &[u8], at: usize, identity: Identity) -> Option<Batch> {
    let mut reader = Reader { bytes, at };
    let [START] = reader.array()? else { return None };
    let items = u32::from_le_bytes(reader.array()?);
    let seqno = u64::from_le_bytes(reader.array()?);
    let from = reader.at;
    let mut mark = None;
    for _ in 0..items {
        let (key, value) = reader.item()?;
        if key == MARK {
            mark = Mark::decode(value, identity);
        }
    }
    let content = bytes.get(from..reader.at)?;
    let [END] = reader.array()? else { return None };
    let checksum = u64::from_le_bytes(reader.array()?);
    let trailer: [u8; 4] = reader.array()?;
    let is_whole = trailer == *TRAILER && checksum == xxh3_64(content);
    Some(Batch { end: reader.at, seqno, mark: mark.filter(|_| is_whole)? })
}

impl Batch {
    /// After a failure the same batch is written again. What fjall does besides takes some numbers as well.
    pub(crate) fn follows(&self, last: &Batch) -> bool {
        (last.mark.batch..=last.mark.batch + 1).contains(&self.mark.batch)
            && self
                .seqno
                .checked_sub(last.seqno)
                .is_some_and(|steps| (1..MAX_STEPS).contains(&steps))
    }
}

/// More numbers than fjall takes for itself between two batches.
const MAX_STEPS: u64 = 1 << 32;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn item(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let [ITEM, 0..=2, UNCOMPRESSED] = self.array()? else { return None };
        let _keyspace: [u8; 8] = self.array()?;
        let key = u16::from_le_bytes(self.array()?);
        let value = u32::from_le_bytes(self.array()?);
        if u32::from_le_bytes(self.array()?) != value {
            return None;
        }
        Some((self.take(usize::from(key))?, self.take(value as usize)?))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }
}
