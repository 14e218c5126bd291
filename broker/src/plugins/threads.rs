//! The threads of one instance of a plugin, for its hooks that block. Not what such a call is, which is
//! `crate::hooks`.
//!
//! They are started when all others are busy, up to a number, and end when they have had nothing to do for a while. Each
//! instance has its own, so that one that hangs keeps no other plugin waiting, and a new instance begins with
//! free ones. A runtime's blocking threads would not do: they panic when the system has no thread to give, and
//! keep calls in their queue that nobody waits for any more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::host::contain;
use super::later::Answerer;
use crate::config::Limits;
use crate::failures::Failures;

/// How long a thread waits for the next call.
const IDLE: Duration = Duration::from_secs(10);

/// So many calls in the queue that nobody waits for any more are no matter; each may hold a whole packet.
const FORGOTTEN: usize = 64;

pub(crate) struct Threads {
    plugin: Arc<str>,
    /// At least 1.
    most: usize,
    limits: Arc<Limits>,
    state: Mutex<State>,
    /// There is a call, or there will be none any more.
    called: Condvar,
    /// A call has returned.
    returned: Condvar,
    /// How many calls have.
    calls_returned: Arc<AtomicU64>,
    /// Threads that could not be started.
    failures: Failures,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Call>,
    threads: usize,
    /// Those of them that have nothing to do.
    idle: usize,
    /// Those of them that are in a call.
    busy: usize,
    /// Calls in the queue after it was looked through last, and then as many again.
    look_at: usize,
    ended: bool,
}

/// A call of a hook that is to be made.
pub(crate) struct Call {
    /// Who waits for it.
    answerer: Answerer,
    make: Box<dyn FnOnce(Answerer) + Send>,
}

impl Call {
    pub(crate) fn new(answerer: Answerer, make: impl FnOnce(Answerer) + Send + 'static) -> Call {
        Call { answerer, make: Box::new(make) }
    }

    fn make(self) {
        if self.answerer.begin() {
            let Call { answerer, make } = self;
            let _ = contain(|| make(answerer));
        }
    }
}

impl Threads {
    pub(super) fn new(plugin: &Arc<str>, most: usize, limits: &Limits) -> Arc<Threads> {
        Arc::new(Threads {
            plugin: plugin.clone(),
            most: most.max(1),
            limits: Arc::new(limits.clone()),
            state: Mutex::default(),
            called: Condvar::new(),
            returned: Condvar::new(),
            calls_returned: Arc::default(),
            failures: Failures::default(),
        })
    }

    /// What the answers are looked at with.
    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// How many calls have returned.
    pub(crate) fn calls_returned(&self) -> &Arc<AtomicU64> {
        &self.calls_returned
    }

    /// Has a call made, when a thread is free. Returns whether that can ever be.
    #[must_use]
    pub(crate) fn call(self: &Arc<Self>, call: Call) -> bool {
        let mut state = self.state.lock();
        let forgotten = state.forget();
        state.queue.push_back(call);
        let wants_thread = state.queue.len() > state.idle && state.threads < self.most;
        state.threads += usize::from(wants_thread);
        drop(state);
        // What they hold is not let go of under the lock.
        drop(forgotten);
        self.called.notify_one();
        !wants_thread || self.start()
    }

    /// Waits for the calls that are being made, for so long at most. Returns how many are not over.
    pub(super) fn wait(&self, patience: Duration) -> usize {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        while state.busy > 0 && !self.returned.wait_until(&mut state, deadline).timed_out() {}
        state.busy
    }

    /// No call will come any more; the threads end.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.called.notify_all();
    }

    /// Starts a thread that is counted already. Returns whether there is one.
    fn start(self: &Arc<Self>) -> bool {
        let threads = self.clone();
        let name = format!("hook-{}", self.plugin);
        let started = std::thread::Builder::new().name(name).spawn(move || threads.serve());
        let Err(error) = started else { return true };
        let mut state = self.state.lock();
        state.threads -= 1;
        let others = state.threads;
        let unmade = if others == 0 { std::mem::take(&mut state.queue) } else { VecDeque::new() };
        drop(state);
        drop(unmade);
        if self.failures.count(Instant::now()).is_some() {
            let plugin = &self.plugin;
            log::error!(
                "cannot start a thread for the hooks of plugin {plugin} that block: {error}; there are \
                 {others}"
            );
        }
        others > 0
    }

    /// On one of the threads.
    fn serve(&self) {
        let mut state = self.state.lock();
        loop {
            while let Some(call) = state.queue.pop_front() {
                state.busy += 1;
                MutexGuard::unlocked(&mut state, || call.make());
                state.busy -= 1;
                self.calls_returned.fetch_add(1, Ordering::Relaxed);
                self.returned.notify_all();
            }
            if state.ended {
                break;
            }
            state.idle += 1;
            let waited = self.called.wait_for(&mut state, IDLE);
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

impl State {
    /// Takes the calls out that nobody waits for, when they may be many.
    fn forget(&mut self) -> Vec<Call> {
        if self.queue.len() < self.look_at.max(FORGOTTEN) {
            return Vec::new();
        }
        let (awaited, forgotten): (Vec<_>, Vec<_>) =
            self.queue.drain(..).partition(|call| call.answerer.is_awaited());
        self.look_at = 2 * awaited.len();
        self.queue = awaited.into();
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::task::Waker;

    use crate::plugins::later::{Completion, Overdue, Ticket};

    fn threads(most: usize) -> Arc<Threads> {
        Threads::new(&"a".into(), most, &Limits::default())
    }

    /// A call that says so and answers when it is told how.
    fn call(threads: &Arc<Threads>, says: &Sender<i32>) -> (Ticket, Sender<i32>) {
        let (answer, told) = channel();
        let says = says.clone();
        let (ticket, answerer) =
            Ticket::of_thread(Waker::noop(), Duration::ZERO, threads.calls_returned());
        let make = move |answerer: Answerer| {
            says.send(1).unwrap();
            answerer.complete(Completion::new(told.recv().unwrap(), &[]));
        };
        assert!(threads.call(Call::new(answerer, make)));
        (ticket, answer)
    }

    fn wait_for(said: &Receiver<i32>) {
        said.recv().unwrap();
    }

    #[test]
    fn as_many_calls_run_as_there_are_threads() {
        let threads = threads(2);
        let (says, said) = channel();
        let calls: Vec<_> = (0..3).map(|_| call(&threads, &says)).collect();
        wait_for(&said);
        wait_for(&said);
        assert!(said.try_recv().is_err());
        assert_eq!(threads.wait(Duration::ZERO), 2);
        for (index, (_, answer)) in calls.iter().enumerate() {
            answer.send(index as i32).unwrap();
            if index == 0 {
                wait_for(&said);
            }
        }
        assert_eq!(threads.wait(Duration::from_secs(60)), 0);
        let answers = calls.iter().map(|(ticket, _)| ticket.take().unwrap().code);
        assert!(answers.eq(0..3));
        assert_eq!(threads.state.lock().threads, 2);
    }

    #[test]
    fn who_is_not_got_to_in_time_is_told_from_who_hangs() {
        let threads = threads(1);
        let (says, said) = channel();
        let (first, answer) = call(&threads, &says);
        wait_for(&said);
        let (second, then) = call(&threads, &says);
        let (third, _at_last) = call(&threads, &says);
        for ticket in [&first, &second, &third] {
            assert!(matches!(ticket.overdue(), Overdue::Failed(_)));
        }
        answer.send(1).unwrap();
        wait_for(&said);
        assert!(matches!(second.overdue(), Overdue::Failed(_)), "it is being made");
        assert!(matches!(third.overdue(), Overdue::Crowded(_)));
        drop(third);
        then.send(1).unwrap();
        assert_eq!(threads.wait(Duration::from_secs(60)), 0);
    }

    #[test]
    fn what_nobody_waits_for_is_not_called_and_not_kept() {
        let threads = threads(1);
        let (says, said) = channel();
        let (_ticket, answer) = call(&threads, &says);
        wait_for(&said);
        for _ in 0..10 * FORGOTTEN {
            drop(call(&threads, &says));
        }
        assert!(threads.state.lock().queue.len() <= FORGOTTEN);
        let (last, then) = call(&threads, &says);
        answer.send(1).unwrap();
        wait_for(&said);
        then.send(7).unwrap();
        assert_eq!(threads.wait(Duration::from_secs(60)), 0);
        assert_eq!(last.take().unwrap().code, 7);
        assert!(said.try_recv().is_err());
    }

    #[test]
    fn a_thread_that_has_nothing_to_do_ends_with_the_plugin() {
        let threads = threads(1);
        let (says, said) = channel();
        let (_ticket, answer) = call(&threads, &says);
        wait_for(&said);
        answer.send(1).unwrap();
        threads.end();
        let weak = Arc::downgrade(&threads);
        drop(threads);
        while weak.strong_count() > 0 {
            std::thread::yield_now();
        }
    }
}
