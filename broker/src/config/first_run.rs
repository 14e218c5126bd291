//! The first run: writes a config file with every key, and the folder of plugins beside it.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{FILE_NAME, PLUGIN_DIR};

/// The config of the project itself, which loads a plugin that a first run does not have.
const TEMPLATE: &str = include_str!("../../../config.yml");

/// The default config could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be created: {error}", path.display())]
pub struct FirstRunError {
    /// The file or folder.
    path: PathBuf,
    /// What the system says.
    error: std::io::Error,
}

/// Writes `config.yml` and `plugins/` into `folder` unless there is a `config.yml`. Says whether
/// it did. Blocks on the disk; never overwrites.
///
/// # Errors
/// If the file or the folder cannot be created.
pub fn create_if_absent(folder: &Path) -> Result<bool, FirstRunError> {
    let file = folder.join(FILE_NAME);
    match OpenOptions::new().write(true).create_new(true).open(&file) {
        Ok(mut opened) => opened.write_all(first_run_config().as_bytes()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(FirstRunError { path: file, error }),
    }
    .map_err(|error| {
        // Half a config would be taken for a whole one the next time.
        let _ = fs::remove_file(&file);
        FirstRunError { path: file, error }
    })?;
    let plugins = folder.join(PLUGIN_DIR);
    fs::create_dir_all(&plugins).map_err(|error| FirstRunError { path: plugins, error })?;
    Ok(true)
}

/// The project's config with its plugins commented out.
pub(super) fn first_run_config() -> String {
    TEMPLATE.replacen("\nplugins:\n  - ", "\nplugins:\n  # - ", 1)
}
