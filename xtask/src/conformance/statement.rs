//! The statements of the standards, as `xtask/normative.tsv` has them.

/// One normative statement of one version.
pub(super) struct Statement {
    /// As in code and tests, without brackets: `MQTT-3.1.0-2`, `MQTT3-3.1.3-8`.
    pub(super) tag: String,
    pub(super) binds: Binds,
    pub(super) kept: Kept,
    /// In one line.
    pub(super) rule: String,
}

/// Whose duty it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binds {
    Server,
    Client,
    Both,
}

/// How the broker stands to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Code and tests have its tag; with the words for the page, if it is kept in part.
    Tagged(Option<String>),
    /// It says what these say.
    As(Vec<String>),
    /// It is not, or need not be; the words for the page.
    Not(String),
    /// Clients keep it. The broker may check, and then has the tag.
    ByClients,
}

/// What may stand in front of a reason.
const REASONS: [&str; 2] = ["not implemented: ", "does not apply: "];

/// Reads the table; a line that is no statement is a violation.
pub(super) fn parse(text: &str, violations: &mut Vec<String>) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.starts_with("statement\t") {
            continue;
        }
        let place = format!("{}:{}", super::STATEMENTS, index + 1);
        match parse_line(line) {
            None => violations.push(format!("{place}: not a statement")),
            Some(new) if statements.iter().any(|one| one.tag == new.tag) => {
                violations.push(format!("{place}: {} stands twice", new.tag));
            }
            Some(new) => statements.push(new),
        }
    }
    if statements.is_empty() {
        violations.push(format!("{}: no statements", super::STATEMENTS));
    }
    statements
}

fn parse_line(line: &str) -> Option<Statement> {
    let mut cells = line.split('\t');
    let (tag, binds, kept, rule) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    let binds = match binds {
        "server" => Binds::Server,
        "client" => Binds::Client,
        "both" => Binds::Both,
        _ => return None,
    };
    let in_part = kept.strip_prefix("tag, ").filter(|words| words.starts_with("but "));
    let kept = match kept {
        "tag" => Kept::Tagged(None),
        "-" if binds == Binds::Client => Kept::ByClients,
        _ if in_part.is_some() => Kept::Tagged(in_part.map(str::to_owned)),
        _ => match kept.strip_prefix("as ") {
            Some(others) => Kept::As(others.split(' ').map(str::to_owned).collect()),
            None if REASONS.iter().any(|start| kept.starts_with(start)) => {
                Kept::Not(kept.to_owned())
            }
            None => return None,
        },
    };
    let whole = super::tags::is_tag(tag) && !rule.is_empty() && cells.next().is_none();
    whole.then(|| Statement { tag: tag.to_owned(), binds, kept, rule: rule.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{Binds, Kept, parse};

    #[test]
    fn reads_every_kind() {
        let text = "# x\nstatement\tbinds\tkept\trule\n\
                    MQTT-1.1.1-1\tserver\ttag\tOne.\n\
                    MQTT-1.1.1-2\tclient\t-\tTwo.\n\
                    MQTT-1.1.1-3\tboth\tnot implemented: later\tThree.\n\
                    MQTT3-1.1.1-1\tboth\tas MQTT-1.1.1-1 MQTT-1.1.1-2\tFour.\n\
                    MQTT-1.1.1-5\tserver\ttag, but not now\tFive.\n";
        let mut violations = Vec::new();
        let statements = parse(text, &mut violations);
        assert!(violations.is_empty(), "{violations:?}");
        let kinds: Vec<_> = statements.iter().map(|one| (one.binds, one.kept.clone())).collect();
        let others = vec!["MQTT-1.1.1-1".to_owned(), "MQTT-1.1.1-2".to_owned()];
        let expected = [
            (Binds::Server, Kept::Tagged(None)),
            (Binds::Client, Kept::ByClients),
            (Binds::Both, Kept::Not("not implemented: later".to_owned())),
            (Binds::Both, Kept::As(others)),
            (Binds::Server, Kept::Tagged(Some("but not now".to_owned()))),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn says_which_line_is_wrong() {
        for line in [
            "MQTT-1.1.1-1\tserver\ttag",
            "MQTT-1.1.1-1\tserver\ttag\t",
            "MQTT-1.1.1\tserver\ttag\tOne.",
            "MQTT-1.1.1-1\tserver\t-\tOne.",
            "MQTT-1.1.1-1\tserver\tlater\tOne.",
            "MQTT-1.1.1-1\tnobody\ttag\tOne.",
            "MQTT-1.1.1-9\tserver\ttag\tTwice.",
        ] {
            let mut violations = Vec::new();
            parse(&format!("MQTT-1.1.1-9\tserver\ttag\tX.\n{line}\n"), &mut violations);
            assert_eq!(violations.len(), 1, "{line}");
            assert!(violations[0].starts_with("xtask/normative.tsv:2: "), "{violations:?}");
        }
    }
}
