//! Which statement of the standards is kept in which file, and which test proves it.
//!
//! The statements stand in `xtask/normative.tsv`. Code and tests name them by tags such as
//! `[MQTT-3.1.0-2]` of 5.0 and `[MQTT3-3.1.3-8]` of 3.1.1. From both comes `docs/conformance.md`.

mod page;
mod statement;
mod tags;

use anyhow::{Context, bail};

use crate::tidy::{File, files};
use crate::workspace::root;
use statement::{Kept, Statement};
use tags::Tags;

const STATEMENTS: &str = "xtask/normative.tsv";
const PAGE: &str = "docs/conformance.md";

/// Writes the page.
///
/// # Errors
/// If a statement or a tag is wrong, or a file cannot be read or written.
pub(crate) fn write() -> anyhow::Result<()> {
    let files = files(root())?;
    let mut violations = Vec::new();
    let (statements, tags) = gather(&files, &mut violations);
    for violation in &violations {
        eprintln!("{violation}");
    }
    if !violations.is_empty() {
        bail!("{} statements or tags are wrong", violations.len());
    }
    let page = page::page(&statements, &tags);
    std::fs::write(root().join(PAGE), page).with_context(|| format!("cannot write {PAGE}"))
}

/// Checks statements, tags and page against each other.
pub(crate) fn check(files: &[File], violations: &mut Vec<String>) {
    let (statements, tags) = gather(files, violations);
    let written = files.iter().find(|file| file.path == PAGE);
    if written.is_none_or(|file| file.text != page::page(&statements, &tags)) {
        violations.push(format!("{PAGE}: out of date; run cargo xtask conformance"));
    }
}

fn gather(files: &[File], violations: &mut Vec<String>) -> (Vec<Statement>, Tags) {
    let text = files.iter().find(|file| file.path == STATEMENTS).map(|file| &*file.text);
    let statements = statement::parse(text.unwrap_or_default(), violations);
    let tags = Tags::of(files);
    for statement in &statements {
        check_statement(statement, &statements, &tags, violations);
    }
    for (tag, file) in tags.all() {
        if !statements.iter().any(|statement| statement.tag == tag) {
            violations.push(format!("{file}: [{tag}] is no statement of {STATEMENTS}"));
        }
    }
    (statements, tags)
}

fn check_statement(
    statement: &Statement,
    statements: &[Statement],
    tags: &Tags,
    violations: &mut Vec<String>,
) {
    let tag = &*statement.tag;
    let code = tags.code(tag).next();
    let test = tags.tests(tag).next();
    match (&statement.kept, code, test) {
        (Kept::Tagged(_), None, None) => {
            violations.push(format!("{STATEMENTS}: [{tag}] stands nowhere in the code"));
        }
        (Kept::Tagged(_) | Kept::ByClients, Some(file), None) => {
            violations.push(format!("{file}: [{tag}] has no test"));
        }
        (Kept::Tagged(_) | Kept::ByClients, None, Some(file)) => {
            violations.push(format!("{file}: [{tag}] has a test and no code"));
        }
        (Kept::As(_) | Kept::Not(_), Some(file), _)
        | (Kept::As(_) | Kept::Not(_), _, Some(file)) => {
            violations.push(format!("{file}: {STATEMENTS} says that [{tag}] has no tag"));
        }
        _ => {}
    }
    if let Kept::As(others) = &statement.kept {
        for other in others {
            let stands = statements.iter().any(|one| {
                one.tag == *other && matches!(one.kept, Kept::Tagged(_) | Kept::ByClients)
            });
            if !stands {
                violations.push(format!("{STATEMENTS}: [{tag}] is as {other}, which has no tag"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{File, STATEMENTS, gather};

    const TABLE: &str = "MQTT-1.1.1-1\tserver\ttag\tOne.\n\
                         MQTT-1.1.1-2\tserver\tnot implemented: no time\tTwo.\n\
                         MQTT-1.1.1-3\tclient\t-\tThree.\n\
                         MQTT3-1.1.1-9\tboth\tas MQTT-1.1.1-1\tNine.\n";

    #[track_caller]
    fn check_violations(code: &str, test: &str, expected: &[&str]) {
        let files = [
            File::new("mqtt/src/a.rs", code),
            File::new("broker/tests/it/b.rs", test),
            File::new(STATEMENTS, TABLE),
        ];
        let mut violations = Vec::new();
        gather(&files, &mut violations);
        assert_eq!(violations.len(), expected.len(), "{violations:?}");
        for (violation, part) in violations.iter().zip(expected) {
            assert!(violation.contains(part), "{violation}");
        }
    }

    #[test]
    fn a_tag_in_the_code_needs_a_test() {
        check_violations("// [MQTT-1.1.1-1]\n", "/// [MQTT-1.1.1-1]\n", &[]);
        check_violations("// [MQTT-1.1.1-1]\n", "", &["[MQTT-1.1.1-1] has no test"]);
        check_violations("", "/// [MQTT-1.1.1-1]\n", &["[MQTT-1.1.1-1] has a test and no code"]);
        check_violations("", "", &["[MQTT-1.1.1-1] stands nowhere"]);
    }

    #[test]
    fn a_statement_for_clients_may_have_both_or_neither() {
        let both = "// [MQTT-1.1.1-1] [MQTT-1.1.1-3]\n";
        check_violations(both, both, &[]);
        check_violations(both, "// [MQTT-1.1.1-1]\n", &["[MQTT-1.1.1-3] has no test"]);
    }

    #[test]
    fn what_is_not_kept_or_kept_with_another_has_no_tag() {
        let tag = "// [MQTT-1.1.1-1]\n";
        let without = "[MQTT-1.1.1-2] has no tag";
        check_violations("// [MQTT-1.1.1-1] [MQTT-1.1.1-2]\n", tag, &[without]);
        check_violations(tag, "// [MQTT-1.1.1-1] [MQTT3-1.1.1-9]\n", &["[MQTT3-1.1.1-9] has no"]);
    }

    #[test]
    fn a_tag_that_no_standard_has_is_found() {
        let tags = "// [MQTT-1.1.1-1] [MQTT-9.9.9-9]\n";
        let unknown = "[MQTT-9.9.9-9] is no statement";
        check_violations(tags, tags, &[unknown, unknown]);
    }
}
