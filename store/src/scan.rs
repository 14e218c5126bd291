//! One walk over all records of a kind, handed out session by session: to look each session up would take
//! minutes for a million of them.

use fjall::Slice;

use crate::engine::{Engine, EngineError};
use crate::keys;

pub(crate) struct Scan {
    pairs: Box<dyn Iterator<Item = Result<(Slice, Slice), EngineError>>>,
    /// Read, and of a session that was not asked for yet.
    held: Option<(Slice, Slice)>,
}

impl Scan {
    pub(crate) fn new(engine: &Engine, tag: u8) -> Scan {
        Scan { pairs: Box::new(engine.pairs(&[tag])), held: None }
    }

    /// The next record of a session; sessions are asked for in their order. What belongs to a session that is
    /// not there is passed over.
    pub(crate) fn next_of(&mut self, session: u64) -> Result<Option<(Slice, Slice)>, EngineError> {
        loop {
            let pair = match self.held.take() {
                Some(pair) => pair,
                None => match self.pairs.next() {
                    Some(pair) => pair?,
                    None => return Ok(None),
                },
            };
            match keys::session_of(&pair.0) {
                Some((number, _)) if number > session => {
                    self.held = Some(pair);
                    return Ok(None);
                }
                Some((number, _)) if number == session => return Ok(Some(pair)),
                _ => {}
            }
        }
    }
}
