//! A plugin that was started in a test, and what the broker can call of it.

use std::{ffi::c_void, marker::PhantomData, ptr::NonNull};

use super::{
    Answer, Auth, AuthAnswer, BeforeConnect, Connect, Deliver, Disconnect, Dropped, Panicked,
    Publish, Session, SocketOpen, Subscribe, Tick, Unsubscribe,
    event::Event,
    host::{Seat, Ticking},
    parts::Parts,
    running::{Callee, Panic},
};
use crate::{Plugin, export, module::HookFunction, raw};

/// A plugin that [`start`](super::start) has started. Its methods call the hooks of their name, as the
/// broker calls them; one that the plugin has not written goes on. Threads may share it.
///
/// When it goes out of scope, the plugin is told to shut down and is dropped, in this order.
///
/// # Panics
///
/// A panic of the plugin is kept in, and is part of what is returned. Only one in `shutdown` or `drop` of an
/// instance that goes out of scope is a panic of the test; see [`shutdown`](Self::shutdown).
///
/// An event that the broker could not send panics as well, unless it is `odd()`.
pub struct Instance<T: Plugin> {
    instance: NonNull<c_void>,
    seat: &'static Seat,
    callee: Callee,
    ended: bool,
    _owns: PhantomData<T>,
}

// SAFETY: it owns a `T`, which is `Send`.
unsafe impl<T: Plugin> Send for Instance<T> {}
// SAFETY: it lends a `T`, which is `Sync`.
unsafe impl<T: Plugin> Sync for Instance<T> {}

macro_rules! hooks {
    ($($hook:ident $event:ident $answer:ty = $made_by:expr;)*) => {$(
        #[doc = concat!("Calls [`", stringify!($hook), "`](Plugin::", stringify!($hook), ").")]
        #[track_caller]
        pub fn $hook(&self, event: &$event) -> $answer {
            let call = self.call(stringify!($hook), export::$hook::<T>, event);
            $made_by(call.code, &call.parts, call.panic)
        }
    )*};
}

impl<T: Plugin> Instance<T> {
    hooks! {
        on_socket_open SocketOpen Answer = Answer::new;
        on_before_connect BeforeConnect Answer = Answer::new;
        on_connect Connect Answer = Answer::new;
        on_before_subscribe Subscribe Answer = Answer::new;
        on_subscribe Subscribe Result<(), Panicked> = Panicked::check;
        on_before_unsubscribe Unsubscribe Answer = Answer::new;
        on_unsubscribe Unsubscribe Result<(), Panicked> = Panicked::check;
        on_message Publish Result<(), Panicked> = Panicked::check;
        on_before_publish Publish Answer = Answer::new;
        on_publish Publish Result<(), Panicked> = Panicked::check;
        on_will Publish Answer = Answer::new;
        on_before_deliver Deliver Answer = Answer::new;
        on_delivered Deliver Result<(), Panicked> = Panicked::check;
        on_dropped Dropped Result<(), Panicked> = Panicked::check;
        on_session Session Result<(), Panicked> = Panicked::check;
        on_tick Tick Result<(), Panicked> = Panicked::check;
        on_disconnect Disconnect Result<(), Panicked> = Panicked::check;
    }

    /// Calls [`on_auth`](Plugin::on_auth).
    #[track_caller]
    pub fn on_auth(&self, event: &Auth) -> AuthAnswer {
        let Call { code, parts, panic } = self.call("on_auth", export::on_auth::<T>, event);
        AuthAnswer::new(event, code, &parts, panic)
    }

    /// The plugin itself, to look at what it has in it.
    pub fn plugin(&self) -> &T {
        // SAFETY: bootstrap has made a `T`, which lives until `self` is dropped.
        unsafe { self.instance.cast().as_ref() }
    }

    /// Tells the plugin to shut down, and drops it.
    ///
    /// # Errors
    ///
    /// If it panicked in `shutdown`, or else in `drop`.
    pub fn shutdown(mut self) -> Result<(), Panicked> {
        self.end()
    }

    /// # Safety
    ///
    /// The pointer is what `bootstrap::<T>` has made, and nobody else has it.
    pub(super) unsafe fn new(
        instance: NonNull<c_void>,
        seat: &'static Seat,
        callee: Callee,
    ) -> Self {
        seat.take(Ticking { instance, on_tick: export::on_tick::<T>, callee });
        Instance { instance, seat, callee, ended: false, _owns: PhantomData }
    }

    #[track_caller]
    fn call<E: Event>(
        &self,
        hook: &'static str,
        function: HookFunction<E::Raw>,
        event: &E,
    ) -> Call {
        if let Err(why) = event.check()
            && !event.is_odd()
        {
            panic!(
                "the broker could not send this to {hook}: {why}; if it is meant so, add .odd()"
            );
        }
        let parts = Parts::new(event.changes(), event.is_asked_again());
        let instance = self.instance.as_ptr();
        let (code, panic) = self.callee.call(hook, || {
            // SAFETY: the instance is a `T`, as the function expects, and event and parts live for the
            // call.
            event.send(&parts, &mut |event| unsafe { function(instance, event) })
        });
        self.seat.hook_has_ended(parts.context().ptr, code == raw::PENDING);
        Call { code, parts: parts.into_inner(), panic }
    }

    fn end(&mut self) -> Result<(), Panicked> {
        self.ended = true;
        self.seat.leave();
        let (instance, callee) = (self.instance.as_ptr(), self.callee);
        // SAFETY: the instance is a `T`, and alive.
        let told = callee.call("shutdown", || unsafe { export::shutdown::<T>(instance) });
        // SAFETY: as above, and whoever called has given it up.
        let dropped = callee.call("drop", || unsafe { export::drop::<T>(instance) });
        Panicked::check(told.0, &[], told.1).and(Panicked::check(dropped.0, &[], dropped.1))
    }
}

impl<T: Plugin> Drop for Instance<T> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if let Err(Panicked(message)) = self.end()
            && !std::thread::panicking()
        {
            panic!("the plugin panicked when it was stopped: {message}");
        }
    }
}

impl<T: Plugin> std::fmt::Debug for Instance<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

struct Call {
    code: i32,
    parts: Vec<(u32, Vec<u8>)>,
    panic: Option<Panic>,
}
