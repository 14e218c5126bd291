//! Reads the config again while the broker serves, and takes up what can be taken up: `plugins:` and
//! `log:`. A config that cannot be used changes nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::config::{self, Config, ConfigError};
use crate::plugins::{ChangeError, Roster};

/// How long one who reads waits for the one before.
const PATIENCE: Duration = Duration::from_secs(10);

/// The config file of a running broker.
pub struct Reload {
    file: PathBuf,
    roster: Arc<Roster>,
    /// What the broker goes by. Held while it is changed.
    in_force: Mutex<Config>,
}

/// Why everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It is being read, and a plugin does not come back from its start.
    #[error(
        "the config was read before, and a plugin that it names is still starting; restart the broker"
    )]
    Busy,
    /// The plugins that it names cannot be had.
    #[error("{}{}: {error}", file.display(), error.line().map(|line| format!(":{line}")).unwrap_or_default())]
    Plugins {
        /// The config.
        file: PathBuf,
        /// What is wrong.
        error: ChangeError,
    },
}

impl Reload {
    /// The broker was started with `config`, from `file`.
    pub fn new(file: PathBuf, config: Config, roster: Arc<Roster>) -> Reload {
        Reload { file, roster, in_force: Mutex::new(config) }
    }

    /// Reads the file, and goes by it. Logs what has changed, and what only a restart would change. Any
    /// thread; blocks as long as plugins take to start.
    ///
    /// # Errors
    /// If the file says what cannot be had. Everything is as it was then.
    pub fn reload(&self) -> Result<(), ReloadError> {
        let mut in_force = self.in_force.try_lock_for(PATIENCE).ok_or(ReloadError::Busy)?;
        let config = config::load(&self.file)?;
        let file = self.file.display();
        self.roster
            .apply(&config.plugins)
            .map_err(|error| ReloadError::Plugins { file: self.file.clone(), error })?;
        if config.log != in_force.log {
            set_log_level(config.log);
        }
        for key in config::needs_restart(&in_force, &config) {
            log::warn!(
                "{file}: {key}: has changed, which needs a restart; the old value stays in force"
            );
        }
        in_force.log = config.log;
        in_force.plugins = config.plugins;
        log::info!("{file}: read again");
        Ok(())
    }
}

/// Has no effect where the environment decides.
fn set_log_level(level: log::LevelFilter) {
    if std::env::var_os("RUST_LOG").is_some() {
        log::warn!("log: has changed, but RUST_LOG is set and goes before it");
        return;
    }
    log::set_max_level(level);
}
