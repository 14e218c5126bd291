//! Tests that Markdown pages name, as `it/will.rs::published_on_takeover`, are there.

use super::File;

/// Where the tests are that are named without a folder.
const TESTS: &str = "broker/tests";

pub(super) fn check(files: &[File], violations: &mut Vec<String>) {
    for page in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (number, line) in page.lines() {
            // Every second part stands between backticks.
            for (file, test) in line.split('`').skip(1).step_by(2).filter_map(named) {
                if !is_there(files, file, test) {
                    let path = &page.path;
                    violations.push(format!("{path}:{number}: there is no test {file}::{test}"));
                }
            }
        }
    }
}

/// The file and the name of a test.
fn named(code: &str) -> Option<(&str, &str)> {
    code.split_once("::").filter(|(file, _)| file.ends_with(".rs"))
}

fn is_there(files: &[File], file: &str, test: &str) -> bool {
    let below = format!("{TESTS}/{file}");
    let mut sources = files.iter().filter(|source| source.path == below || source.path == file);
    sources.any(|source| source.text.contains(&format!("fn {test}(")))
}

#[cfg(test)]
mod tests {
    use super::{File, check};

    #[test]
    fn names_the_test_that_is_not_there() {
        let page =
            "| `it/a.rs::there` | `it/a.rs::gone`\n`b/c.rs::here`, `d.rs::here` and `x::y`\n";
        let files = [
            File::new("p.md", page),
            File::new("broker/tests/it/a.rs", "fn there() {}"),
            File::new("b/c.rs", "fn here(version: Version) {}"),
        ];
        let mut violations = Vec::new();
        check(&files, &mut violations);
        let expected =
            ["p.md:1: there is no test it/a.rs::gone", "p.md:2: there is no test d.rs::here"];
        assert_eq!(violations, expected);
    }
}
