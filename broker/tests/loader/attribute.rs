//! `#[plugin]` as an author outside this repository meets it.

use serde_json::Value;

use crate::{
    at_once, client,
    common::{self, plugins::PluginDir},
    entry, load, load_error,
    scratch::{PLUGIN, Scratch},
};

#[test]
fn a_crate_outside_the_repository_depends_on_plugin_abi_alone() {
    let dir = PluginDir::new();
    dir.put(Scratch::new("scratch-outside", PLUGIN).build(&[]), "outside");
    let plugins = load(&dir, &[entry("outside", Value::Null)]);
    assert!(!plugins.hooks().on_connect(&client("c1"), false, false, &mut at_once()).is_veto());
    assert_eq!(common::log::messages("plugin::outside"), ["c1 connected"]);
    assert!(common::log::lines("plugin::outside")[0].contains("src/lib.rs:14)"));
}

#[test]
fn a_build_that_aborts_on_panic_is_refused_unless_allowed() {
    let library = Scratch::new("scratch-abort", PLUGIN).build(&["--", "-C", "panic=abort"]);
    let dir = PluginDir::new();
    dir.put(library, "aborts");
    let mut aborts = entry("aborts", Value::Null);
    let error = load_error(&dir, aborts.clone());
    assert!(error.contains("built with panic = \"abort\""), "{error}");
    aborts.allow_panic_abort = true;
    let hooks = load(&dir, &[aborts]).hooks();
    assert!(!hooks.on_connect(&client("c1"), false, false, &mut at_once()).is_veto());
}

fn compile_error(name: &'static str, source: &str) -> String {
    let output = Scratch::new(name, source).check();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_misspelt_hook_is_told_with_the_one_it_resembles() {
    let error = compile_error("scratch-typo", &PLUGIN.replace("fn on_connect", "fn on_conect"));
    assert!(error.contains("`on_conect` is not a member of trait `Plugin`"), "{error}");
    assert!(error.contains("similar name: `on_connect`"), "{error}");
    assert_eq!(error.matches("\nerror").count(), 1, "nothing but cargo's summary follows: {error}");
}

#[test]
fn two_plugins_in_one_crate_are_one_too_many() {
    let source = format!(
        "mod one {{ {} }} mod two {{ {0} }}",
        PLUGIN.replace("#![forbid(unsafe_code)]", "")
    );
    let error = compile_error("scratch-two", &source);
    assert!(
        error.contains("the name `a_crate_has_one_plugin_only` is defined multiple times"),
        "{error}"
    );
    assert_eq!(error.matches("\nerror").count(), 1, "nothing but cargo's summary follows: {error}");
}

#[test]
fn the_attribute_says_where_it_belongs() {
    let error = compile_error("scratch-struct", "#[plugin_abi::plugin] struct Scratch { a: u8 }");
    assert!(error.contains("#[plugin] stands on `impl Plugin for Type { … }`"), "{error}");
    let generic =
        "struct S<T>(T); #[plugin_abi::plugin] impl<T> Drop for S<T> { fn drop(&mut self) {} }";
    let error = compile_error("scratch-generic", generic);
    assert!(error.contains("a plugin is one type"), "{error}");
}
