//! Why a plugin was not loaded, and what to do about it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::services::KvError;

use super::{Sha256, elf::ElfError};

/// A plugin that was not loaded: which, its file if there is one, the reason, and what to do.
#[derive(Debug)]
pub struct LoadError {
    plugin: String,
    file: Option<PathBuf>,
    line: Option<usize>,
    reason: Box<Reason>,
}

#[derive(Debug, Error)]
pub(super) enum Reason {
    #[error(
        "this is not a name: write the name of a file in {}, without a path",
        dir.display()
    )]
    Name { dir: PathBuf },
    #[error("there is no such file in {}: looked for {}; {missing}", dir.display(), tried.join(", "))]
    NotFound { dir: PathBuf, tried: Vec<String>, missing: Missing },
    #[error(
        "no file of it is one that the config takes: {0}; change `version:` or `stages:` of it, or put \
         another file there"
    )]
    NoVersion(String),
    #[error(
        "its SHA-256 is {found}, and the config takes none but {pinned} (`sha256:` of the plugin); if \
         the file is what it should be, write the former there"
    )]
    OtherFile { found: Sha256, pinned: Sha256 },
    #[error("it is named twice; to run two of it, copy the file under a second name")]
    Twice,
    #[error("the file cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("{0}")]
    Elf(#[source] ElfError),
    #[error("no private copy of it could be made to load: {0}")]
    Copy(#[source] io::Error),
    #[error("the system cannot load it: {0}; build it on this system, with the libraries it needs")]
    Open(String),
    #[error(
        "it is a shared library but no hookmq plugin: put `#[plugin]` on its `impl Plugin`, or in C \
         export `PluginAbiVersion`"
    )]
    NotPlugin,
    #[error("it was built with another abi_stable ({0}); rebuild it with plugin-abi {ours}", ours = ours())]
    AbiStable(String),
    #[error("it is a library for another program, one that calls its plugins `{0}`")]
    Foreign(String),
    #[error("it was built for version {theirs} of plugin-abi; rebuild it with version {ours}", ours = ours())]
    Version { theirs: String },
    #[error(
        "it requires version {0} of plugin-abi, and this broker has {ours}; use a build of the plugin \
         for this broker, or a broker that it is for",
        ours = ours()
    )]
    Requires(String),
    #[error(
        "it says that it requires version {requires} of plugin-abi, which is no version: {error}"
    )]
    BadRequirement { requires: String, error: semver::Error },
    #[error(
        "it wants the capability {0}, which this broker does not know; a later broker may have it"
    )]
    UnknownCapability(String),
    #[error(
        "it wants the capability {0}, which `capabilities:` of the plugin in the config does not \
         grant; add it there if the plugin may do so"
    )]
    NotGranted(String),
    #[error("its tables do not match plugin-abi {ours}: {0}; rebuild it with that version", ours = ours())]
    Layout(String),
    #[error("its root module could not be made: {0}")]
    RootModule(String),
    #[error(
        "it was built with panic = \"abort\", so that a panic in it would end the broker; build it \
         with panic = \"unwind\", or set `allow_panic_abort: true` for it"
    )]
    PanicAbort,
    #[error("{0}")]
    Store(#[from] KvError),
    #[error("it refused to start: {0}")]
    Bootstrap(String),
    #[error("it panicked while starting: {0}")]
    BootstrapPanicked(String),
}

/// What could be loaded instead of a plugin that is not there.
#[derive(Debug)]
pub(super) struct Missing {
    /// Whether the folder of plugins is there.
    pub(super) folder: bool,
    /// The name of a plugin that is there, if one is much like it.
    pub(super) similar: Option<String>,
    /// The libraries that are there.
    pub(super) present: Vec<String>,
}

impl LoadError {
    pub(super) fn new(plugin: &str, file: Option<&Path>, reason: Reason) -> Self {
        LoadError {
            plugin: plugin.into(),
            file: file.map(Path::to_path_buf),
            line: None,
            reason: Box::new(reason),
        }
    }

    /// The plugin is named in this line of the config.
    pub(super) fn at(self, line: Option<usize>) -> Self {
        LoadError { line, ..self }
    }

    /// Where the config names the plugin, from 1; `None` if no file does.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// Whether another config would do: the plugin is misnamed, or does not want its section.
    pub fn is_bad_config(&self) -> bool {
        matches!(
            *self.reason,
            Reason::Name { .. }
                | Reason::NotFound { .. }
                | Reason::Twice
                | Reason::NotGranted(_)
                | Reason::NoVersion(_)
                | Reason::Bootstrap(_)
        )
    }
}

impl Reason {
    /// `bootstrap` answered `code`; its words come from what it has logged.
    pub(super) fn refused(code: i32, complaint: Option<String>) -> Self {
        Reason::Bootstrap(complaint.unwrap_or_else(|| {
            format!("its bootstrap answered {code}, and logged no error that says why")
        }))
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {}", self.plugin)?;
        if let Some(file) = &self.file {
            write!(f, " ({})", file.display())?;
        }
        write!(f, " cannot be loaded: {}", self.reason)
    }
}

// The reason's cause is part of the text, so it is no source to print again.
impl std::error::Error for LoadError {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.folder {
            return f.write_str("that folder is not there: make it, or see `plugin_dir:`");
        }
        if let Some(name) = &self.similar {
            write!(f, "did you mean {name}? ")?;
        }
        match self.present.as_slice() {
            [] => f.write_str("copy the plugin's `.so` there"),
            files => write!(f, "what is there: {}", files.join(", ")),
        }
    }
}

fn ours() -> String {
    let version = plugin_abi::raw::ABI_VERSION;
    format!("{}.{}", version >> 16, version & 0xFFFF)
}
