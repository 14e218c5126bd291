//! The text of a rules file to a JSON value, as the broker gives the config, and the line of each
//! part of it.

use std::collections::HashMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Value};

use crate::problem::Problem;

/// More than rules nest; the parser calls itself for each level.
const MAX_DEPTH: usize = 16;

/// The parser limits `[` and `{`, but not `- - -`.
const MAX_INDENT: usize = 256;

/// A document, and where its parts stand.
pub(crate) struct Document {
    pub(crate) value: Value,
    /// By path, `rules[2].topics[0]`; from 1.
    lines: HashMap<String, usize>,
}

impl Document {
    /// # Errors
    /// The first place that cannot be understood.
    pub(crate) fn parse(text: &str) -> Result<Document, Problem> {
        refuse_deep_nesting(text)?;
        let documents = MarkedYaml::load_from_str(text).map_err(|error| {
            let line = error.marker().line().min(text.lines().count().max(1));
            Problem::at(line, format!("not YAML: {}", error.info()))
        })?;
        let mut document = Document { value: Value::Null, lines: HashMap::new() };
        match documents.as_slice() {
            [] => {}
            [node] if node.data.is_badvalue() => {}
            [node] => document.value = document.convert(node, "", 0)?,
            [_, second, ..] => {
                let line = second.span.start.line();
                return Err(Problem::at(line, "a second YAML document starts here".to_owned()));
            }
        }
        Ok(document)
    }

    /// The line of a part, or of what it is a part of.
    pub(crate) fn line(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return *line;
            }
            path = match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(above) => above,
                None => return self.lines.get("").copied().unwrap_or(1),
            };
        }
    }

    fn convert(
        &mut self,
        node: &MarkedYaml<'_>,
        path: &str,
        depth: usize,
    ) -> Result<Value, Problem> {
        let line = node.span.start.line();
        // The line of a key is where its value is looked for.
        self.lines.entry(path.to_owned()).or_insert(line);
        if depth > MAX_DEPTH {
            return Err(Problem::at(line, "nested too deep".to_owned()));
        }
        match &node.data {
            YamlData::Value(scalar) => Ok(convert_scalar(scalar)),
            YamlData::Sequence(items) => {
                let item =
                    |(index, item)| self.convert(item, &format!("{path}[{index}]"), depth + 1);
                items.iter().enumerate().map(item).collect()
            }
            YamlData::Mapping(mapping) => {
                let mut object = Map::new();
                for (key, value) in mapping {
                    let line = key.span.start.line();
                    let YamlData::Value(Scalar::String(name)) = &key.data else {
                        return Err(Problem::at(line, "a key must be text".to_owned()));
                    };
                    let path = join(path, name);
                    self.lines.insert(path.clone(), line);
                    object.insert(name.to_string(), self.convert(value, &path, depth + 1)?);
                }
                Ok(Value::Object(object))
            }
            _ => Err(Problem::at(line, "this value cannot be understood".to_owned())),
        }
    }
}

fn convert_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::Number((*value).into()),
        Scalar::FloatingPoint(value) => Value::from(**value),
        Scalar::String(text) => Value::String(text.to_string()),
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

fn refuse_deep_nesting(text: &str) -> Result<(), Problem> {
    let too_deep = text.lines().position(|line| {
        line.chars().take_while(|c| matches!(c, ' ' | '-' | '?' | ':')).count() > MAX_INDENT
    });
    too_deep.map_or(Ok(()), |index| Err(Problem::at(index + 1, "indented too far".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_their_lines() {
        let text = "# rules\ndefault: deny\nrules:\n  - allow: publish\n    topics:\n      - a\n      - b\n";
        let document = Document::parse(text).unwrap();
        assert_eq!(document.value["rules"][0]["topics"][1], "b");
        for (path, line) in [
            ("default", 2),
            ("rules", 3),
            ("rules[0]", 4),
            ("rules[0].allow", 4),
            ("rules[0].topics[1]", 7),
            ("rules[0].topics[1].unknown", 7),
            ("rules[0].users", 4),
            ("other", 2),
        ] {
            assert_eq!(document.line(path), line, "{path}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_named_with_its_line() {
        let deep = format!("a:\n{}x", "- ".repeat(200));
        let brackets = format!("a:\n {}{}", "[".repeat(20), "]".repeat(20));
        // Each line ten times the one before: more than there is memory for.
        let mut many = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (before, now) in (0..20).zip(1..) {
            let ten = vec![format!("*a{before}"); 10].join(", ");
            many.push_str(&format!("a{now}: &a{now} [{ten}]\n"));
        }
        assert!(Document::parse(&many).is_err());
        for (text, line, why) in [
            ("a: 1\nb: [", 2, "not YAML"),
            ("a: 1\na: 2", 2, "not YAML: duplicated key in mapping"),
            ("a: 1\n---\nb: 1", 3, "a second YAML document starts here"),
            ("1: a", 1, "a key must be text"),
            ("a:\n  !b c", 2, "this value cannot be understood"),
            (&deep, 2, "indented too far"),
            (&brackets, 2, "nested too deep"),
        ] {
            let problem = Document::parse(text).err().unwrap();
            assert_eq!(problem.line, Some(line), "{text}: {problem:?}");
            assert!(problem.text.starts_with(why), "{problem:?}");
        }
        for nothing in ["", "# nothing"] {
            assert_eq!(Document::parse(nothing).unwrap().value, Value::Null);
        }
    }
}
