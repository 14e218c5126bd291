//! The durable journal of the broker: what must survive a crash is handed to a [`Store`], and found again as
//! a [`State`] when it is opened. It knows neither sockets nor routing.
//!
//! Shards hand over groups of [`Change`]s and go on. One thread, the committer, writes all groups that have
//! come in meanwhile as one batch, and then reports the number of the last: all up to that one is durable, and
//! acknowledgements that waited for it may leave.
//!
//! # What holds
//!
//! - What is found again is what was submitted up to some group, never half of a group and never a hole; and at
//!   least up to what was reported. With [`Durability::Fsync`] that is so after a loss of power too, with
//!   [`Durability::Os`] after any end of the process.
//! - A change and its reverse within one batch leave nothing: a message that is acknowledged soon enough is
//!   never written.
//! - A disk that is full is waited for. After any other failed write or fsync the store has [failed](Health)
//!   until the process is started again: the engine takes nothing more then, and an fsync that succeeds after
//!   one that failed says nothing. What is opened again is written again before it counts. A disk that does not
//!   answer has failed too, as far as somebody [looks](Store::look).
//! - Damage is reported, not passed over: see [`OpenError::Damaged`] and [`check`]. The end of a journal that
//!   was being written is not damage.
//! - The wall clock is never asked. Its seconds stand in leases, messages and wills as they were handed over.

mod batch;
mod builder;
mod change;
mod check;
mod committer;
mod early;
mod engine;
mod export;
mod format;
mod healing;
mod health;
mod import;
mod inbox;
mod index;
mod journal;
mod keys;
mod line;
mod message;
mod opening;
mod options;
mod record;
mod recovery;
mod scan;
mod staged;
mod state;
mod store;
mod walk;

pub use change::{Change, Lease, PairValue, Queued, Sequence, Subscription, Will};
pub use check::{Report, check};
pub use export::{ExportError, export};
pub use format::VERSION;
pub use health::{Health, Progress};
pub use import::{ImportError, Imported, import};
pub use message::{Message, Parts};
pub use options::{Durability, Options};
pub use state::{Cut, Pair, Session, State};
pub use store::{OpenError, Store};

/// Whether there is a store in a folder, in whatever state it is. Asks the file system.
pub fn is_there(dir: &std::path::Path) -> bool {
    opening::is_there(dir)
}
