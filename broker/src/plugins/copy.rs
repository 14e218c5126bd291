//! A private copy of a library to load. The file in `plugins/` itself is never mapped: whoever wrote
//! a new version over it would end the process with SIGBUS, and the system would answer the same
//! path or the same file with the library that it has already.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use tempfile::NamedTempFile;

/// The copy, under a path that nothing else will ever have.
pub(super) enum Copy {
    /// Anonymous memory. The descriptor stays open for ever, so that its path is not used again.
    Memory(PathBuf),
    /// A file, where memory cannot be mapped as code. It is removed when dropped; a mapping stays.
    File(NamedTempFile),
}

impl Copy {
    /// Memory cannot be changed, leaves nothing behind, and needs no folder that allows execution.
    pub(super) fn in_memory(name: &str, bytes: &[u8]) -> io::Result<Copy> {
        let mut file = File::from(create(name)?);
        file.write_all(bytes)?;
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK)?;
        // With our process id in it, a debugger that looks at the path finds the same file.
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let path = PathBuf::from(path);
        // Fails where /proc is not mounted.
        path.metadata()?;
        std::mem::forget(file);
        Ok(Copy::Memory(path))
    }

    pub(super) fn in_file(name: &str, bytes: &[u8]) -> io::Result<Copy> {
        let mut file = tempfile::Builder::new().prefix(name).suffix(".so").tempfile()?;
        file.write_all(bytes)?;
        file.flush()?;
        Ok(Copy::File(file))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Copy::Memory(path) => path,
            Copy::File(file) => file.path(),
        }
    }
}

/// The name shows in `/proc/PID/maps` and in backtraces.
fn create(name: &str) -> io::Result<rustix::fd::OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Newer kernels want it said that the memory is for code; older ones do not know the word.
    match memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(rustix::io::Errno::INVAL) => Ok(memfd_create(name, flags)?),
        created => Ok(created?),
    }
}
