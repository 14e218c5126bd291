//! Reads a recording, record by record.

use std::io::{self, ErrorKind, Read};

use crate::{MAGIC, MAX_RECORD, Record};

/// Why a recording cannot be read on.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file does not begin as one.
    NoRecording,
    /// It is of a later version than this reader.
    Version(u8),
    /// The record of this number, from 1, is damaged.
    Damaged(u64),
    /// The file cannot be read.
    Io(io::Error),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::NoRecording => f.write_str("it is no recording"),
            ReadError::Version(version) => {
                write!(f, "it is a recording of version {version}, and this reads version 1")
            }
            ReadError::Damaged(number) => write!(f, "record {number} is damaged"),
            ReadError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

/// The records of a file, in order.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    read: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning. Blocks on `from`, as the iterator does.
    ///
    /// # Errors
    ///
    /// If it is no recording of this version.
    pub fn new(mut from: R) -> Result<Self, ReadError> {
        let mut magic = [0; MAGIC.len()];
        match from.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => Ok(Reader { from, read: 0, ended: false }),
            Ok(()) => match magic {
                [name @ .., version] if MAGIC.starts_with(&name) => {
                    Err(ReadError::Version(version))
                }
                _ => Err(ReadError::NoRecording),
            },
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(ReadError::NoRecording),
            Err(error) => Err(ReadError::Io(error)),
        }
    }

    /// None at the end, also where the last record is cut off.
    fn read(&mut self) -> Result<Option<Record>, ReadError> {
        let mut len = [0; 4];
        if !self.fill(&mut len)? {
            return Ok(None);
        }
        self.read += 1;
        let len = u32::from_le_bytes(len);
        if len > MAX_RECORD {
            return Err(ReadError::Damaged(self.read));
        }
        // Grows as bytes come: the length may be a lie.
        let mut bytes = Vec::new();
        let from = Read::by_ref(&mut self.from);
        from.take(len.into()).read_to_end(&mut bytes).map_err(ReadError::Io)?;
        if u32::try_from(bytes.len()).ok() != Some(len) {
            return Ok(None);
        }
        Record::decode(&bytes).map(Some).ok_or(ReadError::Damaged(self.read))
    }

    /// Whether there were so many bytes.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, ReadError> {
        match self.from.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(ReadError::Io(error)),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let record = self.read().transpose();
        self.ended = !matches!(record, Some(Ok(_)));
        record
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Field;

    fn record() -> Record {
        let mut record = Record::new("on_before_publish", Duration::from_micros(1_234_567));
        record.set(Field::Topic, "a/b");
        record.set(Field::Payload, [0, 255]);
        record.set(Field::Source, "");
        record.set_number(Field::QoS, 2_u8);
        record.set_number(Field::PayloadLen, 0x1_0000_u32);
        record.set_number(Field::Retain, 0_u8);
        record.set_always(Field::Username, "");
        record
    }

    fn file(records: &[Record]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(records.iter().flat_map(Record::as_bytes));
        bytes
    }

    fn read(bytes: &[u8]) -> Vec<String> {
        let reader = match Reader::new(bytes) {
            Ok(reader) => reader,
            Err(error) => return vec![error.to_string()],
        };
        let said = |record: Result<Record, ReadError>| match record {
            Ok(record) => record.hook().to_owned(),
            Err(error) => error.to_string(),
        };
        reader.map(said).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let other = Record::new("on_connect", Duration::ZERO);
        let bytes = file(&[record(), other.clone()]);
        let records: Vec<Record> = Reader::new(&*bytes).unwrap().map(Result::unwrap).collect();
        assert_eq!(records, [record(), other]);
        let record = &records[0];
        assert_eq!(record.at(), Duration::from_micros(1_234_567));
        assert_eq!(
            (record.text(Field::Topic), record.bytes(Field::Payload)),
            ("a/b", &[0, 255][..])
        );
        assert_eq!((record.number(Field::QoS), record.number(Field::PayloadLen)), (2, 0x1_0000));
        assert_eq!((record.number(Field::Retain), record.text(Field::Source)), (0, ""));
        assert!(record.has(Field::Username) && !record.has(Field::Source));
    }

    #[test]
    fn a_gap_is_no_event() {
        let gap = Record::gap(Duration::from_micros(5), 300);
        let bytes = file(&[gap, record()]);
        let records: Vec<Record> = Reader::new(&*bytes).unwrap().map(Result::unwrap).collect();
        assert_eq!(records[0].at(), Duration::from_micros(5));
        let left_out: Vec<Option<u64>> = records.iter().map(Record::left_out).collect();
        assert_eq!(left_out, [Some(300), None]);
    }

    #[test]
    fn a_record_that_is_cut_off_ends_it() {
        let bytes = file(&[record(), record()]);
        for end in bytes.len() - record().as_bytes().len() + 1..bytes.len() {
            assert_eq!(read(&bytes[..end]), ["on_before_publish"], "{end}");
        }
    }

    #[test]
    fn damage_is_told() {
        assert_eq!(read(b"hookrec"), ["it is no recording"]);
        assert_eq!(read(b"something else"), ["it is no recording"]);
        assert_eq!(
            read(b"hookrec\x02"),
            ["it is a recording of version 2, and this reads version 1"]
        );
        let mut bytes = file(&[record(), record()]);
        // The length of the name.
        bytes[12] = 255;
        assert_eq!(read(&bytes), ["record 1 is damaged"]);
        bytes[8..12].fill(255);
        assert_eq!(read(&bytes), ["record 1 is damaged"]);
    }

    /// Unknown fields are skipped by who asks for others.
    #[test]
    fn no_bytes_make_it_panic() {
        let whole = file(&[record(), record()]);
        for at in 8..whole.len() {
            for byte in [0, 1, 127, 255] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                let records = Reader::new(&*bytes).unwrap().count();
                assert!(records <= 30, "{at}");
            }
        }
    }
}
