//! That the map of pages holds what a plain map would, and no more pages than it takes.

use std::sync::Arc;

use mqtt::{Property, PropertyBuffer, QoS};

use super::*;
use crate::router::retained::page::stands_alone;
use crate::session::Message;

const MANY: RetainedLimits = RetainedLimits { messages: usize::MAX, bytes: usize::MAX };

/// What there should be of a topic.
#[derive(Clone)]
struct Kept {
    payload: Vec<u8>,
    expiry: Option<u32>,
    publisher: Arc<str>,
}

/// Topics and what is expected of them.
#[derive(Default)]
struct Both {
    topics: Topics,
    expected: BTreeMap<Key, Kept>,
}

impl Both {
    fn set(&mut self, topic: &str, kept: Kept) {
        let key = key(topic);
        let mut properties = PropertyBuffer::new();
        if let Some(expiry) = kept.expiry {
            assert!(properties.push(Property::MessageExpiryInterval(expiry)));
        }
        let properties = properties.as_properties();
        let publish = Publish {
            dup: false,
            qos: QoS::ExactlyOnce,
            retain: true,
            packet_id: 0,
            topic,
            properties,
            payload: &kept.payload,
        };
        let alone = stands_alone(&publish).then(|| Message::new(&publish, 0));
        let (number, publisher) = (self.topics.next, &kept.publisher);
        self.topics.next += 1;
        let new = New { publish: &publish, received: 0, publisher, number, alone };
        match self.topics.replace(&key, &new, MANY) {
            Some(fits) => assert!(fits),
            None => self.topics.insert(&key, &new),
        }
        self.expected.insert(key, kept);
    }

    fn clear(&mut self, topic: &str) {
        self.topics.remove(&key(topic));
        self.expected.remove(&key(topic));
    }

    fn sweep(&mut self, now: u32) {
        while self.topics.sweep(now) > 0 {}
        self.expected.retain(|_, kept| kept.expiry.is_none_or(|second| second > now));
    }

    /// Compares all that they hold.
    #[track_caller]
    fn check(&self) {
        let mut text = Vec::new();
        let held: Vec<_> = self.topics.since(&[]).collect();
        assert_eq!(held.len(), self.expected.len());
        assert_eq!(self.topics.len, held.len());
        let pages: usize = self.topics.pages.keys().map(|key| cost_of_page(key)).sum();
        assert_eq!(self.topics.bytes, pages + held.iter().map(cost).sum::<usize>());
        for (held, (key, kept)) in held.iter().zip(&self.expected) {
            assert_eq!(*held.key, **key);
            assert_eq!((held.publisher, held.expires()), (&kept.publisher, kept.expiry));
            let message = held.found(&mut text).message;
            let publish = message.publish(0, false);
            assert_eq!(*super::key(publish.topic), **key);
            assert_eq!((publish.retain, publish.qos), (true, QoS::ExactlyOnce));
            assert!(publish.payload == kept.payload, "{}", publish.topic);
            assert_eq!(self.topics.get(key).map(|held| held.number), Some(held.number));
        }
        self.check_pages();
    }

    #[track_caller]
    fn check_pages(&self) {
        let mut due = BTreeSet::new();
        let mut pages = self.topics.pages.iter().peekable();
        while let Some((first, page)) = pages.next() {
            assert!(!page.is_empty() && !page.is_too_large());
            assert!(*page.last_key() >= **first);
            assert!(pages.peek().is_none_or(|(next, _)| *page.last_key() < ***next));
            let expires = page.since(0).filter_map(|held| held.expires()).min();
            assert!(expires.is_none() || page.due <= expires && page.due.is_some());
            due.extend(page.due.map(|second| (second, first.clone())));
        }
        assert_eq!(self.topics.due, due);
    }
}

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn kept(chance: &mut Chance) -> Kept {
    let size = match chance.below(20) {
        0 => 1000 + chance.below(1000),
        1 => 400,
        _ => 1 + chance.below(60),
    };
    let expiry = (chance.below(3) == 0).then(|| 1 + chance.below(1000) as u32);
    let publisher = format!("client-{}", chance.below(5)).as_str().into();
    Kept { payload: vec![b'a' + chance.below(26) as u8; size as usize], expiry, publisher }
}

fn topic(chance: &mut Chance) -> String {
    let name = format!("{}/{}/{}", chance.below(10), chance.below(10), chance.below(50));
    match chance.below(50) {
        0 => name + &"/long".repeat(100),
        _ => name,
    }
}

#[test]
fn it_holds_what_a_plain_map_would() {
    let mut both = Both::default();
    let mut chance = Chance(88_172_645_463_325_252);
    for round in 0..40_u32 {
        // At first more come than go.
        let sets = if round < 20 { 90 } else { 20 };
        for _ in 0..400 {
            let topic = topic(&mut chance);
            if chance.below(100) < sets {
                both.set(&topic, kept(&mut chance));
            } else {
                both.clear(&topic);
            }
        }
        if round % 4 == 3 {
            both.sweep(10 * round);
        }
        both.check();
    }
    assert!(both.topics.pages.len() > 20);
    for topic in both.expected.clone().into_keys() {
        let topic: String =
            topic.iter().map(|byte| if *byte == 0 { '/' } else { char::from(*byte) }).collect();
        both.clear(&topic);
    }
    both.check();
    assert!(both.topics.pages.is_empty());
}

fn plain(payload: &[u8]) -> Kept {
    Kept { payload: payload.into(), expiry: None, publisher: "publisher".into() }
}

#[test]
fn topics_that_come_in_order_fill_their_pages() {
    let mut both = Both::default();
    for number in 0..10_000 {
        both.set(&format!("t/{number:05}"), plain(b"payload"));
    }
    both.check();
    assert_eq!(both.topics.pages.len(), 10_000_usize.div_ceil(32));
}

#[test]
fn pages_that_are_left_small_are_joined() {
    let mut both = Both::default();
    for number in 0..10_000 {
        both.set(&format!("t/{number:05}"), plain(b"payload"));
    }
    for number in (0..10_000).filter(|number| number % 100 != 0) {
        both.clear(&format!("t/{number:05}"));
    }
    both.check();
    assert!(both.topics.pages.len() <= 12, "{}", both.topics.pages.len());
}

#[test]
fn topics_as_long_as_can_be_have_pages_of_their_own() {
    let mut both = Both::default();
    for number in 0..9 {
        both.set(&format!("{number}/{}", "x".repeat(65_000)), plain(b"payload"));
        both.set(&format!("{number}"), plain(&[b'x'; 500]));
    }
    both.check();
    both.sweep(1);
    both.check();
}
