//! Builds the plugin that does nothing, with the profile of this program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Its library.
pub(crate) fn library() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(build);
    &BUILT
}

/// Not in the folder of the cargo that runs this, which may be waiting for it; in that of the plugins of
/// the tests, which have most of it already.
fn build() -> PathBuf {
    let program = std::env::current_exe().expect("the place of this program");
    let folder = program.ancestors().nth(2).expect("the folder of the profile");
    let target = folder.with_file_name("test-plugins");
    let built = folder.file_name().expect("the profile");
    let profile = if built == OsStr::new("debug") { OsStr::new("dev") } else { built };
    let status = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "--lib", "--package", "noop", "--profile"])
        .arg(profile)
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo");
    assert!(status.success(), "cannot build the plugin: {status}");
    target.join(built).join("libnoop.so")
}
