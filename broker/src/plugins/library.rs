//! Opens a library, for good.
#![allow(unsafe_code, reason = "loading a library runs its code: that is what a plugin is for")]

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::{copy::Copy, error::Reason};

/// Opens a private copy of the bytes. It is never closed.
pub(super) fn open(name: &str, bytes: &[u8]) -> Result<Library, Reason> {
    match Copy::in_memory(name, bytes).map_err(Reason::Copy).and_then(|copy| map(&copy)) {
        Ok(library) => Ok(library),
        // Some systems do not let memory be mapped as code. A library that is itself at fault fails
        // here again, and its reason does not depend on where the copy is.
        Err(_) => Copy::in_file(name, bytes).map_err(Reason::Copy).and_then(|copy| map(&copy)),
    }
}

fn map(copy: &Copy) -> Result<Library, Reason> {
    // All symbols at once: one that is missing would else end the process when it is first called.
    // SAFETY: the operator has named this library to be run in the broker's process.
    match unsafe { Library::open(Some(copy.path()), RTLD_NOW | RTLD_LOCAL) } {
        Ok(library) => Ok(library),
        Err(error) => {
            let path = format!("{}: ", copy.path().display());
            Err(Reason::Open(error.to_string().replace(&path, "")))
        }
    }
}
