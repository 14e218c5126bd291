//! The way from an event back to the broker, for what of an answer is no number.

use std::mem::offset_of;

use crate::{
    auth::Auth,
    deliver::Deliver,
    event::{BeforeConnect, Connect, Publish, SocketOpen, Subscribe, Unsubscribe, field},
    raw::{self, AnswerContext, AnswerFunction, View},
};

/// An event whose hook may answer with more than a number.
pub(crate) trait Answerable {
    /// `None`: the broker has ABI 1.0, and takes numbers alone.
    fn answer(&self) -> Option<Answer>;
}

/// Takes the parts of the answer, as long as the event lives.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    context: AnswerContext,
    take: AnswerFunction,
}

impl Answer {
    pub(crate) fn context(self) -> AnswerContext {
        self.context
    }

    /// Hands the broker a part, of which it takes a copy.
    pub(crate) fn give(self, part: u32, value: &[u8]) -> i32 {
        // SAFETY: the event lives, and so does its answer; the value is borrowed for the call.
        unsafe { (self.take)(self.context, part, View::new(value)) }
    }
}

macro_rules! answerable {
    ($($event:ident)*) => {$(
        impl Answerable for $event<'_> {
            fn answer(&self) -> Option<Answer> {
                let end = offset_of!(raw::$event<'static>, answer) + size_of::<AnswerFunction>();
                if (field!(self, size) as usize) < end {
                    return None;
                }
                // The size says that the fields are there.
                Some(Answer { context: field!(self, answer_ctx), take: field!(self, answer) })
            }
        }
    )*};
}

answerable! { SocketOpen BeforeConnect Connect Publish Subscribe Unsubscribe Auth Deliver }
