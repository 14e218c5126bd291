//! What a connection collects while it goes through the packets of one read, to act on at once.

use std::sync::Arc;

use mqtt::PropertyBuffer;

use super::READ_SIZE;
use crate::router::Item;
use crate::session::{Acknowledgement, Session};

#[derive(Default)]
pub(crate) struct Batch {
    /// The run of PUBLISHes that is being collected; all to the topic of the first.
    pub(crate) run: Vec<Item>,
    /// The packets of that run, if they are not to be delivered as they came: with Topic Aliases, or
    /// changed by plugins. Written out as of [`mqtt::Version::INSIDE`].
    pub(crate) plain: Vec<u8>,
    /// The topic that they came with; empty if it is that of the run.
    pub(crate) original_topic: String,
    /// Bytes written to `plain` since the batch began.
    pub(crate) written_out: usize,
    /// The properties of the packet that is written out.
    pub(crate) properties: PropertyBuffer,
    /// Packets for the client itself: acknowledgements and other answers.
    pub(crate) replies: Vec<u8>,
    /// Those that say nothing of what is kept.
    pub(crate) prompt: Vec<u8>,
    /// What the journal held when the batch began: what came later, the answers wait for.
    pub(crate) noted_before: u64,
    /// The client's own acknowledgements.
    pub(crate) acknowledgements: Vec<Acknowledgement>,
    /// A receiver that had more than it can take.
    pub(crate) crowded: Option<Arc<Session>>,
}

impl Batch {
    /// Whether the run's packets stand in `plain`.
    pub(crate) fn is_written_out(&self) -> bool {
        !self.plain.is_empty()
    }

    /// Whether a packet to `topic` that is written out now may join the run. `original`: the topic that
    /// it came with, if that is another.
    pub(crate) fn continues_written_out(&self, topic: &str, original: &str) -> bool {
        let Some(first) = self.run.first().filter(|_| self.plain.len() < READ_SIZE) else {
            return false;
        };
        let start = first.layout.topic_start as usize;
        let end = start + usize::from(first.layout.topic_len);
        self.is_written_out()
            && self.original_topic == original
            && self.plain.get(start..end) == Some(topic.as_bytes())
    }

    /// The run was delivered.
    pub(crate) fn clear_run(&mut self) {
        self.run.clear();
        self.plain.clear();
        self.original_topic.clear();
        // One large packet is no reason to keep so much.
        self.plain.shrink_to(2 * READ_SIZE);
    }
}
