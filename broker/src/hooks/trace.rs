//! What plugins answer, one by one, for those who ask to see it. While nobody does it costs a load.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use mqtt::ReasonCode;
use parking_lot::Mutex;
use tokio::sync::mpsc::{self, error::TrySendError};

/// Answers that wait for whoever reads them slowly; further ones are only counted.
const WAITING: usize = 1024;

/// How many read, in the whole process.
static READERS: AtomicUsize = AtomicUsize::new(0);

/// Whether somebody might want to see an answer.
#[inline]
pub(super) fn is_on() -> bool {
    READERS.load(Ordering::Relaxed) != 0
}

/// Those of one broker who read.
#[derive(Default)]
pub(crate) struct Trace {
    readers: Mutex<Vec<Reader>>,
}

struct Reader {
    filter: TraceFilter,
    traced: mpsc::Sender<Traced>,
    missed: Arc<AtomicU64>,
}

/// Which answers are to be seen. Those of every plugin, hook and client if it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFilter {
    /// Of this plugin.
    pub plugin: Option<String>,
    /// In this hook, as Rust plugins name it.
    pub hook: Option<String>,
    /// About this client.
    pub client_id: Option<String>,
    /// What kind of answers.
    pub answers: Answers,
}

/// What kind of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// All but those that just let an event go on.
    #[default]
    Notable,
    /// Those that say no, and failures that do.
    Refusals,
    /// All; there may be very many.
    All,
}

/// An answer of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// When it came.
    pub at: SystemTime,
    /// Who has answered.
    pub plugin: Arc<str>,
    /// The hook, as Rust plugins name it.
    pub hook: &'static str,
    /// The client that it is about; empty if it has no name yet.
    pub client_id: Box<str>,
    /// That client's end of the connection.
    pub peer: Option<SocketAddr>,
    /// The topic or the filter that it is about, or the authentication method; else empty.
    pub subject: Box<str>,
    /// What it has answered.
    pub answer: TracedAnswer,
    /// It is a shadow, whose answer changes nothing.
    pub shadow: bool,
    /// How long it took.
    pub took: Duration,
}

/// What a plugin has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TracedAnswer {
    /// The event goes on.
    Continue,
    /// No.
    Veto,
    /// No, with a reason code, and perhaps words.
    Refuse(ReasonCode, Option<Box<str>>),
    /// It comes later.
    Pending,
    /// In on_auth: the client is asked for more.
    Challenge,
    /// In on_auth: the client is who it says.
    Authenticated,
    /// The plugin has failed; this is what it returned. `true`: which is taken as a no.
    Failed(i32, bool),
    /// It was not asked, for it is quarantined. `true`: which is taken as a no.
    Skipped(bool),
}

/// Gets answers as they come, for as long as it lives.
pub struct TraceReader {
    trace: Weak<Trace>,
    traced: mpsc::Receiver<Traced>,
    missed: Arc<AtomicU64>,
}

impl TraceReader {
    /// The next answer; `None` when the plugins are gone for good.
    pub async fn next(&mut self) -> Option<Traced> {
        self.traced.recv().await
    }

    /// The next answer, if one is there.
    pub fn try_next(&mut self) -> Option<Traced> {
        self.traced.try_recv().ok()
    }

    /// How many answers were left out since this was called last, for too many waited to be read.
    pub fn take_missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

impl Drop for TraceReader {
    fn drop(&mut self) {
        READERS.fetch_sub(1, Ordering::Relaxed);
        self.traced.close();
        if let Some(trace) = self.trace.upgrade() {
            trace.readers.lock().retain(|reader| !reader.traced.is_closed());
        }
    }
}

impl Trace {
    /// Begins to trace. Any thread.
    pub(crate) fn read(self: &Arc<Trace>, filter: TraceFilter) -> TraceReader {
        let (sender, traced) = mpsc::channel(WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        let reader = Reader { filter, traced: sender, missed: missed.clone() };
        self.readers.lock().push(reader);
        READERS.fetch_add(1, Ordering::Relaxed);
        TraceReader { trace: Arc::downgrade(self), traced, missed }
    }

    /// Shows an answer to those who want to see it. Never waits for them.
    pub(super) fn show(&self, traced: &Traced) {
        for reader in self.readers.lock().iter() {
            if reader.filter.wants(traced)
                && let Err(TrySendError::Full(_)) = reader.traced.try_send(traced.clone())
            {
                reader.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl TraceFilter {
    fn wants(&self, traced: &Traced) -> bool {
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        is(&self.plugin, &traced.plugin)
            && is(&self.hook, traced.hook)
            && is(&self.client_id, &traced.client_id)
            && match self.answers {
                Answers::All => true,
                Answers::Notable => traced.answer != TracedAnswer::Continue,
                Answers::Refusals => traced.answer.is_no(),
            }
    }
}

impl TracedAnswer {
    /// Whether it says no, or is taken as that.
    pub fn is_no(&self) -> bool {
        use TracedAnswer::{Failed, Refuse, Skipped, Veto};
        matches!(self, Veto | Refuse(..) | Failed(_, true) | Skipped(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(plugin: &str, client_id: &str, answer: TracedAnswer) -> Traced {
        Traced {
            at: SystemTime::UNIX_EPOCH,
            plugin: plugin.into(),
            hook: "on_publish",
            client_id: client_id.into(),
            peer: None,
            subject: "a".into(),
            answer,
            shadow: false,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn each_reader_sees_what_it_wants() {
        let trace = Arc::new(Trace::default());
        let filter = |change: fn(&mut TraceFilter)| {
            let mut filter = TraceFilter::default();
            change(&mut filter);
            trace.read(filter)
        };
        let mut readers = [
            filter(|_| {}),
            filter(|filter| filter.answers = Answers::All),
            filter(|filter| filter.answers = Answers::Refusals),
            filter(|filter| filter.plugin = Some("b".into())),
            filter(|filter| filter.client_id = Some("c".into())),
            filter(|filter| filter.hook = Some("on_connect".into())),
        ];
        assert!(is_on());
        for (plugin, client_id, answer) in [
            ("a", "x", TracedAnswer::Continue),
            ("b", "x", TracedAnswer::Pending),
            ("a", "c", TracedAnswer::Veto),
            ("a", "x", TracedAnswer::Failed(-1, false)),
            ("a", "x", TracedAnswer::Refuse(ReasonCode::QuotaExceeded, None)),
            ("a", "x", TracedAnswer::Skipped(true)),
        ] {
            trace.show(&traced(plugin, client_id, answer));
        }
        let seen =
            readers.each_mut().map(|reader| std::iter::from_fn(|| reader.try_next()).count());
        assert_eq!(seen, [5, 6, 3, 1, 1, 0]);
        drop(readers);
        assert!(trace.readers.lock().is_empty());
    }

    #[test]
    fn who_reads_too_slowly_is_told_how_many_it_has_missed() {
        let trace = Arc::new(Trace::default());
        let mut reader = trace.read(TraceFilter::default());
        for _ in 0..WAITING + 3 {
            trace.show(&traced("a", "c", TracedAnswer::Veto));
        }
        assert_eq!((reader.take_missed(), reader.take_missed()), (3, 0));
        assert_eq!(std::iter::from_fn(|| reader.try_next()).count(), WAITING);
        trace.show(&traced("a", "c", TracedAnswer::Veto));
        drop(trace);
        assert!(reader.traced.blocking_recv().is_some());
        assert!(reader.traced.blocking_recv().is_none(), "the plugins are gone");
    }
}
