//! `hookmq ctl plugins trace`: what plugins answer, line by line.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Broker, Failure};
use super::plugins::{span, text};
use crate::tools::say;

/// Which answers are shown.
#[derive(clap::Args)]
pub(super) struct Trace {
    /// Of this plugin alone
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// About this client alone
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// In this hook alone, such as on_before_publish
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Those alone that say no
    #[arg(long, conflicts_with = "all")]
    refusals: bool,
    /// Those too that just let an event go on; there may be very many
    #[arg(long)]
    all: bool,
}

impl Trace {
    pub(super) fn request(&self) -> Value {
        let answers = match (self.refusals, self.all) {
            (true, _) => "refusals",
            (_, true) => "all",
            _ => "notable",
        };
        json!({
            "command": "plugins.trace",
            "plugin": self.plugin,
            "client": self.client,
            "hook": self.hook,
            "answers": answers,
        })
    }

    /// Until the broker ends.
    pub(super) fn run(&self, broker: &mut Broker, as_json: bool) -> Result<(), Failure> {
        broker.ask(&self.request())?;
        loop {
            let line = broker.next()?;
            match (line.get("traced"), line.get("missed")) {
                _ if as_json => say(&line),
                (Some(traced), _) => say(show(traced)),
                (None, Some(missed)) => {
                    say(format_args!("{missed} answers are left out: there are too many to show"));
                }
                (None, None) => {}
            }
        }
    }
}

/// `12:30:01.250 acl on_before_publish sensor-7 a/b: refuse 0x87 (not yours), 12us`
fn show(traced: &Value) -> String {
    let number = |key: &str| traced.get(key).and_then(Value::as_i64);
    let millis = number("unix_ms").unwrap_or_default();
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    let mut line = format!("{hours:02}:{minutes:02}:{:02}.{millis:03}", seconds % 60);
    for key in ["plugin", "hook", "client", "subject"] {
        let text = text(traced, key);
        line += if text.is_empty() { "" } else { " " };
        // Clients have chosen it.
        line += &text.escape_debug().to_string();
    }
    line += &format!(": {}", text(traced, "answer"));
    match number("code") {
        Some(code @ 0..) => line += &format!(" {code:#04x}"),
        Some(code) => line += &format!(" {code}"),
        None => {}
    }
    let words = text(traced, "words");
    if !words.is_empty() {
        line += &format!(" ({})", words.escape_debug());
    }
    if traced.get("shadow") == Some(&Value::Bool(true)) {
        line += ", as a shadow";
    }
    let took = number("took_ns").and_then(|nanos| u64::try_from(nanos).ok()).unwrap_or_default();
    format!("{line}, {}", span(Duration::from_nanos(took)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_line() {
        let traced = json!({
            "unix_ms": 45_001_250, "plugin": "acl", "hook": "on_before_publish", "client": "c\n",
            "subject": "a/b", "answer": "refuse", "code": 0x87, "words": "not yours", "shadow": true,
            "took_ns": 12_000,
        });
        let line = "12:30:01.250 acl on_before_publish c\\n a/b: refuse 0x87 (not yours), as a shadow, 12us";
        assert_eq!(show(&traced), line);
        let traced = json!({ "unix_ms": 0, "plugin": "acl", "hook": "on_will", "client": "",
            "subject": "", "answer": "failed", "code": -2, "words": null, "took_ns": 1 });
        assert_eq!(show(&traced), "00:00:00.000 acl on_will: failed -2, 1ns");
    }
}
