//! Tests of the tests' own tools, with plugins that do what tests have to notice.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use log::Level;
use serde::Deserialize;

use super::{event::Event, rules::Check, *};
use crate::{AuthVerdict, Config, Protocol, Result, Verdict, event as told};

/// Answers by the topic, and says what it is told.
struct Echo {
    stop: String,
    told: AtomicBool,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    stop: String,
}

#[allow(refining_impl_trait, reason = "as the attribute has it")]
impl Plugin for Echo {
    fn bootstrap(host: crate::Host, config: Config) -> Result<Self> {
        log::info!("starts with {} at {}", config.as_json(), host.max_level());
        let stop = config.get::<Settings>()?.stop;
        match stop.as_str() {
            "error" => {
                log::error!("this does not look good");
                Err("no reason at all".into())
            }
            "panic" => panic!("boom"),
            _ => Ok(Echo { stop, told: AtomicBool::new(false) }),
        }
    }

    fn shutdown(&self) {
        log::info!("shutdown");
        assert_ne!(self.stop, "shutdown", "no end");
    }

    fn on_socket_open(&self, event: &told::SocketOpen<'_>) -> bool {
        log::info!("{event:?}");
        true
    }

    fn on_before_connect(&self, event: &told::BeforeConnect<'_>) -> bool {
        let properties: Vec<_> = event.user_properties().collect();
        let (password, method) = (event.password(), event.authentication_method());
        log::info!("{event:?} {password:?} {method:?} {properties:?}");
        true
    }

    fn on_connect(&self, event: &told::Connect<'_>) -> Verdict {
        log::info!("{event:?}");
        match event.client().client_id() {
            "full" => Verdict::refuse_with(0x97).reason("no room"),
            "odd" => Verdict::refuse_with(0x7F),
            "odd words" => Verdict::refuse_with(0x97).reason("\0"),
            "slow" => Verdict::Throttle(Duration::from_micros(2_999)),
            "slowest" => Verdict::Throttle(Duration::MAX),
            _ => Verdict::Continue,
        }
    }

    fn on_before_subscribe(&self, event: &told::Subscribe<'_>) -> bool {
        let properties: Vec<_> = event.user_properties().collect();
        log::info!("{event:?} {} {properties:?}", event.whole_filter());
        true
    }

    fn on_unsubscribe(&self, event: &told::Unsubscribe<'_>) {
        log::info!("{event:?} {}", event.whole_filter());
    }

    fn on_before_publish(&self, event: &told::Publish<'_>) -> bool {
        let properties: Vec<_> = event.user_properties().collect();
        log::info!("{event:?} {:?} {properties:?}", event.payload());
        assert_ne!(event.topic(), "panic", "boom");
        event.topic() != "veto"
    }

    fn on_publish(&self, event: &told::Publish<'_>) {
        assert_ne!(event.topic(), "panic", "boom");
        self.told.store(true, Ordering::Relaxed);
    }

    fn on_disconnect(&self, event: &told::Disconnect<'_>) {
        log::info!("{event:?}");
    }

    fn on_auth(&self, event: &crate::Auth<'_>) -> AuthVerdict {
        match event.data().unwrap_or_default() {
            b"ask" => AuthVerdict::challenge("?").keeping("kept").username("nobody").reason("why"),
            b"in" if event.state() == b"kept" && event.round() == 2 => {
                AuthVerdict::success().username("alice").data("welcome").keeping("lost")
            }
            b"out" => AuthVerdict::refuse(),
            b"out, with a code" => AuthVerdict::refuse_with(0x8C).reason("another"),
            b"out, with a code that is none" => AuthVerdict::refuse_with(0xA3),
            b"in, with an odd name" => AuthVerdict::success().username("a\0"),
            b"panic" => panic!("boom"),
            _ => AuthVerdict::not_mine(),
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        assert_ne!(self.stop, "drop", "no end");
    }
}

fn echo() -> (Host, Instance<Echo>) {
    let host = Host::new();
    let echo = start(&host, json!(null)).unwrap();
    host.take_logs();
    (host, echo)
}

/// What the plugin was told, as it has logged it.
#[track_caller]
fn check_told(host: &Host, parts: &[&str]) {
    let logs = host.take_logs();
    let [line] = logs.as_slice() else { panic!("{logs:?}") };
    for part in parts {
        assert!(line.text.contains(part), "{} has no {part}", line.text);
    }
}

#[test]
fn answers_are_those_that_the_broker_gets() {
    let (host, echo) = echo();
    assert_eq!(echo.on_before_publish(&Publish::to("a")), Answer::Continue);
    assert_eq!(echo.on_before_publish(&Publish::to("veto")), Answer::Veto);
    host.take_logs();
    let panicked = echo.on_before_publish(&Publish::to("panic"));
    let Answer::Panicked(message) = panicked else { panic!("{panicked:?}") };
    assert!(message.contains("boom"), "{message}");
    let logs = host.take_logs();
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[1].level, Level::Error);
    let place = "panicked in on_before_publish at plugin-abi/src/testing/tests.rs:";
    assert!(logs[1].text.starts_with(place), "{}", logs[1]);
    // A hook that is not written.
    assert_eq!(echo.on_before_unsubscribe(&Unsubscribe::from("a")), Answer::Continue);
}

#[test]
fn answers_are_equal_to_the_verdict_that_was_given() {
    let (_, echo) = echo();
    let answer = |client_id: &str| echo.on_connect(&Connect::of(client_id));
    assert_eq!(answer("c1"), Verdict::Continue);
    assert_ne!(answer("c1"), Verdict::Veto);
    let full = Answer::Refused { reason_code: 0x97, reason: Some("no room".into()) };
    assert_eq!(answer("full"), full);
    assert_eq!(answer("full"), Verdict::refuse_with(0x97).reason("no room"));
    assert_ne!(answer("full"), Verdict::refuse_with(0x97));
    assert_ne!(answer("full"), Verdict::refuse_with(0x80).reason("no room"));
    // What no packet can carry is left out.
    assert_eq!(answer("odd words"), Verdict::refuse_with(0x97));
    assert!(matches!(answer("odd"), Answer::Failed(_)));
    assert_eq!(answer("odd"), Verdict::refuse_with(0x7F));
    assert_eq!(answer("slow"), Answer::Throttled(Duration::from_millis(2)));
    assert_eq!(answer("slow"), Verdict::Throttle(Duration::from_millis(2)));
    assert_eq!(answer("slowest"), Answer::Throttled(Duration::from_secs(60)));
    assert_eq!(answer("slowest"), Verdict::Throttle(Duration::from_secs(60)));
}

#[test]
fn a_hook_that_only_watches_tells_of_its_panic() {
    let (_, echo) = echo();
    let Panicked(message) = echo.on_publish(&Publish::to("panic")).unwrap_err();
    assert!(message.contains("boom"), "{message}");
    assert!(!echo.plugin().told.load(Ordering::Relaxed));
    assert_eq!(echo.on_publish(&Publish::to("a")), Ok(()));
    assert!(echo.plugin().told.load(Ordering::Relaxed));
    assert_eq!(echo.on_message(&Publish::to("a")), Ok(()));
}

#[test]
fn starting_says_what_the_broker_would_print() {
    let host = Host::new();
    start::<Echo>(&host, json!({ "stop": "x" })).unwrap().shutdown().unwrap();
    let lines = [(Level::Info, r#"starts with {"stop":"x"} at TRACE"#), (Level::Info, "shutdown")];
    assert_eq!(host.take_logs(), lines);

    let refused = start::<Echo>(&host, json!({ "stop": "error" })).unwrap_err();
    assert_eq!(refused.to_string(), "it refused to start: no reason at all");
    // The reason is part of the error, and not a line too.
    let first = (Level::Info, r#"starts with {"stop":"error"} at TRACE"#);
    assert_eq!(host.take_logs(), [first, (Level::Error, "this does not look good")]);

    let panicked = start::<Echo>(&host, json!({ "stop": "panic" })).unwrap_err().to_string();
    let place = "it panicked while starting: plugin-abi/src/testing/tests.rs:";
    assert!(panicked.starts_with(place) && panicked.ends_with(": boom"), "{panicked}");
    assert!(host.take_logs()[1].text.starts_with("panicked in bootstrap at "));

    let config = start::<Echo>(&host, json!({ "stop": 5 })).unwrap_err();
    let why = "it refused to start: `stop`: invalid type: integer `5`, expected a string";
    assert_eq!(config.to_string(), why);
}

#[test]
fn no_config_is_an_empty_mapping() {
    let host = Host::new();
    let _echo = start::<Echo>(&host, json!(null)).unwrap();
    assert_eq!(host.logs(), [(Level::Info, "starts with {} at TRACE")]);
    assert_eq!(host.logs()[0].target, "testing::tests");
}

#[test]
fn the_end_is_shutdown_and_drop() {
    let host = Host::new();
    drop(start::<Echo>(&host, json!({ "stop": "x" })).unwrap());
    assert_eq!(host.take_logs()[1], (Level::Info, "shutdown"));
    for stop in ["shutdown", "drop"] {
        let echo = start::<Echo>(&host, json!({ "stop": stop })).unwrap();
        let Panicked(message) = echo.shutdown().unwrap_err();
        assert!(message.contains("no end"), "{message}");
        host.take_logs();
        let echo = start::<Echo>(&host, json!({ "stop": stop })).unwrap();
        let panicked = std::panic::catch_unwind(move || drop(echo)).unwrap_err();
        let message = panicked.downcast::<String>().unwrap();
        assert!(message.starts_with("the plugin panicked when it was stopped: "), "{message}");
    }
}

#[test]
fn clients_are_as_they_are_made_up() {
    let (host, echo) = echo();
    let client = Client::new("c1").username("alice").protocol(Protocol::V3_1_1);
    let client = client.peer("[2001:db8::1]:7").local("192.0.2.1:9").listener("tcp://192.0.2.1:9");
    echo.on_disconnect(&Disconnect::of(&client)).unwrap();
    let peer = "protocol: V3_1_1, peer: Some([2001:db8::1]:7), listener: \"tcp://192.0.2.1:9\"";
    check_told(&host, &["client_id: \"c1\", username: Some(\"alice\")", peer]);
    echo.on_disconnect(&Disconnect::of("c2")).unwrap();
    let peer = "protocol: V5, peer: Some(127.0.0.1:50000), listener: \"tcp://127.0.0.1:1883\"";
    check_told(&host, &["client_id: \"c2\", username: None", peer]);
    echo.on_disconnect(&Disconnect::of(client.without_addresses())).unwrap();
    check_told(&host, &["peer: None"]);
}

#[test]
fn events_of_connections_are_as_they_are_made_up() {
    let (host, echo) = echo();
    assert_eq!(echo.on_socket_open(&SocketOpen::from("192.0.2.7:5")), Answer::Continue);
    let local = "local: Some(127.0.0.1:1883), listener: \"tcp://127.0.0.1:1883\"";
    check_told(&host, &["peer: Some(192.0.2.7:5)", local]);

    let event = BeforeConnect::of("c1").clean_start(false).keep_alive(7).session_expiry(9);
    assert_eq!(echo.on_before_connect(&event), Answer::Continue);
    let plain = "clean_start: false, keep_alive: 7, session_expiry: 9, will_topic: None";
    check_told(&host, &[plain, "None None []"]);
    let event = event.password("x").will_topic("w").authentication_method("M");
    let event = event.user_property("a", "b").user_property("a", "c");
    assert_eq!(echo.on_before_connect(&event), Answer::Continue);
    let rest = "Some([120]) Some(\"M\") [(\"a\", \"b\"), (\"a\", \"c\")]";
    check_told(&host, &["will_topic: Some(\"w\")", rest]);

    assert_eq!(echo.on_connect(&Connect::of("c1")), Answer::Continue);
    check_told(&host, &["session_present: false, clean_start: true"]);
    assert_eq!(echo.on_connect(&Connect::back("c1")), Answer::Continue);
    check_told(&host, &["session_present: true, clean_start: false"]);

    echo.on_disconnect(&Disconnect::of("c1").session_kept(true)).unwrap();
    check_told(&host, &["graceful: true, reason_code: 0, session_kept: true"]);
    let lost = Disconnect::lost("c1").reason_code(0x8E).reason("taken over");
    echo.on_disconnect(&lost).unwrap();
    let lost = "graceful: false, reason_code: 142, session_kept: false, reason: \"taken over\"";
    check_told(&host, &[lost]);
}

#[test]
fn events_of_messages_are_as_they_are_made_up() {
    let (host, echo) = echo();
    let event = Publish::to("a/b").payload(b"x").qos(2).retain(true).dup(true);
    let event = event.client("c1").user_property("a", "b");
    assert_eq!(echo.on_before_publish(&event), Answer::Continue);
    let flags = "topic: \"a/b\", qos: 2, retain: true, dup: true, origin: Client";
    check_told(&host, &[flags, "client_id: \"c1\"", "[120] [(\"a\", \"b\")]"]);
    assert_eq!(echo.on_before_publish(&Publish::will_to("w")), Answer::Continue);
    check_told(&host, &["qos: 0, retain: false, dup: false, origin: Will", "[] []"]);

    let event = Subscribe::to("$share/g/a/#").qos(1).retain_as_published(true).retain_handling(2);
    assert_eq!(echo.on_before_subscribe(&event.user_property("a", "b")), Answer::Continue);
    let flags = "qos: 1, no_local: false, retain_as_published: true, retain_handling: 2";
    check_told(&host, &["filter: \"a/#\"", flags, "$share/g/a/# [(\"a\", \"b\")]"]);
    assert_eq!(echo.on_before_subscribe(&Subscribe::to("a").no_local(true)), Answer::Continue);
    check_told(&host, &["filter: \"a\", qos: 0, no_local: true"]);
    echo.on_unsubscribe(&Unsubscribe::from("$share/g/a").client("c1")).unwrap();
    check_told(&host, &["client_id: \"c1\"", "filter: \"a\"", "$share/g/a"]);
}

#[test]
fn the_rounds_of_an_exchange() {
    let (_, echo) = echo();
    let first = Auth::by("M").client("c1");
    assert_eq!(echo.on_auth(&first), AuthAnswer::NotMine);
    let first = first.data("ask");
    let asked = echo.on_auth(&first);
    assert_eq!(asked, AuthVerdict::challenge("?").keeping("kept").reason("why"));
    assert_ne!(asked, AuthVerdict::challenge("?").keeping("kept"));
    let second = first.after(&asked);
    // What fits the answer is left of it.
    let welcome = AuthVerdict::success().username("alice").data("welcome");
    assert_eq!(echo.on_auth(&second.clone().data("in")), welcome);
    let late = "it answered continue (1) in an exchange that it has taken";
    assert_eq!(echo.on_auth(&second), AuthAnswer::Failed(late.into()));
    let again = Auth::by("M").reauthentication(true);
    assert_eq!(echo.on_auth(&again), AuthAnswer::Failed(late.into()));
}

#[test]
fn who_is_not_authenticated_is_refused() {
    let (_, echo) = echo();
    let answer = |data: &str| echo.on_auth(&Auth::by("M").data(data));
    assert_eq!(answer("out"), AuthVerdict::refuse());
    assert_eq!(answer("out"), AuthVerdict::refuse_with(0x87));
    let refused = AuthAnswer::Refused { reason_code: 0x8C, reason: Some("another".into()) };
    assert_eq!(answer("out, with a code"), refused);
    assert_eq!(answer("panic"), AuthAnswer::Panicked("boom".into()));
    for wrong in ["out, with a code that is none", "in, with an odd name"] {
        let answer = answer(wrong);
        assert!(matches!(answer, AuthAnswer::Failed(_)), "{answer:?}");
    }
}

#[test]
fn what_the_broker_could_not_send_is_told() {
    let old = Client::new("c1").protocol(Protocol::V3_1_1);
    let long = "x".repeat(65_536);
    let cases: [(Check, &str); 24] = [
        (Publish::to("a").client("").check(), "the client id is empty"),
        (Publish::to("a").client("a\0").check(), "the client id holds U+0000"),
        (Publish::to("").check(), "the topic name is empty"),
        (Publish::to("a/#").check(), "\"a/#\" is no topic name but a filter"),
        (Publish::to(long.clone()).check(), "the topic name is longer than 65535 bytes"),
        (Publish::to("a").qos(3).check(), "there is no QoS 3"),
        (Publish::to("a").dup(true).check(), "a message of QoS 0 is sent once"),
        (Publish::will_to("a").qos(1).dup(true).check(), "a will is sent once"),
        (
            Publish::to("a").properties([0x26, 0]).check(),
            "the properties are not those of a packet",
        ),
        (
            Publish::to("a").client(&old).user_property("a", "b").check(),
            "a client that does not speak MQTT 5 sends no properties",
        ),
        (Subscribe::to("").check(), "the topic filter is empty"),
        (Subscribe::to("a/#/b").check(), "\"a/#/b\" has levels behind its #"),
        (Subscribe::to("a+").check(), "\"a+\" has a wildcard that is not alone in its level"),
        (
            Subscribe::to("$share/g").check(),
            "\"$share/g\" is not $share/, a name without + and #, / and a filter",
        ),
        (Subscribe::to("a").retain_handling(3).check(), "there is no retain handling 3"),
        (
            Subscribe::to("$share/g/a").no_local(true).check(),
            "a shared subscription has no no_local",
        ),
        (Unsubscribe::from("+a").check(), "\"+a\" has a wildcard that is not alone in its level"),
        (
            Connect::back("c1").clean_start(true).check(),
            "no session is resumed after a clean start",
        ),
        (
            BeforeConnect::of(&old).clean_start(false).check(),
            "before MQTT 5, the session expiry is 0 with a clean start and else u32::MAX",
        ),
        (
            BeforeConnect::of(&old).password("x").check(),
            "before MQTT 5, there is no password without a user name",
        ),
        (
            BeforeConnect::of(&old).authentication_method("M").check(),
            "before MQTT 5, there is no authentication method",
        ),
        (Auth::by("M").client(&old).check(), "enhanced authentication came with MQTT 5"),
        (Auth::by("M").state("x").check(), "there is no state in the first round"),
        (Auth::by("M").round(33).check(), "there is no round 33 of at most 32"),
    ];
    for (check, why) in cases {
        assert_eq!(check, Err(why.to_owned()));
    }
}

#[test]
fn an_odd_event_is_sent_on_purpose_only() {
    let (host, echo) = echo();
    let event = Publish::to("a/+").qos(9);
    let call = || std::panic::catch_unwind(|| drop(echo.on_before_publish(&event))).unwrap_err();
    let message = call().downcast::<String>().unwrap();
    assert_eq!(
        *message,
        "the broker could not send this to on_before_publish: \"a/+\" is no topic name but a \
         filter; if it is meant so, add .odd()"
    );
    assert_eq!(host.take_logs(), []);
    assert_eq!(echo.on_before_publish(&event.clone().odd()), Answer::Continue);
    check_told(&host, &["topic: \"a/+\", qos: 9"]);
}

#[test]
fn each_test_has_its_own_logs() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let (host, echo) = echo();
                for number in 0..50 {
                    let topic = format!("{thread}/{number}");
                    let answer = echo.on_before_publish(&Publish::to(&topic));
                    assert_eq!(answer, Answer::Continue);
                    check_told(&host, &[&format!("topic: {topic:?}")]);
                }
            });
        }
    });
}

#[test]
fn what_threads_log_is_kept_for_all() {
    let host = Host::new();
    let thread = std::thread::spawn(|| log::warn!("from a thread of its own"));
    let line = wait_for_thread_log(|log| log.text == "from a thread of its own");
    assert_eq!(line, (Level::Warn, "from a thread of its own"));
    assert!(logs_of_threads().iter().any(|log| log.text == line.text));
    assert_eq!(host.logs(), []);
    thread.join().unwrap();
}
