//! The key `store_failure:`.

use super::error::Problem;
use super::setting::Setting;

/// What the broker does when a write or an fsync of its store has failed, and the disk is not just full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreFailure {
    /// It stops, so that whoever supervises it starts it again.
    #[default]
    Exit,
    /// It goes on with what needs no store, and acknowledges nothing else.
    Wait,
}

/// `exit` or `wait`.
pub(super) fn read(setting: &Setting<'_>) -> Result<StoreFailure, Problem> {
    match setting.string() {
        Some("exit") => Ok(StoreFailure::Exit),
        Some("wait") => Ok(StoreFailure::Wait),
        _ => Err(setting.refuse("exit or wait")),
    }
}
