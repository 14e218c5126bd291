//! Libraries that stand in front of the C library of a process, by `LD_PRELOAD`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Compiles one. It stays when the process ends.
pub(crate) fn build(source: &str) -> PathBuf {
    let library = tempfile::Builder::new().suffix(".so").tempfile().expect("a file is made");
    let library = library.into_temp_path();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O2", "-pthread", "-x", "c", "-o"]).arg(&library).arg("-");
    let mut cc = cc.arg("-ldl").stdin(Stdio::piped()).spawn().expect("a C compiler");
    cc.stdin.take().expect("it is piped").write_all(source.as_bytes()).expect("cc reads");
    assert!(cc.wait().expect("cc ends").success());
    library.keep().expect("the library stays")
}
