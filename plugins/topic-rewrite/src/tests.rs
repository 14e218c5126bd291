//! What becomes of topics and filters.

use plugin_abi::testing::{self, Answer, Host, Instance, Publish, Subscribe, Unsubscribe, json};

use super::rules::Rewritten::{self, Impossible, Same};
use super::*;

/// The plugin with these rules, a JSON list.
macro_rules! rewrite {
    ($($rules:tt)*) => {
        testing::start::<TopicRewrite>(&Host::new(), json!({ "rules": $($rules)* })).unwrap()
    };
}

fn facts<'a>(client_id: &'a str, username: &'a str) -> Facts<'a> {
    Facts { client_id, username: Some(username), address: Some([192, 0, 2, 7].into()) }
}

fn to(plugin: &Instance<TopicRewrite>, on: On, text: &str) -> Rewritten {
    plugin.plugin().rules.rewrite(on, text, &facts("c1", "alice"))
}

fn new(text: &str) -> Rewritten {
    Rewritten::To(text.to_owned())
}

#[test]
fn the_first_rule_that_fits_counts() {
    let plugin = rewrite!([
        { "from": "old/+/x", "to": "new/$1/x" },
        { "regex": r"old/(\w+)/y(.*)", "to": "$1$2" },
        { "from": "old/#", "to": "rest/$1" },
        { "from": "new/#", "to": "never/$1" },
        { "from": "same/#", "to": "same/$1" },
    ]);
    for (text, expected) in [
        ("old/1/x", new("new/1/x")),
        ("old/1/y", new("1")),
        ("old/1/y/z", new("1/z")),
        ("old/1/2/3", new("rest/1/2/3")),
        ("old", new("rest")),
        ("other", Same),
        ("same/a", Same),
    ] {
        assert_eq!(to(&plugin, On::Publish, text), expected, "{text}");
    }
    for (filter, expected) in [
        ("old/+/x", new("new/+/x")),
        ("old/+", new("rest/+")),
        ("old/#", new("rest/#")),
        ("#", Same),
        ("+/1/x", Same),
    ] {
        assert_eq!(to(&plugin, On::Subscribe, filter), expected, "{filter}");
    }
}

#[test]
fn rules_are_for_their_clients_and_packets() {
    let plugin = rewrite!([
        { "from": "a", "to": "1", "client_ids": "d*" },
        { "from": "a", "to": "2", "users": "alice", "on": "publish" },
        { "from": "a", "to": "3", "addresses": "192.0.2.0/24", "on": ["subscribe"] },
    ]);
    let rules = &plugin.plugin().rules;
    assert_eq!(rules.rewrite(On::Publish, "a", &facts("d1", "bob")), new("1"));
    assert_eq!(rules.rewrite(On::Publish, "a", &facts("c1", "alice")), new("2"));
    assert_eq!(rules.rewrite(On::Subscribe, "a", &facts("c1", "alice")), new("3"));
    assert_eq!(rules.rewrite(On::Publish, "a", &facts("c1", "bob")), Same);
}

#[test]
fn a_name_that_is_no_part_of_a_level_makes_it_impossible() {
    let plugin = rewrite!([{ "from": "up/#", "to": "dev/%c/up/$1" }]);
    let rules = &plugin.plugin().rules;
    assert_eq!(rules.rewrite(On::Publish, "up/x", &facts("c1", "a")), new("dev/c1/up/x"));
    for odd in ["+", "#", "a/b"] {
        assert_eq!(rules.rewrite(On::Publish, "up/x", &facts(odd, "a")), Impossible);
        let refused = Verdict::refuse_with(TOPIC_NAME_INVALID);
        let event = Publish::to("up/x").client(odd);
        assert_eq!(plugin.on_before_publish(&event), refused);
        let refused = Verdict::refuse_with(TOPIC_FILTER_INVALID);
        let event = Subscribe::to("$share/g/up/+").client(odd);
        assert_eq!(plugin.on_before_subscribe(&event), refused);
        let event = Unsubscribe::from("up/x").client(odd);
        assert_eq!(plugin.on_before_unsubscribe(&event), refused);
    }
}

#[test]
fn what_cannot_be_a_topic_or_filter_is_refused() {
    let plugin = rewrite!([
        { "from": "a/+", "to": "b/x-$1" },
        { "from": "empty/#", "to": "$1" },
        { "regex": "(any) thing", "to": "a/$1/#" },
    ]);
    let refused = Verdict::refuse_with(TOPIC_FILTER_INVALID);
    assert_eq!(plugin.on_before_subscribe(&Subscribe::to("a/+")), refused);
    assert_eq!(plugin.on_before_unsubscribe(&Unsubscribe::from("a/+")), refused);
    let refused = Verdict::refuse_with(TOPIC_NAME_INVALID);
    assert_eq!(plugin.on_before_publish(&Publish::to("empty")), refused);
    assert_eq!(plugin.on_before_publish(&Publish::to("any thing")), refused);
    assert_eq!(plugin.on_before_publish(&Publish::to("other")), Answer::Continue);
}

#[test]
fn mistakes_in_the_config_are_named() {
    let config = json!({ "rules": [
        { "from": "a#", "to": "b" },
        { "from": "a/+", "to": "b/$2" },
        { "regex": "(", "to": "b" },
        { "to": "b" },
        { "from": "a", "to": "b", "on": "deliver" },
        { "from": "a", "to": "b", "form": "c" },
        { "from": "a", "to": "b" },
    ]});
    let error = testing::start::<TopicRewrite>(&Host::new(), config).unwrap_err().to_string();
    for why in [
        "`rules[0]`: from: \"a#\" is no topic filter",
        "`rules[1]`: to: there is no $2: 1 parts are taken out",
        "`rules[2]`: regex: ",
        "`rules[3]`: it needs one of from and regex",
        "`rules[4]`: unknown variant `deliver`, expected `publish` or `subscribe`",
        "`rules[5]`: unknown field `form`",
    ] {
        assert!(error.contains(why), "{error}");
    }
    assert!(!error.contains("rules[6]"), "{error}");
    let error = testing::start::<TopicRewrite>(&Host::new(), json!({})).unwrap_err().to_string();
    assert!(error.contains("missing field `rules`"), "{error}");
}
