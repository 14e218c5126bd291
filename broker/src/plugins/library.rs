//! Opens a library, for good.
#![allow(unsafe_code, reason = "loading a library runs its code: that is what a plugin is for")]

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::{copy::Copy, error::Reason};

/// Opens a private copy of the bytes. It is never closed: threads and thread-local values of the
/// plugin may outlive it, and strings of its own are held by the broker.
pub(super) fn open(name: &str, bytes: &[u8]) -> Result<&'static Library, Reason> {
    match Copy::in_memory(name, bytes).map_err(Reason::Copy).and_then(|copy| map(&copy)) {
        Ok(library) => Ok(library),
        // Some systems do not let memory be mapped as code. A library that is itself at fault fails
        // here again, and its reason does not depend on where the copy is.
        Err(_) => Copy::in_file(name, bytes).map_err(Reason::Copy).and_then(|copy| map(&copy)),
    }
}

fn map(copy: &Copy) -> Result<&'static Library, Reason> {
    // All symbols at once: one that is missing would else end the process when it is first called.
    // SAFETY: the operator has named this library to be run in the broker's process.
    match unsafe { Library::open(Some(copy.path()), RTLD_NOW | RTLD_LOCAL) } {
        Ok(library) => Ok(Box::leak(Box::new(library))),
        Err(error) => {
            let path = format!("{}: ", copy.path().display());
            Err(Reason::Open(error.to_string().replace(&path, "")))
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::process::Command;

    use super::*;

    /// A library of C code, which may include `plugin.h`.
    pub(in crate::plugins) fn compile(code: &str) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let (source, library) = (dir.path().join("a.c"), dir.path().join("a.so"));
        std::fs::write(&source, code).unwrap();
        let abi = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../plugin-abi");
        let arguments = [source.as_os_str(), "-o".as_ref(), library.as_os_str()];
        let status = Command::new("cc").args(["-shared", "-fPIC", abi]).args(arguments).status();
        assert!(status.unwrap().success());
        std::fs::read(library).unwrap()
    }

    fn answer(library: &Library) -> i32 {
        // SAFETY: the code that the tests compile defines it so.
        unsafe { library.get::<extern "C" fn() -> i32>(b"answer\0").unwrap()() }
    }

    #[test]
    fn a_copy_loads_from_memory_and_from_a_file() {
        let bytes = compile("static int calls; int answer(void) { return ++calls; }");
        let copies = [Copy::in_memory("a", &bytes).unwrap(), Copy::in_file("a", &bytes).unwrap()];
        let descriptors = format!("/proc/{}/fd", std::process::id());
        assert!(copies[0].path().starts_with(descriptors));
        let libraries = copies.each_ref().map(|copy| map(copy).unwrap());
        let file = copies[1].path().to_path_buf();
        drop(copies);
        assert!(!file.exists());
        // Each copy has statics of its own, and stays when its file is gone.
        assert_eq!(libraries.map(answer), [1, 1]);
        assert_eq!(libraries.map(answer), [2, 2]);
    }

    #[test]
    fn what_the_system_says_is_told_without_the_path_of_the_copy() {
        let bytes = compile("int missing(void); int answer(void) { return missing(); }");
        let Err(Reason::Open(text)) = open("a", &bytes) else { panic!("it has loaded") };
        assert_eq!(text, "undefined symbol: missing");
    }
}
