//! The symbols that a library defines for others, by the table of its sections. Not how the system
//! finds them, which is by hashes that name no symbol.

use super::{ElfError, LOAD, reader::Reader};

/// A function or a piece of data that the library exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugins) struct Export<'a> {
    /// Names of symbols are bytes; those that are no text are left out.
    pub(in crate::plugins) name: &'a str,
    address: u64,
}

/// What a library that [`super::check`] has passed exports; `None` if it was stripped of the table
/// that says so.
pub(in crate::plugins) fn exports(file: &[u8]) -> Option<Vec<Export<'_>>> {
    read(Reader { file }).ok().flatten()
}

/// The first bytes of an export, as they are before the library is mapped.
pub(in crate::plugins) fn bytes_of<'a>(
    file: &'a [u8],
    export: Export<'_>,
    size: u64,
) -> Option<&'a [u8]> {
    let reader = Reader { file };
    let segment = reader.segments().ok()?.filter_map(Result::ok).find(|segment| {
        segment.kind == LOAD
            && export
                .address
                .checked_sub(segment.address)
                .and_then(|within| within.checked_add(size))
                .is_some_and(|end| end <= segment.size)
    })?;
    reader.slice(segment.offset + (export.address - segment.address), size).ok()
}

fn read(reader: Reader<'_>) -> Result<Option<Vec<Export<'_>>>, ElfError> {
    let Some(symbols) = section(reader, DYNAMIC_SYMBOLS)? else { return Ok(None) };
    let Some(names) = nth_section(reader, u64::from(symbols.link))? else { return Ok(None) };
    let names = reader.slice(names.offset, names.size)?;
    reader.holds(symbols.offset, symbols.size)?;
    let mut exports = Vec::new();
    for index in 0..symbols.size / SYMBOL_SIZE {
        exports.extend(symbol(reader, symbols.offset + index * SYMBOL_SIZE, names)?);
    }
    Ok(Some(exports))
}

/// The symbol, if it is defined here and others may see it.
fn symbol<'a>(
    reader: Reader<'a>,
    at: u64,
    names: &'a [u8],
) -> Result<Option<Export<'a>>, ElfError> {
    let [info, visibility] = reader.bytes(at + 4)?;
    let seen = matches!(info >> 4, GLOBAL | WEAK) && matches!(visibility & 3, DEFAULT | PROTECTED);
    if !seen || reader.u16(at + 6)? == UNDEFINED {
        return Ok(None);
    }
    let name = names.get(reader.u32(at)? as usize..).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let address = reader.u64(at + 8)?;
    Ok(std::str::from_utf8(name).ok().map(|name| Export { name, address }))
}

struct Section {
    kind: u32,
    offset: u64,
    size: u64,
    /// The number of another section, which this one refers to.
    link: u32,
}

fn section(reader: Reader<'_>, kind: u32) -> Result<Option<Section>, ElfError> {
    for index in 0..u64::from(reader.u16(60)?) {
        let section = nth_section(reader, index)?.filter(|section| section.kind == kind);
        if section.is_some() {
            return Ok(section);
        }
    }
    Ok(None)
}

fn nth_section(reader: Reader<'_>, index: u64) -> Result<Option<Section>, ElfError> {
    let (table, count) = (reader.u64(40)?, u64::from(reader.u16(60)?));
    if table == 0 || index >= count {
        return Ok(None);
    }
    let at = table + index * u64::from(reader.u16(58)?);
    Ok(Some(Section {
        kind: reader.u32(at + 4)?,
        offset: reader.u64(at + 24)?,
        size: reader.u64(at + 32)?,
        link: reader.u32(at + 40)?,
    }))
}

const DYNAMIC_SYMBOLS: u32 = 11;
const SYMBOL_SIZE: u64 = 24;
const GLOBAL: u8 = 1;
const WEAK: u8 = 2;
const DEFAULT: u8 = 0;
const PROTECTED: u8 = 3;
const UNDEFINED: u16 = 0;
