//! The section `limits:` and the range that each limit may have.

use std::time::Duration;

use super::Limits;
use super::error::Problem;
use super::quantity::{KIB, MIB, duration, number, size};
use super::setting::{Section, Setting};
use super::{mark, queue_full as queue_full_key};

/// In milliseconds.
const HOUR: u64 = 60 * 60 * 1000;
const DAY: u64 = 24 * HOUR;

/// A count that only memory limits.
const MANY: u64 = 1_000_000_000;
/// The same in bytes.
const LARGE: u64 = 1024 * 1024 * MIB;
/// The longest string that MQTT can carry, in bytes.
const STRING: u64 = 65_535;
/// The tree of subscriptions is walked by recursion, a level a call: a thread's stack has room for more
/// than these.
const LEVELS: u64 = 512;

/// Reads all limits; those that the section does not have keep their value.
pub(super) fn read(section: &mut Section<'_, '_>, limits: &mut Limits) {
    // Taken apart, so that a limit without a key does not compile.
    let Limits {
        max_packet_size,
        max_connections,
        max_connections_per_address,
        max_connection_rate,
        max_handshakes,
        max_sessions,
        max_takeovers,
        takeover_ban,
        auth_backoff,
        max_auth_backoff,
        connect_timeout,
        max_keep_alive,
        receive_maximum,
        max_inflight,
        max_queued_messages,
        max_queued_bytes,
        write_buffer,
        max_unwritten,
        queue_full,
        max_memory,
        min_disk_free,
        send_timeout,
        max_topic_levels,
        max_topic_length,
        topic_alias_maximum,
        max_client_id_length,
        max_user_properties,
        max_user_property_bytes,
        max_filters_per_subscribe,
        max_subscriptions,
        max_subscription_bytes,
        max_session_expiry,
        queue_qos0,
        max_retained_messages,
        max_retained_bytes,
        max_attribute_bytes,
        max_kv_bytes,
    } = limits;
    section.read("max_connections", max_connections, number(1..=MANY));
    section.read("max_connections_per_address", max_connections_per_address, number(1..=MANY));
    section.read("max_connection_rate", max_connection_rate, number(1..=MANY));
    section.read("max_handshakes", max_handshakes, number(1..=MANY));
    section.read("max_sessions", max_sessions, number(1..=MANY));
    section.read("max_takeovers", max_takeovers, number(1..=MANY));
    section.read("takeover_ban", takeover_ban, duration(1000..=DAY));
    section.read("max_auth_backoff", max_auth_backoff, duration(1000..=DAY));
    section.read("auth_backoff", auth_backoff, first_wait(*max_auth_backoff));
    section.read("connect_timeout", connect_timeout, duration(100..=HOUR));
    section.read("send_timeout", send_timeout, duration(100..=HOUR));
    section.read("max_packet_size", max_packet_size, size(KIB..=256 * MIB));
    // [MQTT-3.1.3-5]: client ids of 23 bytes are always allowed.
    section.read("max_client_id_length", max_client_id_length, number(23..=STRING));
    section.read("max_topic_length", max_topic_length, number(1..=STRING));
    section.read("max_topic_levels", max_topic_levels, number(1..=LEVELS));
    section.read("topic_alias_maximum", topic_alias_maximum, number(0..=65_535));
    section.read("max_user_properties", max_user_properties, number(0..=MANY));
    section.read("max_user_property_bytes", max_user_property_bytes, size(0..=256 * MIB));
    section.read("max_filters_per_subscribe", max_filters_per_subscribe, number(1..=MANY));
    section.read("max_subscriptions", max_subscriptions, number(1..=MANY));
    section.read("max_subscription_bytes", max_subscription_bytes, size(KIB..=LARGE));
    // As many seconds as MQTT can say.
    section.read("max_keep_alive", max_keep_alive, duration(1000..=65_535_000));
    section.read("receive_maximum", receive_maximum, number(1..=65_535));
    section.read("max_inflight", max_inflight, number(1..=65_535));
    section.read("max_queued_messages", max_queued_messages, number(1..=MANY));
    section.read("max_queued_bytes", max_queued_bytes, size(KIB..=LARGE));
    section.read("write_buffer", write_buffer, size(KIB..=LARGE));
    section.read("max_unwritten", max_unwritten, size(64 * KIB..=1024 * MIB));
    section.read("queue_full", queue_full, queue_full_key::read);
    section.read("max_memory", max_memory, mark::read);
    section.read("min_disk_free", min_disk_free, mark::read);
    section.read("queue_qos0", queue_qos0, Setting::boolean);
    // As many seconds as MQTT can say.
    section.read("max_session_expiry", max_session_expiry, duration(0..=49_710 * DAY));
    section.read("max_retained_messages", max_retained_messages, number(0..=MANY));
    section.read("max_retained_bytes", max_retained_bytes, size(0..=LARGE));
    section.read("max_attribute_bytes", max_attribute_bytes, size(0..=256 * MIB));
    section.read("max_kv_bytes", max_kv_bytes, size(KIB..=LARGE));
}

/// Reads the wait after a first refusal.
fn first_wait(longest: Duration) -> impl Fn(&Setting<'_>) -> Result<Duration, Problem> {
    move |setting| {
        let first = duration(0..=HOUR)(setting)?;
        if first > longest {
            let text = "longer than limits.max_auth_backoff allows; raise that one, or lower this";
            return Err(setting.problem(text.to_owned()));
        }
        Ok(first)
    }
}
