//! What is retained, as plugins are shown it.

use std::{ffi::c_void, ptr::NonNull};

use plugin_abi::raw::{HostContext, Message, View, VisitMessage};

use super::{Capability, count, text};

pub(super) unsafe extern "C" fn each_retained(
    context: HostContext,
    filter: View<'_>,
    user: *mut c_void,
    visit: VisitMessage,
) -> i64 {
    // SAFETY: the plugin passes back what it was given; `user` goes with `visit`.
    unsafe {
        count(context, |caller| {
            caller.may(Capability::ReadRetained)?;
            let shown = caller.account()?.each_retained(text(filter)?, |publish| {
                let message = Message {
                    size: size_of::<Message<'_>>() as u32,
                    qos: publish.qos as u8,
                    retain: 1,
                    reserved: [0; 2],
                    topic: View::new(publish.topic.as_bytes()),
                    payload: View::new(publish.payload),
                    properties: View::new(publish.properties.as_bytes()),
                };
                (visit.visit)(user, NonNull::from(&message)) != 0
            })?;
            Ok(shown as i64)
        })
    }
}
