//! The tree of subscriptions: a node for each level of a filter.

use std::collections::HashMap;

use std::sync::Arc;

use foldhash::fast::RandomState;
use mqtt::QoS;

use crate::session::Session;

/// One subscriber of a topic.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) session: Arc<Session>,
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
}

#[derive(Default)]
pub(super) struct Node {
    #[expect(
        clippy::box_collection,
        reason = "most nodes have none; this is a quarter of the size"
    )]
    children: Option<Box<HashMap<Box<str>, Node, RandomState>>>,
    /// The child for the level `+`.
    plus: Option<Box<Node>>,
    /// Subscribers of the filter that ends here.
    here: Vec<Target>,
    /// Subscribers of the filter that goes on with `#` and ends.
    below: Vec<Target>,
}

impl Node {
    /// Adds a subscriber, or replaces its options. [MQTT-3.8.4-3]
    pub(super) fn insert(&mut self, filter: &str, target: Target) {
        let mut node = self;
        for level in mqtt::topic::levels(filter) {
            match level {
                "#" => return put(&mut node.below, target),
                "+" => node = node.plus.get_or_insert_with(Box::default),
                _ => {
                    let children = node.children.get_or_insert_with(Box::default);
                    node = children.entry(level.into()).or_default();
                }
            }
        }
        put(&mut node.here, target);
    }

    /// Removes a subscriber and the nodes that then lead nowhere.
    pub(super) fn remove(&mut self, filter: &str, session: &Session) {
        let (level, rest) = split_level(filter);
        if level == "#" {
            take(&mut self.below, session);
        } else if level == "+" {
            if let Some(child) = &mut self.plus {
                child.remove_rest(rest, session);
                if child.is_empty() {
                    self.plus = None;
                }
            }
        } else if let Some(children) = &mut self.children
            && let Some(child) = children.get_mut(level)
        {
            child.remove_rest(rest, session);
            if child.is_empty() {
                children.remove(level);
                if children.is_empty() {
                    self.children = None;
                }
            }
        }
    }

    /// Collects the subscribers of `topic`; one that matches by several filters comes several times.
    pub(super) fn collect(&self, topic: &str, found: &mut Vec<Target>) {
        let (level, rest) = split_level(topic);
        // Wildcards at the first level leave out what begins with `$`. [MQTT-4.7.2-1]
        if level.starts_with('$') {
            if let Some(child) = self.children.as_ref().and_then(|c| c.get(level)) {
                child.collect_rest(rest, found);
            }
        } else {
            self.collect_level(level, rest, found);
        }
    }

    fn remove_rest(&mut self, rest: Option<&str>, session: &Session) {
        match rest {
            Some(rest) => self.remove(rest, session),
            None => take(&mut self.here, session),
        }
    }

    /// Recursion goes as deep as the tree, which the limit on a filter's levels bounds.
    fn collect_rest(&self, rest: Option<&str>, found: &mut Vec<Target>) {
        match rest {
            Some(rest) => {
                let (level, rest) = split_level(rest);
                self.collect_level(level, rest, found);
            }
            None => {
                found.extend_from_slice(&self.here);
                // `a/#` matches `a` too. [MQTT-4.7.1-2]
                found.extend_from_slice(&self.below);
            }
        }
    }

    fn collect_level(&self, level: &str, rest: Option<&str>, found: &mut Vec<Target>) {
        found.extend_from_slice(&self.below);
        if let Some(child) = self.children.as_ref().and_then(|c| c.get(level)) {
            child.collect_rest(rest, found);
        }
        if let Some(child) = &self.plus {
            child.collect_rest(rest, found);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.here.is_empty()
            && self.below.is_empty()
            && self.plus.is_none()
            && self.children.is_none()
    }
}

fn split_level(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (path, None),
    }
}

fn put(targets: &mut Vec<Target>, target: Target) {
    match targets.iter_mut().find(|known| Arc::ptr_eq(&known.session, &target.session)) {
        Some(known) => *known = target,
        None => {
            // Most nodes hold one subscriber: a vector's usual room for four would be waste.
            if targets.len() == targets.capacity() {
                targets.reserve_exact(1.max(targets.len() / 2));
            }
            targets.push(target);
        }
    }
}

fn take(targets: &mut Vec<Target>, session: &Session) {
    targets.retain(|target| !std::ptr::eq(&*target.session, session));
    if targets.is_empty() {
        *targets = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(session: &Arc<Session>) -> Target {
        Target {
            session: session.clone(),
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
        }
    }

    fn session(client_id: &str) -> Arc<Session> {
        Arc::new(Session::new(client_id.into(), 1))
    }

    fn check(filter: &str, topic: &str, matches: bool) {
        let mut tree = Node::default();
        let session = session("s");
        tree.insert(filter, target(&session));
        let mut found = Vec::new();
        tree.collect(topic, &mut found);
        assert_eq!(!found.is_empty(), matches, "{filter} {topic}");
        assert_eq!(mqtt::topic::matches(filter, topic), matches, "{filter} {topic}");
        tree.remove(filter, &session);
        assert!(tree.is_empty(), "{filter} leaves nodes behind");
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        check("sport/tennis/player1/#", "sport/tennis/player1", true);
        check("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true);
        check("sport/#", "sport", true);
        check("#", "sport/tennis", true);
        check("#", "/", true);
        check("sport/tennis/+", "sport/tennis/player1", true);
        check("sport/tennis/+", "sport/tennis/player1/ranking", false);
        check("sport/+", "sport", false);
        check("sport/+", "sport/", true);
        check("+/+", "/finance", true);
        check("/+", "/finance", true);
        check("+", "/finance", false);
        check("#", "$SYS/broker", false);
        check("+/monitor/Clients", "$SYS/monitor/Clients", false);
        check("$SYS/#", "$SYS/broker", true);
        check("$SYS/monitor/+", "$SYS/monitor/Clients", true);
        check("a/#", "a/$b", true);
        check("a//b", "a//b", true);
        check("a/+/b", "a//b", true);
        check("A", "a", false);
    }

    #[test]
    fn a_subscription_made_again_replaces_the_first() {
        let mut tree = Node::default();
        let session = session("s");
        tree.insert("a/+", target(&session));
        tree.insert("a/+", Target { qos: QoS::ExactlyOnce, ..target(&session) });
        let mut found = Vec::new();
        tree.collect("a/b", &mut found);
        assert_eq!(found.iter().map(|t| t.qos).collect::<Vec<_>>(), [QoS::ExactlyOnce]);
    }

    #[test]
    fn removing_one_subscriber_leaves_the_others() {
        let mut tree = Node::default();
        let (one, two) = (session("one"), session("two"));
        tree.insert("a/b/c", target(&one));
        tree.insert("a/b", target(&two));
        tree.insert("a/#", target(&two));
        tree.remove("a/b/c", &one);
        tree.remove("a/x/c", &one);
        let mut found = Vec::new();
        tree.collect("a/b", &mut found);
        assert_eq!(found.len(), 2);
        tree.remove("a/b", &two);
        tree.remove("a/#", &two);
        assert!(tree.is_empty());
    }
}
