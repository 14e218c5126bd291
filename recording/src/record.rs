//! One event of one hook.

use std::time::Duration;

use crate::Field;

/// An event, as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The length of what follows, the name, the time, and the fields.
    bytes: Vec<u8>,
}

/// Bytes of the length.
const LENGTH: usize = 4;

/// Bytes of the time.
const TIME: usize = 8;

impl Record {
    /// An event of this hook, by the name that Rust plugins write, so long after the beginning.
    pub fn new(hook: &str, at: Duration) -> Self {
        let name = hook.as_bytes().get(..usize::from(u8::MAX)).unwrap_or(hook.as_bytes());
        let micros = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let mut bytes = vec![0; LENGTH];
        bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        bytes.extend(name);
        bytes.extend(micros.to_le_bytes());
        let mut record = Record { bytes };
        record.put_length();
        record
    }

    /// That so many events were left out here, for there was no room for them.
    pub fn gap(at: Duration, left_out: u64) -> Self {
        let mut record = Record::new("", at);
        record.set_number(Field::LeftOut, left_out);
        record
    }

    /// How many events were left out here; `None`: it is an event.
    pub fn left_out(&self) -> Option<u64> {
        self.hook().is_empty().then(|| self.number(Field::LeftOut))
    }

    /// The hook, by the name that Rust plugins write.
    pub fn hook(&self) -> &str {
        let name = self.bytes.get(LENGTH + 1..self.time()).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// How long after the beginning it was.
    pub fn at(&self) -> Duration {
        let micros = self.bytes.get(self.time()..).and_then(|time| time.first_chunk());
        Duration::from_micros(micros.map_or(0, |micros| u64::from_le_bytes(*micros)))
    }

    /// Adds a value; an empty one is left out.
    pub fn set(&mut self, field: Field, value: impl AsRef<[u8]>) {
        if !value.as_ref().is_empty() {
            self.set_always(field, value);
        }
    }

    /// Adds a value that may be empty and yet be there.
    pub fn set_always(&mut self, field: Field, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        self.bytes.push(field as u8);
        self.bytes.extend(length(value.len()));
        self.bytes.extend(value);
        self.put_length();
    }

    /// Adds a number; 0 is left out.
    pub fn set_number(&mut self, field: Field, number: impl Into<u64>) {
        let bytes = number.into().to_le_bytes();
        let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.set(field, bytes.get(..len).unwrap_or_default());
    }

    /// Whether the field is there.
    pub fn has(&self, field: Field) -> bool {
        self.value(field).is_some()
    }

    /// A value, or nothing.
    pub fn bytes(&self, field: Field) -> &[u8] {
        self.value(field).unwrap_or_default()
    }

    /// A text, or none; what is no UTF-8 is none.
    pub fn text(&self, field: Field) -> &str {
        std::str::from_utf8(self.bytes(field)).unwrap_or_default()
    }

    /// A number, or 0.
    pub fn number(&self, field: Field) -> u64 {
        self.bytes(field)
            .iter()
            .take(8)
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// As it stands in a file, its length included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// From what [`Record::as_bytes`] has returned, without the length; `None`: it is damaged.
    pub fn decode(behind_length: &[u8]) -> Option<Record> {
        let (name_len, rest) = behind_length.split_first()?;
        let (name, rest) = rest.split_at_checked((*name_len).into())?;
        std::str::from_utf8(name).ok()?;
        let mut fields = Fields(rest.get(TIME..)?);
        while fields.next().is_some() {}
        let bytes = [&length(behind_length.len()), behind_length].concat();
        fields.0.is_empty().then_some(Record { bytes })
    }

    /// Where the time begins.
    fn time(&self) -> usize {
        LENGTH + 1 + self.bytes.get(LENGTH).map_or(0, |name_len| usize::from(*name_len))
    }

    fn value(&self, field: Field) -> Option<&[u8]> {
        let mut fields = Fields(self.bytes.get(self.time() + TIME..).unwrap_or_default());
        fields.find(|(number, _)| *number == field as u8).map(|(_, value)| value)
    }

    fn put_length(&mut self) {
        let len = length(self.bytes.len() - LENGTH);
        if let Some(place) = self.bytes.first_chunk_mut() {
            *place = len;
        }
    }
}

/// The fields in these bytes, by their numbers. Ends where they are damaged too, and leaves what is there.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, rest) = self.0.split_first()?;
        let (len, rest) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((*number, value))
    }
}

/// No packet is longer than 256 MiB.
fn length(len: usize) -> [u8; LENGTH] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}
