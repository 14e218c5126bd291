//! Where things are: the root of the project, cargo, and what cargo built.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// The folder of the workspace's Cargo.toml.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo that started this command, at the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    command
}

/// The folder of what is built in release.
pub(crate) fn release_folder() -> anyhow::Result<PathBuf> {
    Ok(target_folder()?.join("release"))
}

/// The folder that this program was built into, wherever that is.
pub(crate) fn target_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let target = program.ancestors().nth(2).context("this program is in no target folder")?;
    Ok(target.to_path_buf())
}
