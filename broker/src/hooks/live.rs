//! The hooks in force, which can be exchanged while the broker serves. Not how plugins come and go,
//! which is [`crate::plugins`].
//!
//! A shard has an `Arc` of its own, and compares one number at the beginning of each turn. Hooks that
//! are no longer in force end when the last shard, exchange or answer has let go of them; then
//! on a thread of their own, for the `shutdown` of a plugin may take its time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::{Hooks, RecordFilter, Recorder, Recording};
use crate::plugins::Loaded;

pub(crate) struct Live {
    /// That of the hooks in force. Each exchange has the next.
    generation: AtomicU64,
    state: Mutex<State>,
}

struct State {
    current: Arc<Hooks>,
    /// No longer in force; somebody may still use them.
    retired: Vec<Arc<Hooks>>,
    /// Those that have been in force. A call that nobody waits for keeps one of them, and no hooks.
    instances: Vec<Weak<Loaded>>,
    /// Where plugins are ending.
    ending: Vec<JoinHandle<()>>,
    /// A listener that other machines reach, if that is only right while a plugin decides who connects.
    guarded: Option<SocketAddr>,
    /// Those who record what hooks are told.
    recorders: Vec<Arc<Recorder>>,
}

/// A listener would be open to other machines, and no plugin decides who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenToAll(pub(crate) SocketAddr);

impl Live {
    /// With the hooks of these plugins.
    pub(crate) fn new(plugins: &[Arc<Loaded>]) -> Live {
        let current = Arc::new(Hooks { generation: 1, ..Hooks::new(plugins, &[]) });
        let (retired, ending, recorders) = (Vec::new(), Vec::new(), Vec::new());
        let instances = plugins.iter().map(Arc::downgrade).collect();
        let state = State { current, retired, instances, ending, guarded: None, recorders };
        Live { generation: AtomicU64::new(1), state: Mutex::new(state) }
    }

    /// Whether `hooks` are those in force. One relaxed load.
    #[inline]
    pub(crate) fn is_current(&self, hooks: &Hooks) -> bool {
        self.generation.load(Ordering::Relaxed) == hooks.generation
    }

    /// The hooks in force. Takes a lock, for a moment.
    pub(crate) fn current(&self) -> Arc<Hooks> {
        self.state.lock().current.clone()
    }

    /// From now on some plugin has to decide who connects, for `listener` is open to other machines.
    ///
    /// # Errors
    /// If none does.
    pub(crate) fn guard(&self, listener: SocketAddr) -> Result<(), OpenToAll> {
        let mut state = self.state.lock();
        if !state.current.decides_who_connects() {
            return Err(OpenToAll(listener));
        }
        state.guarded = Some(listener);
        Ok(())
    }

    /// Puts the hooks of these plugins in force: for each shard from its next turn on, and within a tick if it is idle.
    /// Any thread; does not wait for the shards, nor for the plugins that end.
    ///
    /// # Errors
    /// If nobody would decide who connects where somebody has to. What was in force stays so.
    pub(crate) fn replace(&self, plugins: &[Arc<Loaded>]) -> Result<(), OpenToAll> {
        let mut state = self.state.lock();
        let hooks = Hooks::new(plugins, &state.recorders);
        match state.guarded {
            Some(listener) if !hooks.decides_who_connects() => Err(OpenToAll(listener)),
            _ => {
                state.note(plugins);
                self.exchange(&mut state, hooks);
                Ok(())
            }
        }
    }

    /// Records what hooks are told, until the result is dropped: on each shard from its next turn on. Takes
    /// a lock, for a moment.
    pub(crate) fn record(self: &Arc<Live>, filter: RecordFilter) -> Recording {
        let (recorder, recording) = Recorder::new(filter, self);
        let mut state = self.state.lock();
        state.recorders.push(recorder);
        self.exchange_recorders(&mut state);
        recording
    }

    pub(super) fn stop_recording(&self, recorder: &Arc<Recorder>) {
        let mut state = self.state.lock();
        state.recorders.retain(|other| !Arc::ptr_eq(other, recorder));
        self.exchange_recorders(&mut state);
    }

    /// The plugins stay as they are.
    fn exchange_recorders(&self, state: &mut State) {
        let hooks = Hooks::new(&state.current.plugins, &state.recorders);
        self.exchange(state, hooks);
    }

    /// All that may be in use, those in force and others.
    pub(super) fn all(&self) -> Vec<Arc<Hooks>> {
        let state = self.state.lock();
        std::iter::once(&state.current).chain(&state.retired).cloned().collect()
    }

    /// The instances that have been in force and have not ended.
    pub(crate) fn instances(&self) -> Vec<Arc<Loaded>> {
        self.state.lock().instances.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends the plugins that nobody uses any more, each on a thread of its own. To be called now and
    /// then.
    pub(crate) fn retire(&self) {
        let unused = self.state.lock().take_unused();
        // Not under the lock: what the plugin does at its end is its own affair.
        for hooks in unused {
            let end = std::thread::Builder::new().name("plugin-end".into());
            match end.spawn(move || drop(hooks)) {
                Ok(thread) => self.state.lock().ending.push(thread),
                // It has ended on this thread.
                Err(error) => log::warn!("cannot start a thread to end a plugin on: {error}"),
            }
        }
    }

    /// No hooks are in force from now on. Waits for the plugins that are ending; no shard may run
    /// any more.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        state.recorders.clear();
        state.instances.clear();
        self.exchange(&mut state, Hooks::none());
        let (retired, ending) =
            (std::mem::take(&mut state.retired), std::mem::take(&mut state.ending));
        drop(state);
        drop(retired);
        for thread in ending {
            if thread.join().is_err() {
                log::error!("a plugin could not be ended");
            }
        }
    }

    fn exchange(&self, state: &mut State, hooks: Hooks) {
        let generation = state.current.generation + 1;
        let next = Arc::new(Hooks { generation, ..hooks });
        state.retired.push(std::mem::replace(&mut state.current, next));
        self.generation.store(generation, Ordering::Relaxed);
    }
}

impl State {
    fn note(&mut self, plugins: &[Arc<Loaded>]) {
        let is_other = |instance: &Weak<Loaded>| {
            plugins.iter().all(|plugin| instance.as_ptr() != Arc::as_ptr(plugin))
        };
        self.instances.retain(|instance| instance.strong_count() > 0 && is_other(instance));
        self.instances.extend(plugins.iter().map(Arc::downgrade));
    }

    fn take_unused(&mut self) -> Vec<Arc<Hooks>> {
        self.ending.retain(|thread| !thread.is_finished());
        // Who has none cannot get one any more.
        self.retired.extract_if(.., |hooks| Arc::strong_count(hooks) == 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_are_retired_when_the_last_user_has_let_go() {
        let live = Live::new(&[]);
        let (first, second) = (live.current(), live.current());
        assert!(live.is_current(&first));
        live.replace(&[]).unwrap();
        assert!(!live.is_current(&first) && live.is_current(&live.current()));
        let left = Arc::downgrade(&first);
        live.retire();
        drop(first);
        live.retire();
        assert!(left.upgrade().is_some());
        drop(second);
        live.retire();
        live.end();
        assert!(left.upgrade().is_none());
    }

    #[test]
    fn somebody_has_to_decide_where_others_can_connect() {
        let live = Live::new(&[]);
        let address = "0.0.0.0:1883".parse().unwrap();
        assert_eq!(live.guard(address), Err(OpenToAll(address)));
        // It was not open then.
        assert_eq!(live.replace(&[]), Ok(()));
    }

    #[test]
    fn who_records_decides_nothing_and_is_gone_with_its_end() {
        let live = Arc::new(Live::new(&[]));
        let recording = live.record(RecordFilter::default());
        assert!(live.current().watches_messages());
        let address = "0.0.0.0:1883".parse().unwrap();
        assert_eq!(live.guard(address), Err(OpenToAll(address)));
        live.replace(&[]).unwrap();
        assert!(live.current().watches_messages());
        drop(recording);
        assert!(!live.current().watches_messages());
        assert!(live.state.lock().recorders.is_empty());
    }
}
