//! Which hooks of a plugin block: as it has declared while it started, and as its entry in the config says.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

use std::{collections::HashMap, time::Duration};

use plugin_abi::raw::{self, HostContext, View};

use super::host::Caller;
use crate::hooks::point::{self, HookSet};

/// What the entry of a plugin says about hooks that block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocking {
    /// Those do that the plugin has declared, and those that turn out to be slow, unless it could not foresee
    /// what that means.
    #[default]
    WhenSlow,
    /// All do that can be waited for.
    Always,
    /// Those do that the plugin has declared.
    Declared,
}

/// Whether whoever wrote a plugin could know that hooks of one client may overlap: one that runs on a thread, and
/// was given up, with those that come after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    Foreseen,
    Unforeseen,
}

/// The hooks that a plugin has declared to block, by their places in [`point::ALL`]: how long each may take;
/// zero is as long as the config says.
#[derive(Debug, Default)]
pub(super) struct BlockingHooks(HashMap<usize, Duration>);

/// Why a hook cannot be declared to block.
enum Refusal {
    NoSuchHook,
    CannotWait,
}

impl BlockingHooks {
    fn declare(&mut self, hook: &str, deadline: Duration) -> Result<(), Refusal> {
        let place = point::ALL.iter().position(|(_, name)| *name == hook);
        let place = place.ok_or(Refusal::NoSuchHook)?;
        if !point::CAN_WAIT.has(place) {
            return Err(Refusal::CannotWait);
        }
        self.0.insert(place, deadline);
        Ok(())
    }

    /// All of them, with those that the entry adds.
    pub(super) fn all(&self, entry: Blocking) -> HookSet {
        let declared =
            self.0.keys().fold(HookSet::default(), |all, hook| all.union(HookSet::of(*hook)));
        if entry == Blocking::Always { declared.union(point::CAN_WAIT) } else { declared }
    }

    /// How long a hook may take; `None`: as long as the config says.
    pub(super) fn deadline(&self, hook: usize) -> Option<Duration> {
        self.0.get(&hook).copied().filter(|deadline| !deadline.is_zero())
    }
}

/// The host function.
///
/// # Safety
///
/// The context is one that [`Caller::context`] made; the view is valid for the call.
pub(super) unsafe extern "C" fn declare(
    context: HostContext,
    hook: View<'_>,
    milliseconds: u32,
) -> i32 {
    let Ok(hook) = std::str::from_utf8(hook.as_bytes()) else { return raw::UNFIT };
    // SAFETY: the caller's promise.
    let caller = unsafe { Caller::from_context(context) };
    let deadline = Duration::from_millis(milliseconds.into());
    let declared = caller.while_starting(|declared| declared.blocking.declare(hook, deadline));
    match declared {
        Some(Ok(())) => raw::TAKEN,
        Some(Err(Refusal::CannotWait)) => {
            caller.complain(&format!(
                "{hook} cannot block: nobody can wait for its answer, only for that of a hook that decides, \
                 other than on_before_deliver"
            ));
            raw::CLOSED
        }
        Some(Err(Refusal::NoSuchHook)) => {
            caller.complain(&format!("there is no hook {hook:?} that could block"));
            raw::UNFIT
        }
        None => raw::UNFIT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_that_can_be_waited_for_may_block() {
        let mut hooks = BlockingHooks::default();
        let blocks = |hooks: &BlockingHooks, name: &str, entry| {
            hooks.all(entry).has(point::ALL.iter().position(|(_, it)| *it == name).unwrap())
        };
        assert!(hooks.declare("on_before_connect", Duration::from_secs(3)).is_ok());
        assert!(hooks.declare("on_will", Duration::ZERO).is_ok());
        for name in ["on_before_deliver", "on_publish", "on_tick"] {
            assert!(matches!(hooks.declare(name, Duration::ZERO), Err(Refusal::CannotWait)));
            assert!(!blocks(&hooks, name, Blocking::Always));
        }
        for name in ["", "OnWill", "bootstrap"] {
            assert!(matches!(hooks.declare(name, Duration::ZERO), Err(Refusal::NoSuchHook)));
        }
        for entry in [Blocking::WhenSlow, Blocking::Declared] {
            assert!(blocks(&hooks, "on_before_connect", entry) && blocks(&hooks, "on_will", entry));
            assert!(!blocks(&hooks, "on_auth", entry));
        }
        assert!(blocks(&hooks, "on_auth", Blocking::Always));
        let place = |name| point::ALL.iter().position(|(_, it)| *it == name).unwrap();
        assert_eq!(hooks.deadline(place("on_before_connect")), Some(Duration::from_secs(3)));
        assert_eq!(hooks.deadline(place("on_will")), None);
        assert_eq!(hooks.deadline(place("on_auth")), None);
    }
}
