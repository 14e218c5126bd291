//! A plugin's section: YAML to the JSON value that a plugin is given.

use saphyr::{MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use super::error::Problem;
use super::setting::{Setting, key_text};

/// What a plugin's JSON reader still takes, and more than anybody nests.
const MAX_DEPTH: usize = 64;

/// The value of a setting as JSON.
pub(super) fn json(setting: &Setting<'_>) -> Result<Value, Problem> {
    convert(setting.node, 0).map_err(|wrong| Problem {
        line: wrong.line,
        key: setting.key.clone(),
        text: wrong.text.to_owned(),
    })
}

/// What JSON cannot say.
struct Wrong {
    line: usize,
    text: &'static str,
}

fn convert(node: &MarkedYaml<'_>, depth: usize) -> Result<Value, Wrong> {
    let line = node.span.start.line();
    if depth > MAX_DEPTH {
        return Err(Wrong { line, text: "nested too deep; 64 levels are allowed" });
    }
    match &node.data {
        YamlData::Value(scalar) => convert_scalar(scalar, line),
        YamlData::Sequence(items) => {
            items.iter().map(|item| convert(item, depth + 1)).collect::<Result<_, _>>()
        }
        YamlData::Mapping(mapping) => {
            let mut object = Map::new();
            for (key, value) in mapping {
                let line = key.span.start.line();
                if !matches!(key.data, YamlData::Value(_)) {
                    return Err(Wrong { line, text: "a key must be text or a number" });
                }
                if object.insert(key_text(key), convert(value, depth + 1)?).is_some() {
                    return Err(Wrong { line, text: "a key is written twice" });
                }
            }
            Ok(Value::Object(object))
        }
        YamlData::Tagged(..) => Err(Wrong { line, text: "YAML tags are not allowed" }),
        _ => Err(Wrong { line, text: "this value cannot be understood" }),
    }
}

fn convert_scalar(scalar: &Scalar<'_>, line: usize) -> Result<Value, Wrong> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::Number((*value).into()),
        Scalar::FloatingPoint(value) => Number::from_f64(**value)
            .map(Value::Number)
            .ok_or(Wrong { line, text: "a number must be finite" })?,
        Scalar::String(text) => Value::String(text.to_string()),
    })
}
