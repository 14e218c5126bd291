//! The durable journal of the broker: what must survive a crash is handed to a [`Store`], and found again as
//! a [`State`] when it is opened. It knows neither sockets nor routing.
//!
//! Shards hand over groups of [`Change`]s and go on. One thread, the committer, writes all groups that have
//! come in meanwhile as one batch, and then reports the number of the last: all up to that one is durable, and
//! acknowledgements that waited for it may leave.

mod batch;
mod builder;
mod change;
mod check;
mod committer;
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
mod staged;
mod state;
mod store;

pub use change::{Change, Lease, Queued, Sequence, Subscription, Will};
pub use check::{Report, check};
pub use export::{ExportError, export};
pub use format::VERSION;
pub use health::{Health, Progress};
pub use import::{ImportError, import};
pub use message::{Message, Parts};
pub use options::{Durability, Options};
pub use state::{Cut, Pair, Session, State};
pub use store::{OpenError, Store};
