//! The key `control:`, the socket that `hookmq ctl` talks to.

use std::path::PathBuf;

use super::error::Problem;
use super::setting::Setting;

/// Where the socket is, as long as nobody says otherwise.
pub(super) const DEFAULT: &str = "data/hookmq.sock";

/// `None` for `off`.
pub(super) fn read(setting: &Setting<'_>) -> Result<Option<PathBuf>, Problem> {
    match setting.string() {
        Some("off") => Ok(None),
        Some(path) if !path.is_empty() && !path.contains('\0') => Ok(Some(path.into())),
        _ => Err(setting.refuse("the path of a socket, or off")),
    }
}
