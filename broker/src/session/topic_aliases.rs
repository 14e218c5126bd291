//! The topics that a client knows by number: aliases from the broker to the client.
//!
//! They belong to one connection. [MQTT-3.3.2-7]

use std::collections::HashMap;

use foldhash::fast::RandomState;
use mqtt::{Additions, Publish, Version};

/// Aliases given to one client at most, whatever it allows: each keeps a topic in memory.
const MAX: u16 = 64;

/// Bytes of a topic that is worth an alias. The alias takes three, and may make the length of the
/// properties a byte longer: one that is in use makes no packet larger.
const SHORTEST: usize = 4;

pub(crate) struct TopicAliases {
    /// No more than the client's Topic Alias Maximum. [MQTT-3.1.2-26] [MQTT-3.3.2-11]
    max: u16,
    given: HashMap<Box<str>, u16, RandomState>,
}

impl TopicAliases {
    /// `None` for a client that wants none. [MQTT-3.1.2-27]
    pub(crate) fn new(maximum: u16) -> Option<Box<TopicAliases>> {
        let max = maximum.min(MAX);
        (max > 0).then(|| Box::new(TopicAliases { max, given: HashMap::default() }))
    }

    /// Puts the number in the place of the topic, or gives the topic a number if there is one left
    /// and the packet stays within `max_packet` bytes. The packet must then be sent.
    pub(crate) fn shorten(
        &mut self,
        publish: &mut Publish<'_>,
        additions: &mut Additions<'_>,
        version: Version,
        max_packet: u32,
    ) {
        if publish.topic.len() < SHORTEST {
            return;
        }
        if let Some(alias) = self.given.get(publish.topic) {
            publish.topic = "";
            additions.topic_alias = Some(*alias);
            return;
        }
        let next = self.given.len() as u16 + 1;
        if next > self.max {
            return;
        }
        additions.topic_alias = Some(next);
        if publish.encoded_len_with(*additions, version) > max_packet as usize {
            additions.topic_alias = None;
            return;
        }
        self.given.insert(publish.topic.into(), next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::{Properties, QoS};

    /// What is sent for each topic in turn: `a=1`, `=1`, `a`.
    fn sent(maximum: u16, max_packet: u32, topics: &[&str]) -> Vec<String> {
        let mut aliases = TopicAliases::new(maximum).unwrap();
        let mut sent = Vec::new();
        for topic in topics {
            let mut publish = Publish {
                dup: false,
                qos: QoS::AtMostOnce,
                retain: false,
                packet_id: 0,
                topic,
                properties: Properties::EMPTY,
                payload: b"",
            };
            let mut additions = Additions::NONE;
            aliases.shorten(&mut publish, &mut additions, Version::INSIDE, max_packet);
            let alias = additions.topic_alias.map(|alias| format!("={alias}"));
            sent.push(publish.topic.to_string() + &alias.unwrap_or_default());
        }
        sent
    }

    /// [MQTT-3.1.2-26] [MQTT-3.3.2-11]
    #[test]
    fn a_topic_is_sent_once_until_the_numbers_are_used_up() {
        let topics = ["a/bc", "b/cd", "a/bc", "c/de", "b/cd"];
        assert_eq!(sent(2, 100, &topics), ["a/bc=1", "b/cd=2", "=1", "c/de", "=2"]);
    }

    /// [MQTT-3.1.2-27]
    #[test]
    fn a_client_that_wants_none_gets_none() {
        assert!(TopicAliases::new(0).is_none());
    }

    #[test]
    fn an_alias_makes_no_packet_too_large() {
        // Header 2, topic 6, properties 1; an alias is 3 more.
        assert_eq!(sent(2, 11, &["a/bc", "a/bc"]), ["a/bc", "a/bc"]);
        assert_eq!(sent(2, 12, &["a/bc", "a/bc"]), ["a/bc=1", "=1"]);
        // One would be longer than the topic.
        assert_eq!(sent(2, 100, &["a/b", "a/b"]), ["a/b", "a/b"]);
    }
}
