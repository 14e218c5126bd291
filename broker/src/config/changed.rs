//! Keys whose value only a start of the broker takes up.

use super::{Config, Limits};

/// Lists all fields of a struct, so that one that is left out does not compile: those whose values
/// differ, by name.
macro_rules! differing {
    ($type:ident, $before:expr, $after:expr; $($key:ident)*; but $($other:ident)*) => {{
        let $type { $($key: _,)* $($other: _,)* } = $before;
        let keys = [$((stringify!($key), $before.$key != $after.$key),)*];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key)
    }};
}

/// The keys in which two configs differ, except for those that a running broker takes up: `plugins`
/// and `log`.
pub fn needs_restart(before: &Config, after: &Config) -> Vec<String> {
    let keys = differing!(Config, before, after;
        listeners plugin_dir data_dir control threads allow_anonymous check_payload_format
        durability store_failure acknowledge refused_publish plugin_publish_depth blocking_threads blocking_deadline
        response_information;
        but plugins log limits
    );
    let limits = differing!(Limits, &before.limits, &after.limits;
        max_packet_size max_connections max_connections_per_address max_connection_rate
        max_handshakes max_sessions max_takeovers takeover_ban
        auth_backoff max_auth_backoff connect_timeout max_keep_alive
        receive_maximum max_inflight max_queued_messages max_queued_bytes
        write_buffer max_unwritten queue_full max_memory min_disk_free topic_alias_maximum send_timeout max_topic_levels
        max_topic_length max_client_id_length max_user_properties max_user_property_bytes
        max_filters_per_subscribe max_subscriptions max_subscription_bytes max_session_expiry
        queue_qos0 max_retained_messages max_retained_bytes max_attribute_bytes max_kv_bytes;
        but
    );
    keys.map(str::to_owned).chain(limits.map(|key| format!("limits.{key}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_running_broker_cannot_take_up_is_named() {
        let before = Config::default();
        let mut after = Config { log: log::LevelFilter::Off, ..Config::default() };
        after.plugins.push(crate::plugins::PluginEntry::default());
        assert!(needs_restart(&before, &after).is_empty());
        after.control = None;
        after.limits.max_inflight += 1;
        assert_eq!(needs_restart(&before, &after), ["control", "limits.max_inflight"]);
    }
}
