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
