//! Calls a hook with an event that was recorded.
#![allow(unsafe_code, reason = "calls hooks of a plugin")]

use std::{
    ffi::c_void,
    time::{Duration, Instant},
};

use plugin_abi::{module::HookTable, raw::EventPtr};
use recording::Record;

use super::{answer::Taken, store};
use crate::{
    hooks::point::{self, Point},
    plugins::{Recorded, recorded},
};

/// What the hook has returned, and when it was called.
#[derive(Clone, Copy)]
pub(super) struct Called {
    pub(super) code: i32,
    pub(super) began: Instant,
    pub(super) took: Duration,
}

/// `None`: the plugin has not got the hook, or there is none of this name.
pub(super) fn call(
    hooks: &HookTable,
    instance: *mut c_void,
    record: &Record,
    taken: &Taken,
) -> Option<Called> {
    point::visit(record.hook(), Call { hooks, instance, record, taken })?
}

struct Call<'a> {
    hooks: &'a HookTable,
    instance: *mut c_void,
    record: &'a Record,
    taken: &'a Taken,
}

impl point::Visitor for Call<'_> {
    type Output = Option<Called>;

    fn visit<P: Point>(self) -> Option<Called> {
        let function = P::function(self.hooks)?;
        let client = recorded::client(self.record);
        let event = P::Event::replay(self.record, &client, self.taken.handle());
        store::begin_calls();
        let began = Instant::now();
        // SAFETY: function and instance are of the same plugin; the event is of the type that the hook
        // takes, and lives for the call.
        let code = unsafe { function(self.instance, EventPtr::from(&event).cast()) };
        Some(Called { code, began, took: began.elapsed() })
    }
}
