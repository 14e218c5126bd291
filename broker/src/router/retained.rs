//! The last retained message of each topic; no part of a session. [MQTT3-3.1.2-7]

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;

use crate::session::Message;

#[derive(Default)]
pub(crate) struct Retained {
    tree: RwLock<Tree>,
}

#[derive(Default)]
struct Tree {
    root: Node,
    messages: usize,
}

#[derive(Default)]
struct Node {
    children: HashMap<Box<str>, Node, RandomState>,
    message: Option<Held>,
}

struct Held {
    message: Message,
    /// The client id of who published it.
    publisher: Arc<str>,
}

/// What became of a message that was to be retained.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Retention {
    Kept,
    /// There are as many topics as the limit allows; the message was not retained.
    Full,
}

impl Retained {
    /// Keeps a message for its topic in place of the one before. [MQTT-3.3.1-5]
    pub(crate) fn set(
        &self,
        topic: &str,
        message: Message,
        publisher: &Arc<str>,
        limit: usize,
    ) -> Retention {
        let held = Held { message, publisher: publisher.clone() };
        let mut tree = self.tree.write();
        let full = tree.messages >= limit;
        if full && tree.root.find(topic).is_none() {
            return Retention::Full;
        }
        let mut node = &mut tree.root;
        for level in mqtt::topic::levels(topic) {
            node = node.children.entry(level.into()).or_default();
        }
        let is_new = node.message.replace(held).is_none();
        tree.messages += usize::from(is_new);
        Retention::Kept
    }

    /// Forgets the message of a topic. [MQTT-3.3.1-6]
    pub(crate) fn clear(&self, topic: &str) {
        let mut tree = self.tree.write();
        if tree.root.remove(topic) {
            tree.messages -= 1;
        }
    }

    /// Whether this very message is retained for its topic.
    pub(crate) fn holds(&self, message: &Message) -> bool {
        let tree = self.tree.read();
        let held = tree.root.find(message.publish(0, false).topic);
        held.is_some_and(|held| held.message.is_same(message))
    }

    /// The messages whose topics match a filter, but for those expired at second `now` and those
    /// that the client `not_by` published.
    pub(crate) fn matching(&self, filter: &str, now: u32, not_by: Option<&str>) -> Vec<Message> {
        let mut found = Vec::new();
        let tree = self.tree.read();
        tree.root.collect(filter, true, &mut found);
        found.retain(|held| !held.message.is_expired(now) && not_by != Some(&*held.publisher));
        found.into_iter().map(|held| held.message.clone()).collect()
    }
}

impl Node {
    fn find(&self, topic: &str) -> Option<&Held> {
        let mut node = self;
        for level in mqtt::topic::levels(topic) {
            node = node.children.get(level)?;
        }
        node.message.as_ref()
    }

    /// Recursion goes as deep as a topic has levels, which has a limit.
    fn remove(&mut self, topic: &str) -> bool {
        let (level, rest) = match topic.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (topic, None),
        };
        let Some(child) = self.children.get_mut(level) else { return false };
        let removed = match rest {
            Some(rest) => child.remove(rest),
            None => child.message.take().is_some(),
        };
        if child.message.is_none() && child.children.is_empty() {
            self.children.remove(level);
        }
        removed
    }

    fn collect<'a>(&'a self, filter: &str, first: bool, found: &mut Vec<&'a Held>) {
        let (level, rest) = match filter.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (filter, None),
        };
        // [MQTT-4.7.2-1]
        let seen = |name: &str| !(first && name.starts_with('$'));
        match level {
            "#" => {
                found.extend(&self.message);
                for (name, child) in &self.children {
                    if seen(name) {
                        child.collect("#", false, found);
                    }
                }
            }
            "+" => {
                for (name, child) in &self.children {
                    if seen(name) {
                        child.collect_rest(rest, found);
                    }
                }
            }
            name => {
                if let Some(child) = self.children.get(name) {
                    child.collect_rest(rest, found);
                }
            }
        }
    }

    fn collect_rest<'a>(&'a self, rest: Option<&str>, found: &mut Vec<&'a Held>) {
        match rest {
            Some(rest) => self.collect(rest, false, found),
            None => found.extend(&self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::{Properties, Publish, QoS};

    fn message(topic: &str) -> Message {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: true,
            packet_id: 0,
            topic,
            properties: Properties::EMPTY,
            payload: b"x",
        };
        Message::new(&publish, 0)
    }

    fn retained(topics: &[&str]) -> Retained {
        let retained = Retained::default();
        for topic in topics {
            assert_eq!(retained.set(topic, message(topic), &"c".into(), 100), Retention::Kept);
        }
        retained
    }

    fn topics(retained: &Retained, filter: &str) -> Vec<String> {
        let found = retained.matching(filter, 0, None);
        let mut topics: Vec<_> = found.iter().map(|m| m.publish(0, false).topic.into()).collect();
        topics.sort();
        topics
    }

    #[test]
    fn every_filter_finds_what_the_reference_finds() {
        let all = ["a", "a/b", "a/b/c", "a/", "/a", "/", "b", "$SYS/x", "$SYS"];
        let retained = retained(&all);
        for filter in
            ["#", "+", "+/+", "a/#", "a/+", "a/b", "/#", "$SYS/#", "$SYS/+", "+/x", "a/+/c"]
        {
            let mut expected: Vec<_> = all
                .iter()
                .filter(|topic| mqtt::topic::matches(filter, topic))
                .map(ToString::to_string)
                .collect();
            expected.sort();
            assert_eq!(topics(&retained, filter), expected, "{filter}");
        }
    }

    #[test]
    fn clearing_leaves_no_nodes_behind() {
        let retained = retained(&["a/b/c", "a/b"]);
        retained.clear("a/b/c");
        retained.clear("a/x");
        assert_eq!(topics(&retained, "#"), ["a/b"]);
        retained.clear("a/b");
        assert!(retained.tree.read().root.children.is_empty());
        assert_eq!(retained.tree.read().messages, 0);
    }

    #[test]
    fn a_full_tree_takes_new_messages_for_known_topics_only() {
        let retained = retained(&["a"]);
        assert_eq!(retained.set("b", message("b"), &"c".into(), 1), Retention::Full);
        assert_eq!(retained.set("a", message("a"), &"c".into(), 1), Retention::Kept);
        assert_eq!(topics(&retained, "#"), ["a"]);
    }
}
