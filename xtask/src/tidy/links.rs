//! Links of Markdown pages to files of the project lead somewhere.

use std::path::Path;

use super::File;

pub(super) fn check(root: &Path, file: &File, violations: &mut Vec<String>) {
    if !file.path.ends_with(".md") {
        return;
    }
    let page = root.join(&file.path);
    let folder = page.parent().unwrap_or(root);
    for (number, target) in targets(file) {
        let (path, _anchor) = target.split_once('#').unwrap_or((target, ""));
        if !path.is_empty() && !folder.join(path).exists() {
            violations.push(format!("{}:{number}: the link {target} leads nowhere", file.path));
        }
    }
}

/// Each relative link with its line. Code is left out.
fn targets(file: &File) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    let mut in_code = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code && !line.starts_with("    ") {
            targets.extend(links(line).map(|target| (number, target)));
        }
    }
    targets.retain(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"));
    targets
}

/// `[text](target)` and `[text]: target`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let definition = line
        .starts_with('[')
        .then(|| line.split_once("]: "))
        .flatten()
        .and_then(|(_, target)| target.split_whitespace().next());
    // Every second part stands between backticks.
    let inline = line.split('`').step_by(2).flat_map(|text| {
        text.split("](").skip(1).filter_map(|rest| {
            let (target, _) = rest.split_once(')')?;
            target.split_whitespace().next()
        })
    });
    definition.into_iter().chain(inline)
}

#[cfg(test)]
mod tests {
    use super::{File, check, targets};
    use crate::workspace::root;

    #[test]
    fn finds_links_but_not_in_code() {
        let text = "[a](b.md) and [c](d/e.md#f), [`g`](h.rs)\n`[x](y)`\n```\n[x](y)\n```\n\
                    [i]: j.md\n    [x](y)\n[w](https://w) [m](mailto:m)\n[t](u.md \"title\")\n";
        let file = File::new("p.md", text);
        let found: Vec<&str> = targets(&file).into_iter().map(|(_, target)| target).collect();
        assert_eq!(found, ["b.md", "d/e.md#f", "h.rs", "j.md", "u.md"]);
    }

    #[test]
    fn names_the_link_that_leads_nowhere() {
        let file = File::new("xtask/p.md", "[a](Cargo.toml#x)\n[b](#b)\n[c](../nowhere.md)\n");
        let mut violations = Vec::new();
        check(root(), &file, &mut violations);
        assert_eq!(violations, ["xtask/p.md:3: the link ../nowhere.md leads nowhere"]);
    }
}
