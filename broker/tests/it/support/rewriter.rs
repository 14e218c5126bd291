//! The plugin `rewriter`, which changes events and answers later, and what it has logged.

use mqtt::{QoS, Version};
use serde_json::Value;

use super::auth::entry;
use super::{Broker, Client, LastWill, Login};
use crate::common::log;
use crate::common::plugins::{self, PluginDir};

/// A broker with rewriters, in this order, that are named for the test.
pub(crate) struct Rewriters {
    pub(crate) broker: Broker,
    pub(crate) version: Version,
    test: String,
}

impl Rewriters {
    pub(crate) fn new(test: &str, version: Version, sections: &[Value]) -> Rewriters {
        Rewriters::with(test, version, sections, |_| {})
    }

    pub(crate) fn with(
        test: &str,
        version: Version,
        sections: &[Value],
        change: impl FnOnce(&mut hookmq::config::Config),
    ) -> Rewriters {
        log::take();
        let test = format!("{test}{}", version.level());
        let directory = PluginDir::new();
        let library = plugins::rust("rewriter");
        let mut entries = Vec::new();
        for (index, section) in sections.iter().enumerate() {
            let name = format!("{test}-{}", index + 1);
            directory.put(&library, &name);
            let mut section = section.clone();
            section["prefix"] = format!("{}", index + 1).into();
            entries.push(entry(&name, section));
        }
        let broker = Broker::with_plugins_and(&directory, entries, change);
        Rewriters { broker, version, test }
    }

    pub(crate) fn connect(&self, client_id: &str) -> Client {
        Client::connect(&self.broker, self.version, client_id)
    }

    /// What all of them have said of a hook, without its name, in order.
    pub(crate) fn said(&self, hook: &str) -> Vec<String> {
        let plugins = format!(" plugin::{}-", self.test);
        let infix = format!(" {hook} ");
        let said = |line: &String| {
            let (_, text) = line.split_once(": ")?;
            let (plugin, rest) = text.rsplit_once(" (")?.0.split_once(&infix)?;
            (plugin.len() == 1).then(|| format!("{plugin} {}", rest.trim_end()))
        };
        log::lines(&plugins).iter().filter_map(said).collect()
    }

    /// A will of a client that is gone waits for its plugin, which changes it; nobody else waits.
    pub(crate) fn will_waits_alone(&self, version: Version) {
        let mut other = self.connect("other");
        other.subscribe("slow", QoS::AtMostOnce);
        self.leave(version, "client", "gone");
        self.wait_for("1 waits slow", 1);
        self.connect("client").disconnect();
        let mut third = self.connect("third");
        third.release("slow", "payload later,continue");
        self.wait_for("1 waits slow", 2);
        third.release("slow", "continue");
        other.expect("slow", "later");
    }

    /// A client comes, and goes without a word, so that its will for `slow` is published.
    pub(crate) fn leave(&self, version: Version, client_id: &str, payload: &str) {
        let login = Login::new(version, client_id).will(LastWill::new("slow", payload));
        drop(login.connect(self.broker.address()));
    }

    /// Waits until one of the plugins has logged this so many times.
    pub(crate) fn wait_for(&self, text: &str, times: usize) {
        let plugins = format!(" plugin::{}-", self.test);
        let text = format!(": {text} (");
        let said = || log::lines(&plugins).iter().filter(|line| line.contains(&text)).count();
        log::until(|| (said() >= times).then_some(()));
    }
}

impl Client {
    /// Has the first that waits under a name answered.
    pub(crate) fn release(&mut self, name: &str, text: &str) {
        self.publish(&format!("answer/{name}"), text, QoS::AtLeastOnce);
    }
}
