//! The key `limits.queue_full:`.

use super::error::Problem;
use super::setting::Setting;

/// What happens when more messages wait for a client than may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueFull {
    /// The oldest that wait are dropped.
    #[default]
    DropOldest,
    /// The new one is dropped.
    DropNewest,
    /// The client is disconnected; of one that is away the oldest are dropped.
    Disconnect,
}

/// `drop_oldest`, `drop_newest` or `disconnect`.
pub(super) fn read(setting: &Setting<'_>) -> Result<QueueFull, Problem> {
    match setting.string() {
        Some("drop_oldest") => Ok(QueueFull::DropOldest),
        Some("drop_newest") => Ok(QueueFull::DropNewest),
        Some("disconnect") => Ok(QueueFull::Disconnect),
        _ => Err(setting.refuse("drop_oldest, drop_newest or disconnect")),
    }
}
