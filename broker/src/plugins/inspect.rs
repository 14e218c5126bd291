//! Looks at plugins without loading them: what they are, and all that would keep them out.

use std::path::{Path, PathBuf};

use super::{
    PassedOver, PluginEntry, Sha256,
    contents::Contents,
    elf,
    error::{LoadError, Reason},
    find, terms, versions,
};

/// A plugin that was looked at. None of its code has run.
#[derive(Debug)]
pub struct Inspection {
    /// The name that logs would show.
    pub name: String,
    /// Where it is, if there is such a file.
    pub file: Option<PathBuf>,
    /// The file's SHA-256.
    pub sha256: Option<Sha256>,
    /// What could be read of it.
    pub contents: Option<Contents>,
    /// Other files of the plugin, which are not taken.
    pub passed_over: Vec<PassedOver>,
    /// Why the broker would not load it; empty if it tries.
    pub refusals: Vec<LoadError>,
}

/// Looks at all plugins that a config names, in their order. Blocks on the disk.
pub fn inspect(dir: &Path, entries: &[PluginEntry]) -> Vec<Inspection> {
    let named: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut before: Vec<Inspection> = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut inspection = inspect_entry(dir, entry, &named, &before);
        inspection.refusals =
            inspection.refusals.into_iter().map(|error| error.at(entry.line)).collect();
        before.push(inspection);
    }
    before
}

/// Looks at one file, which no config names. Blocks on the disk.
pub fn inspect_file(file: &Path, allow_panic_abort: bool) -> Inspection {
    let written = file.file_name().unwrap_or_default().to_string_lossy();
    let mut inspection = Inspection::new(&find::as_named(&written));
    inspection.read(file, &PluginEntry { allow_panic_abort, ..PluginEntry::default() });
    inspection
}

/// The libraries in a folder of plugins, by name. Blocks on the disk.
///
/// # Errors
/// If the folder cannot be read.
pub fn libraries(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::read_dir(dir)?;
    Ok(find::libraries(dir).iter().map(|name| dir.join(name)).collect())
}

fn inspect_entry(
    dir: &Path,
    entry: &PluginEntry,
    named: &[&str],
    before: &[Inspection],
) -> Inspection {
    let (found, passed_over) = match versions::choose(dir, entry, named) {
        Ok(chosen) => chosen,
        Err(error) => {
            let refusals = vec![error];
            return Inspection { refusals, ..Inspection::new(&entry.name) };
        }
    };
    let mut inspection = Inspection { passed_over, ..Inspection::new(found.name) };
    let is_same =
        |other: &Inspection| other.name == found.name || other.file.as_ref() == Some(&found.file);
    if before.iter().filter(|other| other.refusals.is_empty()).any(is_same) {
        inspection.refuse(&found.file, Reason::Twice);
    }
    inspection.read(&found.file, entry);
    inspection
}

impl Inspection {
    fn new(name: &str) -> Inspection {
        Inspection {
            name: name.into(),
            file: None,
            sha256: None,
            contents: None,
            passed_over: Vec::new(),
            refusals: Vec::new(),
        }
    }

    fn refuse(&mut self, file: &Path, reason: Reason) {
        self.refusals.push(LoadError::new(&self.name, Some(file), reason));
    }

    fn read(&mut self, file: &Path, entry: &PluginEntry) {
        self.file = Some(file.into());
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) => return self.refuse(file, Reason::Read(error)),
        };
        let sha256 = Sha256::of(&bytes);
        self.sha256 = Some(sha256);
        if let Err(reason) = terms::check_file(sha256, entry) {
            self.refuse(file, reason);
        }
        if let Err(error) = elf::check(&bytes) {
            return self.refuse(file, Reason::Elf(error));
        }
        let (contents, reasons) = Contents::read(&bytes, entry);
        self.contents = Some(contents);
        for reason in reasons {
            self.refuse(file, reason);
        }
    }
}
