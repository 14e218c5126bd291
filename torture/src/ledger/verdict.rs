//! What became of all messages.

#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: usize,
    /// Each message once for each recipient.
    pub(crate) delivered: usize,
    /// Further deliveries, where they may be.
    pub(crate) again: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) out_of_order: Vec<String>,
    /// Delivered twice at QoS 2.
    pub(crate) twice: Vec<String>,
    pub(crate) faults: Vec<String>,
}

impl Verdict {
    /// Grows with each acknowledgement and each delivery, whatever is to be said of it.
    pub(crate) fn progress(&self) -> usize {
        let strange = self.twice.len() + self.out_of_order.len() + self.faults.len();
        self.acknowledged + self.delivered + self.again + strange
    }

    /// Of another time.
    pub(crate) fn add(&mut self, other: Verdict) {
        self.acknowledged += other.acknowledged;
        self.delivered += other.delivered;
        self.again += other.again;
        self.lost.extend(other.lost);
        self.out_of_order.extend(other.out_of_order);
        self.twice.extend(other.twice);
        self.faults.extend(other.faults);
    }
}
