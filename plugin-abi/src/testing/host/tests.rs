//! A plugin that calls the broker in each way, and what its test sees.

use std::{sync::mpsc, time::Duration};

use super::Host;
use crate::{
    BeforeConnect, Config, DropReason, Dropped, HostError, Kick, Later, Message, Plugin, Property,
    Publish, Result, Scope, Session, SessionChange, SubscriptionOptions, Tick, Verdict, log,
    testing::{self, Answer, Client, Instance, json},
};

/// Does what a message says, or keeps an answer for later.
struct Caller {
    host: crate::Host,
    laters: mpsc::Sender<Later>,
}

thread_local! {
    static LATERS: std::cell::RefCell<Option<mpsc::Sender<Later>>> = const { std::cell::RefCell::new(None) };
}

impl Plugin for Caller {
    fn bootstrap(host: crate::Host, config: Config) -> Result<Self> {
        assert_eq!(host.config()?.as_json(), config.as_json());
        host.interest("on_publish").topic("a/#")?.without_payload()?;
        host.blocking("on_before_connect", Duration::from_secs(5))?;
        assert_eq!(host.blocking("on_publish", Duration::ZERO), Err(HostError::CannotWait));
        let laters = LATERS.take().unwrap_or_else(|| mpsc::channel().0);
        Ok(Caller { host, laters })
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> impl Into<Verdict> {
        let Some(later) = self.host.later(event, Duration::from_secs(5)) else {
            return Verdict::Veto;
        };
        if event.client().client_id() == "now" {
            return Verdict::Continue;
        }
        self.laters.send(later).unwrap();
        Verdict::Pending
    }

    fn on_tick(&self, event: &Tick<'_>) {
        log::info!("tick {}", event.id());
        if event.id() == 7 {
            self.host.cancel_timer(7).unwrap();
        }
    }

    fn on_dropped(&self, event: &Dropped<'_>) {
        log::info!("{} {:?}", event.topic(), event.reason());
    }

    fn on_session(&self, event: &Session<'_>) {
        log::info!("{} {:?}", event.client().client_id(), event.change());
    }

    fn on_publish(&self, event: &Publish<'_>) {
        let answer =
            Message::to("answer").payload(event.payload()).property(Property::User("a", "b"));
        self.host.publish(&answer).unwrap();
    }
}

fn start(host: &Host) -> Instance<Caller> {
    testing::start(host, json!({ "a": 1 })).unwrap()
}

fn calls(instance: &Instance<Caller>) -> crate::Host {
    instance.plugin().host
}

#[test]
fn what_a_plugin_publishes_is_there() {
    let host = Host::new();
    let plugin = start(&host);
    plugin.on_publish(&testing::Publish::to("t").payload("x")).unwrap();
    let answer = Message::to("answer").payload("x").property(Property::User("a", "b"));
    assert_eq!(host.take_published(), [answer]);
    assert_eq!(host.published(), []);
    let calls = calls(&plugin);
    assert_eq!(calls.publish(&Message::to("a/+")), Err(HostError::Unfit));
    assert_eq!(calls.publish(&Message::to("a").qos(3)), Err(HostError::Unfit));
    assert_eq!(calls.publish_to("c", &Message::to("a")), Err(HostError::NotThere));
    host.add_absent_client("c");
    calls.publish_to("c", &Message::to("a")).unwrap();
    assert_eq!(host.sent(), [("c".to_owned(), Message::to("a"))]);
    host.deny("publish");
    assert_eq!(calls.publish(&Message::to("a")), Err(HostError::NotGranted));
    let interests = [("on_publish", "topic a/#"), ("on_publish", "no payload")];
    assert_eq!(host.interests(), interests.map(|(hook, what)| (hook.to_owned(), what.to_owned())));
    assert_eq!(host.blocking(), [("on_before_connect".to_owned(), Duration::from_secs(5))]);
}

#[test]
fn retained_messages_are_found() {
    let host = Host::new();
    let calls = calls(&start(&host));
    host.add_retained(Message::to("a/1").payload("x"));
    calls.retain(&Message::to("a/2").payload("y")).unwrap();
    calls.publish(&Message::to("b").payload("z").retain(true)).unwrap();
    let shown = |filter| {
        let mut topics = Vec::new();
        calls.each_retained(filter, |message| {
            topics.push(message.topic().to_owned());
            topics.len() < 2
        })?;
        Ok::<_, HostError>(topics)
    };
    assert_eq!(shown("a/+").unwrap(), ["a/1", "a/2"]);
    assert_eq!(shown("b").unwrap(), ["b"]);
    assert_eq!(shown("#").unwrap(), ["a/1", "a/2"], "it has wanted no more");
    calls.retain(&Message::to("a/1")).unwrap();
    assert_eq!(shown("a/+").unwrap(), ["a/2"]);
    assert_eq!(shown("a/#/b"), Err(HostError::Unfit));
    host.deny("write-retained");
    assert_eq!(calls.publish(&Message::to("b").retain(true)), Err(HostError::NotGranted));
    calls.publish(&Message::to("b")).unwrap();
    assert_eq!(shown("b").unwrap(), ["b"]);
}

#[test]
fn clients_and_their_subscriptions_are_those_of_the_test() {
    let host = Host::new();
    let calls = calls(&start(&host));
    host.add_client(Client::new("a").username("u"));
    host.add_absent_client("b");
    let options = |qos| SubscriptionOptions { qos, ..SubscriptionOptions::default() };
    for (filter, qos) in [("t/#", 0), ("t/1", 2), ("other", 1)] {
        host.add_subscription("a", filter, options(qos));
    }
    calls.subscribe("b", "$share/g/t/+", options(1)).unwrap();
    let name = |client: crate::ClientInfo<'_>| {
        let username = client.client().username().unwrap_or_default().to_owned();
        (client.client().client_id().to_owned(), username, client.is_connected())
    };
    assert_eq!(calls.client("a", name), Ok(("a".into(), "u".into(), true)));
    assert_eq!(calls.client("x", name), Err(HostError::NotThere));
    assert_eq!(calls.each_client(|_| true), Ok(2));
    assert_eq!(calls.subscriptions("a", |_| true), Ok(3));
    let mut receivers = Vec::new();
    let count = calls.receivers("t/1", |it| {
        receivers.push((it.client_id().to_owned(), it.filter().to_owned(), it.options().qos));
        true
    });
    assert_eq!(count, Ok(2));
    let expected = [("b", "$share/g/t/+", 1), ("a", "", 2)];
    assert_eq!(receivers, expected.map(|(id, filter, qos)| (id.into(), filter.into(), qos)));

    let kick = Kick::because(0x98).words("maintenance").without_will();
    assert_eq!(calls.disconnect("b", &kick), Err(HostError::NotThere));
    calls.disconnect("a", &kick).unwrap();
    assert_eq!(calls.client("a", |client| client.is_connected()), Ok(false));
    calls.disconnect("a", &kick.clone().and_its_session()).unwrap();
    assert_eq!(calls.subscriptions("a", |_| true), Ok(0));
    assert_eq!(host.disconnected().first(), Some(&("a".to_owned(), kick)));
    calls.unsubscribe("b", "$share/g/t/+").unwrap();
    assert_eq!(calls.each_subscription(|_| true), Ok(0));
    assert_eq!(host.unsubscribed(), [("b".to_owned(), "$share/g/t/+".to_owned())]);
}

#[test]
fn the_clock_moves_timers_and_ends_what_has_its_time() {
    let host = Host::new();
    let plugin = start(&host);
    let calls = calls(&plugin);
    calls.timer(1, Duration::from_secs(2)).unwrap();
    calls.timer_every(7, Duration::from_millis(800)).unwrap();
    calls.kv_set_for("k", "v", 1).unwrap();
    host.take_logs();
    host.advance(Duration::from_millis(799));
    assert_eq!(host.logs(), []);
    assert_eq!(calls.kv("k").as_deref(), Ok(&b"v"[..]));
    host.advance(Duration::from_secs(10));
    let said: Vec<String> = host.take_logs().into_iter().map(|log| log.text).collect();
    assert_eq!(said, ["tick 7", "tick 1"], "one is cancelled and one is for once");
    assert_eq!(calls.kv("k"), Err(HostError::NotThere));
    calls.timer(1, Duration::from_secs(1)).unwrap();
    drop(plugin);
    host.advance(Duration::from_secs(2));
    assert_eq!(host.logs(), [], "timers end with their plugin");
}

#[test]
fn what_a_plugin_keeps_outlives_it() {
    let host = Host::new();
    host.set_kv("a/1", "x");
    host.add_client("c");
    let plugin = start(&host);
    let first = calls(&plugin);
    first.kv_set("a/2", "y").unwrap();
    first.set_attribute("c", Scope::Session, "k", "v").unwrap();
    drop(plugin);
    let calls = calls(&start(&host));
    assert_eq!(calls.kv_each("a/", |_, _| true), Ok(2));
    calls.kv_remove("a/1").unwrap();
    assert_eq!(calls.kv_remove("a/1"), Err(HostError::NotThere));
    assert_eq!((host.kv("a/1"), host.kv("a/2")), (None, Some(b"y".to_vec())));
    assert_eq!(calls.attribute("c", Scope::Session, "k").as_deref(), Ok(&b"v"[..]));
    assert_eq!(host.attribute("c", Scope::Connection, "k"), None);
    host.remove_client("c");
    assert_eq!(calls.attribute("c", Scope::Session, "k"), Err(HostError::NotThere));
}

#[test]
fn metrics_can_be_read() {
    let host = Host::new();
    let calls = calls(&start(&host));
    let labels = [("to", "a=b")];
    let counter = calls.counter("calls_total", &labels, "Calls").unwrap();
    counter.add(2.0);
    counter.add(-1.0);
    calls.counter("calls_total", &labels, "Calls").unwrap().add(1.0);
    calls.gauge("level", &[], "").unwrap().set(-0.5);
    calls.histogram("seconds", &[], "").unwrap().observe(0.25);
    assert_eq!(host.metric("calls_total", &labels), Some(3.0));
    assert_eq!(host.metric("level", &[]), Some(-0.5));
    assert_eq!(host.observed("seconds", &[]), [0.25]);
    assert_eq!(calls.gauge("calls_total", &labels, "").err(), Some(HostError::Unfit));
    assert_eq!(calls.gauge("1st", &[], "").err(), Some(HostError::Unfit));
}

#[test]
fn answers_that_come_later_are_waited_for() {
    let host = Host::new();
    let (sender, laters) = mpsc::channel();
    LATERS.set(Some(sender));
    let plugin = start(&host);
    let connect = testing::BeforeConnect::of("c");
    for _ in 0..4 {
        assert_eq!(plugin.on_before_connect(&connect), Answer::Pending);
    }
    let answered = std::thread::spawn(move || {
        let mut laters = laters.iter();
        laters.next().unwrap().complete(true).unwrap();
        laters.next().unwrap().complete(Verdict::refuse_with(0x86).reason("no")).unwrap();
        drop(laters.next());
        laters.next().unwrap()
    });
    assert_eq!(host.completion(), Answer::Continue);
    assert_eq!(host.completion(), Verdict::refuse_with(0x86).reason("no"));
    assert!(matches!(host.completion(), Answer::Failed(_)));
    let [late] = host.take_pending().try_into().unwrap();
    assert_eq!(late.deadline(), Duration::from_secs(5));
    host.advance(Duration::from_secs(5));
    assert_eq!(answered.join().unwrap().complete(true), Err(HostError::NotThere));
    assert_eq!(late.wait(), Answer::Failed("its answer has not come within 5s".into()));
}

#[test]
fn a_hook_that_answers_at_once_has_nobody_wait() {
    let host = Host::new();
    let plugin = start(&host);
    assert_eq!(plugin.on_before_connect(&testing::BeforeConnect::of("now")), Answer::Continue);
    assert!(host.take_pending().is_empty());
}

#[test]
fn hooks_of_1_1_have_their_events() {
    let host = Host::new();
    let plugin = start(&host);
    host.take_logs();
    plugin.on_dropped(&testing::Dropped::to("t", DropReason::Expired)).unwrap();
    plugin.on_session(&testing::Session::of("c", SessionChange::Resumed)).unwrap();
    plugin.on_tick(&testing::Tick::of(3)).unwrap();
    assert_eq!(plugin.on_will(&testing::Publish::will_to("gone")), Answer::Continue);
    let deliver = testing::Deliver::to("t").share("$share/g/t").retained();
    assert_eq!(plugin.on_before_deliver(&deliver), Answer::Continue);
    plugin.on_delivered(&deliver).unwrap();
    let said: Vec<String> = host.logs().into_iter().map(|log| log.text).collect();
    assert_eq!(said, ["t Expired", "c Resumed", "tick 3"]);
}
