//! Plays a run: connects all clients, has them publish and receive, and says what came of it.

use std::sync::Barrier;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use crate::clock;
use crate::course::{Course, End};
use crate::figures::Figures;
use crate::part::Part;
use crate::process::{Meter, Usage};
use crate::progress;
use crate::settings::Settings;
use crate::trouble::BenchError;
use crate::worker::Worker;

/// What is to be played.
#[derive(Default)]
pub(crate) struct Play {
    pub(crate) subscribers: Vec<Part>,
    pub(crate) publishers: Vec<Part>,
    /// The subscribers are members of one share.
    pub(crate) is_share: bool,
    /// Deliveries that come beside those that the publishers cause.
    pub(crate) waiting: u64,
    /// What comes is there before who gets it: connecting is part of what is measured, and latency counts
    /// from the beginning of it.
    pub(crate) with_connecting: bool,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) figures: Figures,
    pub(crate) usage: Usage,
    /// From the beginning to the last thing that counts, in nanoseconds.
    pub(crate) took: u64,
    /// From the beginning to the first delivery, in nanoseconds.
    pub(crate) first: u64,
    /// Deliveries that there should be.
    pub(crate) expected: u64,
    /// Publishers that had more to send, or to write.
    pub(crate) unfinished: u32,
    /// How many of the clients found a session of theirs.
    pub(crate) resumed: u64,
}

impl Outcome {
    pub(crate) fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.figures.received)
    }
}

/// How long clients read on after the end, to see what should not come.
const LINGER: Duration = Duration::from_millis(100);

impl Play {
    /// Blocks until it is over.
    pub(crate) fn play(self, settings: &Settings) -> Result<Outcome, BenchError> {
        crate::files::allow((self.subscribers.len() + self.publishers.len()) as u64)?;
        let course = Course::new(settings, self.publishers.len() as u32, self.waiting);
        progress::during(settings, &course, || self.play_on(settings, &course))
    }

    fn play_on(self, settings: &Settings, course: &Course) -> Result<Outcome, BenchError> {
        let (with_connecting, is_share) = (self.with_connecting, self.is_share);
        let gate = Barrier::new(settings.threads + 1);
        let mut begun = (Meter::start(settings.broker), clock::now());
        let since = with_connecting.then_some(begun.1);
        let parts = self.split(settings.threads);
        let work = |parts| work(settings, course, &gate, parts, since, is_share);
        thread::scope(|scope| {
            let threads: Vec<_> =
                parts.into_iter().map(|parts| scope.spawn(move || work(parts))).collect();
            gate.wait();
            if !with_connecting {
                begun = (Meter::start(settings.broker), clock::now());
            }
            gate.wait();
            gate.wait();
            let usage = begun.0.stop();
            let mut outcome = Outcome {
                end: course.end().unwrap_or(End::NotConnected),
                figures: Figures::new(),
                usage,
                took: 0,
                first: 0,
                expected: course.expected.load(Relaxed),
                unfinished: course.publishing.load(Relaxed),
                resumed: 0,
            };
            for thread in threads {
                let (figures, resumed) = thread.join().map_err(|_| BenchError::Worker)??;
                outcome.figures.merge(figures);
                outcome.resumed += resumed;
            }
            outcome.took = outcome.figures.last.saturating_sub(begun.1).max(1);
            outcome.first = outcome.figures.first.min(outcome.figures.last).saturating_sub(begun.1);
            Ok(outcome)
        })
    }

    /// The same share of subscribers and of publishers for each thread.
    fn split(self, threads: usize) -> Vec<Vec<Part>> {
        let mut all: Vec<Vec<Part>> = (0..threads).map(|_| Vec::new()).collect();
        for parts in [self.subscribers, self.publishers] {
            for (index, part) in parts.into_iter().enumerate() {
                if let Some(own) = all.get_mut(index % threads.max(1)) {
                    own.push(part);
                }
            }
        }
        all
    }
}

/// What a thread does. It passes the gate three times, whatever happens: with its clients connected, to
/// begin, and at the end.
fn work(
    settings: &Settings,
    course: &Course,
    gate: &Barrier,
    parts: Vec<Part>,
    since: Option<u64>,
    is_share: bool,
) -> Result<(Figures, u64), BenchError> {
    let mut worker = Worker::new(settings, course);
    let is_ready = match &mut worker {
        Ok(worker) => {
            (worker.context.since, worker.context.is_share) = (since, is_share);
            worker.connect(parts, false)
        }
        Err(_) => false,
    };
    if !is_ready {
        course.failed.store(true, Relaxed);
    }
    gate.wait();
    let all_ready = !course.failed.load(Relaxed);
    gate.wait();
    if let (Ok(worker), true) = (&mut worker, all_ready) {
        worker.run();
        worker.sync();
    }
    gate.wait();
    let mut worker = worker?;
    if all_ready {
        worker.linger(LINGER);
    }
    let resumed = worker.clients.iter().filter(|client| client.session_present).count();
    Ok((worker.finish(), resumed as u64))
}
