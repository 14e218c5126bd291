//! Limits of the machine: a size, `auto` or `off`.

use super::error::Problem;
use super::quantity::{MIB, size};
use super::setting::Setting;

/// A limit of what the machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// By what the machine has.
    #[default]
    Auto,
    /// There is none.
    Off,
    /// In bytes.
    Bytes(u64),
}

/// `auto`, `off` or a size from 1 MiB on.
pub(super) fn read(setting: &Setting<'_>) -> Result<Mark, Problem> {
    match setting.string() {
        Some("auto") => Ok(Mark::Auto),
        Some("off") => Ok(Mark::Off),
        _ => size(MIB..=1024 * 1024 * MIB)(setting).map(Mark::Bytes).map_err(|_| {
            setting.refuse("auto, off, or a size such as 512MiB or 2GiB, from 1MiB to 1024GiB")
        }),
    }
}
