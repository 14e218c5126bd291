//! What the broker keeps of one instance of a plugin, through all exchanges of hooks: how it is to be
//! treated, what it has done so far, and how it stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::breaker::{Breaker, Standing, TRIAL};
use super::point::{self, HookSet, OnFailure, Point};
use super::slow::{SLOW_ENOUGH, Slow};
use super::stats::{Came, HookStats, Lane, Running, Stats};
use super::trace::Trace;
use crate::failures::{Failures, and_more};
use crate::plugins::{Blocking, OnError, Overlap, PluginEntry};

/// It is quarantined.
const QUARANTINED: u32 = 1;
/// It is on trial after a quarantine; asked like any other.
const ON_TRIAL: u32 = 2;
/// What it answers is only counted.
const SHADOW: u32 = 4;
/// From this bit on there is one for each hook: it blocks.
const BLOCKS: u32 = 8;

const _: () = assert!(point::COUNT <= (u32::BITS - BLOCKS) as usize, "a bit for each hook");

/// What is done with a plugin when something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Ask,
    /// It is asked, and its answer only counted.
    TryOut,
    /// It is asked on another thread, and its answer comes later.
    HandOver,
    /// It is not asked.
    Skip,
}

pub(crate) struct Record {
    /// No other instance of any plugin in this process has it; not 0.
    id: u64,
    plugin: Arc<str>,
    trace: Arc<Trace>,
    on_error: OnError,
    deadline: Duration,
    stats: Stats,
    /// What sets it apart from a plugin that is just asked. Kept in step with the breaker.
    flags: AtomicU32,
    /// Calls that have lasted too long, unless slow hooks are left where they are.
    slow: Option<Mutex<Slow>>,
    breaker: Mutex<Breaker>,
    /// That it was too slow.
    overdue: Failures,
}

impl Record {
    pub(crate) fn new(
        plugin: &Arc<str>,
        entry: &PluginEntry,
        overlap: Overlap,
        trace: &Arc<Trace>,
    ) -> Record {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let may_move = entry.blocking == Blocking::WhenSlow && overlap == Overlap::Foreseen;
        Record {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            plugin: plugin.clone(),
            trace: trace.clone(),
            on_error: entry.on_error,
            deadline: entry.deadline,
            stats: Stats::default(),
            flags: AtomicU32::new(if entry.shadow { SHADOW } else { 0 }),
            slow: may_move.then(Mutex::default),
            breaker: Mutex::new(Breaker::new(entry.max_failures)),
            overdue: Failures::default(),
        }
    }

    /// Tells this instance from all others in this process.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The plugin's name.
    pub(crate) fn plugin(&self) -> &Arc<str> {
        &self.plugin
    }

    /// Whether its answers are only counted.
    pub(crate) fn is_shadow(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & SHADOW != 0
    }

    /// These hooks block.
    pub(crate) fn blocks_in(&self, hooks: HookSet) {
        let _breaker = self.breaker.lock();
        self.flags.fetch_or(hooks.bits() << BLOCKS, Ordering::Relaxed);
    }

    /// The hooks that block.
    pub(crate) fn blocking(&self) -> HookSet {
        HookSet::from_bits(self.flags.load(Ordering::Relaxed) >> BLOCKS)
    }

    /// What is to be done with it now.
    #[inline]
    pub(super) fn treatment<P: Point>(&self) -> Treatment {
        let blocks = const { HookSet::of(P::INDEX).bits() << BLOCKS };
        match self.flags.load(Ordering::Relaxed) & (QUARANTINED | ON_TRIAL | SHADOW | blocks) {
            0 => Treatment::Ask,
            flags if flags & QUARANTINED != 0 => Treatment::Skip,
            flags if flags & blocks != 0 => Treatment::HandOver,
            flags if flags & SHADOW != 0 => Treatment::TryOut,
            _ => Treatment::Ask,
        }
    }

    /// Its calls that are not over, with the numbers of their threads.
    pub(super) fn running(&self) -> impl Iterator<Item = (usize, Running)> {
        self.stats.running()
    }

    /// Makes a call of a hook, which is counted and watched.
    #[inline]
    pub(super) fn call(&self, hook: usize, call: impl FnOnce() -> i32) -> i32 {
        self.stats.call(hook, call)
    }

    /// For calls of one hook in a row, by this thread; `None` before its first.
    #[inline]
    pub(super) fn calls(&self, hook: usize) -> Option<Calls<'_>> {
        Some(Calls { lane: self.stats.lane()?, hook })
    }

    /// Whoever reads what plugins answer.
    pub(super) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Counts what came of a call.
    #[cold]
    pub(super) fn count(&self, hook: usize, came: Came) {
        self.stats.count(hook, came);
    }

    /// What it means that the plugin fails in a hook.
    pub(super) fn on_failure<P: Point>(&self) -> OnFailure {
        match self.on_error {
            _ if self.is_shadow() => OnFailure::GoOn,
            OnError::ByHook | OnError::Quarantine => P::ON_FAILURE,
            OnError::Refuse if P::MAY_VETO => OnFailure::Refuse,
            OnError::Refuse | OnError::Allow => OnFailure::GoOn,
        }
    }

    /// The plugin has failed in a hook, which may be once too often.
    #[cold]
    pub(super) fn failed(&self, hook: usize, now: Instant) {
        self.count(hook, Came::Failed);
        self.break_off(hook, now);
    }

    /// A call has lasted so long, and is not over. Returns whether that was too long.
    pub(super) fn lasts(&self, hook: usize, lasted: Duration, now: Instant) -> bool {
        if self.deadline.is_zero() || lasted < self.deadline {
            return false;
        }
        self.stats.count_overdue(hook);
        if let Some(left_out) = self.overdue.count(now) {
            let (plugin, hook, deadline) = (&self.plugin, name(hook), self.deadline);
            let lasted = Duration::from_millis(lasted.as_millis() as u64);
            let more = and_more(left_out);
            log::error!(
                "plugin {plugin} is in {hook} for {lasted:?} now, and its deadline is {deadline:?}; \
                 clients wait{more}"
            );
        }
        if !self.moves(hook, now) {
            self.break_off(hook, now);
        }
        true
    }

    /// A call has lasted too long in a hook. Whether that is no failure, since it is called on another thread
    /// if that happens often.
    fn moves(&self, hook: usize, now: Instant) -> bool {
        let Some(slow) = self.slow.as_ref().filter(|_| point::CAN_WAIT.has(hook)) else {
            return false;
        };
        let mut slow = slow.lock();
        if slow.count(hook, now) && !self.blocking().has(hook) {
            slow.moved = slow.moved.union(HookSet::of(hook));
            self.blocks_in(HookSet::of(hook));
            let (plugin, hook) = (&self.plugin, name(hook));
            log::warn!(
                "plugin {plugin} has lasted too long in {hook} {SLOW_ENOUGH} times in a minute: that hook \
                 blocks. From now on it is called on a thread of its own, and only the client that it is \
                 about waits"
            );
        }
        true
    }

    /// Whether a hook is called on other threads for no more than that it was slow: neither plugin nor operator
    /// has said that it blocks.
    #[cold]
    pub(super) fn was_moved(&self, hook: usize) -> bool {
        self.slow.as_ref().is_some_and(|slow| slow.lock().moved.has(hook))
    }

    /// Ends a quarantine or trial that is over.
    pub(super) fn attend(&self, now: Instant) {
        if self.flags.load(Ordering::Relaxed) & (QUARANTINED | ON_TRIAL) == 0 {
            return;
        }
        let mut breaker = self.breaker.lock();
        let changed = breaker.attend(now);
        self.set_flags(match breaker.standing(now) {
            Standing::Serving => 0,
            Standing::Quarantined(_) => QUARANTINED,
            Standing::OnTrial => ON_TRIAL,
        });
        // Said when it is so.
        let plugin = &self.plugin;
        match changed {
            Some(Standing::OnTrial) => {
                let next = breaker.next();
                log::warn!(
                    "plugin {plugin} is asked again; a failure in the next {TRIAL:?} quarantines it \
                     for {next:?}"
                );
            }
            Some(Standing::Serving) => {
                log::info!("plugin {plugin} has not failed for {TRIAL:?} after its quarantine");
            }
            Some(Standing::Quarantined(_)) | None => {}
        }
    }

    /// How the plugin stands now.
    pub(crate) fn standing(&self) -> Standing {
        self.breaker.lock().standing(Instant::now())
    }

    /// A call is to be made on another thread.
    pub(super) fn count_asked(&self, hook: usize) {
        self.stats.count_asked(hook);
    }

    /// Makes a call that is counted already.
    pub(super) fn time(&self, hook: usize, call: impl FnOnce() -> i32) -> i32 {
        self.stats.time(hook, call)
    }

    /// What was counted of a hook.
    pub(crate) fn stats(&self, hook: usize) -> HookStats {
        self.stats.of(hook)
    }

    fn break_off(&self, hook: usize, now: Instant) {
        let mut breaker = self.breaker.lock();
        let Some(time) = breaker.failed(now, self.on_error == OnError::Quarantine) else { return };
        self.set_flags(QUARANTINED);
        let (plugin, hook) = (&self.plugin, name(hook));
        let meanwhile = match self.on_error {
            _ if self.is_shadow() => "as a shadow it decides nothing",
            OnError::Allow => "the broker goes on without it",
            _ => "what it decides is refused",
        };
        log::error!(
            "plugin {plugin} is quarantined for {time:?}, for it has failed too often, at last in \
             {hook}; {meanwhile}"
        );
    }

    /// How it stands; the rest remains. Under the breaker's lock.
    fn set_flags(&self, flags: u32) {
        let change = |all| Some(all & !(QUARANTINED | ON_TRIAL) | flags);
        let _ = self.flags.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

/// Where a thread counts its calls of one hook, looked up once.
pub(super) struct Calls<'a> {
    lane: &'a Lane,
    hook: usize,
}

impl Calls<'_> {
    /// Makes a call, which is counted and watched.
    #[inline]
    pub(super) fn call(&self, call: impl FnOnce() -> i32) -> i32 {
        self.lane.call(self.hook, call)
    }
}

fn name(hook: usize) -> &'static str {
    point::ALL.get(hook).map_or("a hook", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place that can be waited for.
    fn deciding() -> usize {
        (0..point::COUNT).find(|hook| point::CAN_WAIT.has(*hook)).unwrap()
    }

    /// Whether so many calls that last too long quarantine the plugin, and whether their hook is moved.
    fn overstays(blocking: Blocking, overlap: Overlap, times: u32) -> (bool, bool) {
        let entry = PluginEntry { blocking, max_failures: times, ..PluginEntry::default() };
        let record = Record::new(&"a".into(), &entry, overlap, &Arc::default());
        let (hook, now) = (deciding(), Instant::now());
        for _ in 0..times {
            assert!(record.lasts(hook, entry.deadline, now));
        }
        (record.standing() != Standing::Serving, record.blocking().has(hook))
    }

    #[test]
    fn only_who_could_foresee_it_is_moved() {
        use {Blocking::*, Overlap::*};
        for (blocking, overlap, fails, moves) in [
            (WhenSlow, Foreseen, false, true),
            (WhenSlow, Unforeseen, true, false),
            (Declared, Foreseen, true, false),
            (Declared, Unforeseen, true, false),
        ] {
            let came = overstays(blocking, overlap, 3);
            assert_eq!(came, (fails, moves), "{blocking:?} {overlap:?}");
        }
    }
}
