//! The loads where messages flow from publishers to subscribers that are there.

use crate::line::several;
use crate::options::{MessageOptions, RunOptions, positive};
use crate::part::Part;
use crate::play::Play;
use crate::publisher::{Messages, Publisher};
use crate::report::Report;
use crate::settings::Settings;
use crate::tracker::Tracker;
use crate::trouble::BenchError;

/// Options of all of them.
#[derive(clap::Args)]
pub(crate) struct Traffic {
    #[command(flatten)]
    messages: MessageOptions,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

/// How many are on either side.
#[derive(clap::Args)]
pub(crate) struct FanOut {
    /// Publishers, all of one topic
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = positive())]
    publishers: u32,
    /// Subscribers, which each get every message
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = positive())]
    subscribers: u32,
    #[command(flatten)]
    pub(crate) traffic: Traffic,
}

#[derive(clap::Args)]
pub(crate) struct FanIn {
    /// Publishers, each of a topic of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = positive())]
    publishers: u32,
    /// Subscribers, which each get all messages by a wildcard
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = positive())]
    subscribers: u32,
    #[command(flatten)]
    pub(crate) traffic: Traffic,
}

#[derive(clap::Args)]
pub(crate) struct Pairs {
    /// Pairs of one publisher and one subscriber, each of a topic of their own
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = positive())]
    pairs: u32,
    #[command(flatten)]
    pub(crate) traffic: Traffic,
}

#[derive(clap::Args)]
pub(crate) struct Shared {
    /// Publishers, each of a topic of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = positive())]
    publishers: u32,
    /// Subscribers of one shared subscription: one of them gets each message
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = positive())]
    subscribers: u32,
    #[command(flatten)]
    pub(crate) traffic: Traffic,
}

impl FanOut {
    pub(crate) fn measure(&self) -> Result<Report, BenchError> {
        let (publishers, subscribers) = (self.publishers, self.subscribers);
        let from_to = [several(publishers, "publisher"), several(subscribers, "subscriber")];
        self.traffic.measure("fan-out", &from_to, |settings, messages, qos| {
            let prefix = &settings.prefix;
            let topic = format!("{prefix}/fan-out");
            let tracker = Tracker::all(0, publishers);
            let messages = messages.to(&topic, subscribers);
            Play {
                publishers: publish(prefix, publishers, |_| messages.clone()),
                subscribers: (0..subscribers)
                    .map(|i| Part::subscriber(prefix, i, topic.clone(), qos, tracker.clone()))
                    .collect(),
                ..Play::default()
            }
        })
    }
}

impl FanIn {
    pub(crate) fn measure(&self) -> Result<Report, BenchError> {
        let (publishers, subscribers) = (self.publishers, self.subscribers);
        let from_to = [several(publishers, "publisher"), several(subscribers, "subscriber")];
        self.traffic.measure("fan-in", &from_to, |settings, messages, qos| {
            let prefix = &settings.prefix;
            let filter = format!("{prefix}/fan-in/#");
            let tracker = Tracker::all(0, publishers);
            let topic = |i| messages.to(&format!("{prefix}/fan-in/{i}"), subscribers);
            Play {
                publishers: publish(prefix, publishers, topic),
                subscribers: (0..subscribers)
                    .map(|i| Part::subscriber(prefix, i, filter.clone(), qos, tracker.clone()))
                    .collect(),
                ..Play::default()
            }
        })
    }
}

impl Pairs {
    pub(crate) fn measure(&self) -> Result<Report, BenchError> {
        let pairs = self.pairs;
        let from_to = [several(pairs, "publisher"), "one subscriber each".to_owned()];
        self.traffic.measure("pairs", &from_to, |settings, messages, qos| {
            let prefix = &settings.prefix;
            let topic = |i| format!("{prefix}/pairs/{i}");
            Play {
                publishers: publish(prefix, pairs, |i| messages.to(&topic(i), 1)),
                subscribers: (0..pairs)
                    .map(|i| Part::subscriber(prefix, i, topic(i), qos, Tracker::all(i, 1)))
                    .collect(),
                ..Play::default()
            }
        })
    }
}

impl Shared {
    pub(crate) fn measure(&self) -> Result<Report, BenchError> {
        let (publishers, subscribers) = (self.publishers, self.subscribers);
        let members = format!("{} of one share", several(subscribers, "subscriber"));
        let from_to = [several(publishers, "publisher"), members];
        self.traffic.measure("shared", &from_to, |settings, messages, qos| {
            let prefix = &settings.prefix;
            let filter = format!("$share/bench/{prefix}/shared/#");
            let tracker = Tracker::some(publishers);
            let topic = |i| messages.to(&format!("{prefix}/shared/{i}"), 1);
            Play {
                publishers: publish(prefix, publishers, topic),
                subscribers: (0..subscribers)
                    .map(|i| Part::subscriber(prefix, i, filter.clone(), qos, tracker.clone()))
                    .collect(),
                is_share: true,
                ..Play::default()
            }
        })
    }
}

impl Traffic {
    fn measure(
        &self,
        load: &str,
        [from, to]: &[String; 2],
        play: impl FnOnce(&Settings, &Messages, mqtt::QoS) -> Play,
    ) -> Result<Report, BenchError> {
        let mut settings = self.run.settings()?;
        let messages = self.messages.take_up(&mut settings, None)?;
        let qos = self.messages.qos();
        let play = play(&settings, &messages, qos);
        let what = format!("{from} to {to}, {}", self.messages.describe());
        let mut report = Report::new(load, &what, &settings);
        report.set("publishers", play.publishers.len());
        report.set("subscribers", play.subscribers.len());
        report.set("qos", qos as u8);
        report.set("payload", messages.size);
        let outcome = play.play(&settings)?;
        report.end(outcome.end, &outcome.figures);
        if !outcome.figures.connect.is_empty() {
            report.published(&outcome, qos);
            report.delivered(&outcome, qos);
            report.usage("", &outcome.usage, outcome.took, outcome.figures.received, "delivery");
        }
        Ok(report)
    }
}

/// Each with the messages that are for it.
fn publish(prefix: &str, number: u32, messages: impl Fn(u32) -> Messages) -> Vec<Part> {
    (0..number).map(|i| Part::publisher(prefix, Publisher::new(i, messages(i)))).collect()
}

impl Messages {
    fn to(&self, topic: &str, deliveries: u32) -> Messages {
        Messages { topic: topic.to_owned(), deliveries: deliveries.into(), ..self.clone() }
    }
}
