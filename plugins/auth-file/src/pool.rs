//! Threads that do what takes long, from a queue that takes only so much.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) struct Pool {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Job {
    since: Instant,
    run: Box<dyn FnOnce(Turn) + Send>,
}

/// How a job came to its turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Turn {
    InTime,
    /// It has waited so long that what is left to do is to say so.
    TooLate,
}

/// Room for a job.
pub(crate) struct Place<'a>(&'a Queue);

/// What waits longer is behind more than the threads can do.
const PATIENCE: Duration = Duration::from_secs(3);

/// The queue is full, or the threads have stopped.
#[derive(Debug, PartialEq)]
pub(crate) struct Busy;

struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
    max: usize,
}

struct Waiting {
    jobs: VecDeque<Job>,
    /// Places that were given away and have no job yet.
    reserved: usize,
    stopped: bool,
}

impl Pool {
    /// Starts so many threads; `max` jobs may wait for one.
    pub(crate) fn start(threads: usize, max: usize) -> io::Result<Pool> {
        let waiting = Mutex::new(Waiting { jobs: VecDeque::new(), reserved: 0, stopped: false });
        let queue = Arc::new(Queue { waiting, more: Condvar::new(), max });
        let pool = Pool { queue, threads: Mutex::default() };
        for _ in 0..threads {
            let queue = pool.queue.clone();
            let thread = thread::Builder::new().name("auth-file".to_owned());
            let thread = thread.spawn(move || queue.work())?;
            pool.threads().push(thread);
        }
        Ok(pool)
    }

    /// Never blocks.
    pub(crate) fn place(&self) -> Result<Place<'_>, Busy> {
        let mut waiting = self.queue.lock();
        if waiting.stopped || waiting.jobs.len() + waiting.reserved >= self.queue.max {
            return Err(Busy);
        }
        waiting.reserved += 1;
        Ok(Place(&self.queue))
    }

    /// Waits for the jobs at work. Those that wait are dropped.
    pub(crate) fn stop(&self) {
        let mut waiting = self.queue.lock();
        waiting.stopped = true;
        let dropped = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(dropped);
        self.queue.more.notify_all();
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            // It has panicked if it fails, and said so.
            let _ = thread.join();
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// If a thread did not start, the others end.
impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Place<'_> {
    /// Never blocks. If the threads stop before its turn, the job is dropped.
    pub(crate) fn put(self, run: impl FnOnce(Turn) + Send + 'static) {
        let job = Job { since: Instant::now(), run: Box::new(run) };
        let mut waiting = self.0.lock();
        if !waiting.stopped {
            waiting.jobs.push_back(job);
        }
        drop(waiting);
        self.0.more.notify_one();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().reserved -= 1;
    }
}

impl Queue {
    fn work(&self) {
        while let Some(Job { since, run }) = self.next() {
            let turn = if since.elapsed() < PATIENCE { Turn::InTime } else { Turn::TooLate };
            // One that panics has said so, and the others go on.
            let _ = catch_unwind(AssertUnwindSafe(|| run(turn)));
        }
    }

    /// Waits for a job; `None`: there will be none.
    fn next(&self) -> Option<Job> {
        let waiting = self.more.wait_while(self.lock(), |it| it.jobs.is_empty() && !it.stopped);
        waiting.unwrap_or_else(PoisonError::into_inner).jobs.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc::{TryRecvError, channel};

    use super::*;

    /// Returns once its thread is at work, until the barrier is reached.
    fn keep_busy(pool: &Pool) -> Arc<Barrier> {
        let [begun, go_on] = [(); 2].map(|()| Arc::new(Barrier::new(2)));
        let barriers = [begun.clone(), go_on.clone()];
        let job = move |_| {
            for barrier in barriers {
                barrier.wait();
            }
        };
        pool.place().unwrap().put(job);
        begun.wait();
        go_on
    }

    #[test]
    fn a_full_queue_takes_no_more_until_there_is_room() {
        let pool = Pool::start(1, 2).unwrap();
        let go_on = keep_busy(&pool);
        let (sender, done) = channel();
        for number in [1, 2] {
            let sender = sender.clone();
            pool.place().unwrap().put(move |turn| sender.send((number, turn)).unwrap());
        }
        assert_eq!(pool.place().err(), Some(Busy));
        go_on.wait();
        assert_eq!([done.recv(), done.recv()], [Ok((1, Turn::InTime)), Ok((2, Turn::InTime))]);
        let places = [(); 2].map(|()| pool.place().unwrap());
        assert_eq!(pool.place().err(), Some(Busy));
        drop(places);
        pool.place().unwrap().put(move |turn| sender.send((3, turn)).unwrap());
        assert_eq!(done.recv(), Ok((3, Turn::InTime)));
    }

    #[test]
    fn what_has_waited_too_long_hears_so() {
        let pool = Pool::start(1, 2).unwrap();
        let go_on = keep_busy(&pool);
        let (sender, done) = channel();
        pool.place().unwrap().put(move |turn| sender.send(turn).unwrap());
        let long_ago = Instant::now().checked_sub(PATIENCE).unwrap();
        pool.queue.lock().jobs.front_mut().unwrap().since = long_ago;
        go_on.wait();
        assert_eq!(done.recv(), Ok(Turn::TooLate));
    }

    #[test]
    fn a_job_that_panics_is_the_only_one_that_fails() {
        let pool = Pool::start(1, 2).unwrap();
        let (sender, done) = channel();
        pool.place().unwrap().put(|_| panic!("as the test wants it"));
        pool.place().unwrap().put(move |_| sender.send(()).unwrap());
        assert_eq!(done.recv(), Ok(()));
    }

    #[test]
    fn what_waits_is_dropped_at_the_end() {
        let pool = Pool::start(1, 3).unwrap();
        let go_on = keep_busy(&pool);
        let (sender, done) = channel::<()>();
        let kept = sender.clone();
        pool.place().unwrap().put(move |_| drop(kept.clone()));
        let place = pool.place().unwrap();
        assert_eq!(done.try_recv(), Err(TryRecvError::Empty));
        thread::scope(|scope| {
            scope.spawn(|| pool.stop());
            drop(sender);
            assert!(done.recv().is_err());
            let (sender, done) = channel::<()>();
            place.put(move |_| drop(sender.clone()));
            assert!(done.recv().is_err());
            assert_eq!(pool.place().err(), Some(Busy));
            go_on.wait();
        });
    }
}
