//! What is written to [`Rules`], with all that is wrong at once.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::effect::Effect;
use crate::problem::Problem;
use crate::rule::{Rule, Written};
use crate::rules::Rules;
use crate::yaml::Document;

/// What a file of rules holds; in the broker's config the same keys stand beside others.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Contents {
    default: Effect,
    /// None too if every line of it is a comment.
    rules: Option<Vec<Value>>,
}

/// The rules of a file, whose name is for the log.
///
/// # Errors
/// All that is wrong; never empty.
pub(crate) fn from_file(bytes: &[u8], file: &str) -> Result<Rules, Vec<Problem>> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        vec![Problem::at(line, "not UTF-8".to_owned())]
    })?;
    let document = Document::parse(text).map_err(|problem| vec![problem])?;
    let contents = match &document.value {
        Value::Null => Ok(Contents::default()),
        value => read::<Contents>(value, ""),
    };
    let with_line =
        |problem: Problem| Problem { line: Some(document.line(&problem.path)), ..problem };
    let contents = contents.map_err(|problem| vec![with_line(problem)])?;
    let place = |path: &str| format!("{file}:{}", document.line(path));
    from_values(contents.default, &contents.rules.unwrap_or_default(), place)
        .map_err(|problems| problems.into_iter().map(with_line).collect())
}

/// The rules of a list; `place` says of a path where that is, for the log.
///
/// # Errors
/// All that is wrong; never empty.
pub(crate) fn from_values(
    default: Effect,
    values: &[Value],
    place: impl Fn(&str) -> String,
) -> Result<Rules, Vec<Problem>> {
    let mut rules = Vec::with_capacity(values.len());
    let mut problems = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let path = format!("rules[{index}]");
        match read::<Written>(value, &path).and_then(|written| {
            let problem =
                |text: &str| Problem { line: None, path: path.clone(), text: text.into() };
            Rule::new(written, &place(&path)).map_err(problem)
        }) {
            Ok(rule) => rules.push(rule),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(Rules::new(default, rules)) } else { Err(problems) }
}

fn read<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => path.to_owned(),
            below if path.is_empty() => below.to_owned(),
            below => format!("{path}.{below}"),
        };
        Problem { line: None, path, text: error.inner().to_string() }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problems(text: impl AsRef<[u8]>) -> Vec<String> {
        let problems = from_file(text.as_ref(), "acl.yml").err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_mistakes_are_named_with_line_and_key() {
        let text = "\
default: deny
rules:
  - allow: publish
    topics: [a, 'b/#/c']
  - allow: read
  - users: alice
  - deny: connect
    topics: a
  - allow: all
    user: alice
  - allow: publish
    topics:
      - dev/%x
  - allow: publish
    topics: $share/g/a
  - allow: publish
    addresses: [ 192.0.2.0/24, here ]
  - allow: []
  - 7
";
        let problems = problems(text);
        let expected = [
            "4: `rules[0].topics[1]`: \"b/#/c\" is no topic filter: # is not the last level",
            "5: `rules[1].allow`: unknown variant `read`, expected one of `connect`, `publish`",
            "6: `rules[2]`: a rule has one of allow and deny",
            "7: `rules[3]`: connect has no topics",
            "10: `rules[4].user`: unknown field `user`, expected one of `allow`, `deny`",
            "13: `rules[5].topics[0]`: \"dev/%x\": behind % stands c, u or",
            "15: `rules[6].topics`: \"$share/g/a\" is a shared subscription",
            "17: `rules[7].addresses[1]`: \"here\" is not an address as 192.0.2.7",
            "18: `rules[8].allow`: an empty list",
            "19: `rules[9]`: invalid type: integer `7`",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, start) in problems.iter().zip(expected) {
            assert!(problem.starts_with(start), "{problem}\n{start}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_file_holds_it_is_read_or_refused(
            parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..40)
        ) {
            if let Err(problems) = from_file(parts.concat().as_bytes(), "acl.yml") {
                prop_assert!(!problems.is_empty());
            }
        }
    }

    /// What rules are made of, and what should not be there.
    const PARTS: &[&str] = &[
        "default: ",
        "deny",
        "allow: ",
        "deny: ",
        "\n",
        "\n  ",
        "\n    ",
        "rules:",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "publish",
        "all",
        "topics: ",
        "users: ",
        "addresses: ",
        "'a/#'",
        "\"%c/+\"",
        "a/b",
        "*",
        "&x ",
        "*x",
        "!t ",
        "1",
        "::/0",
        "#",
        ": ",
        "? ",
        "|",
        "\t",
        "---",
        "\u{feff}",
        "'",
        "\"",
        "%u",
    ];

    #[test]
    fn mistakes_outside_of_rules() {
        assert_eq!(
            problems("defualt: deny"),
            ["1: `defualt`: unknown field `defualt`, expected `default` or `rules`"]
        );
        let default = &problems("rules: []\ndefault: maybe")[0];
        assert!(default.starts_with("2: `default`: unknown variant `maybe`"), "{default}");
        assert_eq!(problems(b"# a\n\xff"), ["2: not UTF-8"]);
        assert!(problems("").is_empty());
        assert!(problems("rules:").is_empty(), "{:?}", problems("rules:"));
    }
}
