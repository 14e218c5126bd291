//! On what terms plugins are loaded: what they ask for, what the config grants, and which file it means.

use hookmq::plugins::{Capability, PluginEntry, Sha256};
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

MQ_PLUGIN_WITH("calls", "1.0.0", "MIT", "Calls", MQ_MAY_USE("publish write-retained"));

static void say(const mq_host *host, const char *name, long returned)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%s %ld", name, returned);
    host->log(host->ctx, 3, MQ_TEXT(""), (mq_view){(const uint8_t *)text, (size_t)size}, MQ_TEXT(""), 0);
}

int32_t Bootstrap(const mq_host *host, mq_view json, void **instance)
{
    mq_message message = {.size = sizeof message, .topic = MQ_TEXT("t")};
    (void)json; (void)instance;
    say(host, "publish", host->publish(host->ctx, &message));
    say(host, "publish_to", host->publish_to(host->ctx, MQ_TEXT("c"), &message));
    say(host, "retain", host->retain(host->ctx, &message));
    return 0;
}
"#;

#[test]
fn what_is_not_granted_is_answered_so_and_logged_once() {
    let dir = PluginDir::new();
    let library = plugins::c_text(CALLS);
    let granted = |name: &str, capabilities: &[Capability]| {
        dir.put(&library, name);
        let capabilities = Some(capabilities.iter().copied().collect());
        let plugin = PluginEntry { capabilities, ..entry(name, Value::Null) };
        drop(load(&dir, &[plugin]));
        common::log::messages(&format!("plugin::{name}"))
    };
    let nothing = granted("calls-nothing", &[]);
    assert_eq!(nothing, ["publish -4", "publish_to -4", "retain -4"]);
    let publish = granted("calls-publish", &[Capability::Publish]);
    assert_eq!((publish[0].as_str(), publish[2].as_str()), ("publish 0", "retain -4"));
    assert_ne!(publish[1], "publish_to -4");
    assert_eq!(granted("calls-retain", &[Capability::WriteRetained])[0], "publish -4");
    let logged = common::log::lines("plugin calls-nothing called for what takes the capability");
    let capability = |line: &String| {
        line.split("capability ").nth(1).unwrap().split(',').next() == Some("publish")
    };
    assert_eq!(logged.iter().filter(|line| capability(line)).count(), 1, "{logged:?}");
    assert_eq!(logged.len(), 2, "{logged:?}");
}
