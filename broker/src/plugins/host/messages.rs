//! Publishing, and what is retained.

use plugin_abi::raw::{EventPtr, HostContext, Message, View};

use super::{Capability, answer};
use crate::services::{Declined, Draft, Errand};

pub(super) unsafe extern "C" fn publish(
    context: HostContext,
    message: EventPtr<Message<'static>>,
) -> i32 {
    // SAFETY: the plugin passes back what it was given, and a message that lives for the call.
    unsafe {
        answer(context, |caller| {
            caller.may_change(Capability::Publish)?;
            let draft = draft(message)?;
            if draft.retain {
                caller.may_change(Capability::WriteRetained)?;
            }
            let account = caller.account()?;
            account.post(Errand::Publish(account.check(&draft)?))
        })
    }
}

pub(super) unsafe extern "C" fn publish_to(
    context: HostContext,
    client_id: View<'_>,
    message: EventPtr<Message<'static>>,
) -> i32 {
    // SAFETY: as in `publish`.
    unsafe {
        answer(context, |caller| {
            caller.may_change(Capability::Publish)?;
            let account = caller.account()?;
            let packet = account.check(&draft(message)?)?;
            let client_id = super::text(client_id)?;
            account.find(client_id)?;
            account.post(Errand::Send(client_id.into(), packet))
        })
    }
}

pub(super) unsafe extern "C" fn retain(
    context: HostContext,
    message: EventPtr<Message<'static>>,
) -> i32 {
    // SAFETY: as in `publish`.
    unsafe {
        answer(context, |caller| {
            caller.may_change(Capability::WriteRetained)?;
            let account = caller.account()?;
            account.post(Errand::Retain(account.check(&draft(message)?)?))
        })
    }
}

/// # Safety
///
/// The message has as many bytes as it says, and its views are valid for the call.
unsafe fn draft<'a>(message: EventPtr<Message<'static>>) -> Result<Draft<'a>, Declined> {
    let message = message.as_ptr();
    // SAFETY: every struct of this kind starts with its size.
    if unsafe { message.cast::<u32>().read() } < size_of::<Message<'_>>() as u32 {
        return Err(Declined::Unfit);
    }
    // SAFETY: it is that large at least.
    let message = unsafe { message.read() };
    Ok(Draft {
        topic: message.topic.as_bytes(),
        payload: message.payload.as_bytes(),
        properties: message.properties.as_bytes(),
        qos: message.qos,
        retain: message.retain != 0,
    })
}
