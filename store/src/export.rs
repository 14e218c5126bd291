//! Writes a closed store as JSON lines, for another version, another machine, or a person.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::change::Queued;
use crate::format::VERSION;
use crate::line::Line;
use crate::opening;
use crate::recovery;
use crate::state::{Session, State};
use crate::store::{self, OpenError};

/// Why a store was not exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The lines cannot be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
}

/// Writes all that the store in `dir` holds to `out`, a line each; `progress` is told how many there are.
/// Returns how many were written. Blocks; the store must not be open.
///
/// # Errors
/// If it does not open, or `out` fails.
pub fn export(
    dir: &Path,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ExportError> {
    let _lock = store::lock(dir)?;
    let identity = opening::prepare(dir)?;
    let (engine, _) = opening::open(dir, identity)?;
    let state = recovery::load(&engine, identity).map_err(OpenError::from)?.state;
    let mut lines = Lines { out: BufWriter::new(out), written: 0, progress };
    lines.state(state)?;
    lines.out.flush()?;
    Ok(lines.written)
}

struct Lines<'a> {
    out: BufWriter<&'a mut dyn Write>,
    written: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Lines<'_> {
    fn state(&mut self, state: State) -> io::Result<()> {
        let State { sequence, next_session, next_message, .. } = state;
        self.line(&Line::Store { version: VERSION, sequence, next_session, next_message })?;
        // Two exports of one store are the same.
        let mut messages: Vec<_> = state.messages.iter().collect();
        messages.sort_unstable_by_key(|(id, _)| **id);
        for (id, message) in messages {
            self.line(&Line::Message { id: *id, message: message.into() })?;
        }
        for session in state.sessions {
            self.session(session)?;
        }
        for (topic, message) in state.retained {
            self.line(&Line::Retained { topic, message: (&message).into() })?;
        }
        for pair in &state.pairs {
            self.line(&Line::pair(pair))?;
        }
        let lines = self.written;
        self.line(&Line::End { lines })
    }

    fn session(&mut self, kept: Session) -> io::Result<()> {
        let session = kept.number;
        self.line(&Line::session(session, kept.client_id, kept.user, kept.lease))?;
        for subscription in kept.subscriptions {
            self.line(&Line::subscription(session, subscription))?;
        }
        for (queued, packet_id) in kept.queue {
            self.queued(session, queued, packet_id)?;
        }
        for (seq, packet_id) in kept.received {
            self.line(&Line::Received { session, seq, packet_id })?;
        }
        for packet_id in kept.begun {
            self.line(&Line::Begun { session, packet_id })?;
        }
        kept.will.map_or(Ok(()), |will| self.line(&Line::will(session, &will)))
    }

    fn queued(&mut self, session: u64, queued: Queued, packet_id: Option<u16>) -> io::Result<()> {
        self.line(&Line::Queued { session, queued: queued.into(), packet_id })
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")?;
        self.written += 1;
        (self.progress)(self.written);
        Ok(())
    }
}
