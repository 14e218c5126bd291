//! Plays recorded events to one plugin, without clients: calls its hooks and keeps what they answer. For
//! `hookmq plugin replay`; nothing of it runs in a broker that serves.

mod answer;
mod errand;
mod event;

use std::{path::Path, sync::Arc, time::Duration};

use recording::Record;

use super::{LoadError, Loaded, PluginEntry, load_file};
use crate::{
    config::Config,
    hooks::point,
    services::{Account, Folders, KvPlace, Services},
};

/// A plugin that was started to be played to. It is shut down when this is dropped.
pub struct Player {
    // First: it may use the others until it is gone.
    plugin: Arc<Loaded>,
    account: Arc<Account>,
    services: Arc<Services>,
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// What the hook has decided: `continue`, `veto`, `refuse 0x87`, or how it has failed.
    pub answer: String,
    /// What it has handed over besides, and what it has asked of the broker while it ran, in order.
    pub parts: Vec<String>,
    /// How long the answer took.
    pub took: Duration,
}

impl Player {
    /// Starts the plugin in `file`, under the name and with the section in `entry`. Its files are in the
    /// folder `data`, its store is in memory. Blocks while it starts.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded, even if it is `optional`.
    pub fn start(file: &Path, entry: &PluginEntry, data: &Path) -> Result<Player, LoadError> {
        let folders = Folders {
            config: ".".into(),
            plugins: file.parent().unwrap_or(Path::new("")).into(),
            data: data.into(),
        };
        let config = Config::default();
        let services = Services::new(&config, folders, KvPlace::Memory);
        let plugin = Arc::new(load_file(&services, &entry.name, file, entry)?);
        services.rehearse(&config);
        let account = services.account(&entry.name);
        Ok(Player { plugin, account, services })
    }

    /// Calls the hook of the event, and waits for an answer that comes later. `None`: the plugin has no
    /// such hook, or no interest in the event.
    pub fn play(&self, record: &Record) -> Option<Played> {
        // What its own threads have asked for meanwhile could come at any time.
        self.account.take_errands().for_each(drop);
        point::visit(record.hook(), event::Play { plugin: &self.plugin, record })?.map(
            |mut played| {
                let errands = self.account.take_errands().filter(|(_, depth)| *depth > 0);
                played.parts.extend(errands.map(|(errand, _)| errand::in_words(&errand)));
                played
            },
        )
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.plugin.shutdown();
        self.services.timers.stop();
        self.services.store.close();
    }
}
