//! The timers of plugins, and the thread that calls on_tick when they are due. It is there from the first
//! timer on.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{Declined, InstanceId};
use crate::hooks::{Live, Ticked};

/// Timers of one instance.
const MAX: usize = 1024;
/// How soon one is looked at again whose plugin is not in force yet.
const NOT_YET: Duration = Duration::from_millis(10);
/// A later timer is never due in the life of a broker.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

#[derive(Default)]
pub(crate) struct Timers {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// By when they are due; those of one instant in the order in which they were set.
    due: BTreeMap<(Instant, u64), Timer>,
    /// Where each stands in `due`.
    set: BTreeMap<(InstanceId, u64), (Instant, u64)>,
    /// How many were set so far.
    count: u64,
    /// Whose hooks are called.
    live: Weak<Live>,
    stopped: bool,
}

#[derive(Clone, Copy)]
struct Timer {
    instance: InstanceId,
    id: u64,
    every: Option<Duration>,
}

impl Timers {
    /// Whose hooks are called from now on.
    pub(crate) fn serve(&self, live: &Arc<Live>) {
        self.shared.state.lock().live = Arc::downgrade(live);
    }

    /// Sets a timer of an instance, in place of the one of this number.
    pub(crate) fn set(
        &self,
        instance: InstanceId,
        id: u64,
        after: Duration,
        every: Option<Duration>,
    ) -> Result<(), Declined> {
        let mut state = self.shared.state.lock();
        if state.stopped {
            return Err(Declined::Stopping);
        }
        let replaced = state.take(instance, id).is_some();
        let all = (instance, u64::MIN)..=(instance, u64::MAX);
        if !replaced && state.set.range(all).count() >= MAX {
            return Err(Declined::Full);
        }
        state.put(Timer { instance, id, every }, Instant::now() + after.min(FAR));
        drop(state);
        self.shared.wake.notify_one();
        self.start();
        Ok(())
    }

    pub(crate) fn cancel(&self, instance: InstanceId, id: u64) -> Result<(), Declined> {
        self.shared.state.lock().take(instance, id).map(|_| ()).ok_or(Declined::NotThere)
    }

    /// An instance is gone.
    pub(crate) fn forget(&self, instance: InstanceId) {
        self.shared.state.lock().forget(instance);
    }

    /// Waits for an on_tick that runs; none is called any more.
    pub(crate) fn stop(&self) {
        self.shared.state.lock().stopped = true;
        self.shared.wake.notify_one();
        // Whoever starts it must not wait for its end.
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            log::error!("the thread of the plugins' timers ended by a panic");
        }
    }

    fn start(&self) {
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let shared = self.shared.clone();
            let builder = std::thread::Builder::new().name("hookmq-timers".into());
            match builder.spawn(move || shared.run()) {
                Ok(handle) => *thread = Some(handle),
                Err(error) => log::error!("no thread for the timers of plugins: {error}"),
            }
        }
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn run(&self) {
        let _slot = crate::hooks::slot::claim();
        let mut state = self.state.lock();
        while !state.stopped {
            let now = Instant::now();
            match state.due.first_key_value() {
                None => self.wake.wait(&mut state),
                Some(((due, _), _)) if *due > now => {
                    let due = *due;
                    self.wake.wait_until(&mut state, due);
                }
                Some(_) => {
                    let Some((due, timer)) = state.take_first() else { continue };
                    let live = state.live.clone();
                    drop(state);
                    let ticked = live.upgrade().map(|live| {
                        // They must not be in force while on_tick runs, but they are there.
                        let hooks = live.current();
                        hooks.on_tick(timer.instance, timer.id)
                    });
                    state = self.state.lock();
                    state.after(timer, due, ticked.unwrap_or(Ticked::NotThere));
                }
            }
        }
    }
}

impl State {
    fn put(&mut self, timer: Timer, due: Instant) {
        self.count += 1;
        let place = (due, self.count);
        self.due.insert(place, timer);
        self.set.insert((timer.instance, timer.id), place);
    }

    fn take(&mut self, instance: InstanceId, id: u64) -> Option<Timer> {
        let place = self.set.remove(&(instance, id))?;
        self.due.remove(&place)
    }

    /// One that goes on stays known, so that on_tick can cancel it.
    fn take_first(&mut self) -> Option<(Instant, Timer)> {
        let ((due, _), timer) = self.due.pop_first()?;
        let key = (timer.instance, timer.id);
        match timer.every {
            None => drop(self.set.remove(&key)),
            Some(every) => {
                // What was missed is missed.
                let next = (due + every).max(Instant::now());
                self.put(timer, next);
            }
        }
        Some((due, timer))
    }

    fn after(&mut self, timer: Timer, due: Instant, ticked: Ticked) {
        match ticked {
            Ticked::Called => {}
            // It may be about to come into force. Whoever is gone is forgotten by `forget`.
            Ticked::NotThere if timer.every.is_none() => {
                if !self.set.contains_key(&(timer.instance, timer.id)) {
                    self.put(timer, due.max(Instant::now() + NOT_YET));
                }
            }
            Ticked::NotThere => {}
            Ticked::WithoutHook => self.forget(timer.instance),
        }
    }

    fn forget(&mut self, instance: InstanceId) {
        let all = (instance, u64::MIN)..=(instance, u64::MAX);
        let ids: Vec<u64> = self.set.range(all).map(|((_, id), _)| *id).collect();
        for id in ids {
            self.take(instance, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(1000);

    #[test]
    fn each_instance_has_its_own_and_so_many() {
        let timers = Timers::default();
        for id in 0..MAX as u64 {
            timers.set(1, id, LATER, None).unwrap();
        }
        assert_eq!(timers.set(1, MAX as u64, LATER, None), Err(Declined::Full));
        assert_eq!(timers.set(1, 0, LATER, Some(LATER)), Ok(()), "it takes the place of another");
        assert_eq!(timers.set(2, 0, Duration::MAX, None), Ok(()));
        timers.forget(1);
        assert_eq!(timers.cancel(1, 0), Err(Declined::NotThere));
        assert_eq!(timers.cancel(2, 0), Ok(()));
        assert_eq!(timers.cancel(2, 0), Err(Declined::NotThere));
        assert!(timers.shared.state.lock().due.is_empty());
        timers.stop();
        assert_eq!(timers.set(2, 0, LATER, None), Err(Declined::Stopping));
    }
}
