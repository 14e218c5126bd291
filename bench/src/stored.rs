//! The loads where the broker keeps messages: for subscribers to come, and for those that are away.

use std::time::Duration;

use crate::clock::{self, seconds};
use crate::course::{Course, End};
use crate::line::{self, several};
use crate::options::{MessageOptions, RunOptions, positive};
use crate::part::Part;
use crate::play::{Outcome, Play};
use crate::publisher::{Messages, Publisher};
use crate::report::{Report, round};
use crate::settings::Settings;
use crate::tracker::Tracker;
use crate::trouble::BenchError;
use crate::worker::Worker;
use mqtt::QoS;

#[derive(clap::Args)]
pub(crate) struct Retained {
    /// Subscribers that come afterwards, and get all of it
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = positive())]
    subscribers: u32,
    #[command(flatten)]
    messages: MessageOptions,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

#[derive(clap::Args)]
pub(crate) struct Offline {
    /// Publishers, all of one topic
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = positive())]
    publishers: u32,
    /// Subscribers that are away meanwhile, and get all of it when they come back
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = positive())]
    subscribers: u32,
    #[command(flatten)]
    messages: MessageOptions,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

/// How many messages there are if nothing else is said: the broker has to keep all of them.
pub(crate) const USUALLY: u32 = 10_000;

impl Retained {
    pub(crate) fn measure(&self) -> Result<Report, BenchError> {
        let mut settings = self.run.settings()?;
        let messages = self.messages.take_up(&mut settings, Some(USUALLY))?;
        let (prefix, qos) = (&settings.prefix, self.messages.qos());
        let to = several(self.subscribers, "subscriber");
        let what = format!("to {to} afterwards, {}", self.messages.describe());
        let mut report = Report::new("retained", &what, &settings);
        report.set("subscribers", self.subscribers);
        let topic = format!("{prefix}/retained/");
        let messages = Messages { topic, numbered: true, retain: true, ..messages };
        let before = memory(&settings);
        let Published { kept, sent } = publish(&settings, 1, &messages, &mut report)?;
        let grown = memory(&settings).saturating_sub(before) * 1024;
        if settings.broker.is_some() && kept > 0 {
            let each = grown / kept;
            report.set("bytes_per_message", each);
            report.line("memory", format!("{} bytes for each message", line::count(each)));
        }
        if kept > 0 {
            let filter = format!("{prefix}/retained/#");
            let subscriber = |i| {
                let tracker = Tracker::InAnyOrder(Default::default());
                Part::subscriber(prefix, i, filter.clone(), qos, tracker)
            };
            let subscribers = (0..self.subscribers).map(subscriber).collect();
            collect(&settings, subscribers, kept, qos, &mut report)?;
        }
        // An empty message removes the one that is retained.
        let count = sent.try_into().unwrap_or(u32::MAX);
        let none = Messages { size: 0, count, interval: 0, lasts: u64::MAX, ..messages };
        if sent > 0 {
            Play { publishers: publishers(&settings, 1, &none), ..Play::default() }
                .play(&settings)?;
        }
        Ok(report)
    }
}

impl Offline {
    pub(crate) fn measure(&self) -> Result<Report, BenchError> {
        let mut settings = self.run.settings()?;
        let messages = self.messages.take_up(&mut settings, Some(USUALLY))?;
        let qos = self.messages.qos();
        if qos == QoS::AtMostOnce {
            return Err(BenchError::QoSZero);
        }
        let (from, to) =
            (several(self.publishers, "publisher"), several(self.subscribers, "subscriber"));
        let what = format!("{from} to {to} that are away, {}", self.messages.describe());
        let mut report = Report::new("offline", &what, &settings);
        report.set("publishers", self.publishers);
        report.set("subscribers", self.subscribers);
        let messages = Messages { topic: format!("{}/offline", settings.prefix), ..messages };
        if self.leave_sessions(&settings, &messages.topic, &mut report)? {
            let Published { kept, .. } =
                publish(&settings, self.publishers, &messages, &mut report)?;
            if kept > 0 {
                self.come_back(&settings, kept, &mut report)?;
            }
            visit(
                &settings,
                self.sleepers(&settings, |part| Part { keeps_session: false, ..part }),
            )?;
        }
        Ok(report)
    }

    /// False: not all could be connected and subscribed.
    fn leave_sessions(
        &self,
        settings: &Settings,
        topic: &str,
        report: &mut Report,
    ) -> Result<bool, BenchError> {
        // What an earlier run has left, with the same prefix.
        let forget = self.sleepers(settings, |part| Part { keeps_session: false, ..part });
        let subscription = Some((topic.to_owned(), self.messages.qos()));
        let subscribe =
            self.sleepers(settings, |part| Part { subscription: subscription.clone(), ..part });
        for parts in [forget, subscribe] {
            let outcome = visit(settings, parts)?;
            if outcome.end != End::Done {
                report.end(outcome.end, &outcome.figures);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn come_back(
        &self,
        settings: &Settings,
        kept: u64,
        report: &mut Report,
    ) -> Result<(), BenchError> {
        let part =
            |part| Part { only_visits: false, tracker: Tracker::all(0, self.publishers), ..part };
        let subscribers = self.sleepers(settings, part);
        let outcome = collect(settings, subscribers, kept, self.messages.qos(), report)?;
        report.set("resumed", outcome.resumed);
        if outcome.resumed < u64::from(self.subscribers) {
            let (resumed, all) = (line::count(outcome.resumed), self.subscribers);
            report.line("sessions", format!("{resumed} of {all} were there; the others are lost"));
            report.fail();
        }
        Ok(())
    }

    /// The subscribers, which only visit unless they are changed.
    fn sleepers(&self, settings: &Settings, change: impl Fn(Part) -> Part) -> Vec<Part> {
        let part = |i| Part {
            client_id: format!("{}-s{i}", settings.prefix),
            keeps_session: true,
            only_visits: true,
            ..Part::default()
        };
        (0..self.subscribers).map(|i| change(part(i))).collect()
    }
}

fn publishers(settings: &Settings, number: u32, messages: &Messages) -> Vec<Part> {
    let publisher = |i| Part::publisher(&settings.prefix, Publisher::new(i, messages.clone()));
    (0..number).map(publisher).collect()
}

/// How many messages the broker keeps now, 0 if nobody knows; and how many it may keep.
struct Published {
    kept: u64,
    sent: u64,
}

/// Publishes.
fn publish(
    settings: &Settings,
    number: u32,
    messages: &Messages,
    report: &mut Report,
) -> Result<Published, BenchError> {
    let publishers = publishers(settings, number, messages);
    let outcome = Play { publishers, ..Play::default() }.play(settings)?;
    report.end(outcome.end, &outcome.figures);
    let figures = &outcome.figures;
    if figures.connect.is_empty() {
        return Ok(Published { kept: 0, sent: 0 });
    }
    report.published(&outcome, messages.qos);
    report.usage("publish", &outcome.usage, outcome.took, figures.sent, "message");
    if outcome.end == End::Done && figures.broken == 0 {
        return Ok(Published { kept: figures.sent - figures.refused, sent: figures.sent });
    }
    // Nobody knows how many there are.
    report.fail();
    Ok(Published { kept: 0, sent: figures.sent })
}

/// Has all of these subscribers get so many messages each, and says what came of it.
fn collect(
    settings: &Settings,
    subscribers: Vec<Part>,
    each: u64,
    qos: QoS,
    report: &mut Report,
) -> Result<Outcome, BenchError> {
    let waiting = each * subscribers.len() as u64;
    let play = Play { subscribers, waiting, with_connecting: true, ..Play::default() };
    let outcome = play.play(settings)?;
    report.end(outcome.end, &outcome.figures);
    if outcome.figures.received > 0 {
        let first = seconds(outcome.first);
        report.set("first_seconds", round(first));
        report.line("first", format!("after {}", line::time(first * 1e6)));
    }
    report.delivered(&outcome, qos);
    report.usage("", &outcome.usage, outcome.took, outcome.figures.received, "delivery");
    Ok(outcome)
}

/// Connects these and has them go again.
fn visit(settings: &Settings, parts: Vec<Part>) -> Result<Visit, BenchError> {
    let course = Course::new(settings, 0, 0);
    let mut worker = Worker::new(settings, &course)?;
    let is_ready = worker.connect(parts, false);
    worker.linger(Duration::from_millis(50));
    let end = match is_ready {
        true => End::Done,
        false if course.is_late(clock::now()) => End::TimedOut,
        false => End::NotConnected,
    };
    Ok(Visit { end, figures: worker.finish() })
}

struct Visit {
    end: End,
    figures: crate::figures::Figures,
}

/// Resident memory of the broker in KiB, if it may be looked at.
fn memory(settings: &Settings) -> u64 {
    let memory = settings.broker.and_then(crate::process::Process::memory);
    memory.map_or(0, |memory| memory.now)
}
