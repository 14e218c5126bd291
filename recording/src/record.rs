//! One event of one hook.

use std::time::Duration;

use crate::Field;

/// An event, as it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    hook: String,
    at: Duration,
    fields: Vec<(u8, Vec<u8>)>,
}

impl Record {
    /// An event of this hook, by the name that Rust plugins write, so long after the beginning.
    pub fn new(hook: &str, at: Duration) -> Self {
        Record { hook: hook.to_owned(), at, fields: Vec::new() }
    }

    /// The hook, by the name that Rust plugins write.
    pub fn hook(&self) -> &str {
        &self.hook
    }

    /// How long after the beginning it was.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Adds a value; an empty one is left out.
    pub fn set(&mut self, field: Field, value: impl AsRef<[u8]>) {
        if !value.as_ref().is_empty() {
            self.set_always(field, value);
        }
    }

    /// Adds a value that may be empty and yet be there.
    pub fn set_always(&mut self, field: Field, value: impl AsRef<[u8]>) {
        self.fields.push((field as u8, value.as_ref().to_vec()));
    }

    /// Adds a number; 0 is left out.
    pub fn set_number(&mut self, field: Field, number: impl Into<u64>) {
        let bytes = number.into().to_le_bytes();
        let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.set(field, bytes.get(..len).unwrap_or_default());
    }

    /// Whether the field is there.
    pub fn has(&self, field: Field) -> bool {
        self.fields.iter().any(|(number, _)| *number == field as u8)
    }

    /// A value, or nothing.
    pub fn bytes(&self, field: Field) -> &[u8] {
        let found = self.fields.iter().find(|(number, _)| *number == field as u8);
        found.map_or(&[], |(_, value)| value)
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
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        let name = self.hook.as_bytes();
        bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        bytes.extend(name.iter().take(usize::from(u8::MAX)));
        let micros = u64::try_from(self.at.as_micros()).unwrap_or(u64::MAX);
        bytes.extend(micros.to_le_bytes());
        for (field, value) in &self.fields {
            bytes.push(*field);
            bytes.extend(length(value.len()));
            bytes.extend(value);
        }
        let size = length(bytes.len() - 4);
        bytes.splice(..4, size);
        bytes
    }

    /// From the bytes behind the length; `None`: they are damaged.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Record> {
        let (name_len, rest) = bytes.split_first()?;
        let (name, rest) = rest.split_at_checked((*name_len).into())?;
        let (micros, mut rest) = rest.split_first_chunk()?;
        let mut record = Record {
            hook: std::str::from_utf8(name).ok()?.to_owned(),
            at: Duration::from_micros(u64::from_le_bytes(*micros)),
            fields: Vec::new(),
        };
        while let Some((field, behind)) = rest.split_first() {
            let (len, behind) = behind.split_first_chunk()?;
            let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
            let (value, behind) = behind.split_at_checked(len)?;
            record.fields.push((*field, value.to_vec()));
            rest = behind;
        }
        Some(record)
    }
}

/// No packet is longer than 256 MiB.
fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}
