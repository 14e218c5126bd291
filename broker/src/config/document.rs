//! The text of a config file to its one YAML document, and where the YAML itself is wrong.

use saphyr::{LoadableYamlNode, MarkedYaml, ScanError};

use super::error::Problem;

/// The first characters of a line that can each open one more block.
const BLOCK_STARTS: [char; 4] = [' ', '-', '?', ':'];

/// What the parser says to lines that are indented wrongly, and what helps.
const HINTS: [(&str, &str); 3] = [
    (
        "did not find expected '-' indicator",
        "; each item of a list begins with -, and its settings are indented further than that",
    ),
    ("did not find expected key", "; the keys of one mapping are indented equally"),
    (
        "mapping values are not allowed",
        "; a key with settings ends in a colon, and they begin on the next line or in { }",
    ),
];

/// More than anybody nests by hand; the parser's stack bears far more.
const MAX_INDENT: usize = 256;

/// The document in `text`; nothing if there are only comments.
///
/// # Errors
/// The first place that is not YAML, or a key that is written twice. What follows such a place
/// cannot be understood, so there is only one.
pub(super) fn parse(text: &str) -> Result<Option<MarkedYaml<'_>>, Problem> {
    refuse_deep_nesting(text)?;
    let mut documents =
        MarkedYaml::load_from_str(text).map_err(|error| syntax_problem(text, &error))?.into_iter();
    let first = documents.next();
    match documents.next() {
        None => Ok(first.filter(|document| !document.data.is_badvalue())),
        Some(second) => Err(Problem {
            line: second.span.start.line(),
            key: String::new(),
            text: "a second YAML document starts here; only one is allowed".to_owned(),
        }),
    }
}

/// The parser calls itself for each level. It limits `[` and `{`, but not `- - -`.
fn refuse_deep_nesting(text: &str) -> Result<(), Problem> {
    let too_deep = text.lines().position(|line| {
        line.chars().take_while(|c| BLOCK_STARTS.contains(c)).count() > MAX_INDENT
    });
    too_deep.map_or(Ok(()), |index| {
        Err(Problem {
            line: index + 1,
            key: String::new(),
            text: format!("indented too far; {MAX_INDENT} columns are allowed"),
        })
    })
}

fn syntax_problem(text: &str, error: &ScanError) -> Problem {
    // What is missing at the end is said to be missing after the last line.
    let line = error.marker().line().min(text.lines().count().max(1));
    if error.info() == "duplicated key in mapping" {
        let key: String = text
            .chars()
            .skip(error.marker().index())
            .take_while(|c| !matches!(c, ':' | '\n'))
            .collect();
        let text = "this key is written twice".to_owned();
        return Problem { line, key: key.trim().to_owned(), text };
    }
    let hint = HINTS.iter().find(|(said, _)| error.info().contains(said));
    let hint = hint.map_or("", |(_, hint)| hint);
    Problem { line, key: String::new(), text: format!("not YAML: {}{hint}", error.info()) }
}
