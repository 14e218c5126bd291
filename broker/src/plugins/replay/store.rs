//! What a plugin that is played to has asked of the broker and keeps there. All of it is the process's.

use std::{cell::RefCell, collections::BTreeMap, sync::OnceLock};

use parking_lot::Mutex;

thread_local! {
    /// What was asked while the hook runs, on its own thread: what other threads of the plugin ask may
    /// come at any time, and would make two builds seem to differ.
    static CALLS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// A hook is about to run on this thread.
pub(super) fn begin_calls() {
    CALLS.set(Some(Vec::new()));
}

/// Something that would have changed something.
pub(super) fn note_call(what: String) {
    CALLS.with_borrow_mut(|calls| {
        if let Some(calls) = calls {
            calls.push(what);
        }
    });
}

/// The hook has returned.
pub(super) fn take_calls() -> Vec<String> {
    CALLS.take().unwrap_or_default()
}

/// Values by key: those of the plugin's store, and attributes.
type Values = BTreeMap<Vec<u8>, Vec<u8>>;

static VALUES: Mutex<Values> = Mutex::new(Values::new());

pub(super) fn set(key: Vec<u8>, value: &[u8]) {
    VALUES.lock().insert(key, value.to_vec());
}

pub(super) fn get(key: &[u8]) -> Option<Vec<u8>> {
    VALUES.lock().get(key).cloned()
}

/// Whether it was there.
pub(super) fn remove(key: &[u8]) -> bool {
    VALUES.lock().remove(key).is_some()
}

/// Those whose keys begin so, without that beginning of `hidden` bytes.
pub(super) fn beginning(with: &[u8], hidden: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let values = VALUES.lock();
    let matching = values.iter().filter(|(key, _)| key.starts_with(with));
    let shown = |(key, value): (&Vec<u8>, &Vec<u8>)| {
        (key.get(hidden..).unwrap_or_default().to_vec(), value.clone())
    };
    matching.map(shown).collect()
}

/// Name and section of the plugin.
static PLUGIN: OnceLock<(String, String)> = OnceLock::new();

pub(super) fn prepare(name: &str, config: &str) {
    // The first plugin of the process is the only one.
    let _ = PLUGIN.set((name.to_owned(), config.to_owned()));
}

pub(super) fn name() -> &'static str {
    PLUGIN.get().map_or("", |(name, _)| name)
}

pub(super) fn config() -> &'static str {
    PLUGIN.get().map_or("{}", |(_, config)| config)
}
