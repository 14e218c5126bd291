//! What clients may, as the broker asks it.

use plugin_abi::Verdict;
use plugin_abi::log::Level;
use plugin_abi::testing::{
    self, Answer, BeforeConnect, Client, Deliver, Host, Instance, Publish, Subscribe,
};
use serde_json::{Value, json};

use super::Acl;

fn start(config: Value) -> Instance<Acl> {
    testing::start(&Host::new(), config).unwrap()
}

fn start_error(config: Value) -> String {
    testing::start::<Acl>(&Host::new(), config).unwrap_err().to_string()
}

/// Whether the client may publish to the topic.
fn may_publish(acl: &Instance<Acl>, client: impl Into<Client>, topic: &str) -> bool {
    acl.on_before_publish(&Publish::to(topic).client(client)) == Answer::Continue
}

fn may_subscribe(acl: &Instance<Acl>, client: impl Into<Client>, filter: &str) -> bool {
    acl.on_before_subscribe(&Subscribe::to(filter).client(client)) == Answer::Continue
}

#[test]
fn the_first_rule_that_matches_decides() {
    let acl = start(json!({ "rules": [
        { "allow": "publish", "client_ids": "boss", "topics": "orders/#" },
        { "deny": "publish", "topics": ["orders/+", "secret/#"] },
        { "allow": "all", "topics": "#" },
    ]}));
    assert!(may_publish(&acl, "boss", "orders/1"));
    assert!(!may_publish(&acl, "boss", "secret/1"));
    assert!(!may_publish(&acl, "c1", "orders/1"));
    assert!(may_publish(&acl, "c1", "orders/1/2"));
    // An allowed # is not for what begins with $; no rule is left, and the default denies.
    assert!(!may_publish(&acl, "c1", "$SYS/x"));
}

#[test]
fn what_no_rule_is_about_is_as_the_default_says() {
    let rules =
        json!([{ "allow": "publish", "topics": "a" }, { "deny": "publish", "topics": "b" }]);
    for (default, allowed) in [("allow", true), ("deny", false)] {
        let acl = start(json!({ "default": default, "rules": rules }));
        assert!(may_publish(&acl, "c1", "a"));
        assert!(!may_publish(&acl, "c1", "b"));
        assert_eq!(may_publish(&acl, "c1", "c"), allowed);
        assert_eq!(may_subscribe(&acl, "c1", "c/#"), allowed);
    }
    assert!(!may_publish(&start(json!({ "rules": [] })), "c1", "a"));
}

#[test]
fn rules_are_for_their_clients() {
    let acl = start(json!({ "rules": [
        { "allow": "publish", "users": ["alice", "admin-*"], "topics": "u" },
        { "allow": "publish", "users": "bob", "client_ids": "b*", "topics": "ub" },
        { "allow": "publish", "client_ids": ["c1", "c1"], "topics": "c" },
        { "allow": "publish", "addresses": "192.0.2.0/24", "topics": "n" },
        { "allow": "publish", "users": "alice", "topics": "last" },
    ]}));
    let user = |name| Client::new("b1").username(name);
    for (client, allowed) in [
        (user("alice"), ["u", "last"].as_slice()),
        (user("admin-1"), &["u"]),
        (user("bob"), &["ub"]),
        (Client::new("x").username("bob"), &[]),
        (Client::new("c1"), &["c"]),
        (Client::new("c1").username("alice"), &["u", "c", "last"]),
        (Client::new("alice").peer("192.0.2.9:1"), &["n"]),
        (Client::new("alice").peer("[::ffff:192.0.2.9]:1"), &["n"]),
        (Client::new("alice").without_addresses(), &[]),
    ] {
        for topic in ["u", "ub", "c", "n", "last"] {
            let expected = allowed.contains(&topic);
            assert_eq!(may_publish(&acl, client.clone(), topic), expected, "{client:?} {topic}");
        }
    }
}

/// A rule is looked up by user or client id, and still stands where it was written.
#[test]
fn rules_that_name_clients_keep_their_place() {
    let acl = start(json!({ "rules": [
        { "deny": "publish", "topics": "1" },
        { "allow": "publish", "users": "alice", "topics": ["1", "2"] },
        { "deny": "publish", "client_ids": "c1", "topics": ["2", "3"] },
        { "deny": "publish", "topics": "4" },
        { "allow": "publish", "client_ids": "c1", "topics": "+" },
    ]}));
    let alice = || Client::new("c1").username("alice");
    let allowed = |client: fn() -> Client| {
        ["1", "2", "3", "4", "5"].map(|topic| may_publish(&acl, client(), topic))
    };
    assert_eq!(allowed(|| Client::new("c1")), [false, false, false, false, true]);
    assert_eq!(
        ["1", "2", "3", "4", "5"].map(|it| may_publish(&acl, alice(), it)),
        [false, true, false, false, true]
    );
    assert_eq!(allowed(|| Client::new("c2")), [false; 5]);
}

#[test]
fn a_subscription_needs_a_rule_that_has_all_of_it() {
    let rules = json!([
        { "deny": "subscribe", "topics": "secret/#" },
        { "allow": "subscribe", "topics": ["a/#", "b/+", "own/%c/#"] },
        { "allow": "subscribe", "users": "root" },
    ]);
    let acl = start(json!({ "rules": rules }));
    for (filter, allowed) in [
        ("a/#", true),
        ("a", true),
        ("a/+/b", true),
        ("$share/g/a/+/b", true),
        ("b/+", true),
        ("b/#", false),
        ("+/a", false),
        ("#", false),
        ("own/c1/#", true),
        ("own/+/x", false),
        ("own/c2", false),
        ("secret/x", false),
    ] {
        assert_eq!(may_subscribe(&acl, "c1", filter), allowed, "{filter}");
    }
    let root = || Client::new("c1").username("root");
    // Wider than what is denied: each message is looked at when it is delivered.
    assert!(may_subscribe(&acl, root(), "#"));
    assert!(!may_subscribe(&acl, root(), "secret/+"));
    assert!(may_subscribe(&acl, root(), "$SYS/#"));

    let strict = start(json!({ "rules": rules, "strict": true }));
    for (filter, allowed) in [("#", false), ("+/x", false), ("a/#", true), ("+", false)] {
        assert_eq!(may_subscribe(&strict, root(), filter), allowed, "{filter}");
    }
}

#[test]
fn each_message_is_looked_at_before_it_is_delivered() {
    let acl = start(json!({ "rules": [
        { "deny": "deliver", "topics": "a/quiet" },
        { "deny": "subscribe", "topics": "secret/#", "addresses": "192.0.2.0/24" },
        { "deny": "publish", "topics": "out" },
        { "allow": "subscribe", "topics": ["a/#", "secret/#", "out", "own/%c"] },
    ]}));
    let near = || Client::new("c1").peer("192.0.2.7:1");
    let may_have = |client: Client, topic| {
        acl.on_before_deliver(&Deliver::to(topic).client(client)) == Answer::Continue
    };
    for (topic, near_may, far_may) in [
        ("a", true, true),
        ("a/quiet", false, false),
        ("secret/x", false, true),
        ("out", true, true),
        ("own/c1", true, true),
        ("own/c2", false, false),
        ("other", false, false),
    ] {
        assert_eq!(may_have(near(), topic), near_may, "{topic}");
        assert_eq!(may_have(Client::new("c1"), topic), far_may, "{topic}");
    }
    // Who may subscribe to all of it may not have all of it.
    assert!(may_subscribe(&acl, "c1", "a/#") && may_subscribe(&acl, "c1", "a/quiet"));
    // Nobody has to be told.
    assert_eq!(acl.on_before_deliver(&Deliver::to("other")), Answer::Veto);
}

#[test]
fn who_may_connect_is_said_by_rules_of_its_own() {
    let acl = start(json!({ "rules": [
        { "allow": "connect", "users": "alice" },
        { "deny": "connect", "addresses": "198.51.100.0/24" },
        { "deny": "all" },
    ]}));
    let far = || Client::new("c1").peer("198.51.100.7:1");
    let ask = |client: Client| acl.on_before_connect(&BeforeConnect::of(client));
    assert_eq!(ask(Client::new("c1")), Answer::Continue);
    assert_eq!(ask(far()), Verdict::refuse_with(0x87).reason("not allowed to connect"));
    assert_eq!(ask(far().username("alice")), Answer::Continue);
}

#[test]
fn a_will_is_checked_when_its_client_connects_and_when_it_is_published() {
    let rules = json!([{ "allow": "publish", "topics": "gone/%c" }]);
    let acl = start(json!({ "rules": rules }));
    let ask = |acl: &Instance<Acl>, topic| {
        acl.on_before_connect(&BeforeConnect::of("c1").will_topic(topic))
    };
    assert_eq!(ask(&acl, "gone/c1"), Answer::Continue);
    let words = "not allowed to have a will to gone/c2";
    assert_eq!(ask(&acl, "gone/c2"), Verdict::refuse_with(0x87).reason(words));
    let later = start(json!({ "rules": rules, "check_will_on_connect": false }));
    assert_eq!(ask(&later, "gone/c2"), Answer::Continue);
    for acl in [acl, later] {
        let will = |topic| acl.on_before_publish(&Publish::will_to(topic).client("c1"));
        assert_eq!(will("gone/c1"), Answer::Continue);
        assert_ne!(will("gone/c2"), Answer::Continue);
    }
}

#[test]
fn a_refusal_says_why_unless_it_is_silent() {
    let aloud = start(json!({ "rules": [] }));
    let words = "not allowed to publish to a/b";
    let refused = Verdict::refuse_with(0x87).reason(words);
    assert_eq!(aloud.on_before_publish(&Publish::to("a/b")), refused);
    let words = "not allowed to subscribe to a/#";
    let refused = Verdict::refuse_with(0x87).reason(words);
    assert_eq!(aloud.on_before_subscribe(&Subscribe::to("$share/g/a/#")), refused);
    let silent = start(json!({ "rules": [], "refuse": "silently" }));
    assert_eq!(silent.on_before_publish(&Publish::to("a/b")), Answer::Veto);
    assert_eq!(silent.on_before_subscribe(&Subscribe::to("a/#")), Answer::Veto);
}

#[test]
fn the_log_says_which_rule_it_was() {
    let host = Host::new();
    let rules =
        json!([{ "allow": "publish", "topics": "b" }, { "deny": "publish", "users": "al*" }]);
    let acl: Instance<Acl> = testing::start(&host, json!({ "rules": rules })).unwrap();
    host.take_logs();
    assert!(!may_publish(&acl, Client::new("c1").username("alice"), "a"));
    assert!(!may_publish(&acl, "c1", "a"));
    let line = |user, by| {
        (Level::Debug, format!("Publish \"a\" of \"c1\" (user {user}) is denied by {by}"))
    };
    let lines = [line("Some(\"alice\")", "rules[1]"), line("None", "no rule, and the default")];
    for (log, (level, text)) in host.take_logs().iter().zip(lines) {
        assert_eq!((log.level, &*log.text), (level, &*text));
    }
}

#[test]
fn mistakes_in_the_config_are_named() {
    let error = start_error(json!({}));
    assert!(error.contains("it needs `rules`, or `file` with the path of a file"), "{error}");
    let error = start_error(json!({ "file": "acl.yml", "default": "allow" }));
    assert!(error.contains("with `file`, default and rules stand in that file"), "{error}");
    let error = start_error(json!({ "rules": [], "default": "perhaps" }));
    assert!(error.contains("`default`: unknown variant `perhaps`"), "{error}");
    let error = start_error(json!({ "rules": [], "stict": true }));
    assert!(error.contains("unknown field `stict`"), "{error}");
    let error = start_error(json!({ "rules": [{ "allow": "publish", "topics": "a#" }, {}] }));
    assert!(error.contains("`rules[0].topics`: \"a#\" is no topic filter"), "{error}");
    assert!(error.contains("\n`rules[1]`: a rule has one of allow and deny"), "{error}");
    let error = start_error(json!({ "file": "/nowhere/acl.yml" }));
    assert!(error.contains("/nowhere/acl.yml: cannot be read: No such file"), "{error}");
}

#[test]
fn a_file_is_read_again_when_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acl.yml");
    let write =
        |topic| std::fs::write(&file, format!("rules:\n  - allow: publish\n    topics: {topic}\n"));
    write("a").unwrap();
    let host = Host::new();
    host.set_folder(folder.path());
    let acl: Instance<Acl> = testing::start(&host, json!({ "file": "acl.yml" })).unwrap();
    assert!(may_publish(&acl, "c1", "a") && !may_publish(&acl, "c1", "b"));

    write("b").unwrap();
    while !may_publish(&acl, "c1", "b") {
        std::thread::yield_now();
    }
    assert!(!may_publish(&acl, "c1", "a"));

    // A mistake is told, and changes nothing.
    let wait_for = |text: &str| {
        let wanted = |log: &testing::Log| {
            log.text.contains(&*file.to_string_lossy()) && log.text.contains(text)
        };
        testing::wait_for_thread_log(wanted)
    };
    write("c#").unwrap();
    wait_for(":3: `rules[0].topics`: \"c#\" is no topic filter");
    wait_for("the rules stay as they were");
    assert!(may_publish(&acl, "c1", "b"));
    std::fs::write(&file, "# rules\n").unwrap();
    wait_for("there is nothing in it");
    assert!(may_publish(&acl, "c1", "b"));
    std::fs::remove_file(&file).unwrap();
    wait_for("cannot be read");
    assert!(may_publish(&acl, "c1", "b"));

    write("d").unwrap();
    while !may_publish(&acl, "c1", "d") {
        std::thread::yield_now();
    }
    acl.shutdown().unwrap();
}
