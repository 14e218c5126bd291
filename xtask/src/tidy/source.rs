//! Rust files: a first sentence, a length one can read, no test left out, and the words of one
//! protocol version only where versions are told apart.

use super::File;

/// What a file may have at most.
const MAX_LINES: usize = 800;

/// Where the words of one version may stand. A plugin is told which version a client speaks.
const VERSION_PLACES: [&str; 5] = [
    "mqtt/src/version.rs",
    "mqtt/src/codec",
    "mqtt/src/packet",
    "plugin-abi/src/event.rs",
    "plugins/",
];

/// In two halves, so that this file passes.
const VERSIONS: [&str; 3] = [concat!("V3", "_1"), concat!("V3", "_1_1"), concat!("V", "5")];

pub(super) fn check(file: &File, violations: &mut Vec<String>) {
    // What tests read is not ours to word.
    if !file.is_rust() || file.path.contains("/fixtures/") {
        return;
    }
    let path = &file.path;
    if !file.text.starts_with("//!") {
        violations.push(format!("{path}:1: the first line must say what the file is for (//!)"));
    }
    let lines = file.text.lines().count();
    if lines > MAX_LINES {
        violations.push(format!("{path}: {lines} lines; {MAX_LINES} are allowed"));
    }
    // In two halves, so that this file passes.
    let ignored = concat!("#[", "ignore");
    for (number, line) in file.lines() {
        if line.contains(ignored) {
            violations.push(format!("{path}:{number}: a test is left out"));
        }
    }
    check_versions(file, violations);
}

/// Between decoding and encoding, nothing may ask which version a client speaks.
fn check_versions(file: &File, violations: &mut Vec<String>) {
    let path = &file.path;
    let is_test =
        path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs");
    if is_test || VERSION_PLACES.iter().any(|place| path.starts_with(place)) {
        return;
    }
    for (number, line) in file.lines().take_while(|(_, line)| *line != "#[cfg(test)]") {
        if words(line).any(|word| VERSIONS.contains(&word)) {
            violations
                .push(format!("{path}:{number}: only {VERSION_PLACES:?} tell versions apart"));
        }
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::{File, check};

    #[track_caller]
    fn check_violations(path: &str, text: &str, expected: &[&str]) {
        let mut violations = Vec::new();
        check(&File::new(path, text), &mut violations);
        assert_eq!(violations.len(), expected.len(), "{violations:?}");
        for (violation, start) in violations.iter().zip(expected) {
            assert!(violation.starts_with(start), "{violation}");
        }
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        check_violations("a/b.rs", "//! Does x.\n", &[]);
        check_violations("a/b.rs", "use x;\n", &["a/b.rs:1: the first line"]);
        check_violations("a/b.rs", "", &["a/b.rs:1: the first line"]);
        check_violations("a/tests/fixtures/b.rs", "use x;\n", &[]);
        check_violations("a/b.md", "text\n", &[]);
    }

    #[test]
    fn a_file_is_not_too_long() {
        check_violations("a.rs", &"//!\n".repeat(800), &[]);
        check_violations("a.rs", &"//!\n".repeat(801), &["a.rs: 801 lines"]);
    }

    #[test]
    fn no_test_is_left_out() {
        let ignored = concat!("//!\n#[", "ignore]\n");
        check_violations("a.rs", ignored, &["a.rs:2: a test is left out"]);
        let reason = concat!("//!\n#[", "ignore = \"slow\"]\n");
        check_violations("a.rs", reason, &["a.rs:2: a test is left out"]);
    }

    #[test]
    fn versions_are_told_apart_in_few_places() {
        let text = "//! x\nmatch version { Version::V5 => 1, Version::V3_1_1 => 2 }\n";
        check_violations("broker/src/session/mod.rs", text, &["broker/src/session/mod.rs:2: only"]);
        check_violations("mqtt/src/delivery/mod.rs", text, &["mqtt/src/delivery/mod.rs:2: only"]);
        for path in [
            "mqtt/src/version.rs",
            "mqtt/src/codec/read.rs",
            "mqtt/src/packet/connect.rs",
            "broker/tests/it/publish.rs",
            "broker/src/session/tests.rs",
        ] {
            check_violations(path, text, &[]);
        }
        check_violations("a.rs", "//! IPV5 and V5_X\n#[cfg(test)]\nmod t { V5 }\n", &[]);
    }
}
