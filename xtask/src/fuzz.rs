//! `cargo xtask fuzz`: a fuzz target with libFuzzer, on the stable toolchain.

use anyhow::{Context, bail};

use crate::step;
use crate::workspace::{cargo, root};

const TARGETS: [&str; 4] = ["decode", "roundtrip", "topic", "connection"];

/// What cargo-fuzz passes to a nightly compiler; these flags are stable ones.
const FLAGS: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Runs a target until it finds something, or as libFuzzer's `arguments` say.
///
/// # Errors
/// If there is no such target, it cannot be built, or an input fails.
pub(crate) fn fuzz(target: &str, arguments: &[String]) -> anyhow::Result<()> {
    if !TARGETS.contains(&target) {
        bail!("there is no target {target}; there are {}", TARGETS.join(", "));
    }
    let fuzz = root().join("fuzz");
    // Both read packets.
    let corpus = if target == "roundtrip" { "decode" } else { target };
    let (found, failed) = (fuzz.join("target/found").join(target), fuzz.join("artifacts"));
    for folder in [&found, &failed] {
        let place = || format!("cannot make {}", folder.display());
        std::fs::create_dir_all(folder).with_context(place)?;
    }
    // With a named platform, build scripts and macros are built without the flags.
    let platform = platform()?;
    let mut command = cargo(&["run", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    command.args(["--target", &platform, "--bin", target, "--"]);
    command.env("RUSTFLAGS", FLAGS.join(" ")).env("CARGO_TARGET_DIR", fuzz.join("target"));
    // What is new goes to the first folder.
    command.arg(&found).arg(fuzz.join("corpus").join(corpus));
    command.arg(format!("-artifact_prefix={}/", failed.display())).args(arguments);
    step::run(&mut command)
}

/// The platform that the compiler builds for by itself.
fn platform() -> anyhow::Result<String> {
    let output = std::process::Command::new("rustc").arg("-vV").output();
    let output = output.context("cannot start rustc")?;
    let text = String::from_utf8(output.stdout).context("rustc -vV")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not name its platform")
}
