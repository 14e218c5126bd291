//! Hooks that block, on threads of their plugin: who waits and who does not, and what becomes of calls that do
//! not return. The plugins are `broker/tests/plugins/rewriter`, and `blocks.c` and `blocks.rs` beside it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use hookmq::config::Config;
use hookmq::hooks::{Answers, HookStats, Standing, TraceFilter, TracedAnswer};
use hookmq::plugins::{Blocking, PluginEntry};
use mqtt::{Packet, Properties, Publish, QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::patience::wait_until;
use crate::common::plugins::{self, PluginDir};
use crate::common::scratch::Scratch;
use crate::support::auth::{entry, login};
use crate::support::caller::{Asker, caller};
use crate::support::rewriter::Rewriters;
use crate::support::{self, Broker, Client, LastWill, Login, both_versions};

both_versions!(
    only_the_client_waits_that_the_hook_is_about,
    what_is_handed_over_counts,
    who_was_asked_before_is_asked_again,
    an_answer_may_come_still_later,
    the_event_is_whole,
    a_will_waits_on_a_thread,
    a_plugin_that_cannot_be_waited_for_has_not_failed,
    who_hangs_has_failed_and_holds_a_thread,
    a_call_that_nobody_waits_for_is_not_made,
    a_new_instance_does_not_wait_for_the_old_one,
    an_operator_may_say_that_a_plugin_blocks,
    who_goes_does_not_wait_for_the_call,
    a_slow_hook_is_taken_for_one_that_blocks,
    a_slow_hook_stays_if_the_operator_says_so,
    a_slow_hook_of_a_plugin_in_c_stays,
    a_slow_hook_of_a_plugin_of_1_0_stays,
    a_hook_that_was_moved_is_asked_where_nobody_can_wait,
    a_hook_that_blocks_is_not_asked_where_nobody_can_wait,
    a_shadow_that_blocks_is_compared,
);

/// The plugin has `hooks` declared, and blocks in them for what has the name `slow`.
fn blocking(hooks: &[&str]) -> Value {
    let mut section = json!({ "blocking": {} });
    for hook in hooks {
        section["blocking"][hook] = 60_000.into();
        section[hook] = json!([{ "name": "slow", "block": true }]);
    }
    section
}

fn one_thread(config: &mut Config) {
    config.threads = NonZeroUsize::new(1);
}

fn message<'a>(topic: &'a str, payload: &'a str) -> Packet<'a> {
    Packet::Publish(Publish { packet_id: 1, ..support::message(topic, payload, QoS::AtLeastOnce) })
}

fn acknowledged(client: &mut Client) {
    client.receive(|packet| assert!(matches!(packet, Packet::PubAck(_)), "{packet:?}"));
}

fn connecting(broker: &Broker, version: Version, client_id: &str) -> Client {
    let mut client = Client::open(broker.address(), version);
    client.send_bytes(&Login::new(version, client_id).bytes());
    client
}

fn counts(broker: &Broker, hook: &str) -> HookStats {
    broker.plugins().stats().iter().find(|stats| stats.hook == hook).unwrap().counts
}

fn only_the_client_waits_that_the_hook_is_about(version: Version) {
    let hooks = [
        "on_before_connect",
        "on_connect",
        "on_before_subscribe",
        "on_before_publish",
        "on_before_unsubscribe",
    ];
    let test = Rewriters::with("blocks", version, &[blocking(&hooks)], one_thread);
    let mut other = test.connect("other");
    let mut waits = 0;
    let mut round_trip = |other: &mut Client| {
        waits += 1;
        test.wait_for("1 waits slow", waits);
        other.subscribe("here", QoS::AtMostOnce);
        other.send(&message("here", "x"));
        other.expect("here", "x");
        acknowledged(other);
        other.release("slow", "continue");
    };
    let mut client = connecting(&test.broker, version, "slow");
    round_trip(&mut other);
    round_trip(&mut other);
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    client.start_subscribe("slow", mqtt::SubscriptionOptions::new(QoS::AtMostOnce));
    round_trip(&mut other);
    client.receive(|packet| assert!(matches!(packet, Packet::SubAck(_)), "{packet:?}"));
    client.send(&message("slow", "y"));
    client.send(&message("behind", "z"));
    round_trip(&mut other);
    client.expect("slow", "y");
    acknowledged(&mut client);
    acknowledged(&mut client);
    let list = mqtt::FilterList::new("slow");
    let packet_id = client.take_packet_id();
    client.send(&Packet::Unsubscribe(mqtt::Unsubscribe::new(packet_id, Properties::EMPTY, &list)));
    round_trip(&mut other);
    client.receive(|packet| assert!(matches!(packet, Packet::UnsubAck(_)), "{packet:?}"));
    let of_publish = counts(&test.broker, "on_before_publish");
    assert_eq!((of_publish.asked, of_publish.allowed), (12, 12));
    assert_eq!((of_publish.waiting, of_publish.overdue, of_publish.failed), (0, 0, 0));
    assert!(of_publish.timed >= 12);
}

fn what_is_handed_over_counts(version: Version) {
    let hooks = ["on_before_connect", "on_before_publish"];
    let test = Rewriters::new("handed", version, &[blocking(&hooks)]);
    let mut other = test.connect("other");
    other.subscribe("b", QoS::AtMostOnce);
    let mut client = connecting(&test.broker, version, "slow");
    test.wait_for("1 waits slow", 1);
    other.release("slow", "username somebody,continue");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    assert_eq!(
        test.said("on_connect").last().unwrap(),
        "1 slow asked_again=false Some(\"somebody\")"
    );
    client.send(&message("slow", "x"));
    test.wait_for("1 waits slow", 2);
    // What is not taken is said at once, and is no failure.
    let mut third = test.connect("third");
    third.release("slow", "topic b,topic a/#,payload y,property n=v,continue");
    let received = other.expect("b", "y");
    let properties = Properties::from_validated(&received.properties);
    assert_eq!(properties.user_properties().count(), usize::from(version.has_properties()));
    acknowledged(&mut client);
    test.wait_for("1 topic a/#: the value cannot stand in its packet", 1);
    client.send(&message("slow", "x"));
    test.wait_for("1 waits slow", 3);
    let mut trace = test.broker.plugins().trace(TraceFilter::default());
    third.release("slow", "payload z,refuse 151 no more");
    client.receive(|packet| match packet {
        Packet::PubAck(ack) if version.has_properties() => {
            assert_eq!(ack.reason, ReasonCode::QuotaExceeded);
            assert_eq!(ack.properties.reason_string(), Some("no more"));
        }
        packet => assert!(matches!(packet, Packet::PubAck(_)), "{packet:?}"),
    });
    other.ping();
    let shown = trace.try_next().unwrap();
    assert_eq!(
        (shown.hook, &*shown.client_id, &*shown.subject),
        ("on_before_publish", "slow", "slow")
    );
    assert!(shown.answer.is_no() && !shown.took.is_zero());
    let counts = counts(&test.broker, "on_before_publish");
    assert_eq!((counts.refused, counts.failed), (1, 0));
}

fn who_was_asked_before_is_asked_again(version: Version) {
    let rewriter = json!({ "on_before_publish": [{ "name": "a", "change": ["topic slow"] }] });
    let sections = [blocking(&["on_before_publish"]), rewriter];
    let test = Rewriters::new("blocks-again", version, &sections);
    let mut other = test.connect("other");
    for topic in ["slow", "b"] {
        other.subscribe(topic, QoS::AtMostOnce);
    }
    let mut client = test.connect("client");
    client.send(&message("a", "x"));
    test.wait_for("1 waits slow", 1);
    let mut third = test.connect("third");
    third.release("slow", "topic b,continue");
    acknowledged(&mut client);
    other.expect("slow", "x");
    test.wait_for("1 topic b: the plugin is asked again, and can change nothing now", 1);
}

/// A hook that is called on a thread may leave its answer to yet another one.
fn an_answer_may_come_still_later(version: Version) {
    let section = json!({
        "blocking": { "on_before_connect": 60_000, "on_will": 60_000 },
        "on_before_connect": [{ "name": "slow", "later": 60_000 }],
        "on_will": [{ "name": "slow", "later": 60_000 }],
    });
    let test = Rewriters::new("still-later", version, &[section]);
    let mut other = test.connect("other");
    other.subscribe("slow", QoS::AtMostOnce);
    let mut client = connecting(&test.broker, version, "slow");
    test.wait_for("1 waits slow", 1);
    other.release("slow", "continue");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    let will = LastWill::new("slow", "gone");
    drop(Login::new(version, "client").will(will).connect(test.broker.address()));
    test.wait_for("1 waits slow", 2);
    test.connect("third").release("slow", "continue");
    other.expect("slow", "gone");
}

/// What stays of the event is what it was, whatever the connection does meanwhile.
fn the_event_is_whole(version: Version) {
    let section = json!({
        "blocking": { "on_before_publish": 60_000 },
        "on_before_publish": [{ "name": "slow", "block": true, "log_again": true }],
    });
    let test = Rewriters::new("whole", version, &[section]);
    let mut other = test.connect("other");
    let mut client = test.connect("client");
    client.send(&message("slow", &"x".repeat(100)));
    test.wait_for("1 waits slow", 1);
    other.publish("somewhere", &"y".repeat(100), QoS::AtLeastOnce);
    other.release("slow", "continue");
    acknowledged(&mut client);
    let before = test.said("on_before_publish");
    let again = test.said("blocked");
    let event = before.iter().find(|line| line.starts_with("1 slow ")).unwrap();
    assert_eq!(again, std::slice::from_ref(event));
    assert!(event.contains(&"x".repeat(100)), "{event}");
}

fn a_will_waits_on_a_thread(version: Version) {
    let hooks = ["on_will", "on_before_publish"];
    let test = Rewriters::with("blocked-will", version, &[blocking(&hooks)], one_thread);
    test.will_waits_alone(version);
}

/// Clients bring that about, and must not have it quarantined.
fn a_plugin_that_cannot_be_waited_for_has_not_failed(version: Version) {
    let section = blocking(&["on_will"]);
    let test = Rewriters::with("many-block", version, &[section], |config| {
        config.limits.max_handshakes = 1;
        config.plugins[0].max_failures = 1;
    });
    let mut other = test.connect("other");
    other.subscribe("slow", QoS::AtMostOnce);
    let leave = |client_id, payload| test.leave(version, client_id, payload);
    leave("first", "1");
    test.wait_for("1 waits slow", 1);
    leave("second", "2");
    let name = format!("plugin many-block{}-1", version.level());
    log::wait_for(&format!(
        "{name} was not asked in on_will: it blocks, and nobody can wait for it"
    ));
    test.connect("third").release("slow", "continue");
    other.expect("slow", "1");
    let counts = counts(&test.broker, "on_will");
    assert_eq!((counts.asked, counts.skipped, counts.failed), (1, 1, 0));
    assert_eq!(test.broker.plugins().standings()[0].1, Standing::Serving);
}

fn who_hangs_has_failed_and_holds_a_thread(version: Version) {
    let section = json!({
        "blocking": { "on_before_connect": 1 },
        "on_before_connect": [{ "name": "slow", "block": true }],
    });
    let test = Rewriters::with("hung", version, &[section], |config| config.blocking_threads = 1);
    let mut third = test.connect("third");
    let mut client = connecting(&test.broker, version, "slow");
    assert_eq!(client.connack(), (ReasonCode::NotAuthorized, false));
    let failed = format!("plugin hung{}-1 failed in on_before_connect: ", version.level());
    let held =
        format!("{failed}it has not returned within its deadline, and holds one of its threads");
    assert_eq!(log::lines(&held).len(), 1);
    let not_free = format!("{failed}none of its threads was free within its deadline");
    // Not each failure is logged.
    while log::lines(&not_free).is_empty() {
        let mut client = connecting(&test.broker, version, "other");
        assert_eq!(client.connack(), (ReasonCode::NotAuthorized, false));
    }
    assert_eq!(test.said("on_before_connect").len(), 2);
    third.release("slow", "continue");
    test.connect("other").ping();
}

fn a_call_that_nobody_waits_for_is_not_made(version: Version) {
    let section = blocking(&["on_before_connect"]);
    let test = Rewriters::with("unawaited", version, &[section], |config| {
        config.blocking_threads = 1;
    });
    let mut other = test.connect("other");
    let mut client = connecting(&test.broker, version, "slow");
    test.wait_for("1 waits slow", 1);
    let mut gone = connecting(&test.broker, version, "gone");
    gone.stream.shutdown(std::net::Shutdown::Write).unwrap();
    gone.expect_closed();
    other.release("slow", "continue");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    test.connect("next").ping();
    let asked = test.said("on_before_connect");
    assert!(!asked.iter().any(|line| line.starts_with("1 gone ")), "{asked:?}");
}

/// Blocks in OnBeforePublish until a file is there, and says at its end whether it is in a hook.
fn blocks(directory: &PluginDir, name: &str, until: &str) -> PluginEntry {
    directory.put(plugins::c("broker/tests/plugins/blocks.c"), name);
    let until = directory.path().join(until);
    PluginEntry { blocking: Blocking::Always, ..entry(name, json!(until)) }
}

fn a_new_instance_does_not_wait_for_the_old_one(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("blocks-old-{}", version.level()));
    let broker = Broker::with_plugins(&directory, vec![blocks(&directory, name, "go on")]);
    let [mut client, mut other] =
        ["client", "other"].map(|id| Client::connect(&broker, version, id));
    let plugin = format!("plugin::{name}");
    let wait_for = |text: &str| {
        let is_last = || log::messages(&plugin).last().is_some_and(|last| last == text);
        log::until(|| is_last().then_some(()));
    };
    client.send(&message("a", "x"));
    wait_for("in on_before_publish");
    directory.write("go on, new one", b"");
    broker.plugins().put(directory.path(), &blocks(&directory, name, "go on, new one")).unwrap();
    other.publish("a", "y", QoS::AtLeastOnce);
    wait_for("in on_before_publish");
    assert_eq!(log::messages(&plugin).len(), 2, "the old one is not told that it ends");
    directory.write("go on", b"");
    acknowledged(&mut client);
    wait_for("ends, in 0 hooks");
}

fn an_operator_may_say_that_a_plugin_blocks(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("blocks-c-{}", version.level()));
    let plugins = vec![blocks(&directory, name, "go on")];
    let broker = Broker::with_plugins_and(&directory, plugins, one_thread);
    let [mut client, mut other] =
        ["client", "other"].map(|id| Client::connect(&broker, version, id));
    client.send(&message("a", "x"));
    log::wait_for(&format!(" plugin::{name}: in on_before_publish"));
    other.subscribe("a", QoS::AtMostOnce);
    other.ping();
    directory.write("go on", b"");
    acknowledged(&mut client);
    other.expect("a", "x");
}

/// A plugin that frees what it keeps of a client has to know.
fn who_goes_does_not_wait_for_the_call(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("blocks-on-{}", version.level()));
    let broker = Broker::with_plugins(&directory, vec![blocks(&directory, name, "go on")]);
    let mut client = Client::connect(&broker, version, "client");
    client.send(&message("a", "x"));
    log::wait_for(&format!(" plugin::{name}: in on_before_publish"));
    Client::connect(&broker, version, "client").ping();
    log::wait_for(&format!(" plugin::{name}: a client is gone, in 1 hooks"));
    directory.write("go on", b"");
}

/// Has a hook overstay until it is moved: `ask` leads to it, and `hear` is what it leads to. Connections go to the
/// two threads in turn. Returns how many times that was.
fn overstay(
    test: &Rewriters,
    hook: &str,
    [client, other]: [&mut Client; 2],
    ask: impl Fn(&mut Client),
    hear: impl Fn(&mut Client),
) -> usize {
    let moved = format!(" has lasted too long in {hook} 3 times");
    let name = test.broker.plugins().names().next().unwrap();
    let moved = || log::lines(&format!("plugin {name}{moved}"));
    let overdue = || counts(&test.broker, hook).overdue;
    let mut times = 0;
    while moved().is_empty() {
        let before = overdue();
        ask(client);
        times += 1;
        test.wait_for("1 waits slow", times);
        // On a slow machine others may overstay too.
        wait_until(|| overdue() > before || !moved().is_empty());
        other.release("slow", "continue");
        hear(client);
    }
    assert!(moved()[0].starts_with("WARN"));
    times
}

/// A plugin that blocks for `slow` in this hook, of which the broker is not told.
fn slow(test: &str, hook: &str, version: Version) -> Rewriters {
    let cases = json!([{ "name": "slow", "block": true }, { "name": "secret", "refuse": 0x87 }]);
    Rewriters::with(test, version, &[json!({ hook: cases })], |config| {
        let plugin = &mut config.plugins[0];
        (plugin.deadline, plugin.max_failures) = (Duration::from_millis(20), 3);
    })
}

fn a_slow_hook_is_taken_for_one_that_blocks(version: Version) {
    let test = slow("slow", "on_before_publish", version);
    let [mut client, mut other, mut neighbour] =
        ["client", "other", "neighbour"].map(|client_id| test.connect(client_id));
    let ask = |client: &mut Client| client.send(&message("slow", "x"));
    let pair = [&mut client, &mut other];
    let times = overstay(&test, "on_before_publish", pair, ask, acknowledged);
    client.send(&message("slow", "x"));
    test.wait_for("1 waits slow", times + 1);
    neighbour.ping();
    neighbour.release("slow", "continue");
    acknowledged(&mut client);
    let counts = counts(&test.broker, "on_before_publish");
    assert!(counts.overdue >= 3);
    assert_eq!((counts.failed, counts.skipped), (0, 0));
    let listed = test.broker.roster().list();
    assert_eq!(listed[0].detail.as_ref().unwrap().blocking, ["on_before_publish"]);
}

/// Neither the plugin nor the operator has said that it blocks.
fn a_hook_that_was_moved_is_asked_where_nobody_can_wait(version: Version) {
    let hook = "on_before_subscribe";
    let test = slow("moved", hook, version);
    let [mut client, mut other] = ["client", "other"].map(|client_id| test.connect(client_id));
    let ask = |client: &mut Client| {
        client.start_subscribe("slow", mqtt::SubscriptionOptions::new(QoS::AtMostOnce));
    };
    let hear = |client: &mut Client| {
        client.receive(|packet| assert!(matches!(packet, Packet::SubAck(_)), "{packet:?}"));
    };
    overstay(&test, hook, [&mut client, &mut other], ask, hear);
    let (mut asker, list) = subscribe_by_plugin(&test);
    let subscriptions = loop {
        let subscriptions = asker.ask(&list);
        if subscriptions.contains("client open ") {
            break subscriptions;
        }
    };
    assert!(!subscriptions.contains("secret"), "{subscriptions}");
    assert_eq!(counts(&test.broker, hook).skipped, 0);
}

fn a_hook_that_blocks_is_not_asked_where_nobody_can_wait(version: Version) {
    let hook = "on_before_subscribe";
    let test = Rewriters::new("unasked", version, &[blocking(&[hook])]);
    let _client = test.connect("client");
    let (mut asker, list) = subscribe_by_plugin(&test);
    wait_until(|| counts(&test.broker, hook).skipped >= 2);
    assert_eq!(asker.ask(&list), "0: ");
}

/// Another plugin subscribes for `client`. Returns whom to ask for its subscriptions, and how.
fn subscribe_by_plugin(test: &Rewriters) -> (Asker, Value) {
    let directory = PluginDir::new();
    let caller = caller(&directory, &format!("asks-{}", test.version.level()), json!({}));
    test.broker.plugins().put(directory.path(), &caller).unwrap();
    let mut asker = Asker::connect(&test.broker, test.version);
    for filter in ["secret", "open"] {
        let call = json!({ "do": "subscribe", "client": "client", "topic": filter, "qos": 0 });
        assert_eq!(asker.ask(&call), "()");
    }
    (asker, json!({ "do": "subscriptions", "client": "client" }))
}

fn a_slow_hook_stays_if_the_operator_says_so(version: Version) {
    let library = plugins::c("broker/tests/plugins/blocks.c");
    stays("stays-slow", &library, Blocking::Declared, version);
}

/// It was told that a client's hooks do not overlap, and may free what they use when the client goes.
fn a_slow_hook_of_a_plugin_in_c_stays(version: Version) {
    let library = plugins::c("broker/tests/plugins/blocks.c");
    stays("stays-c", &library, Blocking::WhenSlow, version);
}

fn a_slow_hook_of_a_plugin_of_1_0_stays(version: Version) {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let source = include_str!("../plugins/blocks.rs");
        Scratch::with_release("scratch-blocks-1-0-0", "1.0.0", source).build(&[])
    });
    stays("stays-1-0", &*BUILT, Blocking::WhenSlow, version);
}

/// A plugin that blocks in on_before_publish overstays once, which is a failure.
fn stays(name: &str, library: impl AsRef<Path>, blocking: Blocking, version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("{name}-{}", version.level()));
    directory.put(library, name);
    let until = directory.path().join("go on");
    let plugin = PluginEntry {
        blocking,
        deadline: Duration::from_millis(20),
        max_failures: 1,
        ..entry(name, json!(until))
    };
    let broker = Broker::with_plugins(&directory, vec![plugin]);
    let mut client = Client::connect(&broker, version, "client");
    client.send(&message("a", "x"));
    log::wait_for(&format!("plugin {name} is quarantined for 1s"));
    directory.write("go on", b"");
    acknowledged(&mut client);
    let blocking = &broker.plugins().details()[0].blocking;
    assert!(blocking.is_empty(), "{blocking:?}");
}

fn a_shadow_that_blocks_is_compared(version: Version) {
    let section = blocking(&["on_before_publish"]);
    let test = Rewriters::with("shadow-blocks", version, &[section], |config| {
        config.plugins[0].shadow = true;
    });
    let mut other = test.connect("other");
    other.subscribe("slow", QoS::AtMostOnce);
    let mut client = test.connect("client");
    for (times, answer) in [(1, "payload y,continue"), (2, "veto")] {
        client.send(&message("slow", "x"));
        test.wait_for("1 waits slow", times);
        test.connect("third").release("slow", answer);
        acknowledged(&mut client);
        other.expect("slow", "x");
    }
    let counts = counts(&test.broker, "on_before_publish");
    // With those that have released it.
    assert_eq!((counts.asked, counts.agreed, counts.would_refuse), (4, 3, 1));
}

/// It is waited for a while, so once is enough.
#[test]
fn the_broker_stops_though_a_hook_hangs() {
    let version = Version::V5;
    let mut test = Rewriters::new("hangs-on", version, &[blocking(&["on_before_publish"])]);
    let mut client = test.connect("client");
    client.send(&message("slow", "x"));
    test.wait_for("1 waits slow", 1);
    test.broker.stop();
    client.expect_disconnect(ReasonCode::ServerShuttingDown);
    let left = format!("plugin hangs-on{}-1 is in 1 hooks that block", version.level());
    assert_eq!(log::lines(&left).len(), 1);
}

/// It is waited for a while, so once is enough.
#[test]
fn the_broker_waits_for_an_instance_that_was_replaced() {
    log::take();
    let (directory, name) = (PluginDir::new(), "blocks-replaced");
    let plugin = blocks(&directory, name, "go on");
    let mut broker = Broker::with_plugins(&directory, vec![plugin.clone()]);
    let mut client = Client::connect(&broker, Version::V5, "client");
    client.send(&message("a", "x"));
    log::wait_for(&format!(" plugin::{name}: in on_before_publish"));
    broker.plugins().put(directory.path(), &plugin).unwrap();
    broker.stop();
    let left = format!("plugin {name} is in 1 hooks that block");
    assert_eq!(log::lines(&left).len(), 1);
    directory.write("go on", b"");
}

#[test]
fn an_authentication_waits_on_a_thread() {
    let section = blocking(&["on_auth"]);
    let test = Rewriters::with("auth-blocks", Version::V5, &[section], one_thread);
    let mut other = test.connect("other");
    let filter = TraceFilter { hook: Some("on_auth".into()), ..TraceFilter::default() };
    let mut shown = test.broker.plugins().trace(filter);
    let mut client = Client::start(&test.broker, &login("client", "slow", "x"));
    test.wait_for("1 waits slow", 1);
    other.ping();
    other.release("slow", "continue");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    let traced = shown.try_next().unwrap();
    assert_eq!((&*traced.client_id, traced.answer), ("client", TracedAnswer::Authenticated));
    let said = test.said("on_connect");
    assert_eq!(said.last().unwrap(), "1 client asked_again=false Some(\"proved\")");
    client.send_auth(ReasonCode::ReAuthenticate, "slow", "y");
    test.wait_for("1 waits slow", 2);
    let all = TraceFilter { answers: Answers::All, ..TraceFilter::default() };
    let mut trace = test.broker.plugins().trace(all);
    other.release("slow", "continue");
    assert_eq!(client.asked().reason, ReasonCode::Success);
    let mut shown = std::iter::from_fn(|| trace.try_next());
    assert!(shown.any(|shown| shown.hook == "on_auth" && !shown.took.is_zero()));
}

#[test]
fn a_socket_waits_on_a_thread() {
    let section = json!({ "blocking": { "on_socket_open": 60_000 } });
    let test = Rewriters::new("socket-blocks", Version::V5, &[section]);
    test.connect("client").ping();
    let counts = counts(&test.broker, "on_socket_open");
    assert_eq!((counts.asked, counts.pending, counts.waiting, counts.timed), (1, 1, 0, 1));
}

#[test]
fn a_hook_that_nobody_can_wait_for_cannot_block() {
    log::take();
    let (directory, name) = (PluginDir::new(), "blocks-wrongly");
    directory.put(plugins::rust("rewriter"), name);
    for (hook, why) in [
        ("on_publish", "nobody can wait for this hook, so it cannot block"),
        ("on_before_deliver", "nobody can wait for this hook, so it cannot block"),
        ("on_nothing", "a value cannot stand there"),
    ] {
        let section = json!({ "blocking": { hook: 0 } });
        let error = hookmq::plugins::Plugins::load(directory.path(), &[entry(name, section)]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        let said = log::messages(&format!("plugin::{name}")).pop().unwrap();
        assert!(said.contains(hook), "{said}");
    }
}
