//! What a worker has counted and measured.

use crate::bitmap::Bitmap;
use crate::times::Times;
use crate::trouble::Trouble;

/// Counts and times.
pub(crate) struct Figures {
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    /// Messages that the broker did not take.
    pub(crate) refused: u64,
    pub(crate) received: u64,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
    /// Messages that are none of this run, or not for who got them.
    pub(crate) foreign: u64,
    /// Clients that were not connected.
    pub(crate) not_connected: u64,
    /// Connections that ended before the run.
    pub(crate) broken: u64,
    /// PINGREQs that were waited for in vain.
    pub(crate) unanswered: u64,
    /// Each kind once, with how often.
    pub(crate) troubles: Vec<(Trouble, u64)>,
    /// When the first and the last thing happened that counts.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) latency: Times,
    pub(crate) acknowledgement: Times,
    pub(crate) connect: Times,
    pub(crate) ping: Times,
    /// What has come to any member of a share.
    pub(crate) share: Bitmap,
}

/// More kinds are counted as the last one: nobody reads them all.
const KINDS: usize = 20;

impl Figures {
    pub(crate) fn new() -> Figures {
        Figures {
            sent: 0,
            acknowledged: 0,
            refused: 0,
            received: 0,
            duplicated: 0,
            out_of_order: 0,
            foreign: 0,
            not_connected: 0,
            broken: 0,
            unanswered: 0,
            troubles: Vec::new(),
            first: u64::MAX,
            last: 0,
            latency: Times::new(),
            acknowledgement: Times::new(),
            connect: Times::new(),
            ping: Times::new(),
            share: Bitmap::default(),
        }
    }

    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        self.troubles_of(trouble, 1);
    }

    fn troubles_of(&mut self, trouble: Trouble, count: u64) {
        let is_full = self.troubles.len() >= KINDS;
        let known = self.troubles.iter().position(|(known, _)| *known == trouble);
        match (known.and_then(|index| self.troubles.get_mut(index)), is_full) {
            (Some((_, counted)), _) => *counted += count,
            (None, false) => self.troubles.push((trouble, count)),
            (None, true) => {
                if let Some((_, counted)) = self.troubles.last_mut() {
                    *counted += count;
                }
            }
        }
    }

    /// Adds what another worker has counted.
    pub(crate) fn merge(&mut self, other: Figures) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.received += other.received;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
        self.not_connected += other.not_connected;
        self.broken += other.broken;
        self.unanswered += other.unanswered;
        for (trouble, count) in other.troubles {
            self.troubles_of(trouble, count);
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.latency.merge(other.latency);
        self.acknowledgement.merge(other.acknowledgement);
        self.connect.merge(other.connect);
        self.ping.merge(other.ping);
        // What two members of a share had, each on its own thread.
        let twice = self.share.merge(other.share);
        self.duplicated += twice;
        self.received -= twice.min(self.received);
    }
}
