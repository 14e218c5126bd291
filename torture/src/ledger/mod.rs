//! What the clients were told: which messages were acknowledged, and which have come. It never asks the broker.

mod receipts;
mod stream;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mqtt::QoS;
use parking_lot::Mutex;

pub(crate) use receipts::Receipts;
pub(crate) use stream::{Label, Sent, Stream};
pub(crate) use verdict::Verdict;

/// A moment in the order of all that the clients saw and did.
pub(crate) type Moment = u64;

/// One that never came.
pub(crate) const NEVER: Moment = Moment::MAX;

pub(crate) struct Ledger {
    clock: AtomicU64,
    streams: Vec<Stream>,
    recipients: Mutex<Vec<Arc<Mutex<Receipts>>>>,
    faults: Mutex<Vec<String>>,
    events: Mutex<Vec<(Moment, String)>>,
}

impl Ledger {
    /// With all streams that there will be.
    pub(crate) fn new(streams: Vec<Stream>) -> Ledger {
        let (recipients, faults, events) = Default::default();
        Ledger { clock: AtomicU64::new(1), streams, recipients, faults, events }
    }

    /// Now: after all that was seen before, and before all that is done from here on.
    pub(crate) fn now(&self) -> Moment {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn stream(&self, index: usize) -> &Stream {
        &self.streams[index]
    }

    pub(crate) fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// A client or a group of them to which messages of the streams below `prefix` come.
    pub(crate) fn add_recipient(
        &self,
        name: &str,
        prefix: &str,
        qos: QoS,
        is_group: bool,
    ) -> Arc<Mutex<Receipts>> {
        let wanted = self.streams.iter().map(|stream| stream.topic.starts_with(prefix));
        let receipts = Receipts::new(name, qos, is_group, wanted.collect());
        let receipts = Arc::new(Mutex::new(receipts));
        self.recipients.lock().push(receipts.clone());
        receipts
    }

    /// Something that helps to understand what went wrong.
    pub(crate) fn note(&self, what: String) {
        let now = self.now();
        self.events.lock().push((now, what));
    }

    /// All that was noted, a line each.
    pub(crate) fn events(&self) -> String {
        self.events.lock().iter().map(|(moment, what)| format!("{moment} {what}\n")).collect()
    }

    /// Something that must not be, whatever was acknowledged.
    pub(crate) fn fault(&self, what: String) {
        self.note(what.clone());
        self.faults.lock().push(what);
    }

    /// How many messages were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.streams.iter().map(Stream::acknowledged).sum()
    }

    /// What is to be said about all that came up to now.
    pub(crate) fn verdict(&self) -> Verdict {
        let mut verdict = Verdict { faults: self.faults.lock().clone(), ..Verdict::default() };
        verdict.acknowledged = self.acknowledged();
        for recipient in &*self.recipients.lock() {
            recipient.lock().judge(&self.streams, &mut verdict);
        }
        verdict
    }
}
