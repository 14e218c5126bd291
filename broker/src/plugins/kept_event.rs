//! A copy of an event, for a hook that is called when the packet may be gone: on another thread.
#![allow(unsafe_code, reason = "keeps the memory that an event points to")]

use std::{ffi::c_void, marker::PhantomData, sync::Arc};

use plugin_abi::raw::{self, EventPtr, Text, View};

use super::AnswerHandle;
use crate::hooks::point::Point;

/// An event of the hook `P`, with all that it points to.
pub(crate) struct KeptEvent<P: Point> {
    kept: Box<dyn Kept>,
    hook: PhantomData<fn() -> P>,
}

// SAFETY: what it points to is its own; the handle of an answer is set by the thread that uses it.
unsafe impl<P: Point> Send for KeptEvent<P> {}

impl<P: Point> KeptEvent<P> {
    /// `None` for a hook whose answer nobody can wait for.
    pub(crate) fn new(event: &P::Event<'_>) -> Option<KeptEvent<P>> {
        Some(KeptEvent { kept: event.keep()?, hook: PhantomData })
    }

    /// Where the plugin is to hand over the parts of its answer.
    pub(crate) fn set_answer(&mut self, answer: AnswerHandle) {
        self.kept.set_answer(answer);
    }

    pub(super) fn as_ptr(&self) -> EventPtr<c_void> {
        self.kept.as_ptr()
    }
}

/// An event that can be kept.
pub(crate) trait Keep {
    /// A copy with all that it points to; `None`: nobody needs one.
    fn keep(&self) -> Option<Box<dyn Kept>> {
        None
    }
}

/// A copy of some event.
pub(crate) trait Kept {
    fn set_answer(&mut self, answer: AnswerHandle);

    fn as_ptr(&self) -> EventPtr<c_void>;
}

/// An event that points into `memory`. It is not moved out of here.
struct Whole<E> {
    event: E,
    _memory: Memory,
}

/// Neither moves what it points to when it is moved itself.
#[derive(Default)]
struct Memory {
    bytes: Vec<Arc<[u8]>>,
    client: Option<Arc<raw::Client<'static>>>,
}

impl Memory {
    /// # Safety
    ///
    /// The result is not used when `self` is gone.
    unsafe fn bytes(&mut self, bytes: &[u8]) -> &'static [u8] {
        if bytes.is_empty() {
            return &[];
        }
        let kept: Arc<[u8]> = bytes.into();
        let pointer = Arc::as_ptr(&kept);
        self.bytes.push(kept);
        // SAFETY: it lives as long as `self`, by the caller's promise long enough; nobody writes to it.
        unsafe { &*pointer }
    }

    /// # Safety
    ///
    /// As [`Memory::bytes`].
    unsafe fn view(&mut self, view: View<'_>) -> View<'static> {
        // SAFETY: the caller's promise.
        View::new(unsafe { self.bytes(view.as_bytes()) })
    }

    /// # Safety
    ///
    /// As [`Memory::bytes`].
    unsafe fn text(&mut self, text: Text<'_>) -> Text<'static> {
        // SAFETY: the caller's promise; and it is a copy of text.
        Text::new(unsafe { std::str::from_utf8_unchecked(self.bytes(text.as_str().as_bytes())) })
    }

    /// # Safety
    ///
    /// As [`Memory::bytes`]; the broker has made the client.
    unsafe fn client(&mut self, client: raw::ClientPtr<'_>) -> raw::ClientPtr<'static> {
        // SAFETY: the caller's promise.
        let client = unsafe {
            let client = client.get();
            raw::Client {
                client_id: self.text(client.client_id),
                username: self.text(client.username),
                listener: self.text(client.listener),
                ..*client
            }
        };
        let pointer = Arc::as_ptr(self.client.insert(Arc::new(client)));
        // SAFETY: it lives as long as `self`, by the caller's promise long enough; nobody writes to it.
        raw::ClientPtr::from(unsafe { &*pointer })
    }
}

/// Each field is named, and one that borrows would not be of a kept event as it is: so none can be forgotten.
macro_rules! kept {
    ($($event:ident: plain $($plain:ident)*; text $($text:ident)*; view $($view:ident)*; $($client:ident)?;)*) => {$(
        impl Keep for raw::$event<'_> {
            fn keep(&self) -> Option<Box<dyn Kept>> {
                let mut memory = Memory::default();
                // SAFETY: what points to the memory stays beside it.
                let event: raw::$event<'static> = unsafe {
                    raw::$event {
                        $($plain: self.$plain,)*
                        $($text: memory.text(self.$text),)*
                        $($view: memory.view(self.$view),)*
                        $($client: memory.client(self.$client),)?
                        answer_ctx: AnswerHandle::CLOSED.context,
                        answer: AnswerHandle::CLOSED.function,
                    }
                };
                Some(Box::new(Whole { event, _memory: memory }))
            }
        }

        impl Kept for Whole<raw::$event<'static>> {
            fn set_answer(&mut self, answer: AnswerHandle) {
                self.event.answer_ctx = answer.context;
                self.event.answer = answer.function;
            }

            fn as_ptr(&self) -> EventPtr<c_void> {
                EventPtr::from(&self.event).cast()
            }
        }
    )*};
}

kept! {
    SocketOpen:
        plain size reserved peer local origin asked_again;
        text listener source;
        view;
        ;
    Auth:
        plain size round reauthentication has_data origin asked_again;
        text method source;
        view data state properties;
        client;
    BeforeConnect:
        plain size clean_start has_password has_will reserved session_expiry keep_alive reserved_too origin
            asked_again will_qos will_retain;
        text will_topic authentication_method source original_client_id original_username;
        view password properties will_payload will_properties;
        client;
    Connect:
        plain size session_present clean_start reserved origin asked_again;
        text source;
        view;
        client;
    Subscribe:
        plain size qos no_local retain_as_published retain_handling origin asked_again;
        text filter whole_filter source original_filter;
        view properties;
        client;
    Unsubscribe:
        plain size reserved origin asked_again;
        text filter whole_filter source original_filter;
        view;
        client;
    Publish:
        plain size qos retain dup origin asked_again depth payload_len;
        text topic source original_topic;
        view payload properties;
        client;
}

macro_rules! not_kept {
    ($($event:ident)*) => {$(
        impl Keep for raw::$event<'_> {}
    )*};
}

not_kept! { Deliver Disconnect Dropped Session Tick }
