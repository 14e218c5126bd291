//! Sees that a hook runs longer than its plugin's `deadline`, while it still does. Nothing is timed:
//! each thread of a shard notes which call it is in, and the watchdog looks now and then whether it is the
//! same one still. It cannot end the call. It also ends quarantines that are over.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::stats::Running;
use super::{Live, Record};

/// How often it looks, and so how late it may be.
const TICK: Duration = Duration::from_millis(10);

/// The same while there is no plugin.
const IDLE_TICK: Duration = Duration::from_millis(500);

/// The watchdog of one broker, on a thread of its own, which also ends quarantines, and plugins that are no
/// longer in use.
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
                thread::park_timeout(match looks.look_around(&live, Instant::now()) {
                    true => TICK,
                    false => IDLE_TICK,
                });
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

/// The calls that ran when it looked last, by their instance and thread.
#[derive(Default)]
struct Looks(HashMap<(u64, usize), Seen>);

struct Seen {
    call: Running,
    /// When it was seen first.
    since: Instant,
    /// When it was seen last.
    last: Instant,
    /// It was too long, and that was told.
    told: bool,
}

impl Looks {
    /// Looks after all plugins. Returns whether there are any.
    fn look_around(&mut self, live: &Live, now: Instant) -> bool {
        let all = live.all();
        for record in all.iter().flat_map(|hooks| hooks.records()) {
            record.attend(now);
            self.look_at(record, now);
        }
        self.0.retain(|_, seen| seen.last == now);
        let has_plugins = all.iter().any(|hooks| hooks.records().next().is_some());
        // Those that nobody else holds.
        drop(all);
        live.retire();
        has_plugins
    }

    fn look_at(&mut self, record: &Record, now: Instant) {
        for (slot, call) in record.running() {
            let key = (record.id(), slot);
            let seen = match self.0.remove(&key) {
                Some(seen) if seen.call == call => Seen { last: now, ..seen },
                _ => Seen { call, since: now, last: now, told: false },
            };
            let lasted = now.saturating_duration_since(seen.since);
            let told = seen.told || record.lasts(call.hook(), lasted, now);
            self.0.insert(key, Seen { told, ..seen });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::{HookStats, slot};
    use crate::plugins::{Overlap, PluginEntry};

    /// Looks at a call of hook 3 at these milliseconds, then at no call; returns what was counted.
    fn looked_at(deadline: u64, looks: &[u64]) -> HookStats {
        let deadline = Duration::from_millis(deadline);
        let entry = PluginEntry { deadline, max_failures: 0, ..PluginEntry::default() };
        let record = Record::new(&"a".into(), &entry, Overlap::Foreseen, &Arc::default());
        let _slot = slot::claim();
        let (mut looked, start) = (Looks::default(), Instant::now());
        record.call(3, || {
            for at in looks {
                looked.look_at(&record, start + Duration::from_millis(*at));
            }
            1
        });
        looked.look_at(&record, start);
        record.stats(3)
    }

    #[test]
    fn a_call_is_told_once_when_it_has_lasted_so_long() {
        for (deadline, looks, overdue) in [
            (100, &[0, 10, 99][..], 0),
            (100, &[0, 100], 1),
            (100, &[50, 149], 0),
            (100, &[0, 100, 110, 5000], 1),
            (0, &[0, 100, 5000], 0),
        ] {
            assert_eq!(looked_at(deadline, looks).overdue, overdue, "{deadline} {looks:?}");
        }
    }

    #[test]
    fn calls_one_after_the_other_are_not_one_long_call() {
        let entry = PluginEntry { max_failures: 0, ..PluginEntry::default() };
        let record = Record::new(&"a".into(), &entry, Overlap::Foreseen, &Arc::default());
        let _slot = slot::claim();
        let (mut looked, start) = (Looks::default(), Instant::now());
        for second in 0..100 {
            record.call(3, || {
                looked.look_at(&record, start + Duration::from_secs(second));
                1
            });
        }
        assert_eq!(record.stats(3).overdue, 0);
    }
}
