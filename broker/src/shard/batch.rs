//! What a connection collects while it goes through the packets of one read, to act on at once.

use std::sync::Arc;

use crate::router::Item;
use crate::session::{Acknowledgement, Session};

#[derive(Default)]
pub(crate) struct Batch {
    /// The run of PUBLISHes that is being collected; all to the topic of the first.
    pub(crate) run: Vec<Item>,
    /// Packets for the client itself: acknowledgements and other answers.
    pub(crate) replies: Vec<u8>,
    /// The client's own acknowledgements.
    pub(crate) acknowledgements: Vec<Acknowledgement>,
    /// A receiver that had more than it can take.
    pub(crate) crowded: Option<Arc<Session>>,
}
