//! Plugins that misbehave on purpose, in a broker that serves: each failure has the answer that is written
//! for it, is counted and logged with plugin and hook, and the next client finds all as it should be. The
//! table in docs/plugins/misbehaving.md says what happens in each case.

use std::time::Duration;

use hookmq::plugins::{PluginEntry, PluginStats};
use mqtt::{Packet, QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::patience::wait_until;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::caller::tell;
use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    a_panic_in_any_hook_ends_nothing_but_the_answer,
    a_panic_that_cannot_be_dropped_does_no_more,
    a_wrong_answer_in_any_hook_is_a_failure,
    a_panic_in_a_timer_does_not_end_it,
    a_panic_on_a_thread_of_its_own_is_logged,
    a_panic_while_it_starts_or_ends_harms_nobody,
    who_hangs_holds_up_one_thread,
    who_takes_all_memory_gives_it_back,
);

/// Those that a client's life leads to.
const HOOKS: [&str; 17] = [
    "on_socket_open",
    "on_before_connect",
    "on_session",
    "on_connect",
    "on_before_subscribe",
    "on_subscribe",
    "on_message",
    "on_before_publish",
    "on_before_deliver",
    "on_publish",
    "on_delivered",
    "on_dropped",
    "on_before_unsubscribe",
    "on_unsubscribe",
    "on_will",
    "on_disconnect",
    "shutdown",
];

/// Those whose failure refuses.
const REFUSING: [&str; 7] = [
    "on_socket_open",
    "on_before_connect",
    "on_connect",
    "on_before_subscribe",
    "on_before_publish",
    "on_before_deliver",
    "on_will",
];

/// A plugin that fails as `config` says.
fn misbehaving(directory: &PluginDir, name: &str, config: Value) -> PluginEntry {
    directory.put(plugins::rust("misbehaving"), name);
    entry(name, config)
}

fn counts(broker: &Broker, hook: &str) -> hookmq::hooks::HookStats {
    let stats = broker.plugins().stats();
    let is_hook = |stats: &&PluginStats| stats.hook == hook;
    stats.iter().find(is_hook).unwrap().counts
}

fn a_panic_in_any_hook_ends_nothing_but_the_answer(version: Version) {
    for hook in HOOKS {
        panics(version, hook, "panic", "boom");
    }
}

fn a_panic_that_cannot_be_dropped_does_no_more(version: Version) {
    for hook in HOOKS {
        panics(version, hook, "drop_panics", "a payload that is not text");
    }
}

fn panics(version: Version, hook: &str, how: &str, text: &str) {
    let name = &format!("{how}-{hook}-{}", version.level());
    let directory = PluginDir::new();
    let config = json!({ "in": hook, "how": how, "times": 1 });
    fails_once(&directory, misbehaving(&directory, name, config), version, hook, "it panicked");
    let report = &log::messages(&format!("plugin::{name}"))[0];
    assert!(report.starts_with(&format!("panicked in {hook} at ")), "{report}");
    assert!(report.contains("lib.rs:") && report.ends_with(text), "{report}");
}

/// A number that no hook has; the one for an answer that comes later, which those that observe do not have and the others
/// not by itself; the least that there is.
fn a_wrong_answer_in_any_hook_is_a_failure(version: Version) {
    let library = plugins::c("broker/tests/plugins/nonsense.c");
    for answer in [3, 2, i32::MIN] {
        for hook in HOOKS.into_iter().filter(|hook| *hook != "shutdown") {
            let name = &format!("says{answer}-{hook}-{}", version.level());
            let directory = PluginDir::new();
            directory.put(&library, name);
            let symbol = hook.split('_').map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_uppercase() + rest
            });
            let symbol: String = symbol.collect();
            let config = json!({ "in": symbol, "answer": answer, "times": 1 });
            let entry = entry(name, config);
            fails_once(&directory, entry, version, hook, "it answered ");
        }
    }
}

/// One client meets the failure of the plugin, the next one does not.
fn fails_once(directory: &PluginDir, entry: PluginEntry, version: Version, hook: &str, what: &str) {
    log::take();
    let name = entry.name.clone();
    let mut broker = Broker::with_plugins(directory, vec![entry]);
    live(&broker, version, "first", Some(hook).filter(|hook| REFUSING.contains(hook)));
    live(&broker, version, "second", None);
    if hook == "shutdown" {
        broker.stop();
        log::wait_for(&format!("plugin {name} failed in shutdown; the broker goes on"));
        return;
    }
    let line = log::wait_for(&format!("plugin {name} failed in {hook}: {what}"));
    let follows = if REFUSING.contains(&hook) { "taken as a veto" } else { "the broker goes on" };
    assert!(line.starts_with("ERROR") && line.contains(follows), "{line}");
    let counts = counts(&broker, hook);
    assert_eq!(counts.failed, 1, "{hook}");
    assert!(counts.allowed > 0, "{hook}: {counts:?}");
}

/// Leads to each hook: connects, is sent messages, is not sent one, unsubscribes, leaves a will. `stops` is
/// the hook that keeps the client from what it is asked about.
fn live(broker: &Broker, version: Version, name: &str, stops: Option<&str>) {
    let Some(mut client) = connect(broker, version, name, stops) else { return };
    let qos = QoS::AtLeastOnce;
    assert_eq!(client.subscribe("a", qos), ReasonCode::GrantedQoS1);
    let mut other = Client::connect(broker, version, &format!("{name}-other"));
    other.publish("a", "x", qos);
    let stopping = ["on_before_subscribe", "on_before_publish", "on_before_deliver"];
    if stops.is_none_or(|hook| !stopping.contains(&hook)) {
        client.expect("a", "x");
    }
    client.ping();
    lose_a_message(broker, version, &mut other);
    let was_there = stops != Some("on_before_subscribe") || !version.has_properties();
    let expected = if was_there { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted };
    assert_eq!(client.unsubscribe("a"), expected);
    other.subscribe("will", QoS::AtMostOnce);
    drop(client);
    // It is connected when all is done for its former connection.
    Client::connect(broker, version, name).disconnect();
    assert_eq!(other.next_is_publish_before_ping(), stops != Some("on_will"));
    other.disconnect();
}

fn connect(broker: &Broker, version: Version, name: &str, stops: Option<&str>) -> Option<Client> {
    let mut client = Client::open(broker.address(), version);
    if stops == Some("on_socket_open") {
        client.expect_closed();
        return None;
    }
    client.send_bytes(&Login::new(version, name).will(LastWill::new("will", "gone")).bytes());
    if stops == Some("on_before_connect") {
        client.expect_refused(ReasonCode::NotAuthorized);
        return None;
    }
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    if stops == Some("on_connect") {
        client.expect_disconnect(ReasonCode::NotAuthorized);
        return None;
    }
    Some(client)
}

/// A message at QoS 0 does not wait for a client that is away.
fn lose_a_message(broker: &Broker, version: Version, publisher: &mut Client) {
    let mut away = Login::new(version, "away").keeping_session().connect(broker.address());
    away.subscribe("lost", QoS::AtLeastOnce);
    away.disconnect();
    publisher.publish("lost", "x", QoS::AtMostOnce);
    publisher.ping();
}

fn a_panic_in_a_timer_does_not_end_it(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &format!("ticks-{}", version.level()));
    let config = json!({ "in": "on_tick", "how": "panic", "times": 1 });
    let broker = Broker::with_plugins(&directory, vec![misbehaving(&directory, name, config)]);
    log::wait_for(&format!(
        "plugin {name} failed in on_tick: it panicked (-1); the broker goes on"
    ));
    wait_until(|| counts(&broker, "on_tick").allowed > 0);
    assert_eq!(counts(&broker, "on_tick").failed, 1);
    live(&broker, version, "c", None);
}

fn a_panic_on_a_thread_of_its_own_is_logged(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &format!("thread-{}", version.level()));
    let entry = misbehaving(&directory, name, json!({ "in": "on_connect", "how": "thread" }));
    let broker = Broker::with_plugins(&directory, vec![entry]);
    live(&broker, version, "c", None);
    let report = log::wait_for(&format!("plugin::{name}: panicked in a thread of its own at "));
    assert!(report.contains("boom in a thread"), "{report}");
    assert_eq!(counts(&broker, "on_connect").failed, 0);
}

fn a_panic_while_it_starts_or_ends_harms_nobody(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &format!("ends-{}", version.level()));
    let failing = |place| misbehaving(&directory, name, json!({ "in": place, "how": "panic" }));
    let broker = Broker::with_plugins(&directory, vec![failing("shutdown")]);
    let put = |place| broker.plugins().put(directory.path(), &failing(place));
    let mut client = Client::connect(&broker, version, "c");
    let error = put("bootstrap").unwrap_err().to_string();
    assert!(error.contains("it panicked while starting: "), "{error}");
    client.publish("a", "", QoS::AtLeastOnce);
    assert_eq!(counts(&broker, "on_publish").asked, 1, "the old one serves");
    put("drop").unwrap();
    client.publish("a", "", QoS::AtLeastOnce);
    log::wait_for(&format!("plugin {name} failed in shutdown; the broker goes on"));
    broker.plugins().remove(name).unwrap();
    client.publish("a", "", QoS::AtLeastOnce);
    log::wait_for(&format!("plugin {name} failed in drop; the broker goes on"));
    live(&broker, version, "next", None);
}

/// Connections go to the two threads in turn.
fn who_hangs_holds_up_one_thread(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &format!("hanging-{}", version.level()));
    let until = directory.path().join("go on");
    let config = json!({ "in": "on_publish", "how": "hang", "until": until, "times": 1 });
    let deadline = Duration::from_millis(20);
    let entry = PluginEntry { deadline, ..misbehaving(&directory, name, config) };
    let broker = Broker::with_plugins(&directory, vec![entry]);
    let [mut client, mut other] = ["c", "other"].map(|id| Client::connect(&broker, version, id));
    tell(&mut client, "a", "x");
    client.send(&Packet::PingReq);
    log::wait_for(&format!("plugin {name} is in on_publish for "));
    other.subscribe("b", QoS::AtMostOnce);
    tell(&mut other, "b", "x");
    other.expect("b", "x");
    directory.write("go on", b"");
    client.receive(|packet| assert_eq!(packet, Packet::PingResp));
    let counts = counts(&broker, "on_publish");
    assert_eq!((counts.asked, counts.allowed, counts.overdue), (2, 2, 1));
}

fn who_takes_all_memory_gives_it_back(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &format!("memory-{}", version.level()));
    let config = json!({ "in": "on_message", "how": "memory", "times": 1 });
    let entry =
        PluginEntry { deadline: Duration::from_secs(60), ..misbehaving(&directory, name, config) };
    let broker = Broker::with_plugins(&directory, vec![entry]);
    live(&broker, version, "first", None);
    live(&broker, version, "second", None);
    let said = log::messages(&format!("plugin::{name}"));
    assert!(said[0].starts_with("had ") && said[0].ends_with(" MiB"), "{said:?}");
    assert_eq!(counts(&broker, "on_message").failed, 0);
}
