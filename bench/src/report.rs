//! What a run has shown: a summary for people, and the same as JSON.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use mqtt::QoS;
use serde_json::{Map, Value, json};

use crate::clock::seconds;
use crate::course::End;
use crate::figures::Figures;
use crate::line;
use crate::play::Outcome;
use crate::process::Usage;
use crate::settings::Settings;
use crate::times::Times;
use crate::trouble::UNREACHABLE;

pub(crate) struct Report {
    title: String,
    json: Map<String, Value>,
    /// What stands at the left, and what of it.
    lines: Vec<(&'static str, String)>,
    troubles: Vec<String>,
    /// Something is not as it should be.
    has_failed: bool,
    is_unreachable: bool,
}

impl Report {
    /// `what` says it for people: so many clients of which kind.
    pub(crate) fn new(load: &str, what: &str, settings: &Settings) -> Report {
        let (address, version) = (settings.address, settings.version);
        let mut report = Report {
            title: format!("{load}: {what}; MQTT {version} at {address}"),
            json: Map::new(),
            lines: Vec::new(),
            troubles: Vec::new(),
            has_failed: false,
            is_unreachable: false,
        };
        report.set("load", load);
        report.set("protocol", version.to_string());
        report.set("address", address.to_string());
        report.set("prefix", settings.prefix.as_str());
        report
    }

    /// For JSON alone.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.json.insert(key.to_owned(), value.into());
    }

    /// For people alone.
    pub(crate) fn line(&mut self, label: &'static str, text: impl Display) {
        self.lines.push((label, text.to_string()));
    }

    /// Something is not as it should be.
    pub(crate) fn fail(&mut self) {
        self.has_failed = true;
    }

    /// How it ended and what went wrong. Stands for the whole run unless there is a later one.
    pub(crate) fn end(&mut self, end: End, figures: &Figures) {
        let (name, text) = match end {
            End::Done => ("done", "all done"),
            End::Stalled => ("stalled", "given up: nothing has come for a while (--stall)"),
            End::TimedOut => ("timed_out", "given up: it took too long (--timeout)"),
            End::NotConnected => ("not_connected", "not all clients could be connected"),
        };
        self.set("end", name);
        if end != End::Done {
            self.line("ended", text);
        }
        let troubles = &figures.troubles;
        self.is_unreachable |= figures.connect.is_empty()
            && troubles.iter().any(|(trouble, _)| trouble.is_unreachable());
        let text = |(trouble, times): &(_, u64)| match times {
            1 => format!("{trouble}"),
            times => format!("{trouble} ({} times)", line::count(*times)),
        };
        self.troubles.extend(troubles.iter().map(text));
        self.set("not_connected", figures.not_connected);
        self.set("broken", figures.broken);
        self.set("unanswered_pings", figures.unanswered);
        let bad = figures.not_connected + figures.broken + figures.refused + figures.unanswered;
        self.has_failed |= bad > 0 || matches!(end, End::TimedOut | End::NotConnected);
    }

    /// What was published. What stays without an acknowledgement at QoS 1 and 2 is a failure, and a publisher
    /// whose messages the broker does not read.
    pub(crate) fn published(&mut self, outcome: &Outcome, qos: QoS) {
        let (figures, took) = (&outcome.figures, seconds(outcome.took));
        let rate = figures.sent as f64 / took;
        let answered = figures.acknowledged + figures.refused;
        let unanswered = if qos == QoS::AtMostOnce { 0 } else { figures.sent - answered };
        self.set("unacknowledged", unanswered);
        // At QoS 1 and 2 messages are unanswered then.
        let unfinished = if qos == QoS::AtMostOnce { outcome.unfinished.into() } else { 0_u64 };
        self.set("unfinished_publishers", unfinished);
        self.has_failed |= unanswered > 0 || unfinished > 0;
        self.set("sent", figures.sent);
        self.set("acknowledged", figures.acknowledged);
        self.set("refused", figures.refused);
        self.set("published_per_second", round(rate));
        let mut text = format!("{} in {took:.2} s: {}/s", line::count(figures.sent), whole(rate));
        for (count, what) in [
            (figures.refused, "refused"),
            (unanswered, "not acknowledged"),
            (unfinished, "publishers could not send on"),
        ] {
            if count > 0 {
                text += &format!("; {} {what}", line::count(count));
            }
        }
        self.line("published", text);
        self.times("acknowledgement_us", "acknowledged", &figures.acknowledgement);
    }

    /// What has come, and what has not. What is lost at QoS 1 and 2, or comes twice at QoS 2, is a failure.
    pub(crate) fn delivered(&mut self, outcome: &Outcome, qos: QoS) {
        let (figures, took) = (&outcome.figures, seconds(outcome.took));
        let rate = figures.received as f64 / took;
        self.set("seconds", round(took));
        self.set("expected", outcome.expected);
        self.set("received", figures.received);
        self.set("lost", outcome.lost());
        self.set("duplicated", figures.duplicated);
        self.set("out_of_order", figures.out_of_order);
        self.set("foreign", figures.foreign);
        self.set("delivered_per_second", round(rate));
        let received = line::count(figures.received);
        self.line("delivered", format!("{received} in {took:.2} s: {}/s", whole(rate)));
        let [lost, twice, late] =
            [outcome.lost(), figures.duplicated, figures.out_of_order].map(line::count);
        self.line("", format!("{lost} lost, {twice} duplicated, {late} out of order"));
        self.times("latency_us", "latency", &figures.latency);
        self.has_failed |= qos != QoS::AtMostOnce && outcome.lost() > 0
            || qos == QoS::ExactlyOnce && figures.duplicated > 0;
    }

    /// What it has cost, altogether and for each of so many things of this kind. What is but a `part` of the
    /// run has its own keys.
    pub(crate) fn usage(&mut self, part: &str, usage: &Usage, took: u64, count: u64, kind: &str) {
        let key =
            |key: &str| if part.is_empty() { key.to_owned() } else { format!("{part}_{key}") };
        let each = |cpu: u64| (count > 0).then(|| cpu as f64 / 1e3 / count as f64);
        let describe = |cpu: u64| {
            let percent = 100.0 * cpu as f64 / took.max(1) as f64;
            let each = each(cpu).map(|each| format!(", {} for each {kind}", line::time(each)));
            let each = each.unwrap_or_default();
            format!("{:.2} s of CPU, {percent:.0} % of one{each}", seconds(cpu))
        };
        let value = |cpu: u64| json!({ "cpu_seconds": seconds(cpu), "cpu_us_each": each(cpu) });
        if let Some(cpu) = usage.broker {
            let mut broker = value(cpu);
            let mut text = describe(cpu);
            if let (Some(memory), Some(broker)) = (usage.memory, broker.as_object_mut()) {
                broker.insert("rss_kib".into(), memory.now.into());
                broker.insert("peak_rss_kib".into(), memory.peak.into());
                text += &format!(", {} resident", line::memory(memory.now));
            }
            self.set(&key("broker"), broker);
            self.line("broker", text);
        }
        self.set(&key("bench"), value(usage.own));
        self.line("this side", describe(usage.own));
    }

    /// Percentiles of times in microseconds.
    pub(crate) fn times(&mut self, key: &str, label: &'static str, times: &Times) {
        let times = times.histogram();
        if times.is_empty() {
            return;
        }
        let values = PERCENTILES.map(|(name, quantile)| (name, times.value_at_quantile(quantile)));
        let all = values.into_iter().chain([("max", times.max())]);
        let json: Map<String, Value> =
            all.clone().map(|(name, value)| (name.to_owned(), value.into())).collect();
        self.set(key, json);
        let text = all.map(|(name, value)| format!("{name} {}", line::time(value as f64)));
        self.line(label, text.collect::<Vec<_>>().join("  "));
    }

    /// Prints it. Nobody may be listening any more.
    pub(crate) fn print(mut self, as_json: bool) -> ExitCode {
        let (out, errors) = (&mut std::io::stdout().lock(), &mut std::io::stderr().lock());
        if as_json {
            self.set("ok", !self.has_failed);
            let troubles = std::mem::take(&mut self.troubles);
            self.set("troubles", troubles);
            let _ = writeln!(out, "{}", Value::Object(self.json));
        } else {
            let _ = writeln!(out, "{}", self.title);
            for (label, text) in &self.lines {
                let _ = writeln!(out, "  {label:<12}  {text}");
            }
            for trouble in &self.troubles {
                let _ = writeln!(errors, "{trouble}");
            }
        }
        match (self.is_unreachable, self.has_failed) {
            (true, _) => UNREACHABLE.into(),
            (false, true) => ExitCode::FAILURE,
            (false, false) => ExitCode::SUCCESS,
        }
    }
}

const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// To what is worth being printed.
pub(crate) fn round(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

pub(crate) fn whole(number: f64) -> String {
    line::count(number.round() as u64)
}
