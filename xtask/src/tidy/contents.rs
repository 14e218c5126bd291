//! Every crate and every page in `docs/` is mentioned where a reader begins.

use super::File;

/// The pages that readers begin with.
const MAPS: [&str; 4] =
    ["ARCHITECTURE.md", "README.md", "plugins/README.md", "docs/plugins/README.md"];

pub(super) fn check(files: &[File], violations: &mut Vec<String>) {
    let maps: Vec<&File> = files.iter().filter(|file| MAPS.contains(&file.path.as_str())).collect();
    if !maps.iter().any(|map| !map.path.contains('/')) {
        return;
    }
    for file in files {
        if let Some(name) = to_mention(&file.path)
            && !maps.iter().any(|map| mentions(&map.text, name))
        {
            violations.push(format!("{}: {name} is mentioned in none of {MAPS:?}", file.path));
        }
    }
}

/// The page in `docs/`, or the folder of the crate; what has a page of contents beside it goes by its name
/// alone. Crates that tests build are theirs to explain.
fn to_mention(path: &str) -> Option<&str> {
    if path.starts_with("docs/") && path.ends_with(".md") {
        return Some(beside_contents(path));
    }
    let folder = path.strip_suffix("/Cargo.toml").filter(|folder| !folder.contains("tests/"))?;
    Some(beside_contents(folder))
}

fn beside_contents(path: &str) -> &str {
    let name = path.strip_prefix("docs/plugins/").or(path.strip_prefix("plugins/"));
    name.filter(|name| *name != "README.md").unwrap_or(path)
}

/// As a whole word: `hello`, not `hello-world`.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::{File, check};

    #[track_caller]
    fn check_violations(files: &[(&str, &str)], expected: usize) {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
        let mut violations = Vec::new();
        check(&files, &mut violations);
        assert_eq!(violations.len(), expected, "{violations:?}");
    }

    #[test]
    fn every_crate_and_page_is_mentioned() {
        let crates = [("mqtt/Cargo.toml", ""), ("plugins/hello/Cargo.toml", ""), ("docs/a.md", "")];
        let with = |map: &'static str, text: &'static str| [&crates[..], &[(map, text)]].concat();
        check_violations(&crates, 0);
        check_violations(&with("plugins/README.md", ""), 0);
        check_violations(&with("README.md", ""), 3);
        check_violations(&with("README.md", "`mqtt/`, [a](docs/a.md), plugins/hello."), 0);
        check_violations(&with("ARCHITECTURE.md", "mqtt-x hello_y docs/a.mdx"), 3);
        check_violations(&[("README.md", ""), ("broker/tests/plugins/x/Cargo.toml", "")], 0);
    }
}
