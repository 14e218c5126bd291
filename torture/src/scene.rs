//! What all clients of a run know.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::address::Address;
use crate::connection::{Connection, Login, Lost};
use crate::ledger::Ledger;
use crate::pause::pause;
use crate::random::Random;

/// What all clients of a run know.
pub struct Scene {
    pub(crate) ledger: Ledger,
    pub(crate) address: Address,
    /// The first level of its topics.
    root: String,
    phase: AtomicU8,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Load,
    /// Nothing new is sent; what waits is delivered.
    Settle,
    End,
}

impl Scene {
    pub(crate) fn new(root: String, ledger: Ledger) -> Scene {
        let phase = AtomicU8::new(Phase::Load as u8);
        Scene { ledger, address: Address::default(), root, phase }
    }

    /// A topic, filter or beginning of one below its own first level.
    pub(crate) fn topic(&self, rest: &str) -> String {
        format!("{}/{rest}", self.root)
    }

    pub(crate) fn client_id(&self, name: &str) -> String {
        format!("{}-{name}", self.root)
    }

    pub(crate) fn phase(&self) -> Phase {
        [Phase::Load, Phase::Settle, Phase::End][usize::from(self.phase.load(Ordering::Relaxed))]
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// A client is connected; `is_present`: with the session that it `has`, or should have.
    pub(crate) fn connected(
        &self,
        client_id: &str,
        connection: &Connection,
        has: bool,
        is_present: bool,
    ) {
        self.ledger.note(format!("{client_id} is connected from {}", connection.port()));
        if has && !is_present {
            self.ledger.fault(format!("{client_id}: its session is gone"));
        }
    }

    /// Nothing of a client stays behind.
    pub(crate) fn end_session(&self, login: &Login) {
        let login = Login { clean_start: true, expiry: 0, ..login.clone() };
        let ended = self.address.wait().map(|address| login.connect(address));
        if let Some(Ok((connection, _))) = ended {
            connection.disconnect();
        }
    }

    /// That a connection ends is nothing special here.
    pub(crate) fn ended(&self, client_id: &str, lost: &Lost) {
        match lost {
            Lost::Absent => {}
            Lost::Closed => self.ledger.note(format!("{client_id} is not connected")),
            Lost::Wrong(what) => self.ledger.fault(format!("{client_id}: {what}")),
        }
        pause(Duration::from_millis(2));
    }

    /// Publishers are not as fast as they could be.
    pub(crate) fn pace(&self, random: &mut Random) {
        if random.once_in(4) {
            pause(Duration::from_micros(random.below(8000)));
        }
    }
}
