//! Timers.

use std::time::Duration;

use plugin_abi::raw::HostContext;

use super::answer;

pub(super) unsafe extern "C" fn timer_set(
    context: HostContext,
    id: u64,
    after: u64,
    every: u64,
) -> i32 {
    // SAFETY: the plugin passes back what it was given.
    unsafe {
        answer(context, |caller| {
            let every = Some(every).filter(|every| *every > 0).map(Duration::from_millis);
            let services = caller.account()?.services()?;
            services.timers.set(caller.instance(), id, Duration::from_millis(after), every)
        })
    }
}

pub(super) unsafe extern "C" fn timer_cancel(context: HostContext, id: u64) -> i32 {
    // SAFETY: as in `timer_set`.
    unsafe {
        answer(context, |caller| caller.account()?.services()?.timers.cancel(caller.instance(), id))
    }
}
