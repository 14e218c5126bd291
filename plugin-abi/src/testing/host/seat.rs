//! One plugin's place at a host: what the host functions know of who calls them.

use std::{
    collections::BTreeMap,
    ffi::c_void,
    ptr::NonNull,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Recorder, api};
use crate::{
    module::HookFunction,
    raw::{HostContext, Tick},
    testing::running::Callee,
};

/// Lives for ever, as the host does.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) recorder: &'static Recorder,
    pub(super) config: String,
    /// Whom on_tick is called of; held while it runs.
    pub(super) instance: Mutex<Option<Ticking>>,
    /// By their numbers.
    pub(super) timers: Mutex<BTreeMap<u64, Timer>>,
}

/// A timer that is set. In milliseconds of the host's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    pub(super) due: u64,
    /// 0: once.
    pub(super) every: u64,
}

/// An instance whose on_tick can be called.
#[derive(Clone, Copy)]
pub(crate) struct Ticking {
    pub(crate) instance: NonNull<c_void>,
    pub(crate) on_tick: HookFunction<Tick<'static>>,
    pub(crate) callee: Callee,
}

// SAFETY: a plugin may be called from any thread.
unsafe impl Send for Ticking {}

impl std::fmt::Debug for Ticking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticking").finish_non_exhaustive()
    }
}

impl Seat {
    pub(super) fn new(recorder: &'static Recorder, config: &str) -> &'static Seat {
        let seat: &'static Seat = Box::leak(Box::new(Seat {
            recorder,
            config: config.to_owned(),
            instance: Mutex::default(),
            timers: Mutex::default(),
        }));
        ALL.lock().unwrap_or_else(PoisonError::into_inner).push(seat);
        seat
    }

    /// What a plugin is given.
    pub(crate) fn handle(&'static self) -> crate::Host {
        let context = HostContext { ptr: std::ptr::from_ref(self).cast() };
        crate::Host::new(context, api::table())
    }

    /// # Safety
    ///
    /// The context is one that [`Seat::handle`] made.
    pub(super) unsafe fn from_context(context: HostContext) -> &'static Seat {
        // SAFETY: the caller's promise; it was leaked.
        unsafe { &*context.ptr.cast::<Seat>() }
    }

    /// The plugin has started.
    pub(crate) fn take(&self, instance: Ticking) {
        *self.instance() = Some(instance);
    }

    /// The plugin is about to end. Waits until no on_tick runs.
    pub(crate) fn leave(&self) {
        *self.instance() = None;
        self.timers().clear();
    }

    /// Notes how a hook has ended whose answers are taken at this place.
    pub(crate) fn hook_has_ended(&self, answer: *const c_void, is_pending: bool) {
        self.recorder.lock().pending.hook_has_ended(answer, is_pending);
    }

    pub(super) fn instance(&self) -> MutexGuard<'_, Option<Ticking>> {
        self.instance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn timers(&self) -> MutexGuard<'_, BTreeMap<u64, Timer>> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of one host.
    pub(super) fn of(recorder: &'static Recorder) -> Vec<&'static Seat> {
        let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().copied().filter(|seat| std::ptr::eq(seat.recorder, recorder)).collect()
    }
}

static ALL: Mutex<Vec<&'static Seat>> = Mutex::new(Vec::new());
