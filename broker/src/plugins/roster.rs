//! The plugins as the operator has them: the entries of the config, which of them are enabled, and what
//! is done to them while the broker serves. Not how instances are exchanged, which is [`Plugins`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

use super::{ChangeError, Enlisted, Place, PluginEntry, Plugins, find};

/// How long a change waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(10);

/// All plugins that the config names, or that were enabled since.
///
/// Changes block as long as plugins take to start, and wait for one another. One that fails leaves
/// everything as it was. They last until the broker ends or reads its config again.
pub struct Roster {
    plugins: Plugins,
    dir: PathBuf,
    items: Mutex<Vec<Item>>,
    /// Held while plugins come and go.
    changing: Mutex<()>,
}

#[derive(Clone)]
struct Item {
    entry: PluginEntry,
    enabled: bool,
}

impl Roster {
    /// `plugins` were loaded from `dir` with these entries.
    pub fn new(plugins: Plugins, dir: PathBuf, entries: &[PluginEntry]) -> Arc<Roster> {
        let mut items: Vec<Item> = Vec::with_capacity(entries.len());
        for entry in entries {
            // One that is named twice was not loaded twice.
            if items.iter().all(|item| item.name() != find::name(&entry.name)) {
                items.push(Item { entry: entry.clone(), enabled: true });
            }
        }
        let (items, changing) = (Mutex::new(items), Mutex::new(()));
        Arc::new(Roster { plugins, dir, items, changing })
    }

    /// The instances in force.
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// All plugins in their order, with what is in force of them. Any thread; waits for no plugin.
    pub fn list(&self) -> Vec<Enlisted> {
        let items = self.items.lock().clone();
        let loaded = self.plugins.details();
        let enlisted = items.iter().map(|Item { entry, enabled }| {
            let name = find::name(&entry.name);
            let detail = loaded.iter().find(|detail| *detail.name == *name).cloned();
            Enlisted { name: name.into(), entry: entry.clone(), enabled: *enabled, detail }
        });
        enlisted.collect()
    }

    /// Starts a plugin that is disabled, at its place in the order; or one that is in the folder and
    /// not in the config, at the end.
    ///
    /// # Errors
    /// If it cannot be loaded, even if it is `optional`. One that is in force is left as it is.
    pub fn enable(&self, name: &str) -> Result<(), ChangeError> {
        self.change(|items| {
            let name = find::name(name);
            match items.iter_mut().find(|item| item.name() == name) {
                Some(item) => item.enabled = true,
                None => items.push(Item::new(name)),
            }
            let is_loaded = self.plugins.names().any(|other| other == name);
            Ok(if is_loaded { Vec::new() } else { vec![name.to_owned()] })
        })
    }

    /// Takes a plugin out; it keeps its place in the order.
    ///
    /// # Errors
    /// If there is no such plugin, or it has to stay.
    pub fn disable(&self, name: &str) -> Result<(), ChangeError> {
        self.change(|items| {
            find_mut(items, name)?.enabled = false;
            Ok(Vec::new())
        })
    }

    /// Starts a plugin anew, from its file as it is now; `None`: all that are enabled.
    ///
    /// # Errors
    /// If there is no such plugin, it is disabled, or cannot be loaded, even if it is `optional`.
    pub fn reload(&self, name: Option<&str>) -> Result<(), ChangeError> {
        self.change(|items| match name {
            Some(name) => Ok(vec![find_enabled(items, name)?.name().to_owned()]),
            None => {
                let enabled = items.iter().filter(|item| item.enabled);
                Ok(enabled.map(|item| item.name().to_owned()).collect())
            }
        })
    }

    /// Starts a plugin anew with another section of its own.
    ///
    /// # Errors
    /// As [`Roster::reload`].
    pub fn configure(&self, name: &str, section: Value) -> Result<(), ChangeError> {
        self.change(|items| {
            let item = find_enabled(items, name)?;
            item.entry.config = section;
            Ok(vec![item.name().to_owned()])
        })
    }

    /// Puts the plugins into another order. No instance is started anew.
    ///
    /// # Errors
    /// If `names` are not all plugins, each once.
    pub fn reorder(&self, names: &[String]) -> Result<(), ChangeError> {
        self.change(|items| {
            let places = items.iter().map(|item| names.iter().position(|name| name == item.name()));
            let places: Option<Vec<usize>> = places.collect();
            let Some(places) = places.filter(|places| places.len() == names.len()) else {
                let all: Vec<&str> = items.iter().map(Item::name).collect();
                return Err(ChangeError::Order(all.join(" ")));
            };
            let mut placed: Vec<(usize, Item)> = places.into_iter().zip(items.drain(..)).collect();
            placed.sort_by_key(|(place, _)| *place);
            items.extend(placed.into_iter().map(|(_, item)| item));
            Ok(Vec::new())
        })?;
        log::info!("the order of the plugins is now {}", names.join(", "));
        Ok(())
    }

    /// Has the plugins that a config names, and no others. Those whose entry is what it was are not
    /// started anew. One that is `optional` and cannot be loaded stays as it was, and is tried again the next
    /// time.
    ///
    /// # Errors
    /// As [`Plugins::arrange`].
    pub fn apply(&self, entries: &[PluginEntry]) -> Result<(), ChangeError> {
        let _changing = self.changing.try_lock_for(PATIENCE).ok_or(ChangeError::Busy)?;
        let before = self.items.lock().clone();
        let loaded: Vec<String> = self.plugins.names().collect();
        let is_same = |entry: &PluginEntry| {
            before.iter().any(|item| item.entry.is_same(entry))
                && loaded.iter().any(|name| name == find::name(&entry.name))
        };
        let place = |entry: &PluginEntry| match is_same(entry) {
            true => Place::Keep(find::name(&entry.name).to_owned()),
            false => Place::Start(entry.clone()),
        };
        let places: Vec<Place> = entries.iter().map(place).collect();
        let failed = self.plugins.arrange(&self.dir, &places)?;
        let item = |entry: &PluginEntry| {
            let name = find::name(&entry.name);
            let has_failed = failed.iter().any(|failed| failed == name);
            let old = before.iter().find(|item| has_failed && item.name() == name);
            Item { entry: old.map_or(entry, |item| &item.entry).clone(), enabled: true }
        };
        *self.items.lock() = entries.iter().map(item).collect();
        Ok(())
    }

    /// Shuts the plugins down; the broker is at its end.
    pub fn shutdown(&self) {
        self.plugins.shutdown();
    }

    /// Makes a change to the items. What `change` returns is started anew; other plugins stay as they
    /// are.
    fn change(
        &self,
        change: impl FnOnce(&mut Vec<Item>) -> Result<Vec<String>, ChangeError>,
    ) -> Result<(), ChangeError> {
        let _changing = self.changing.try_lock_for(PATIENCE).ok_or(ChangeError::Busy)?;
        let mut items = self.items.lock().clone();
        let fresh = change(&mut items)?;
        let loaded: Vec<String> = self.plugins.names().collect();
        let enabled = items.iter().filter(|item| item.enabled);
        let places = enabled.filter_map(|item| {
            let name = item.name().to_owned();
            if fresh.contains(&name) {
                return Some(Place::Start(PluginEntry { optional: false, ..item.entry.clone() }));
            }
            // One that is optional may not be there.
            loaded.contains(&name).then_some(Place::Keep(name))
        });
        // None of them is optional.
        self.plugins.arrange(&self.dir, &places.collect::<Vec<_>>())?;
        *self.items.lock() = items;
        Ok(())
    }
}

impl Item {
    fn new(name: &str) -> Item {
        let entry = PluginEntry { name: name.into(), ..PluginEntry::default() };
        Item { entry, enabled: true }
    }

    fn name(&self) -> &str {
        find::name(&self.entry.name)
    }
}

fn find_mut<'a>(items: &'a mut [Item], name: &str) -> Result<&'a mut Item, ChangeError> {
    let item = items.iter_mut().find(|item| item.name() == find::name(name));
    item.ok_or_else(|| ChangeError::NotLoaded(name.into()))
}

fn find_enabled<'a>(items: &'a mut [Item], name: &str) -> Result<&'a mut Item, ChangeError> {
    find_mut(items, name).and_then(|item| match item.enabled {
        true => Ok(item),
        false => Err(ChangeError::Disabled(name.into())),
    })
}
