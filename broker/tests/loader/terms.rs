//! On what terms plugins are loaded: what they ask for, what the config grants, and which file it means.

use hookmq::plugins::{Capability, PluginEntry, Sha256};
use plugin_abi::raw;
use serde_json::Value;

use crate::{
    common::{
        self,
        plugins::{self, PluginDir},
    },
    entry, load, load_error,
    scratch::{PLUGIN, Scratch},
};

/// A plugin that asks for `asks`, which is put between the brackets of MQ_PLUGIN_WITH. It ends the
/// process if any of its code runs.
fn dangerous(asks: &str) -> plugins::TempLibrary {
    plugins::c_text(&format!(
        "#include <stdlib.h>
         #include \"plugin.h\"
         MQ_PLUGIN_WITH(\"c\", \"1.0\", \"MIT\", \"Ends it\", {asks});
         __attribute__((constructor)) static void run(void) {{ abort(); }}"
    ))
}

#[track_caller]
fn check_refused(asks: &str, with: PluginEntry, why: &str) {
    let dir = PluginDir::new();
    dir.put(dangerous(asks), "c");
    let error = load_error(&dir, PluginEntry { name: "c".into(), ..with });
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_plugin_that_cannot_have_what_it_asks_for_is_not_loaded() {
    let nothing =
        || PluginEntry { capabilities: Some([].into_iter().collect()), ..PluginEntry::default() };
    check_refused(
        "MQ_WANTS(\"publish kick\")",
        nothing(),
        "it wants the capability publish, kick, which `capabilities:` of the plugin in the config does not",
    );
    let anything = PluginEntry::default;
    check_refused(
        "MQ_WANTS(\"fly\")",
        anything(),
        "the capability fly, which this broker does not know",
    );
    check_refused(
        "MQ_REQUIRES(\"1.99\")",
        anything(),
        "it requires version 1.99 of plugin-abi, and this",
    );
    check_refused(
        "MQ_REQUIRES(\"soon\")",
        anything(),
        "that it requires version soon of plugin-abi, which is no",
    );
}

#[test]
fn only_the_file_that_the_config_means_is_loaded() {
    let dir = PluginDir::new();
    let file = dir.put(plugins::rust("hello"), "pinned");
    let found = Sha256::of(&std::fs::read(file).unwrap());
    let pin = |sha256| PluginEntry { sha256: Some(sha256), ..entry("pinned", Value::Null) };
    assert_eq!(load(&dir, &[pin(found)]).names().collect::<Vec<_>>(), ["pinned"]);
    let other = Sha256::of(b"another file");
    let error = load_error(&dir, pin(other));
    let why = format!("its SHA-256 is {found}, and the config takes none but {other}");
    assert!(error.contains(&why), "{error}");
}

#[test]
fn what_is_granted_is_logged() {
    // The attribute knows the same ones as the broker.
    let all = Capability::names().collect::<Vec<_>>();
    let arguments = format!("wants = \"kick publish\", may_use = \"{}\"", all.join(" "));
    let asking = PLUGIN.replace("#[plugin]", &format!("#[plugin({arguments})]"));
    let library = Scratch::new("scratch-asking", &asking).build(&[]);
    let dir = PluginDir::new();
    dir.put(&library, "asks-all");
    dir.put(&library, "asks-less");
    let granted = [Capability::Kick, Capability::Publish];
    let less = PluginEntry {
        capabilities: Some(granted.into_iter().collect()),
        ..entry("asks-less", Value::Null)
    };
    load(&dir, &[entry("asks-all", Value::Null), less]);
    let line = |name: &str| common::log::lines(&format!("plugin {name} loaded from"))[0].clone();
    let granted = format!("; granted, as it asks for it: {} (", all.join(", "));
    assert!(line("asks-all").contains(&granted), "{}", line("asks-all"));
    assert!(line("asks-less").contains("; granted: publish, kick ("), "{}", line("asks-less"));
}

#[test]
fn the_attribute_takes_what_a_broker_can_understand() {
    let error = |name, arguments: &str| {
        let source = PLUGIN.replace("#[plugin]", &format!("#[plugin({arguments})]"));
        let output = Scratch::new(name, &source).check();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let unknown = error("scratch-fly", "wants = \"kick fly\"");
    assert!(
        unknown.contains("fly\\\" is no capability; there are publish, kick,")
            || unknown.contains("\"fly\" is no capability; there are publish, kick, subscribe"),
        "{unknown}"
    );
    let form = "write it as #[plugin(wants = \"publish kick\", may_use = \"kv\"";
    assert!(error("scratch-bare", "kick").contains(form));
    assert!(
        error("scratch-word", "needs = \"kick\"").contains("needs is no argument of #[plugin]")
    );
    assert!(error("scratch-new", "requires = \"new\"").contains("says no versions of plugin-abi"));
}

/// The file that is taken is the one that `plugin list` shows.
#[test]
fn of_several_files_the_highest_is_loaded() {
    let dir = PluginDir::new();
    for (file, version) in
        [("several", "1.0.0"), ("several-1.1.0", "1.1.0"), ("several-2.0.0", "2.0.0")]
    {
        let code =
            format!("#include \"plugin.h\"\nMQ_PLUGIN(\"several\", {version:?}, \"\", \"\");");
        dir.put(plugins::c_text(&code), file);
    }
    let version = Some("^1".parse().unwrap());
    let plugins = load(&dir, &[PluginEntry { version, ..entry("several", Value::Null) }]);
    assert_eq!(plugins.names().collect::<Vec<_>>(), ["several"]);
    let file = dir.path().join("several-1.1.0.so");
    let line = format!("plugin several loaded from {}", file.display());
    assert_eq!(common::log::lines(&line).len(), 1);
}

/// Calls what takes a capability, and says what the host has answered.
const CALLS: &str = r#"
#include <stdio.h>
#include "plugin.h"

MQ_PLUGIN_WITH("calls", "1.0.0", "MIT", "Calls", MQ_MAY_USE("publish"));

static void say(const mq_host *host, const char *name, long long returned)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%s %lld", name, returned);
    host->log(host->ctx, 3, MQ_TEXT(""), (mq_view){(const uint8_t *)text, (size_t)size}, MQ_TEXT(""), 0);
}

static int32_t message(void *user, const mq_message *it) { (void)user; (void)it; return 1; }
static int32_t client(void *user, const mq_client_info *it) { (void)user; (void)it; return 1; }
static int32_t subscription(void *user, const mq_subscription_info *it) { (void)user; (void)it; return 1; }
static int32_t value(void *user, mq_view it) { (void)user; (void)it; return 1; }
static int32_t pair(void *user, mq_view key, mq_view it) { (void)user; (void)key; (void)it; return 1; }

int32_t Bootstrap(const mq_host *host, mq_view json, void **instance)
{
    mq_message it = {.size = sizeof it, .topic = MQ_TEXT("t")};
    mq_view c = MQ_TEXT("c"), t = MQ_TEXT("t"), none = MQ_TEXT("");
    void *ctx = host->ctx;
    (void)json; (void)instance;
    say(host, "publish", host->publish(ctx, &it));
    say(host, "publish", host->publish_to(ctx, c, &it));
    it.retain = 1;
    say(host, "publish+write-retained", host->publish(ctx, &it));
    say(host, "kick", host->disconnect(ctx, c, 0x98, none, 0));
    say(host, "subscribe", host->subscribe(ctx, c, t, 0, 0));
    say(host, "subscribe", host->unsubscribe(ctx, c, t));
    say(host, "read-clients", host->each_client(ctx, none, NULL, client));
    say(host, "read-clients", host->each_subscription(ctx, none, NULL, subscription));
    say(host, "read-clients", host->receivers(ctx, t, NULL, subscription));
    say(host, "read-retained", host->each_retained(ctx, t, NULL, message));
    say(host, "write-retained", host->retain(ctx, &it));
    say(host, "kv", host->kv_set(ctx, c, t, 0));
    say(host, "kv", host->kv_get(ctx, c, NULL, value));
    say(host, "kv", host->kv_each(ctx, none, NULL, pair));
    say(host, "kv", host->kv_remove(ctx, c));
    return 0;
}
"#;

/// What each call of the plugin is answered that is granted these, by the capability that it takes.
fn calls(name: &str, capabilities: &[Capability]) -> Vec<(String, i64)> {
    let dir = PluginDir::new();
    dir.put(plugins::c_text(CALLS), name);
    let capabilities = Some(capabilities.iter().copied().collect());
    drop(load(&dir, &[PluginEntry { capabilities, ..entry(name, Value::Null) }]));
    let said = common::log::messages(&format!("plugin::{name}"));
    let answer = |line: &String| {
        let (capability, answer) = line.split_once(' ').unwrap();
        (capability.to_owned(), answer.parse().unwrap())
    };
    said.iter().map(answer).collect()
}

const NOT_GRANTED: i64 = raw::NOT_GRANTED as i64;

#[test]
fn each_call_takes_its_capability() {
    for name in Capability::names() {
        let plugin = format!("calls-with-{name}");
        for (capability, answer) in calls(&plugin, &[Capability::named(name).unwrap()]) {
            // None of them alone will do for what takes two.
            let granted = capability == name;
            assert_eq!(answer == NOT_GRANTED, !granted, "{capability} with {name}: {answer}");
        }
    }
}

#[test]
fn a_message_that_is_retained_takes_two_capabilities() {
    let both = [Capability::Publish, Capability::WriteRetained];
    let answers = calls("calls-with-two", &both);
    let found = answers.iter().find(|(capability, _)| capability == "publish+write-retained");
    assert_eq!(found.map(|(_, answer)| *answer), Some(0));
}

#[test]
fn what_is_not_granted_is_logged_once() {
    let answers = calls("calls-with-none", &[]);
    assert!(answers.iter().all(|(_, answer)| *answer == NOT_GRANTED), "{answers:?}");
    let logged = common::log::lines("plugin calls-with-none called for what takes the capability");
    let taken = |line: &String| {
        let (_, after) = line.split_once("the capability ").unwrap();
        after.split(',').next().unwrap().to_owned()
    };
    let mut told: Vec<String> = logged.iter().map(taken).collect();
    let mut all: Vec<&str> = Capability::names().filter(|name| *name != "network").collect();
    told.sort_unstable();
    all.sort_unstable();
    assert_eq!(told, all);
}
