//! Looks at a library before the system maps it. A truncated one would not be an error there, but
//! end the process with SIGBUS. What it exports and what it says of itself is read here too.

mod exports;
mod note;
mod reader;

use thiserror::Error;

pub(super) use exports::{Export, bytes_of, exports};
pub(super) use note::note;
use reader::Reader;

#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum ElfError {
    #[error("it is not a shared library (no ELF file)")]
    NotElf,
    #[error(
        "it is not a shared library but a static one; in Rust, set crate-type = [\"cdylib\"], in C, \
         link it with -shared"
    )]
    Static,
    #[error("it is not a shared library but a program to be run")]
    Program,
    #[error("it is not a shared library but an object file; link it with -shared")]
    Object,
    #[error("it is not a shared library (an ELF file of another kind)")]
    NotShared,
    #[error("it was built for another kind of machine; build it for {}", std::env::consts::ARCH)]
    OtherMachine,
    #[error("it is truncated: the file ends too early; copy it again")]
    Truncated,
}

/// Whether the file is a whole shared library for this machine.
pub(super) fn check(file: &[u8]) -> Result<(), ElfError> {
    if !file.starts_with(MAGIC) {
        let is_static = file.starts_with(ARCHIVE);
        return Err(if is_static { ElfError::Static } else { ElfError::NotElf });
    }
    let header = Reader { file };
    if header.bytes(4)? != [CLASS_64, LITTLE_ENDIAN] || header.u16(18)? != MACHINE {
        return Err(ElfError::OtherMachine);
    }
    match header.u16(16)? {
        TYPE_SHARED => {}
        TYPE_PROGRAM => return Err(ElfError::Program),
        TYPE_OBJECT => return Err(ElfError::Object),
        _ => return Err(ElfError::NotShared),
    }
    // Stripped of its section headers, a library still loads: their offset is 0 then.
    let sections = header.u64(40)?;
    if sections != 0 {
        let size = u64::from(header.u16(58)?) * u64::from(header.u16(60)?);
        header.holds(sections, size)?;
    }
    segments(header)
}

/// Each segment must lie within the file, and there must be something to load.
fn segments(header: Reader<'_>) -> Result<(), ElfError> {
    let mut loads = false;
    for segment in header.segments()? {
        match segment?.kind {
            LOAD => loads = true,
            // Programs are shared objects too nowadays, but ask for somebody to load them.
            INTERPRETER => return Err(ElfError::Program),
            _ => {}
        }
    }
    if loads { Ok(()) } else { Err(ElfError::NotShared) }
}

const MAGIC: &[u8] = b"\x7fELF";
const ARCHIVE: &[u8] = b"!<arch>\n";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const TYPE_OBJECT: u16 = 1;
const TYPE_PROGRAM: u16 = 2;
const TYPE_SHARED: u16 = 3;
const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;
const ENTRY_SIZE: u64 = 56;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;
#[cfg(target_arch = "riscv64")]
const MACHINE: u16 = 243;

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, one segment that is the whole file, no sections.
    fn library() -> Vec<u8> {
        let mut file = vec![0; 200];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[16..18].copy_from_slice(&TYPE_SHARED.to_le_bytes());
        file[18..20].copy_from_slice(&MACHINE.to_le_bytes());
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[54..56].copy_from_slice(&56_u16.to_le_bytes());
        file[56..58].copy_from_slice(&1_u16.to_le_bytes());
        file[64..68].copy_from_slice(&LOAD.to_le_bytes());
        file[96..104].copy_from_slice(&200_u64.to_le_bytes());
        file
    }

    fn changed(at: usize, bytes: &[u8]) -> Result<(), ElfError> {
        let mut file = library();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        check(&file)
    }

    #[test]
    fn a_whole_library_passes() {
        assert_eq!(check(&library()), Ok(()));
    }

    #[test]
    fn every_truncation_is_seen() {
        let file = library();
        for end in 4..file.len() {
            assert_eq!(check(&file[..end]), Err(ElfError::Truncated), "cut at {end}");
        }
        assert_eq!(check(&file[..3]), Err(ElfError::NotElf));
    }

    #[test]
    fn other_files_are_named() {
        assert_eq!(check(b"plain text, no library at all"), Err(ElfError::NotElf));
        assert_eq!(changed(4, &[1]), Err(ElfError::OtherMachine));
        assert_eq!(changed(5, &[2]), Err(ElfError::OtherMachine));
        assert_eq!(changed(18, &[3, 0]), Err(ElfError::OtherMachine));
        assert_eq!(check(b"!<arch>\n"), Err(ElfError::Static));
        assert_eq!(changed(16, &[1, 0]), Err(ElfError::Object));
        assert_eq!(changed(16, &[2, 0]), Err(ElfError::Program));
        assert_eq!(changed(64, &[3]), Err(ElfError::Program));
        assert_eq!(changed(16, &[4, 0]), Err(ElfError::NotShared));
        assert_eq!(changed(64, &[4]), Err(ElfError::NotShared));
        assert_eq!(changed(54, &[32]), Err(ElfError::NotShared));
    }

    #[test]
    fn offsets_that_overflow_are_outside() {
        assert_eq!(changed(32, &u64::MAX.to_le_bytes()), Err(ElfError::Truncated));
        assert_eq!(changed(72, &u64::MAX.to_le_bytes()), Err(ElfError::Truncated));
        assert_eq!(changed(96, &u64::MAX.to_le_bytes()), Err(ElfError::Truncated));
        assert_eq!(changed(40, &u64::MAX.to_le_bytes()), Err(ElfError::Truncated));
    }
}
