//! The key `refused_publish:`.

use mqtt::RefusedPublish;

use super::error::Problem;
use super::setting::Setting;

/// `ack` or `close`.
pub(super) fn read(setting: &Setting<'_>) -> Result<RefusedPublish, Problem> {
    match setting.string() {
        Some("ack") => Ok(RefusedPublish::Acknowledge),
        Some("close") => Ok(RefusedPublish::Close),
        _ => Err(setting.refuse("ack or close")),
    }
}
