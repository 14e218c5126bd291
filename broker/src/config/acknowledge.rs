//! The key `acknowledge:`.

use super::error::Problem;
use super::setting::Setting;

/// When a client hears that its PUBLISH at QoS 1 or 2 is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// When the plugins have let it pass; it hears of a refusal.
    #[default]
    AfterHooks,
    /// Whatever the plugins will say of it.
    BeforeHooks,
}

/// `after_hooks` or `before_hooks`.
pub(super) fn read(setting: &Setting<'_>) -> Result<Acknowledge, Problem> {
    match setting.string() {
        Some("after_hooks") => Ok(Acknowledge::AfterHooks),
        Some("before_hooks") => Ok(Acknowledge::BeforeHooks),
        _ => Err(setting.refuse("after_hooks or before_hooks")),
    }
}
