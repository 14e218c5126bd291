//! What hooks are told, event by event, for those who record it: as it comes, before a plugin has changed it.
//! While nobody records there is nothing of it in the chains. Not what the broker keeps of a plugin, which is
//! [`super::record`].

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use recording::Record;
use tokio::sync::mpsc;

use super::live::Live;
use super::point::{self, Point};
use crate::plugins::{Described, Recorded};

/// Bytes of records that wait for whoever reads them slowly; what comes then is left out, and counted. Each
/// thread may go beyond by one record.
const WAITING: usize = 16 * 1024 * 1024;

/// Bytes that are handed out at once, or one record.
const AT_ONCE: usize = 256 * 1024;

/// What is to be recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    hooks: Vec<String>,
    clients: Vec<String>,
    with_passwords: bool,
}

/// These are no hooks that can be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{:?} is no hook that can be recorded; these are: {}", .0, all().collect::<Vec<_>>().join(", "))]
pub struct NoSuchHook(String);

/// Gets records as events happen, for as long as it lives.
pub struct Recording {
    live: Weak<Live>,
    recorder: Weak<Recorder>,
    began: Instant,
    records: mpsc::UnboundedReceiver<Record>,
    queue: Arc<Queue>,
}

/// The end of a recording where records are made.
pub(super) struct Recorder {
    filter: RecordFilter,
    began: Instant,
    records: mpsc::UnboundedSender<Record>,
    queue: Arc<Queue>,
}

/// What is known at both ends.
#[derive(Default)]
struct Queue {
    /// Bytes.
    waiting: AtomicUsize,
    /// Since the last record.
    left_out: AtomicU64,
}

/// They come once for each receiver of a message.
const IF_NAMED: [&str; 3] =
    [point::OnBeforeDeliver::NAME, point::OnDelivered::NAME, point::OnDropped::NAME];

fn all() -> impl Iterator<Item = &'static str> {
    // Timers are their plugin's own affair.
    point::ALL.iter().map(|(_, name)| *name).filter(|name| *name != point::OnTick::NAME)
}

impl RecordFilter {
    /// Events of `hooks`, as Rust plugins name them; if there are none, of all but those that come once for
    /// each receiver of a message. About `clients`, where a `*` at the end stands for anything; if there
    /// are none, about all, and connections that have no client yet. `with_passwords`: with passwords, and
    /// what goes over AUTH.
    ///
    /// # Errors
    /// If one is no hook that can be recorded.
    pub fn new(
        hooks: Vec<String>,
        clients: Vec<String>,
        with_passwords: bool,
    ) -> Result<RecordFilter, NoSuchHook> {
        match hooks.iter().find(|hook| all().all(|name| name != *hook)) {
            Some(hook) => Err(NoSuchHook(hook.clone())),
            None => Ok(RecordFilter { hooks, clients, with_passwords }),
        }
    }

    fn wants_hook(&self, hook: &str) -> bool {
        match &*self.hooks {
            [] => all().any(|name| name == hook) && !IF_NAMED.contains(&hook),
            hooks => hooks.iter().any(|wanted| wanted == hook),
        }
    }

    fn wants_client(&self, client_id: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => client_id.starts_with(start),
            None => client_id == pattern,
        };
        self.clients.is_empty() || !client_id.is_empty() && self.clients.iter().any(matches)
    }
}

/// For the log.
impl fmt::Display for RecordFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |names: &[String]| match names {
            [] => "all".to_owned(),
            names => format!("{names:?}"),
        };
        let passwords = if self.with_passwords { "with" } else { "without" };
        let (hooks, clients) = (named(&self.hooks), named(&self.clients));
        write!(f, "hooks {hooks}, clients {clients}, {passwords} passwords")
    }
}

impl Recorder {
    /// Both ends.
    pub(super) fn new(filter: RecordFilter, live: &Arc<Live>) -> (Arc<Recorder>, Recording) {
        let (sender, records) = mpsc::unbounded_channel();
        let queue = Arc::new(Queue::default());
        let (began, live) = (Instant::now(), Arc::downgrade(live));
        let recorder = Recorder { filter, began, records: sender, queue: queue.clone() };
        let recorder = Arc::new(recorder);
        let other = Recording { live, recorder: Arc::downgrade(&recorder), began, records, queue };
        (recorder, other)
    }

    pub(super) fn wants<P: Point>(&self) -> bool {
        self.filter.wants_hook(P::NAME)
    }

    /// Never waits.
    #[cold]
    pub(super) fn record<P: Point>(&self, event: &P::Event<'_>) {
        if !self.filter.wants_client(event.client().0) || self.records.is_closed() {
            return;
        }
        if self.queue.waiting.load(Ordering::Relaxed) >= WAITING {
            self.queue.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let at = self.began.elapsed();
        match self.queue.left_out.swap(0, Ordering::Relaxed) {
            0 => {}
            left_out => self.send(Record::gap(at, left_out)),
        }
        let mut record = Record::new(P::NAME, at);
        event.record(&mut record, self.filter.with_passwords);
        self.send(record);
    }

    fn send(&self, record: Record) {
        self.queue.waiting.fetch_add(record.as_bytes().len(), Ordering::Relaxed);
        // Nobody reads any more.
        let _ = self.records.send(record);
    }
}

impl Recording {
    /// Waits for records, and puts those that are there behind `bytes`, as they stand in a file; not all of
    /// them if they are many. `false`: there is none, and will be none. May be dropped while it waits.
    pub async fn read(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut next = self.records.recv().await;
        if next.is_none() {
            return self.read_gap(bytes);
        }
        while let Some(record) = next {
            let record = record.as_bytes();
            self.queue.waiting.fetch_sub(record.len(), Ordering::Relaxed);
            bytes.extend(record);
            next = if bytes.len() < AT_ONCE { self.records.try_recv().ok() } else { None };
        }
        true
    }

    /// Records no more. What waits can still be read.
    pub fn stop(&mut self) {
        self.records.close();
        let recorder = std::mem::take(&mut self.recorder).upgrade();
        if let (Some(live), Some(recorder)) = (self.live.upgrade(), recorder) {
            live.stop_recording(&recorder);
        }
    }

    /// What was left out last, behind which there was no record to tell it.
    fn read_gap(&mut self, bytes: &mut Vec<u8>) -> bool {
        let left_out = self.queue.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            bytes.extend(Record::gap(self.began.elapsed(), left_out).as_bytes());
        }
        left_out > 0
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.stop();
    }
}
