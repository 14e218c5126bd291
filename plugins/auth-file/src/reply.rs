//! The answer to a client that waits for its password to be checked.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use plugin_abi::{BeforeConnect, Host, Later, Verdict};

/// For the thread that checks. One that is dropped refuses the client.
pub(crate) enum Reply {
    Later(Later),
    Here(SyncSender<Verdict>),
}

/// For the hook.
pub(crate) enum Promise {
    Pending,
    /// The broker is of an earlier ABI, or is stopping.
    Here(Receiver<Verdict>),
}

/// Longer than what waits in the queue is let wait, so that a client hears that the broker is busy.
const DEADLINE: Duration = Duration::from_secs(10);

impl Reply {
    pub(crate) fn to(host: &Host, event: &BeforeConnect<'_>) -> (Reply, Promise) {
        match host.later(event, DEADLINE) {
            Some(later) => (Reply::Later(later), Promise::Pending),
            None => {
                let (sender, receiver) = sync_channel(1);
                (Reply::Here(sender), Promise::Here(receiver))
            }
        }
    }

    pub(crate) fn give(self, verdict: Verdict) {
        // Else the client is gone, and the broker has seen to it.
        match self {
            Reply::Later(later) => drop(later.complete(verdict)),
            Reply::Here(sender) => drop(sender.send(verdict)),
        }
    }
}

impl Promise {
    /// What the hook returns. Waits only where the broker cannot.
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Promise::Pending => Verdict::Pending,
            Promise::Here(receiver) => receiver.recv().unwrap_or(Verdict::Veto),
        }
    }
}
