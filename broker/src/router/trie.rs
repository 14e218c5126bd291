//! The tree of subscriptions: a node for each level of a filter.

use std::collections::HashMap;

use std::sync::Arc;

use foldhash::fast::RandomState;
use mqtt::{Additions, Properties, QoS};

use super::Share;
use crate::few::Few;
use crate::session::{MatchedBy, Session};

/// One subscriber of a topic.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) session: Arc<Session>,
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    /// What a message must remember of the subscription.
    pub(crate) matched_by: Option<Arc<MatchedBy>>,
}

impl Target {
    /// What a message to it has added. [MQTT-3.3.4-3]
    pub(super) fn additions(&self) -> Additions<'_> {
        let identifiers = self.matched_by.as_deref().map(MatchedBy::identifiers);
        Additions {
            subscription_identifiers: identifiers.unwrap_or(Properties::EMPTY),
            topic_alias: None,
        }
    }
}

/// Who gets a message.
#[derive(Default)]
pub(crate) struct Matched {
    pub(crate) targets: Vec<Target>,
    /// Of each one member.
    pub(crate) shares: Vec<Arc<Share>>,
    /// Nodes of the tree that were looked at.
    pub(crate) visited: usize,
}

impl Matched {
    /// Whether among them is a session that outlives the broker; of a share, any member may get it.
    pub(crate) fn has_one_to_keep_for(&self) -> bool {
        let is_kept = |target: &Target| {
            target.qos > QoS::AtMostOnce && target.session.kept_number().is_some()
        };
        let shared = |share: &Arc<Share>| share.members().iter().any(is_kept);
        self.targets.iter().any(is_kept) || self.shares.iter().any(shared)
    }

    /// How many subscriptions there are, a shared one counted as one.
    pub(crate) fn len(&self) -> usize {
        self.targets.len() + self.shares.len()
    }
}

/// Small: a table of children holds nodes inline, and more room for them than it has nodes.
#[derive(Default)]
pub(super) struct Node {
    /// Subscribers of the filter that ends here.
    here: Few<Target>,
    /// Boxed: at most nodes filters end, and few go on.
    beyond: Option<Box<Beyond>>,
}

/// Where filters go on.
#[derive(Default)]
struct Beyond {
    children: HashMap<Box<str>, Node, RandomState>,
    /// The child for the level `+`.
    plus: Option<Box<Node>>,
    /// Subscribers of the filter that goes on with `#` and ends.
    below: Few<Target>,
    shares: Option<Box<Shares>>,
}

/// The shared subscriptions of a node, those that end there too; most have none.
#[derive(Default)]
struct Shares {
    here: Vec<Arc<Share>>,
    below: Vec<Arc<Share>>,
}

/// What is to be taken out of a node.
#[derive(Clone, Copy)]
pub(super) enum Leaving<'a> {
    Session(&'a Session),
    Share(&'a Share),
}

impl Node {
    /// Adds a subscriber, or replaces its options without a gap. [MQTT-3.8.4-3] [MQTT-3.8.4-4]
    pub(super) fn insert(&mut self, filter: &str, target: Target) {
        let (node, is_below) = self.reach(filter);
        let targets = if is_below { &mut node.beyond().below } else { &mut node.here };
        match targets.iter_mut().find(|known| Arc::ptr_eq(&known.session, &target.session)) {
            Some(known) => *known = target,
            None => targets.push(target),
        }
    }

    /// Adds a shared subscription that is not there yet, by the filter inside.
    pub(super) fn insert_share(&mut self, filter: &str, share: Arc<Share>) {
        let (node, is_below) = self.reach(filter);
        let shares = node.beyond().shares.get_or_insert_default();
        if is_below { shares.below.push(share) } else { shares.here.push(share) }
    }

    /// The node of a filter, and whether the filter goes on with `#`.
    fn reach(&mut self, filter: &str) -> (&mut Node, bool) {
        let mut node = self;
        for level in mqtt::topic::levels(filter) {
            node = match level {
                "#" => return (node, true),
                "+" => node.beyond().plus.get_or_insert_default(),
                _ => node.beyond().children.entry(level.into()).or_default(),
            }
        }
        (node, false)
    }

    fn beyond(&mut self) -> &mut Beyond {
        self.beyond.get_or_insert_default()
    }

    /// Removes a subscriber or a shared subscription, and the nodes that then lead nowhere.
    pub(super) fn remove(&mut self, filter: &str, leaving: Leaving<'_>) {
        let Some(beyond) = &mut self.beyond else { return };
        let (level, rest) = split_level(filter);
        if level == "#" {
            match leaving {
                Leaving::Session(session) => take(&mut beyond.below, session),
                Leaving::Share(share) => beyond.take_share(share),
            }
        } else if level == "+" {
            if let Some(child) = &mut beyond.plus {
                child.remove_rest(rest, leaving);
                if child.is_empty() {
                    beyond.plus = None;
                }
            }
        } else if let Some(child) = beyond.children.get_mut(level) {
            child.remove_rest(rest, leaving);
            if child.is_empty() {
                beyond.children.remove(level);
                if beyond.children.is_empty() {
                    beyond.children = HashMap::default();
                }
            }
        }
        if beyond.is_empty() {
            self.beyond = None;
        }
    }

    /// Collects the subscribers of `topic`; one that matches by several filters comes several times.
    /// [MQTT-3.3.2-3]
    pub(super) fn collect(&self, topic: &str, found: &mut Matched) {
        let Some(beyond) = &self.beyond else { return };
        let (level, rest) = split_level(topic);
        // Wildcards at the first level leave out what begins with `$`. [MQTT-4.7.2-1]
        if level.starts_with('$') {
            if let Some(child) = beyond.children.get(level) {
                child.collect_rest(rest, found);
            }
        } else {
            beyond.collect_below(found);
            beyond.collect_children(level, rest, found);
        }
    }

    fn remove_rest(&mut self, rest: Option<&str>, leaving: Leaving<'_>) {
        match (rest, leaving) {
            (Some(rest), _) => self.remove(rest, leaving),
            (None, Leaving::Session(session)) => take(&mut self.here, session),
            (None, Leaving::Share(share)) => {
                if let Some(beyond) = &mut self.beyond {
                    beyond.take_share(share);
                    if beyond.is_empty() {
                        self.beyond = None;
                    }
                }
            }
        }
    }

    /// Recursion goes as deep as the tree, which the limit on a filter's levels bounds.
    fn collect_rest(&self, rest: Option<&str>, found: &mut Matched) {
        found.visited += 1;
        if rest.is_none() {
            self.here.copy_to(&mut found.targets);
        }
        let Some(beyond) = &self.beyond else { return };
        // `a/#` matches `a` too. [MQTT-4.7.1-1]
        beyond.collect_below(found);
        if let Some(rest) = rest {
            let (level, rest) = split_level(rest);
            beyond.collect_children(level, rest, found);
        } else if let Some(shares) = &beyond.shares {
            found.shares.extend_from_slice(&shares.here);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.here.is_empty() && self.beyond.is_none()
    }
}

impl Beyond {
    fn collect_below(&self, found: &mut Matched) {
        self.below.copy_to(&mut found.targets);
        if let Some(shares) = &self.shares {
            found.shares.extend_from_slice(&shares.below);
        }
    }

    fn collect_children(&self, level: &str, rest: Option<&str>, found: &mut Matched) {
        if let Some(child) = self.children.get(level) {
            child.collect_rest(rest, found);
        }
        if let Some(child) = &self.plus {
            child.collect_rest(rest, found);
        }
    }

    /// Takes a share out of the node, at either place.
    fn take_share(&mut self, share: &Share) {
        let Some(shares) = &mut self.shares else { return };
        for list in [&mut shares.here, &mut shares.below] {
            list.retain(|known| !std::ptr::eq(&**known, share));
        }
        if shares.here.is_empty() && shares.below.is_empty() {
            self.shares = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.below.is_empty()
            && self.shares.is_none()
            && self.plus.is_none()
            && self.children.is_empty()
    }
}

fn take(targets: &mut Few<Target>, session: &Session) {
    targets.take(|target| std::ptr::eq(&*target.session, session));
}

fn split_level(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (path, None),
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
            matched_by: None,
        }
    }

    fn collect(tree: &Node, topic: &str) -> Vec<Target> {
        let mut found = Matched::default();
        tree.collect(topic, &mut found);
        assert!(found.shares.is_empty());
        found.targets
    }

    fn session(client_id: &str) -> Arc<Session> {
        Arc::new(Session::new(client_id.into(), 1))
    }

    fn check(filter: &str, topic: &str, matches: bool) {
        let mut tree = Node::default();
        let session = session("s");
        tree.insert(filter, target(&session));
        let found = collect(&tree, topic);
        assert_eq!(!found.is_empty(), matches, "{filter} {topic}");
        assert_eq!(mqtt::topic::matches(filter, topic), matches, "{filter} {topic}");
        tree.remove(filter, Leaving::Session(&session));
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
    fn shares_stand_at_their_filters_and_leave_no_nodes_behind() {
        let mut tree = Node::default();
        let shares = ["a/b", "a/#", "+/b", "#"].map(|filter| (filter, Arc::<Share>::default()));
        for (filter, share) in &shares {
            tree.insert_share(filter, share.clone());
        }
        let filters = |tree: &Node, topic| {
            let mut found = Matched::default();
            tree.collect(topic, &mut found);
            let is_found = |share: &Arc<Share>| found.shares.iter().any(|f| Arc::ptr_eq(f, share));
            let found = shares.iter().filter(|(_, share)| is_found(share));
            let mut filters: Vec<_> = found.map(|(filter, _)| *filter).collect();
            filters.sort_unstable();
            filters
        };
        assert_eq!(filters(&tree, "a/b"), ["#", "+/b", "a/#", "a/b"]);
        assert_eq!(filters(&tree, "a"), ["#", "a/#"]);
        assert_eq!(filters(&tree, "$a/b"), [""; 0]);
        for (filter, share) in &shares {
            tree.remove(filter, Leaving::Share(share));
        }
        assert!(tree.is_empty());
    }

    #[test]
    fn a_subscription_made_again_replaces_the_first() {
        let mut tree = Node::default();
        let session = session("s");
        tree.insert("a/+", target(&session));
        tree.insert("a/+", Target { qos: QoS::ExactlyOnce, ..target(&session) });
        let found = collect(&tree, "a/b");
        assert_eq!(found.iter().map(|t| t.qos).collect::<Vec<_>>(), [QoS::ExactlyOnce]);
    }

    #[test]
    fn a_node_is_small() {
        assert_eq!(size_of::<Node>(), size_of::<Target>() + size_of::<usize>());
    }

    #[test]
    fn removing_one_subscriber_leaves_the_others() {
        let mut tree = Node::default();
        let (one, two) = (session("one"), session("two"));
        tree.insert("a/b/c", target(&one));
        tree.insert("a/b", target(&two));
        tree.insert("a/#", target(&two));
        tree.remove("a/b/c", Leaving::Session(&one));
        tree.remove("a/x/c", Leaving::Session(&one));
        let found = collect(&tree, "a/b");
        assert_eq!(found.len(), 2);
        tree.remove("a/b", Leaving::Session(&two));
        tree.remove("a/#", Leaving::Session(&two));
        assert!(tree.is_empty());
    }
}
