//! `hookmq plugin list`.

use std::fs;

use plugin_abi::manifest::ABI_VERSION;
use plugin_abi::raw::ABI_VERSION as ABI_NUMBER;

use crate::common::plugins;
use crate::folder::Folder;

#[test]
fn what_the_config_names_comes_first_and_in_its_order() {
    let folder = Folder::new("plugins:\n  - sub-limiter: { max: 1 }\n  - absent\n  - hello\n");
    folder.put(plugins::c_text("unsigned PluginAbiVersion(void) { return 1 << 16; }"), "plain");
    for name in ["hello", "libsub_limiter", "hook-log"] {
        folder.put(plugins::rust(&name.trim_start_matches("lib").replace("_", "-")), name);
    }
    folder.write("plugins/notes.so", "text");
    folder.write("plugins/README.md", "");
    let said = folder.run(&["plugin", "list"]);
    said.check(0, &[]);
    let rows: Vec<Vec<String>> = said.out.iter().map(|line| words(line)).collect();
    assert_eq!(rows[0], ["LINE", "FILE", "NAME", "VERSION", "ABI", "HOOKS"]);
    assert_eq!(rows[1][..4], ["2", "libsub_limiter.so", "sub-limiter", "0.1.0"]);
    assert!(rows[1].contains(&"on_before_subscribe".to_owned()), "{:?}", rows[1]);
    assert_eq!(rows[2], ["3", "no", "absent", "cannot", "be", "loaded"]);
    assert_eq!(rows[3], ["4", "hello.so", "hello", "0.1.0", ABI_VERSION, "on_connect"]);
    assert_eq!(rows[4][..4], ["-", "hook-log.so", "hook-log", "0.1.0"]);
    assert_eq!(rows[5], ["-", "notes.so", "cannot", "be", "loaded"]);
    assert_eq!(rows[6], ["-", "plain.so", "?", "?", "?", "none"]);
    assert_eq!(rows.len(), 7);
}

#[test]
fn of_several_files_of_a_plugin_it_says_why_they_are_not_taken() {
    let config = "plugins:\n  - { name: acl, version: ^1.1 }\n";
    let folder = Folder::new(config);
    for (file, version) in [("acl", "1.0.0"), ("acl-1.1.0", "1.1.0"), ("acl-1.2.0", "1.2.0-rc.1")] {
        let code = format!("#include \"plugin.h\"\nMQ_PLUGIN(\"acl\", {version:?}, \"\", \"\");");
        folder.put(plugins::c_text(&code), file);
    }
    let said = folder.run(&["plugin", "list"]);
    said.check(0, &[]);
    let lines: Vec<String> = said.out.iter().map(|line| words(line).join(" ")).collect();
    assert_eq!(lines[1], format!("2 acl-1.1.0.so acl 1.1.0 {} none", abi()));
    let not_taken = "not taken: 1.2.0-rc.1 is a pre-release, and `stages:` does not have rc";
    assert_eq!(lines[2], format!("- acl-1.2.0.so acl 1.2.0-rc.1 {} {not_taken}", abi()));
    assert_eq!(lines[3], format!("- acl.so acl 1.0.0 {} not taken: 1.0.0 is not ^1.1", abi()));
}

/// As `plugin.h` has it.
fn abi() -> String {
    format!("{}.{}", ABI_NUMBER >> 16, ABI_NUMBER & 0xFFFF)
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_config_or_folder_that_is_not_there_is_told() {
    let folder = Folder::new("plugins: [hello]\n");
    let said = folder.run(&["plugin", "list", "--config", "other.yml"]);
    assert!(said.errors[0].starts_with("other.yml: cannot be read: "), "{:?}", said.errors);
    assert_eq!(said.status, Some(78));
    fs::remove_dir(folder.path("plugins")).unwrap();
    let said = folder.run(&["plugin", "list"]);
    assert!(said.errors[0].starts_with("plugins: cannot be read: "), "{:?}", said.errors);
    assert_eq!(said.status, Some(78));
}
