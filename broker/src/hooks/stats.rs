//! How often a plugin was asked in each of its hooks, what came of it, and how long it took. Each thread
//! of a shard counts by itself; who looks adds up.

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::histogram::{Histogram, Spread};
use super::point;
use super::slot::SLOTS;

/// Of so many calls of a hook on a thread one is timed, beginning with the first.
const TIMED_ONE_IN: u64 = 64;

/// What one instance of a plugin has done.
pub(crate) struct Stats {
    /// One for each thread that has a number; made when it first calls.
    lanes: Box<[OnceLock<Box<Lane>>; SLOTS]>,
    /// Where all others count.
    shared: Box<Lane>,
    /// Calls that ran too long, by hook.
    overdue: [AtomicU64; point::COUNT],
}

/// What one thread counts. No other's lane is on its cache lines.
#[repr(align(128))]
struct Lane {
    hooks: [Counters; point::COUNT],
}

/// Of one hook. Each counter is only added to.
#[derive(Default)]
struct Counters {
    asked: AtomicU64,
    came: [AtomicU64; Came::ALL.len()],
    took: Histogram,
}

/// What came of a call, unless the plugin just said to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// It said no.
    Vetoed,
    /// It said no, with a reason code.
    Refused,
    /// It failed.
    Failed,
    /// It has the client not read for a while, and let it go on or not.
    Throttled,
    /// The answer comes later.
    Pending,
    /// The answer that was to come later has come, or was given up.
    Completed,
    /// It was not asked, for it is quarantined.
    Skipped,
    /// As a shadow, it said the same as what happened.
    Agreed,
    /// As a shadow, it said no to what happened.
    WouldRefuse,
    /// As a shadow, it said yes to what did not happen.
    WouldAllow,
}

/// One hook's counters on this thread.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    counters: &'a Counters,
    /// Nobody else writes them.
    alone: bool,
}

/// A hook's counters, all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookStats {
    /// Calls.
    pub asked: u64,
    /// Calls that the plugin let go on, or observed.
    pub allowed: u64,
    /// Calls that it answered with no.
    pub vetoed: u64,
    /// Calls that it answered with no and a reason code.
    pub refused: u64,
    /// Calls in which it panicked, or answered what means nothing.
    pub failed: u64,
    /// Calls by which it had a client wait.
    pub throttled: u64,
    /// Calls that were answered later.
    pub pending: u64,
    /// Those of them that wait for their answer now.
    pub waiting: u64,
    /// Calls that ran longer than `deadline`.
    pub overdue: u64,
    /// Calls that were not made, for it is quarantined.
    pub skipped: u64,
    /// Answers of a shadow that were what happened.
    pub agreed: u64,
    /// A shadow's no to what happened.
    pub would_refuse: u64,
    /// A shadow's yes to what did not happen.
    pub would_allow: u64,
    /// Calls that were timed: one in 64.
    pub timed: u64,
    /// How long half of these took at most. Rounded up, to at most double.
    pub p50: Duration,
    /// How long 99 in 100 of them took at most; rounded in the same way.
    pub p99: Duration,
    /// The longest of them.
    pub max: Duration,
}

impl Came {
    const ALL: [Came; 10] = [
        Came::Vetoed,
        Came::Refused,
        Came::Failed,
        Came::Throttled,
        Came::Pending,
        Came::Completed,
        Came::Skipped,
        Came::Agreed,
        Came::WouldRefuse,
        Came::WouldAllow,
    ];
}

impl Default for Stats {
    fn default() -> Stats {
        Stats {
            lanes: Box::new(array::from_fn(|_| OnceLock::new())),
            shared: Box::new(Lane::new()),
            overdue: array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Stats {
    /// The counters of a hook for the thread with this number.
    #[inline]
    pub(super) fn here(&self, slot: usize, hook: usize) -> Here<'_> {
        let (lane, alone) = match self.lanes.get(slot) {
            Some(lane) => (lane.get_or_init(|| Box::new(Lane::new())), true),
            None => (&self.shared, false),
        };
        // There is one for each hook.
        let [first, ..] = &lane.hooks;
        Here { counters: lane.hooks.get(hook).unwrap_or(first), alone }
    }

    /// Counts a call of a hook that runs too long. Any thread.
    pub(super) fn count_overdue(&self, hook: usize) {
        if let Some(counter) = self.overdue.get(hook) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What all threads have counted of a hook. Calls that run meanwhile may be in some of the numbers
    /// and not in others.
    pub(crate) fn of(&self, hook: usize) -> HookStats {
        let lanes = self.lanes.iter().filter_map(OnceLock::get).chain([&self.shared]);
        let counters = lanes.filter_map(|lane| lane.hooks.get(hook));
        let (mut asked, mut came, mut took) = (0, [0; Came::ALL.len()], Spread::default());
        for counters in counters {
            asked += counters.asked.load(Ordering::Relaxed);
            for (sum, counter) in came.iter_mut().zip(&counters.came) {
                *sum += counter.load(Ordering::Relaxed);
            }
            took.add(&counters.took);
        }
        let [
            vetoed,
            refused,
            failed,
            throttled,
            pending,
            completed,
            skipped,
            agreed,
            would_refuse,
            would_allow,
        ] = came;
        let waiting = pending.saturating_sub(completed);
        let shadowed = agreed + would_refuse + would_allow;
        let other = vetoed + refused + failed + waiting + shadowed;
        HookStats {
            asked,
            allowed: asked.saturating_sub(other),
            vetoed,
            refused,
            failed,
            throttled,
            pending,
            waiting,
            overdue: self.overdue.get(hook).map_or(0, |count| count.load(Ordering::Relaxed)),
            skipped,
            agreed,
            would_refuse,
            would_allow,
            timed: took.count(),
            p50: took.quantile(0.5),
            p99: took.quantile(0.99),
            max: took.max(),
        }
    }
}

impl Lane {
    fn new() -> Lane {
        Lane { hooks: array::from_fn(|_| Counters::default()) }
    }
}

impl Here<'_> {
    /// Counts a call and makes it; `call` is told how many there were before.
    #[inline]
    pub(super) fn call(self, call: impl FnOnce(u64) -> i32) -> i32 {
        let before = add(&self.counters.asked, self.alone);
        if before.is_multiple_of(TIMED_ONE_IN) {
            return self.timed(|| call(before));
        }
        call(before)
    }

    /// Counts what came of a call.
    pub(super) fn count(self, came: Came) {
        if let Some(counter) = self.counters.came.get(came as usize) {
            add(counter, self.alone);
        }
    }

    #[cold]
    fn timed(self, call: impl FnOnce() -> i32) -> i32 {
        let begun = Instant::now();
        let answer = call();
        self.counters.took.count(begun.elapsed());
        answer
    }
}

/// Returns what it was before. A thread that is alone needs no locked instruction.
#[inline]
fn add(counter: &AtomicU64, alone: bool) -> u64 {
    if !alone {
        return counter.fetch_add(1, Ordering::Relaxed);
    }
    let before = counter.load(Ordering::Relaxed);
    counter.store(before + 1, Ordering::Relaxed);
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_added_up() {
        let stats = Stats::default();
        for slot in [3, 4, SLOTS - 1, SLOTS, usize::MAX] {
            for hook in [0, point::COUNT - 1] {
                let here = stats.here(slot, hook);
                for answer in 0..65 {
                    assert_eq!(here.call(|_| answer), answer);
                }
                for came in [Came::Vetoed, Came::Throttled, Came::Pending, Came::Failed] {
                    here.count(came);
                }
            }
        }
        stats.here(9, 0).count(Came::Completed);
        let HookStats { p50, p99, max, .. } = stats.of(0);
        assert!(p50 <= p99 && p99 <= max.max(Duration::from_nanos(100)));
        let expected = HookStats {
            asked: 5 * 65,
            allowed: 5 * 65 - 5 - 5 - 4,
            vetoed: 5,
            failed: 5,
            throttled: 5,
            pending: 5,
            waiting: 4,
            timed: 9,
            p50,
            p99,
            max,
            ..HookStats::default()
        };
        assert_eq!(stats.of(0), expected);
        assert_eq!(stats.of(1), HookStats::default());
        assert_eq!(stats.of(point::COUNT - 1).asked, 5 * 65);
    }

    /// What a thread counts together with others is not lost either.
    #[test]
    fn threads_without_a_number_share() {
        let stats = Stats::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| _ = stats.here(SLOTS, 2).call(|_| 1)));
            }
        });
        assert_eq!(stats.of(2).asked, 40_000);
    }
}
