//! The key `durability:`.

use super::error::Problem;
use super::setting::Setting;

/// What an acknowledgement promises. A client hears that its message at QoS 1 or 2 is taken, or that it is
/// subscribed, when what has to outlive its connection is kept so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk: it outlives a loss of power.
    #[default]
    Fsync,
    /// The system has it: it outlives the broker, however that ends.
    Os,
    /// It is in memory, and ends with the broker.
    Memory,
}

/// `fsync`, `os` or `memory`.
pub(super) fn read(setting: &Setting<'_>) -> Result<Durability, Problem> {
    match setting.string() {
        Some("fsync") => Ok(Durability::Fsync),
        Some("os") => Ok(Durability::Os),
        Some("memory") => Ok(Durability::Memory),
        _ => Err(setting.refuse("fsync, os or memory")),
    }
}
