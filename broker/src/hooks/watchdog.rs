//! Sees that a hook runs longer than its plugin's `deadline`, while it still does. Nothing is timed:
//! each thread of a shard notes which call it is in, and the watchdog looks now and then whether it is the same
//! one still. It cannot end the call.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Live;
use super::slot::SLOTS;

/// How often it looks, and so how late it may be.
const TICK: Duration = Duration::from_millis(10);

/// The same while there is no plugin.
const IDLE_TICK: Duration = Duration::from_millis(500);

/// What each thread that has a number is in.
static NOTES: [Note; SLOTS] = [const { Note(AtomicU64::new(0)) }; SLOTS];

/// 0, or a [`Call`]. Written by its thread alone; no other note is on its cache lines.
#[repr(align(128))]
struct Note(AtomicU64);

/// A call of a hook: the instance, the hook, and the last bits of how many there were before, as one
/// number that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call(u64);

/// Until it is dropped the call is noted.
pub(super) struct Watched(Option<&'static Note>);

/// Notes that the thread with this number begins a call. Costs a store, and another when it is over.
#[inline]
pub(super) fn watch(slot: usize, instance: u64, hook: usize, before: u64) -> Watched {
    let note = NOTES.get(slot);
    if let Some(Note(note)) = note {
        note.store(Call::new(instance, hook, before).0, Ordering::Relaxed);
    }
    Watched(note)
}

impl Drop for Watched {
    #[inline]
    fn drop(&mut self) {
        if let Some(Note(note)) = self.0 {
            note.store(0, Ordering::Relaxed);
        }
    }
}

impl Call {
    fn new(instance: u64, hook: usize, before: u64) -> Call {
        Call(instance << 32 | (hook as u64 & 0xFF) << 24 | before & 0xFF_FFFF)
    }

    fn instance(self) -> u64 {
        self.0 >> 32
    }

    fn hook(self) -> usize {
        (self.0 >> 24 & 0xFF) as usize
    }
}

/// The watchdog of one broker, on a thread of its own, which also ends quarantines.
pub(crate) struct Watchdog {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn start(live: Arc<Live>) -> io::Result<Watchdog> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("watchdog".into()).spawn(move || {
            let mut looks = Looks::default();
            while !stopped.load(Ordering::Acquire) {
                let now = Instant::now();
                looks.look_around(&live, now);
                thread::park_timeout(if live.attend(now) { TICK } else { IDLE_TICK });
            }
        })?;
        Ok(Watchdog { stop, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                log::error!("the watchdog has ended by a panic");
            }
        }
    }
}

/// What was seen so far of each thread.
struct Looks([Seen; SLOTS]);

#[derive(Clone, Copy)]
struct Seen {
    /// What it was in at the last look.
    call: Option<Call>,
    /// When that was seen first.
    since: Option<Instant>,
    told: bool,
}

impl Default for Looks {
    fn default() -> Looks {
        Looks([Seen { call: None, since: None, told: false }; SLOTS])
    }
}

impl Looks {
    fn look_around(&mut self, live: &Live, now: Instant) {
        for (seen, Note(note)) in self.0.iter_mut().zip(&NOTES) {
            let Some((call, lasted)) = seen.look(note.load(Ordering::Relaxed), now) else {
                continue;
            };
            // Of another broker in this process, or over.
            let Some(hooks) = live.with_instance(call.instance()) else { continue };
            let Some(record) = hooks.record(call.instance()) else { continue };
            seen.told = record.lasts(call.hook(), lasted, now);
        }
    }
}

impl Seen {
    /// A call that was there at the look before, and how long it has lasted since it was seen first;
    /// unless that was told.
    fn look(&mut self, note: u64, now: Instant) -> Option<(Call, Duration)> {
        let call = (note != 0).then_some(Call(note));
        if call != self.call {
            *self = Seen { call, since: Some(now), told: false };
            return None;
        }
        let lasted = now.saturating_duration_since(self.since?);
        Some((call?, lasted)).filter(|_| !self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_found_again_in_its_note() {
        for (instance, hook, before) in [(1, 0, 0), (7, 17, u64::MAX), (0xFFFF_FFFF, 255, 1)] {
            let call = Call::new(instance, hook, before);
            assert_eq!((call.instance(), call.hook()), (instance, hook));
            assert_ne!(call.0, 0);
            assert_ne!(call, Call::new(instance, hook, before.wrapping_add(1)));
        }
    }

    #[test]
    fn a_call_lasts_from_the_first_look_at_it() {
        let mut seen = Looks::default().0[0];
        let start = Instant::now();
        let milliseconds = Duration::from_millis;
        let [first, second] = [1, 2].map(|before| Call::new(1, 3, before));
        let mut look = |call: Option<Call>, at| {
            seen.look(call.map_or(0, |call| call.0), start + milliseconds(at))
        };
        assert_eq!(look(None, 0), None);
        assert_eq!(look(None, 10), None);
        assert_eq!(look(Some(first), 20), None);
        assert_eq!(look(Some(first), 30), Some((first, milliseconds(10))));
        assert_eq!(look(Some(first), 130), Some((first, milliseconds(110))));
        assert_eq!(look(Some(second), 140), None);
        assert_eq!(look(Some(second), 150), Some((second, milliseconds(10))));
        assert_eq!(look(None, 160), None);
        assert_eq!(look(Some(second), 170), None);
    }

    #[test]
    fn a_thread_notes_its_call_until_it_is_over() {
        // No thread that claims a number has this one while so few do.
        let slot = SLOTS - 1;
        let watched = watch(slot, 5, 6, 7);
        assert_eq!(NOTES[slot].0.load(Ordering::Relaxed), Call::new(5, 6, 7).0);
        drop(watched);
        assert_eq!(NOTES[slot].0.load(Ordering::Relaxed), 0);
        drop(watch(SLOTS, 5, 6, 7));
    }
}
