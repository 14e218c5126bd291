//! The tags in code and tests: `[MQTT-3.1.0-2]` for 5.0, `[MQTT3-3.1.3-8]` for 3.1.1.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::File;

/// The crates that keep the standards.
const CRATES: [&str; 2] = ["mqtt/", "broker/"];

/// Where each tag stands.
#[derive(Default)]
pub(super) struct Tags {
    code: Places,
    tests: Places,
}

/// The files that have a tag, by their paths.
type Places = BTreeMap<String, BTreeSet<String>>;

impl Tags {
    pub(super) fn of(files: &[File]) -> Tags {
        let mut tags = Tags::default();
        for file in files.iter().filter(|file| CRATES.iter().any(|one| file.path.starts_with(one)))
        {
            let mut in_test = is_test(&file.path);
            for (_, line) in file.lines() {
                in_test |= line == "#[cfg(test)]";
                let places = if in_test { &mut tags.tests } else { &mut tags.code };
                for tag in in_line(line) {
                    places.entry(tag.to_owned()).or_default().insert(file.path.clone());
                }
            }
        }
        tags
    }

    /// The files of the code that have the tag.
    pub(super) fn code<'a>(&'a self, tag: &str) -> impl Iterator<Item = &'a str> {
        self.code.get(tag).into_iter().flatten().map(String::as_str)
    }

    /// The tests that have the tag.
    pub(super) fn tests<'a>(&'a self, tag: &str) -> impl Iterator<Item = &'a str> {
        self.tests.get(tag).into_iter().flatten().map(String::as_str)
    }

    /// Every tag with a file that has it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.code
            .iter()
            .chain(&self.tests)
            .filter_map(|(tag, files)| Some((&**tag, &**files.first()?)))
    }
}

/// Whether this is the shape of a tag.
pub(super) fn is_tag(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("MQTT3-").or_else(|| text.strip_prefix("MQTT-")) else {
        return false;
    };
    let Some((section, number)) = rest.split_once('-') else { return false };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    section.split('.').count() == 3 && section.split('.').all(is_number) && is_number(number)
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
}

/// What stands between brackets and is a tag.
fn in_line(line: &str) -> impl Iterator<Item = &str> {
    line.split('[').skip(1).filter_map(|rest| {
        let (tag, _) = rest.split_once(']')?;
        is_tag(tag).then_some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::{File, Tags, in_line, is_tag};

    #[test]
    fn a_tag_has_three_numbers_and_one() {
        assert!(is_tag("MQTT-3.1.0-2") && is_tag("MQTT3-1.5.3-1"));
        for other in ["MQTT-3.1-2", "MQTT-3.1.0", "MQTT5-3.1.0-2", "MQTT-3.1.0-", "MQTT-a.1.0-2"] {
            assert!(!is_tag(other), "{other}");
        }
    }

    #[test]
    fn several_stand_in_a_line() {
        let line = "/// x [`MQTT`] [MQTT-1.5.4-1] and [MQTT3-1.5.3-1]; bytes[MQTT]";
        assert!(in_line(line).eq(["MQTT-1.5.4-1", "MQTT3-1.5.3-1"]));
    }

    #[test]
    fn a_file_is_code_up_to_its_tests() {
        let files = [
            File::new("mqtt/src/a.rs", "// [MQTT-1.1.1-1]\n#[cfg(test)]\n// [MQTT-1.1.1-2]\n"),
            File::new("mqtt/tests/vectors/b.txt", "# [MQTT-1.1.1-1]\n"),
            File::new("xtask/src/c.rs", "// [MQTT-1.1.1-1]\n"),
        ];
        let tags = Tags::of(&files);
        assert!(tags.code("MQTT-1.1.1-1").eq(["mqtt/src/a.rs"]));
        assert!(tags.tests("MQTT-1.1.1-1").eq(["mqtt/tests/vectors/b.txt"]));
        assert!(tags.tests("MQTT-1.1.1-2").eq(["mqtt/src/a.rs"]));
        assert_eq!(tags.all().count(), 3);
    }
}
