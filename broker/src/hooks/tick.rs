//! Timers: the one hook that is for one plugin, the one that has set them.

use std::marker::PhantomData;

use plugin_abi::raw;

use super::client::size;
use super::{Hooks, point::OnTick, point::Point, running};
use crate::services::InstanceId;

/// What came of a timer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ticked {
    Called,
    /// The plugin does not want to know.
    WithoutHook,
    /// The instance is not among the plugins.
    NotThere,
}

impl Hooks {
    /// A timer of an instance is due.
    pub(crate) fn on_tick(&self, instance: InstanceId, id: u64) -> Ticked {
        if let Some(link) = self.on_tick.links().find(|link| link.instance() == instance) {
            let _running = running::enter(OnTick::NAME);
            let size = size::<raw::Tick<'_>>();
            link.tell(&raw::Tick { size, reserved: 0, id, _borrowed: PhantomData });
            return Ticked::Called;
        }
        match self.plugins.iter().any(|plugin| plugin.id() == instance) {
            true => Ticked::WithoutHook,
            false => Ticked::NotThere,
        }
    }
}
