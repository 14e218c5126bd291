//! The host functions as a plugin under test calls them. What a broker refuses is refused here too.
#![allow(clippy::too_many_arguments, reason = "the signatures are those of the ABI")]

use std::{ffi::c_void, os::unix::ffi::OsStrExt, path::PathBuf, ptr::NonNull, time::Duration};

use abi_stable::prefix_type::WithMetadata;
use log::Level;

use super::{
    World,
    clients::Subscription,
    seat::{Seat, Timer},
};
use crate::{
    Kick, Message, SubscriptionOptions, UserProperties,
    module::{HostApi, HostApiRef},
    raw::{
        self, AnswerContext, EventPtr, HostContext, Part, View, VisitClient, VisitMessage,
        VisitPair, VisitSubscription, VisitValue,
    },
    testing::{client::size, log_line::Log, rules, running},
};

/// What an operator can grant.
pub(super) const CAPABILITIES: [&str; 8] = [
    "publish",
    "kick",
    "subscribe",
    "read-clients",
    "read-retained",
    "write-retained",
    "kv",
    "network",
];

/// The hooks that may block.
const CAN_WAIT: [&str; 8] = [
    "on_socket_open",
    "on_auth",
    "on_before_connect",
    "on_connect",
    "on_before_subscribe",
    "on_before_unsubscribe",
    "on_before_publish",
    "on_will",
];

/// Timers of one plugin.
const MAX_TIMERS: usize = 1024;

pub(super) fn table() -> HostApiRef {
    HostApiRef(API.static_as_prefix())
}

const API: &WithMetadata<HostApi> = &WithMetadata::new(TABLE);

const TABLE: HostApi = {
    let mut api = HostApi::of_1_0(log, max_level, panicked);
    api.publish = publish;
    api.publish_to = publish_to;
    api.retain = retain;
    api.each_retained = each_retained;
    api.disconnect = disconnect;
    api.subscribe = subscribe;
    api.unsubscribe = unsubscribe;
    api.each_client = each_client;
    api.each_subscription = each_subscription;
    api.receivers = receivers;
    api.attribute_set = attribute_set;
    api.attribute_get = attribute_get;
    api.kv_set = kv_set;
    api.kv_get = kv_get;
    api.kv_remove = kv_remove;
    api.kv_each = kv_each;
    api.timer_set = timer_set;
    api.timer_cancel = timer_cancel;
    api.metric = metric;
    api.metric_update = metric_update;
    api.interest = interest;
    api.config = config;
    api.folder = folder;
    api.defer = defer;
    api.complete = complete;
    api.blocking = blocking;
    api
};

type Done = Result<(), i32>;

/// Does what a plugin asks for, and answers its number.
fn answer(context: HostContext, call: impl FnOnce(&'static Seat) -> Done) -> i32 {
    // SAFETY: the plugin passes back what it was given.
    call(unsafe { Seat::from_context(context) }).err().unwrap_or(0)
}

/// The same with what there is for the plugin, if it may.
fn answer_with(
    context: HostContext,
    capability: &str,
    call: impl FnOnce(&mut World) -> Done,
) -> i32 {
    answer(context, |seat| {
        let mut world = seat.recorder.lock();
        world.may(capability)?;
        call(&mut world)
    })
}

impl World {
    /// Every plugin may what needs no capability, which is "".
    fn may(&self, capability: &str) -> Done {
        if self.denied.contains(&capability) { Err(raw::NOT_GRANTED) } else { Ok(()) }
    }

    fn find(&self, client_id: &str) -> Done {
        if self.clients.has(client_id) { Ok(()) } else { Err(raw::NOT_THERE) }
    }
}

unsafe extern "C" fn log(
    context: HostContext,
    level: u32,
    target: View<'_>,
    message: View<'_>,
    _file: View<'_>,
    _line: u32,
) {
    let level = match level {
        0 | 1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        _ => Level::Trace,
    };
    // SAFETY: the plugin passes back what it was given.
    let seat = unsafe { Seat::from_context(context) };
    seat.recorder.record(Log { level, target: lossy(target), text: lossy(message) });
}

unsafe extern "C" fn max_level(_: HostContext) -> u32 {
    log::LevelFilter::Trace as u32
}

unsafe extern "C" fn panicked(context: HostContext, message: View<'_>, file: View<'_>, line: u32) {
    let panic = running::Panic { message: lossy(message), file: lossy(file), line };
    let text = match running::hook() {
        Some(hook) => format!("panicked in {hook} at {}", panic.with_place()),
        None => format!("panicked at {}", panic.with_place()),
    };
    running::set_panic(panic);
    // SAFETY: the plugin passes back what it was given.
    let seat = unsafe { Seat::from_context(context) };
    seat.recorder.record(Log { level: Level::Error, target: String::new(), text });
}

unsafe extern "C" fn publish(context: HostContext, raw: EventPtr<raw::Message<'static>>) -> i32 {
    answer_with(context, "publish", |world| {
        let retains = retains(&raw);
        if retains {
            world.may("write-retained")?;
        }
        let message = message(&raw)?;
        if retains {
            world.clients.retain(message.clone());
        }
        world.calls.published.push(message);
        Ok(())
    })
}

unsafe extern "C" fn publish_to(
    context: HostContext,
    client_id: View<'_>,
    raw: EventPtr<raw::Message<'static>>,
) -> i32 {
    answer_with(context, "publish", |world| {
        let (client_id, message) = (text(client_id)?, message(&raw)?);
        world.find(client_id)?;
        world.calls.sent.push((client_id.to_owned(), message));
        Ok(())
    })
}

unsafe extern "C" fn retain(context: HostContext, raw: EventPtr<raw::Message<'static>>) -> i32 {
    answer_with(context, "write-retained", |world| {
        let message = message(&raw)?;
        world.clients.retain(message.clone());
        world.calls.retained.push(message);
        Ok(())
    })
}

unsafe extern "C" fn each_retained(
    context: HostContext,
    filter: View<'_>,
    user: *mut c_void,
    visit: VisitMessage,
) -> i64 {
    let shown = |world: &World| {
        let filter = text(filter)?;
        rules::topic_filter(filter).map_err(|_| raw::UNFIT)?;
        Ok(world.clients.retained(filter))
    };
    each(context, "read-retained", shown, |message| {
        // SAFETY: `user` goes with `visit`; the message lives for the call.
        message.with_raw(|raw| unsafe { (visit.visit)(user, NonNull::from(raw)) })
    })
}

unsafe extern "C" fn disconnect(
    context: HostContext,
    client_id: View<'_>,
    code: u32,
    words: View<'_>,
    flags: u32,
) -> i32 {
    answer_with(context, "kick", |world| {
        let (client_id, words) = (text(client_id)?, text(words)?);
        let code = u8::try_from(code).ok().filter(|code| (0x80..=0xA2).contains(code));
        let kick = Kick::from_raw(code.ok_or(raw::UNFIT)?, words, flags);
        let ends = flags & raw::CLEAR_SESSION != 0;
        let ends_session = ends && world.clients.has(client_id);
        if !world.clients.is_connected(client_id) && !ends_session {
            return Err(raw::NOT_THERE);
        }
        match ends {
            true => world.clients.remove(client_id),
            false => world.clients.disconnect(client_id),
        }
        world.calls.disconnected.push((client_id.to_owned(), kick));
        Ok(())
    })
}

unsafe extern "C" fn subscribe(
    context: HostContext,
    client_id: View<'_>,
    filter: View<'_>,
    options: u32,
    _identifier: u32,
) -> i32 {
    answer_with(context, "subscribe", |world| {
        let (client_id, filter) = (text(client_id)?, text(filter)?);
        rules::topic_filter(filter).map_err(|_| raw::UNFIT)?;
        let options = u8::try_from(options).ok().filter(|byte| byte & 3 < 3 && byte >> 4 < 3);
        let options = SubscriptionOptions::from_byte(options.ok_or(raw::UNFIT)?);
        world.find(client_id)?;
        world.clients.subscribe(client_id, filter, options);
        world.calls.subscribed.push((client_id.to_owned(), filter.to_owned(), options));
        Ok(())
    })
}

unsafe extern "C" fn unsubscribe(
    context: HostContext,
    client_id: View<'_>,
    filter: View<'_>,
) -> i32 {
    answer_with(context, "subscribe", |world| {
        let (client_id, filter) = (text(client_id)?, text(filter)?);
        rules::topic_filter(filter).map_err(|_| raw::UNFIT)?;
        world.find(client_id)?;
        world.clients.unsubscribe(client_id, filter);
        world.calls.unsubscribed.push((client_id.to_owned(), filter.to_owned()));
        Ok(())
    })
}

unsafe extern "C" fn each_client(
    context: HostContext,
    client_id: View<'_>,
    user: *mut c_void,
    visit: VisitClient,
) -> i64 {
    let shown = |world: &World| Ok(world.clients.clients(text(client_id)?));
    each(context, "read-clients", shown, |(client, is_connected)| {
        let client = client.raw();
        let info = raw::ClientInfo {
            size: size::<raw::ClientInfo<'_>>(),
            connected: (*is_connected).into(),
            client: (&client).into(),
            since: 0,
            queued: 0,
            queued_bytes: 0,
        };
        // SAFETY: `user` goes with `visit`; the client lives for the call.
        unsafe { (visit.visit)(user, NonNull::from(&info)) }
    })
}

unsafe extern "C" fn each_subscription(
    context: HostContext,
    client_id: View<'_>,
    user: *mut c_void,
    visit: VisitSubscription,
) -> i64 {
    let shown = |world: &World| Ok(world.clients.subscriptions(text(client_id)?));
    each(context, "read-clients", shown, |subscription| show(subscription, user, visit))
}

unsafe extern "C" fn receivers(
    context: HostContext,
    topic: View<'_>,
    user: *mut c_void,
    visit: VisitSubscription,
) -> i64 {
    let shown = |world: &World| {
        let topic = text(topic)?;
        rules::topic_name(topic).map_err(|_| raw::UNFIT)?;
        Ok(world.clients.receivers(topic))
    };
    each(context, "read-clients", shown, |subscription| show(subscription, user, visit))
}

fn show(subscription: &Subscription, user: *mut c_void, visit: VisitSubscription) -> i32 {
    let info = raw::SubscriptionInfo {
        size: size::<raw::SubscriptionInfo<'_>>(),
        options: subscription.options.to_byte().into(),
        client_id: raw::Text::new(&subscription.client_id),
        filter: raw::Text::new(&subscription.filter),
        identifier: 0,
        reserved: 0,
    };
    // SAFETY: `user` goes with `visit`; the subscription lives for the call.
    unsafe { (visit.visit)(user, NonNull::from(&info)) }
}

/// Shows what is found, until the plugin wants no more. Nothing is locked meanwhile.
fn each<T>(
    context: HostContext,
    capability: &str,
    find: impl FnOnce(&World) -> Result<Vec<T>, i32>,
    mut show: impl FnMut(&T) -> i32,
) -> i64 {
    // SAFETY: the plugin passes back what it was given.
    let seat = unsafe { Seat::from_context(context) };
    let world = seat.recorder.lock();
    let found = world.may(capability).and_then(|()| find(&world));
    drop(world);
    match found {
        Ok(found) => {
            let mut shown = 0;
            for it in &found {
                shown += 1;
                if show(it) == 0 {
                    break;
                }
            }
            shown
        }
        Err(code) => code.into(),
    }
}

unsafe extern "C" fn attribute_set(
    context: HostContext,
    client_id: View<'_>,
    scope: u32,
    key: View<'_>,
    value: View<'_>,
) -> i32 {
    answer_with(context, "", |world| {
        let (client_id, key) = (text(client_id)?, text(key)?);
        check_scope(scope)?;
        world.find(client_id)?;
        world.store.note(client_id, scope, key, value.as_bytes());
        Ok(())
    })
}

unsafe extern "C" fn attribute_get(
    context: HostContext,
    client_id: View<'_>,
    scope: u32,
    key: View<'_>,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    answer(context, |seat| {
        check_scope(scope)?;
        let value = seat.recorder.lock().store.attribute(text(client_id)?, scope, text(key)?);
        tell(&value.ok_or(raw::NOT_THERE)?, user, visit)
    })
}

fn check_scope(scope: u32) -> Done {
    let is_known = matches!(scope, raw::ATTRIBUTE_OF_CONNECTION | raw::ATTRIBUTE_OF_SESSION);
    if is_known { Ok(()) } else { Err(raw::UNFIT) }
}

unsafe extern "C" fn kv_set(
    context: HostContext,
    key: View<'_>,
    value: View<'_>,
    seconds: u32,
) -> i32 {
    answer_with(context, "kv", |world| {
        let ends = match seconds {
            0 => u64::MAX,
            seconds => world.now + 1000 * u64::from(seconds),
        };
        world.store.set(key.as_bytes(), value.as_bytes(), ends);
        Ok(())
    })
}

unsafe extern "C" fn kv_get(
    context: HostContext,
    key: View<'_>,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    answer(context, |seat| {
        let world = seat.recorder.lock();
        world.may("kv")?;
        let value = world.store.get(key.as_bytes(), world.now);
        drop(world);
        tell(&value.ok_or(raw::NOT_THERE)?, user, visit)
    })
}

unsafe extern "C" fn kv_remove(context: HostContext, key: View<'_>) -> i32 {
    answer_with(context, "kv", |world| {
        let now = world.now;
        if world.store.remove(key.as_bytes(), now) { Ok(()) } else { Err(raw::NOT_THERE) }
    })
}

unsafe extern "C" fn kv_each(
    context: HostContext,
    prefix: View<'_>,
    user: *mut c_void,
    visit: VisitPair,
) -> i64 {
    let shown = |world: &World| Ok(world.store.each(prefix.as_bytes(), world.now));
    each(context, "kv", shown, |(key, value)| {
        // SAFETY: `user` goes with `visit`; the pair lives for the call.
        unsafe { (visit.visit)(user, View::new(key), View::new(value)) }
    })
}

unsafe extern "C" fn timer_set(context: HostContext, id: u64, after: u64, every: u64) -> i32 {
    answer(context, |seat| {
        let due = seat.recorder.lock().now.saturating_add(after);
        let mut timers = seat.timers();
        if timers.len() >= MAX_TIMERS && !timers.contains_key(&id) {
            return Err(raw::FULL);
        }
        timers.insert(id, Timer { due, every });
        Ok(())
    })
}

unsafe extern "C" fn timer_cancel(context: HostContext, id: u64) -> i32 {
    answer(context, |seat| seat.timers().remove(&id).map(|_| ()).ok_or(raw::NOT_THERE))
}

unsafe extern "C" fn metric(
    context: HostContext,
    kind: u32,
    name: View<'_>,
    labels: View<'_>,
    _help: View<'_>,
) -> i64 {
    // SAFETY: the plugin passes back what it was given.
    let seat = unsafe { Seat::from_context(context) };
    let labels = std::str::from_utf8(labels.as_bytes()).map_err(|_| raw::UNFIT);
    let number = text(name)
        .and_then(|name| Ok((name, labels?)))
        .and_then(|(name, labels)| seat.recorder.lock().metrics.metric(kind, name, labels));
    number.unwrap_or_else(i64::from)
}

unsafe extern "C" fn metric_update(context: HostContext, number: i64, how: u32, by: f64) -> i32 {
    answer_with(context, "", |world| world.metrics.update(number, how, by))
}

unsafe extern "C" fn interest(
    context: HostContext,
    hook: View<'_>,
    kind: u32,
    value: View<'_>,
) -> i32 {
    answer_with(context, "", |world| {
        let (hook, value) = (text(hook)?, text(value)?);
        let what = match kind {
            raw::INTEREST_TOPIC => {
                rules::topic_filter(value).map_err(|_| raw::UNFIT)?;
                format!("topic {value}")
            }
            raw::INTEREST_LISTENER => format!("listener {value}"),
            raw::INTEREST_NO_PAYLOAD => "no payload".to_owned(),
            _ => return Err(raw::UNFIT),
        };
        world.calls.interests.push((hook.to_owned(), what));
        Ok(())
    })
}

unsafe extern "C" fn blocking(context: HostContext, hook: View<'_>, milliseconds: u32) -> i32 {
    answer_with(context, "", |world| {
        let hook = text(hook)?;
        if !CAN_WAIT.contains(&hook) {
            return Err(raw::CLOSED);
        }
        world.calls.blocking.push((hook.to_owned(), Duration::from_millis(milliseconds.into())));
        Ok(())
    })
}

unsafe extern "C" fn config(context: HostContext, user: *mut c_void, visit: VisitValue) -> i32 {
    answer(context, |seat| tell(seat.config.as_bytes(), user, visit))
}

unsafe extern "C" fn folder(
    context: HostContext,
    which: u32,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    answer(context, |seat| {
        let folder = seat.recorder.lock().folder.clone().ok_or(raw::NOT_THERE)?;
        let folder: PathBuf = match which {
            raw::FOLDER_OF_CONFIG => folder,
            raw::FOLDER_OF_DATA => folder.join("data"),
            _ => return Err(raw::UNFIT),
        };
        std::fs::create_dir_all(&folder).map_err(|_| raw::NOT_THERE)?;
        tell(folder.as_os_str().as_bytes(), user, visit)
    })
}

unsafe extern "C" fn defer(context: HostContext, of: AnswerContext, milliseconds: u32) -> u64 {
    if of.ptr.is_null() || running::hook().is_none() {
        return 0;
    }
    // SAFETY: the plugin passes back what it was given.
    let seat = unsafe { Seat::from_context(context) };
    let mut world = seat.recorder.lock();
    let now = world.now;
    world.pending.give(of.ptr, milliseconds, now)
}

unsafe extern "C" fn complete(
    context: HostContext,
    ticket: u64,
    code: i32,
    parts: *const Part<'_>,
    count: usize,
) -> i32 {
    let parts = match count {
        0 => &[],
        // SAFETY: there are as many as the plugin says.
        count => unsafe { std::slice::from_raw_parts(parts, count) },
    };
    let parts = parts.iter().map(|it| (it.part, it.value.as_bytes().to_vec())).collect();
    answer(context, |seat| {
        let done = seat.recorder.lock().pending.complete(ticket, code, parts);
        seat.recorder.completed.notify_all();
        done
    })
}

fn message(raw: &EventPtr<raw::Message<'static>>) -> Result<Message, i32> {
    // SAFETY: the plugin was built with this crate, and its message lives for the call.
    let raw = unsafe { raw.ptr.as_ref() };
    let message = Message::from_raw(raw).ok_or(raw::UNFIT)?;
    rules::topic_name(text(raw.topic)?).map_err(|_| raw::UNFIT)?;
    rules::qos(raw.qos).map_err(|_| raw::UNFIT)?;
    match UserProperties::new(raw.properties.as_bytes()).are_whole() {
        true => Ok(message),
        false => Err(raw::UNFIT),
    }
}

fn tell(value: &[u8], user: *mut c_void, visit: VisitValue) -> Done {
    // SAFETY: `user` goes with `visit`; the value lives for the call.
    unsafe { (visit.visit)(user, View::new(value)) };
    Ok(())
}

fn retains(raw: &EventPtr<raw::Message<'static>>) -> bool {
    // SAFETY: as in `message`.
    unsafe { raw.ptr.as_ref() }.retain != 0
}

/// Text that a packet could carry.
fn text(view: View<'_>) -> Result<&str, i32> {
    let text = std::str::from_utf8(view.as_bytes()).map_err(|_| raw::UNFIT)?;
    if text.contains('\0') { Err(raw::UNFIT) } else { Ok(text) }
}

fn lossy(view: View<'_>) -> String {
    String::from_utf8_lossy(view.as_bytes()).into_owned()
}
