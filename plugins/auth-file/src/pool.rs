//! Threads that do what takes long, from a queue that takes only so much.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

pub(crate) struct Pool {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Job = Box<dyn FnOnce() + Send>;

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
    stopped: bool,
}

impl Pool {
    /// Starts so many threads; `max` jobs may wait for one.
    pub(crate) fn start(threads: usize, max: usize) -> io::Result<Pool> {
        let waiting = Mutex::new(Waiting { jobs: VecDeque::new(), stopped: false });
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
    pub(crate) fn ask(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        let mut waiting = self.queue.lock();
        if waiting.stopped || waiting.jobs.len() >= self.queue.max {
            return Err(Busy);
        }
        waiting.jobs.push_back(Box::new(job));
        drop(waiting);
        self.queue.more.notify_one();
        Ok(())
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

impl Queue {
    fn work(&self) {
        while let Some(job) = self.next() {
            // One that panics has said so, and the others go on.
            let _ = catch_unwind(AssertUnwindSafe(job));
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
        let job = move || {
            for barrier in barriers {
                barrier.wait();
            }
        };
        pool.ask(job).unwrap();
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
            pool.ask(move || sender.send(number).unwrap()).unwrap();
        }
        assert_eq!(pool.ask(|| {}), Err(Busy));
        go_on.wait();
        assert_eq!([done.recv(), done.recv()], [Ok(1), Ok(2)]);
        pool.ask(move || sender.send(3).unwrap()).unwrap();
        assert_eq!(done.recv(), Ok(3));
    }

    #[test]
    fn a_job_that_panics_is_the_only_one_that_fails() {
        let pool = Pool::start(1, 2).unwrap();
        let (sender, done) = channel();
        pool.ask(|| panic!("as the test wants it")).unwrap();
        pool.ask(move || sender.send(()).unwrap()).unwrap();
        assert_eq!(done.recv(), Ok(()));
    }

    #[test]
    fn what_waits_is_dropped_at_the_end() {
        let pool = Arc::new(Pool::start(1, 2).unwrap());
        let go_on = keep_busy(&pool);
        let (sender, done) = channel::<()>();
        pool.ask(move || drop(sender.clone())).unwrap();
        assert_eq!(done.try_recv(), Err(TryRecvError::Empty));
        let stopping = thread::spawn({
            let pool = pool.clone();
            move || pool.stop()
        });
        assert!(done.recv().is_err());
        assert_eq!(pool.ask(|| {}), Err(Busy));
        go_on.wait();
        stopping.join().unwrap();
    }
}
