//! Builds real plugins for tests, each once in a test process, with the tests' own profile. Not a
//! place for what a plugin does: that is in its crate.

use std::{
    collections::HashMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use parking_lot::Mutex;
use tempfile::TempDir;

/// The library of a crate of this workspace.
pub(crate) fn rust(crate_name: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock();
    let build = || build_crate(&workspace(), crate_name, &[]);
    built.entry(crate_name.to_owned()).or_insert_with(build).clone()
}

/// The library of a C file of this repository, built as its README says.
pub(crate) fn c(source: &str) -> TempLibrary {
    c_with(&workspace().join(source), &[])
}

/// The library of C code.
pub(crate) fn c_text(code: &str) -> TempLibrary {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("plugin.c");
    std::fs::write(&source, code).unwrap();
    c_with(&source, &[])
}

/// The library of a C file, with more arguments for the compiler.
pub(crate) fn c_with(source: &Path, arguments: &[&str]) -> TempLibrary {
    compile("cc", source, arguments)
}

/// The library of a C++ file.
pub(crate) fn cpp(source: &Path) -> TempLibrary {
    compile("g++", source, &["-std=c++17"])
}

fn compile(compiler: &str, source: &Path, arguments: &[&str]) -> TempLibrary {
    build_library(|file| {
        let mut command = Command::new(compiler);
        command
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-I"])
            .arg(workspace().join("plugin-abi"))
            .args(arguments)
            .args([OsStr::new("-o"), file.as_os_str(), source.as_os_str()]);
        command
    })
}

/// The library of a Go package in a folder.
pub(crate) fn go(folder: &Path) -> TempLibrary {
    let include = workspace().join("plugin-abi");
    build_library(|file| {
        let mut command = Command::new("go");
        command
            .args(["build", "-buildmode=c-shared", "-o"])
            .arg(file)
            .arg(".")
            .current_dir(folder)
            .env("CGO_ENABLED", "1")
            .env("CGO_CFLAGS", format!("-O2 -I{}", include.display()))
            // Its own parts are compiled once.
            .env("GOCACHE", target_dir().join("go"))
            .env("GOFLAGS", "-mod=mod -buildvcs=false")
            .env("GOPROXY", "off");
        command
    })
}

fn build_library(command: impl FnOnce(&Path) -> Command) -> TempLibrary {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plugin.so");
    let mut command = command(&file);
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot run {name}: {error}; `cargo xtask test` installs it where it may")
    });
    expect_success(&name, &output);
    TempLibrary { file, _dir: dir }
}

/// A library that is removed with this.
pub(crate) struct TempLibrary {
    file: PathBuf,
    _dir: TempDir,
}

impl AsRef<Path> for TempLibrary {
    fn as_ref(&self) -> &Path {
        &self.file
    }
}

/// A folder for a broker's plugins, removed with this.
pub(crate) struct PluginDir {
    dir: TempDir,
}

impl PluginDir {
    pub(crate) fn new() -> Self {
        PluginDir { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Copies a library to `name.so`.
    pub(crate) fn put(&self, library: impl AsRef<Path>, name: &str) -> PathBuf {
        self.write(&format!("{name}.so"), &std::fs::read(library).unwrap())
    }

    /// Writes a file of that name.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.dir.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    }
}

/// The root of this repository.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Builds the library of a crate of the workspace in `dir`.
pub(crate) fn build_crate(dir: &Path, crate_name: &str, arguments: &[&str]) -> PathBuf {
    expect_success("cargo", &cargo(dir, &["rustc", "--lib", "--package", crate_name], arguments));
    target_dir().join(profile()).join(format!("lib{}.so", crate_name.replace('-', "_")))
}

/// Runs cargo on the workspace in `dir`, with the profile of this test.
pub(crate) fn cargo(dir: &Path, command: &[&str], arguments: &[&str]) -> Output {
    let profile = match profile() {
        "debug" => "dev",
        profile => profile,
    };
    Command::new(env!("CARGO"))
        .args(command)
        .args(["--quiet", "--profile", profile])
        .args(arguments)
        .env("CARGO_TARGET_DIR", target_dir())
        .current_dir(dir)
        .output()
        .unwrap()
}

/// Not the folder of the cargo that runs this: the two would rebuild, each for itself, what they
/// have in common.
fn target_dir() -> PathBuf {
    profile_dir().parent().unwrap().join("test-plugins")
}

fn profile() -> &'static str {
    profile_dir().file_name().and_then(OsStr::to_str).unwrap()
}

/// Where the cargo that runs this puts what it builds.
fn profile_dir() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hookmq")).parent().unwrap()
}

fn expect_success(program: &str, output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed:\n{text}");
}
