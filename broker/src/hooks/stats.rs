//! How often a plugin was asked in each of its hooks, what came of it, and how long it took. Each thread
//! of a shard counts by itself; who looks adds up.

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::histogram::{Histogram, Spread};
use super::point;
use super::slot::{self, SLOTS};

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
pub(super) struct Lane {
    /// What the thread is in: 0, or a [`Running`].
    running: AtomicU64,
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

/// A call of a hook that is not over, as a number: which hook, and how many calls of it there were before on
/// its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Running(u64);

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
    /// Calls that were answered later; those on threads for hooks that block are.
    pub pending: u64,
    /// Those of them that wait for their answer now.
    pub waiting: u64,
    /// Calls that ran longer than `deadline`.
    pub overdue: u64,
    /// Calls that were not made, for it is quarantined, or blocks where nobody can wait.
    pub skipped: u64,
    /// Answers of a shadow that were what happened.
    pub agreed: u64,
    /// A shadow's no to what happened.
    pub would_refuse: u64,
    /// A shadow's yes to what did not happen.
    pub would_allow: u64,
    /// Calls that were timed: one in 64, and all that were made on other threads.
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
    /// Makes a call of a hook, counts it, and notes that it runs.
    #[inline]
    pub(super) fn call(&self, hook: usize, call: impl FnOnce() -> i32) -> i32 {
        match self.lane() {
            Some(lane) => lane.call(hook, call),
            None => self.call_elsewhere(hook, call),
        }
    }

    /// Where this thread counts, if it has called before.
    #[inline]
    pub(super) fn lane(&self) -> Option<&Lane> {
        self.lanes.get(slot::current())?.get().map(|lane| &**lane)
    }

    /// The first call of a thread, and all of one without a number.
    #[cold]
    fn call_elsewhere(&self, hook: usize, call: impl FnOnce() -> i32) -> i32 {
        match self.lanes.get(slot::current()) {
            Some(lane) => lane.get_or_init(|| Box::new(Lane::new())).call(hook, call),
            None => self.shared.call_shared(hook, call),
        }
    }

    /// Counts a call that is made on another thread.
    pub(super) fn count_asked(&self, hook: usize) {
        if let Some(counters) = self.lane_or_shared().hooks.get(hook) {
            counters.asked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes a call that is counted already, and times it.
    pub(super) fn time(&self, hook: usize, call: impl FnOnce() -> i32) -> i32 {
        match self.shared.hooks.get(hook) {
            Some(counters) => counters.timed(call),
            None => call(),
        }
    }

    fn lane_or_shared(&self) -> &Lane {
        match self.lanes.get(slot::current()) {
            Some(lane) => lane.get_or_init(|| Box::new(Lane::new())),
            None => &self.shared,
        }
    }

    /// Counts what came of a call.
    pub(super) fn count(&self, hook: usize, came: Came) {
        let lane = self.lane_or_shared();
        let counters = lane.hooks.get(hook).and_then(|counters| counters.came.get(came as usize));
        if let Some(counter) = counters {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What the threads that have a number are in, with that number.
    pub(super) fn running(&self) -> impl Iterator<Item = (usize, Running)> {
        self.lanes.iter().enumerate().filter_map(|(slot, lane)| {
            let running = lane.get()?.running.load(Ordering::Relaxed);
            (running != 0).then_some((slot, Running(running)))
        })
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
        Lane { running: AtomicU64::new(0), hooks: array::from_fn(|_| Counters::default()) }
    }

    /// On its thread, which alone writes here: no instruction needs to be locked.
    #[inline]
    pub(super) fn call(&self, hook: usize, call: impl FnOnce() -> i32) -> i32 {
        // There is one for each hook.
        let Some(counters) = self.hooks.get(hook) else { return call() };
        let before = counters.asked.load(Ordering::Relaxed);
        counters.asked.store(before + 1, Ordering::Relaxed);
        self.running.store(Running::new(hook, before).0, Ordering::Relaxed);
        let answer = counters.call(before, call);
        self.running.store(0, Ordering::Relaxed);
        answer
    }

    fn call_shared(&self, hook: usize, call: impl FnOnce() -> i32) -> i32 {
        let Some(counters) = self.hooks.get(hook) else { return call() };
        let before = counters.asked.fetch_add(1, Ordering::Relaxed);
        counters.call(before, call)
    }
}

impl Counters {
    #[inline]
    fn call(&self, before: u64, call: impl FnOnce() -> i32) -> i32 {
        if before.is_multiple_of(TIMED_ONE_IN) {
            return self.timed(call);
        }
        call()
    }

    #[cold]
    fn timed(&self, call: impl FnOnce() -> i32) -> i32 {
        let begun = Instant::now();
        let answer = call();
        self.took.count(begun.elapsed());
        answer
    }
}

impl Running {
    /// Not 0.
    fn new(hook: usize, before: u64) -> Running {
        Running(before << 8 | (hook as u64 + 1))
    }

    pub(super) fn hook(self) -> usize {
        (self.0 & 0xFF) as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_added_up() {
        let stats = Stats::default();
        let count = |hook| {
            for answer in 0..65 {
                assert_eq!(stats.call(hook, || answer), answer);
            }
            for came in [Came::Vetoed, Came::Throttled, Came::Pending, Came::Failed] {
                stats.count(hook, came);
            }
        };
        std::thread::scope(|scope| {
            for has_number in [true, true, true, false, false] {
                scope.spawn(move || {
                    let _slot = has_number.then(slot::claim);
                    count(0);
                    count(point::COUNT - 1);
                });
            }
        });
        stats.count(0, Came::Completed);
        let HookStats { timed, p50, p99, max, .. } = stats.of(0);
        assert!(p50 <= p99 && p99 <= max);
        // Two of each thread with a number; those without have one count.
        assert!((3..=9).contains(&timed), "{timed}");
        let expected = HookStats {
            asked: 5 * 65,
            allowed: 5 * 65 - 5 - 5 - 4,
            vetoed: 5,
            failed: 5,
            throttled: 5,
            pending: 5,
            waiting: 4,
            timed,
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
                scope.spawn(|| (0..10_000).for_each(|_| _ = stats.call(2, || 1)));
            }
        });
        assert_eq!(stats.of(2).asked, 40_000);
    }

    #[test]
    fn a_call_is_seen_until_it_is_over() {
        let stats = Stats::default();
        let _slot = slot::claim();
        let mut seen = Vec::new();
        for hook in [0, 5, point::COUNT - 1, 5] {
            stats.call(hook, || {
                let running: Vec<_> = stats.running().map(|(_, running)| running).collect();
                assert_eq!((running.len(), running[0].hook()), (1, hook));
                assert!(!seen.contains(&running[0]));
                seen.extend(running);
                1
            });
            assert_eq!(stats.running().count(), 0);
        }
    }
}
