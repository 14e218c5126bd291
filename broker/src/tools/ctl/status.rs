//! `hookmq ctl status` and `hookmq ctl metrics`: how a running broker is.

use std::path::Path;

use serde_json::{Value, json};

use super::client::{Broker, Failure};
use crate::tools::{say, table};

pub(super) fn show(socket: &Path, as_json: bool) -> Result<(), Failure> {
    let status = Broker::connect(socket)?.ask(&json!({ "command": "status" }))?;
    if as_json {
        say(&status);
    } else {
        let mut rows = Vec::new();
        add_rows("", &status, &mut rows);
        table::print(&rows);
    }
    Ok(())
}

pub(super) fn print_metrics(socket: &Path, as_json: bool) -> Result<(), Failure> {
    let metrics = Broker::connect(socket)?.ask(&json!({ "command": "metrics" }))?;
    match &metrics {
        Value::String(text) if !as_json => say(text.trim_end()),
        other => say(other),
    }
    Ok(())
}

/// A row for each value, with the names of all that it stands in.
fn add_rows(name: &str, value: &Value, rows: &mut Vec<[String; 2]>) {
    match value {
        Value::Object(values) => {
            for (key, value) in values {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                add_rows(&name, value, rows);
            }
        }
        Value::Null => {}
        Value::String(text) => rows.push([name.to_owned(), text.clone()]),
        other => rows.push([name.to_owned(), other.to_string()]),
    }
}
