//! What a plugin may call. Each function is called from any thread, at any time after `bootstrap`
//! began, and never unwinds into the plugin. They are the border alone: what they do is in
//! `crate::services`.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

mod attributes;
mod clients;
mod kv;
mod log;
mod messages;
mod metrics;
mod retained;
mod setting;
mod timers;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use ::log::{Level, Record};
use parking_lot::Mutex;
use plugin_abi::{
    abi_stable::prefix_type::WithMetadata,
    module::{HostApi, HostApiRef},
    raw::{self, HostContext, View},
};

use super::{
    Capabilities, Capability,
    blocking::{self, BlockingHooks},
    escaped::Escaped,
    interest::{self, Interests},
    later::{self, Tickets},
};
use crate::{
    hooks::running,
    services::{Account, Declined, InstanceId, Services},
};

/// Who is calling. Lives for ever, since the threads of a plugin may outlive its instance.
///
/// So it holds nothing that should end earlier.
pub(super) struct Caller {
    name: Box<str>,
    instance: InstanceId,
    services: Weak<Services>,
    account: Weak<Account>,
    granted: Capabilities,
    /// Calls that were refused for want of a capability: which were logged.
    refused: AtomicU32,
    shadow: bool,
    /// The plugin's section, as JSON.
    config: Box<str>,
    starting: AtomicBool,
    /// The instance is gone.
    ended: AtomicBool,
    /// What it has declared while it was starting.
    declared: Mutex<Declared>,
    /// What it said last at error level while it was starting. It is logged when it has started
    /// after all; else it is part of the error, and so is not said twice.
    complaint: Mutex<Option<Complaint>>,
    tickets: Tickets,
}

/// What a plugin says while it starts about how it is to be called.
#[derive(Default)]
pub(super) struct Declared {
    pub(super) interests: Interests,
    pub(super) blocking: BlockingHooks,
}

struct Complaint {
    target: String,
    message: String,
    place: (String, u32),
    /// Reports of panics are logged at once: the process may be at its end.
    logged: bool,
}

impl Caller {
    pub(super) fn new(
        services: &Arc<Services>,
        account: &Arc<Account>,
        (shadow, granted): (bool, Capabilities),
        config: &str,
    ) -> &'static Caller {
        Box::leak(Box::new(Caller {
            name: (&*account.name).into(),
            instance: services.next_instance(),
            services: Arc::downgrade(services),
            account: Arc::downgrade(account),
            shadow,
            granted,
            refused: AtomicU32::new(0),
            config: config.into(),
            ended: AtomicBool::new(false),
            starting: AtomicBool::new(true),
            declared: Mutex::default(),
            complaint: Mutex::new(None),
            tickets: Tickets::default(),
        }))
    }

    /// To be handed to the plugin.
    pub(super) fn context(&'static self) -> HostContext {
        HostContext { ptr: std::ptr::from_ref(self).cast() }
    }

    /// For answers that come later.
    pub(super) fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// Whether it must not change anything.
    pub(super) fn is_shadow(&self) -> bool {
        self.shadow
    }

    /// The plugin has started.
    pub(super) fn started(&self) {
        if self.is_shadow() {
            ::log::info!("plugin {} is a shadow: what it answers is only counted", self.name);
        }
        self.starting.store(false, Ordering::Relaxed);
        self.log_complaint(None);
    }

    /// The plugin has failed to start: why, in its own words.
    pub(super) fn failed(&self) -> Option<String> {
        self.starting.store(false, Ordering::Relaxed);
        self.complaint.lock().take().map(|complaint| complaint.message)
    }

    /// The instance is gone: whatever its threads ask for is declined.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(services) = self.services.upgrade() {
            services.timers.forget(self.instance);
        }
    }

    pub(super) fn instance(&self) -> InstanceId {
        self.instance
    }

    /// What belongs to the plugin.
    ///
    /// # Errors
    /// [`Declined::Stopping`] if the instance or the broker is gone.
    fn account(&self) -> Result<Arc<Account>, Declined> {
        let account = self.account.upgrade().ok_or(Declined::Stopping)?;
        if self.ended.load(Ordering::Relaxed) { Err(Declined::Stopping) } else { Ok(account) }
    }

    /// Whether it may call what takes this capability. That it may not is logged the first time.
    ///
    /// # Errors
    /// [`Declined::NotGranted`] if not.
    fn may(&self, capability: Capability) -> Result<(), Declined> {
        if self.granted.has(capability) {
            return Ok(());
        }
        let bit = 1 << capability as u32;
        if self.refused.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            ::log::warn!(
                "plugin {} called for what takes the capability {capability}, which it is not granted; \
                 if it may do so, add that to `capabilities:` of the plugin in the config",
                self.name
            );
        }
        Err(Declined::NotGranted)
    }

    /// Whether it may change something, by this capability: no shadow may.
    ///
    /// # Errors
    /// [`Declined::NotGranted`] if not.
    fn may_change(&self, capability: Capability) -> Result<(), Declined> {
        if self.is_shadow() { Err(Declined::NotGranted) } else { self.may(capability) }
    }

    /// Holds back `next`, and logs what was held back before.
    fn log_complaint(&self, next: Option<Complaint>) {
        let before = std::mem::replace(&mut *self.complaint.lock(), next);
        if let Some(Complaint { target, message, place: (file, line), logged: false }) = before {
            self.write(Level::Error, &target, &message, (&file, line));
        }
    }

    /// What can be done while the plugin starts, and not later.
    pub(super) fn while_starting<R>(&self, act: impl FnOnce(&mut Declared) -> R) -> Option<R> {
        let mut declared = self.declared.lock();
        self.starting.load(Ordering::Relaxed).then(|| act(&mut declared))
    }

    /// What it has declared; to be called when it has started.
    pub(super) fn take_declared(&self) -> Declared {
        std::mem::take(&mut self.declared.lock())
    }

    /// Says, as the plugin, what it has done wrong.
    pub(super) fn complain(&self, what: &str) {
        self.log(Level::Error, "", what, ("", 0));
    }

    /// # Safety
    ///
    /// The context is one that [`Caller::context`] made.
    pub(super) unsafe fn from_context(context: HostContext) -> &'static Caller {
        // SAFETY: the caller's promise; it was leaked.
        unsafe { &*context.ptr.cast::<Caller>() }
    }

    fn log(&self, level: Level, target: &str, message: &str, place: (&str, u32)) {
        if level == Level::Error && self.starting.load(Ordering::Relaxed) {
            self.log_complaint(Some(Complaint::new(target, message, place)));
        } else {
            self.write(level, target, message, place);
        }
    }

    fn write(&self, level: Level, target: &str, message: &str, place: (&str, u32)) {
        if level > ::log::max_level() {
            return;
        }
        let target = match target {
            "" => format!("plugin::{}", self.name),
            target => format!("plugin::{}::{target}", self.name),
        };
        let (file, line) = place;
        ::log::logger().log(
            &Record::builder()
                .level(level)
                .target(&target)
                .file(Some(file).filter(|file| !file.is_empty()))
                .line(Some(line).filter(|line| *line != 0))
                .args(format_args!("{}", Escaped(message)))
                .build(),
        );
    }

    fn panicked(&self, message: &str, place: (&str, u32)) {
        let (file, line) = place;
        let what = match running::current() {
            Some(hook) => format!("panicked in {hook} at {file}:{line}: {message}"),
            None => format!("panicked in a thread of its own at {file}:{line}: {message}"),
        };
        self.write(Level::Error, "", &what, place);
        if self.starting.load(Ordering::Relaxed) {
            let complaint = Complaint::new("", &format!("{file}:{line}: {message}"), place);
            self.log_complaint(Some(Complaint { logged: true, ..complaint }));
        }
    }
}

impl Complaint {
    fn new(target: &str, message: &str, (file, line): (&str, u32)) -> Complaint {
        let (target, message) = (target.to_owned(), message.to_owned());
        Complaint { target, message, place: (file.to_owned(), line), logged: false }
    }
}

/// The table for Rust plugins.
pub(super) fn api() -> HostApiRef {
    HostApiRef(API.static_as_prefix())
}

/// The table for a C plugin.
pub(super) fn c_host(caller: &'static Caller) -> &'static raw::Host {
    Box::leak(Box::new(TABLE.for_c(caller.context())))
}

const API: &WithMetadata<HostApi> = &WithMetadata::new(TABLE);

const TABLE: HostApi = HostApi {
    publish: messages::publish,
    publish_to: messages::publish_to,
    retain: messages::retain,
    each_retained: retained::each_retained,
    disconnect: clients::disconnect,
    subscribe: clients::subscribe,
    unsubscribe: clients::unsubscribe,
    each_client: clients::each_client,
    each_subscription: clients::each_subscription,
    receivers: clients::receivers,
    attribute_set: attributes::attribute_set,
    attribute_get: attributes::attribute_get,
    kv_set: kv::kv_set,
    kv_get: kv::kv_get,
    kv_remove: kv::kv_remove,
    kv_each: kv::kv_each,
    timer_set: timers::timer_set,
    timer_cancel: timers::timer_cancel,
    metric: metrics::metric,
    metric_update: metrics::metric_update,
    interest: interest::declare,
    config: setting::config,
    folder: setting::folder,
    defer: later::defer,
    complete: later::complete,
    blocking: blocking::declare,
    ..HostApi::of_1_0(log::log, log::max_level, log::panicked)
};

/// Does what a plugin asks for, and answers its number.
///
/// # Safety
///
/// The context is one that [`Caller::context`] made.
unsafe fn answer(
    context: HostContext,
    call: impl FnOnce(&'static Caller) -> Result<(), Declined>,
) -> i32 {
    // SAFETY: the caller's promise.
    let caller = unsafe { Caller::from_context(context) };
    let answer = contain(|| call(caller));
    answer.unwrap_or(Err(Declined::Stopping)).map_or_else(Declined::to_raw, |()| 0)
}

/// The same for a function that counts.
///
/// # Safety
///
/// As there.
unsafe fn count(
    context: HostContext,
    call: impl FnOnce(&'static Caller) -> Result<i64, Declined>,
) -> i64 {
    // SAFETY: the caller's promise.
    let caller = unsafe { Caller::from_context(context) };
    let count = contain(|| call(caller)).unwrap_or(Err(Declined::Stopping));
    count.unwrap_or_else(|declined| declined.to_raw().into())
}

/// A bug of ours must not take the plugin's frames with it, which cannot unwind.
pub(super) fn contain<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(std::mem::forget).ok()
}

/// Text that a packet could carry.
fn text(view: View<'_>) -> Result<&str, Declined> {
    let text = std::str::from_utf8(view.as_bytes()).ok();
    text.filter(|text| !text.contains('\0')).ok_or(Declined::Unfit)
}
