//! The page `docs/conformance.md`. It names files and no lines, so that it changes only when a rule
//! moves to another file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::statement::{Binds, Kept, Statement};
use super::tags::Tags;

const HEAD: &str = "\
# Conformance

Every normative statement of MQTT 5.0 and MQTT 3.1.1: in which file the broker keeps it, and which tests
prove it. In code and tests a statement is named by its tag: `[MQTT-3.1.0-2]` is one of 5.0,
`[MQTT3-3.1.3-8]` one of 3.1.1, whose numbers mean other statements. Where a statement of 3.1.1 says what
one of 5.0 says, the tag of 5.0 stands for both, and the files named test both versions.

This page is made by `cargo xtask conformance` from the tags and from `xtask/normative.tsv`, which has the
statements in our own words. `cargo xtask tidy` fails if a tag loses its test, a statement its tag, or if
the page is out of date.

";

const TABLE: &str = "| Statement | Rule | Code | Tests |\n|---|---|---|---|\n";

/// The whole page.
pub(super) fn page(statements: &[Statement], tags: &Tags) -> String {
    let (old, new): (Vec<_>, Vec<_>) =
        statements.iter().partition(|one| one.tag.starts_with("MQTT3-"));
    let versions = [("MQTT 5.0", new), ("MQTT 3.1.1", old)];
    let mut page = HEAD.to_owned();
    page += "| | bind a server | kept and tested | in part | do not apply | not implemented | \
             clients only |\n";
    page += "|---|---|---|---|---|---|---|\n";
    for (version, statements) in &versions {
        page += &counts(version, statements);
    }
    for (version, statements) in &versions {
        let _ = write!(page, "\n## {version}\n\n{TABLE}");
        for statement in statements {
            page += &row(statement, tags);
        }
    }
    page
}

fn counts(version: &str, statements: &[&Statement]) -> String {
    let server: Vec<_> = statements.iter().filter(|one| one.binds != Binds::Client).collect();
    let starting = |start: &str| {
        let starts = |kept: &Kept| matches!(kept, Kept::Not(words) if words.starts_with(start));
        server.iter().filter(|one| starts(&one.kept)).count()
    };
    let (idle, missing) = (starting("does not apply"), starting("not implemented"));
    let all = server.len();
    let part = server.iter().filter(|one| matches!(one.kept, Kept::Tagged(Some(_)))).count();
    let (kept, clients) = (all - part - idle - missing, statements.len() - all);
    format!("| {version} | {all} | {kept} | {part} | {idle} | {missing} | {clients} |\n")
}

fn row(statement: &Statement, tags: &Tags) -> String {
    let Statement { tag, rule, .. } = statement;
    let (rule, tags_to_find) = match &statement.kept {
        Kept::Not(why) => return format!("| {tag} | {rule} | {why} | |\n"),
        Kept::As(others) => (format!("{rule} (as {})", others.join(", ")), others.as_slice()),
        Kept::Tagged(Some(but)) => (format!("{rule}; {but}"), std::slice::from_ref(tag)),
        Kept::Tagged(None) | Kept::ByClients => (rule.clone(), std::slice::from_ref(tag)),
    };
    let code: BTreeSet<_> = tags_to_find.iter().flat_map(|tag| tags.code(tag)).collect();
    let tests: BTreeSet<_> = tags_to_find.iter().flat_map(|tag| tags.tests(tag)).collect();
    if code.is_empty() && statement.binds == Binds::Client {
        return format!("| {tag} | {rule} | binds clients only | |\n");
    }
    format!("| {tag} | {rule} | {} | {} |\n", list(&code), list(&tests))
}

fn list(files: &BTreeSet<&str>) -> String {
    files.iter().copied().collect::<Vec<_>>().join("<br>")
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::conformance::statement::parse;
    use crate::conformance::tags::Tags;
    use crate::tidy::File;

    #[test]
    fn a_statement_has_a_line() {
        let text = "MQTT-1.1.1-1\tserver\ttag\tOne.\n\
                    MQTT-1.1.1-2\tclient\t-\tTwo.\n\
                    MQTT-1.1.1-3\tserver\tdoes not apply: never\tThree.\n\
                    MQTT3-1.1.1-1\tboth\tas MQTT-1.1.1-1\tFour.\n\
                    MQTT-1.1.1-5\tserver\ttag, but not now\tFive.\n";
        let files = [
            File::new("mqtt/src/b.rs", "// [MQTT-1.1.1-1]\n#[cfg(test)]\n// [MQTT-1.1.1-1]\n"),
            File::new("mqtt/src/a.rs", "// [MQTT-1.1.1-1]\n"),
        ];
        let page = page(&parse(text, &mut Vec::new()), &Tags::of(&files));
        for line in [
            "| MQTT 5.0 | 3 | 1 | 1 | 1 | 0 | 1 |",
            "| MQTT 3.1.1 | 1 | 1 | 0 | 0 | 0 | 0 |",
            "| MQTT-1.1.1-1 | One. | mqtt/src/a.rs<br>mqtt/src/b.rs | mqtt/src/b.rs |",
            "| MQTT-1.1.1-2 | Two. | binds clients only | |",
            "| MQTT-1.1.1-5 | Five.; but not now |  |  |",
            "| MQTT-1.1.1-3 | Three. | does not apply: never | |",
            "| MQTT3-1.1.1-1 | Four. (as MQTT-1.1.1-1) | mqtt/src/a.rs<br>mqtt/src/b.rs | \
             mqtt/src/b.rs |",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
