//! What is kept, found, counted and freed.

use std::collections::VecDeque;

use mqtt::{Properties, Property, PropertyBuffer, Publish, QoS};

use super::{PER_SWEEP, Retained, RetainedLimits, Retention};

const MANY: RetainedLimits = RetainedLimits { messages: 1_000_000, bytes: usize::MAX };

/// Retains a message at second 0.
fn put(
    retained: &Retained,
    topic: &str,
    payload: &[u8],
    expiry: Option<u32>,
    limits: RetainedLimits,
) -> Retention {
    let mut properties = PropertyBuffer::new();
    if let Some(expiry) = expiry {
        assert!(properties.push(Property::MessageExpiryInterval(expiry)));
    }
    let properties = if expiry.is_some() { properties.as_properties() } else { Properties::EMPTY };
    retained.set(&message(topic, payload, properties), &"publisher".into(), limits, 0)
}

fn message<'a>(topic: &'a str, payload: &'a [u8], properties: Properties<'a>) -> Publish<'a> {
    let (dup, qos, packet_id) = (false, QoS::AtMostOnce, 0);
    Publish { dup, qos, retain: true, packet_id, topic, properties, payload }
}

fn set(retained: &Retained, topic: &str, limits: RetainedLimits) -> Retention {
    put(retained, topic, b"x", None, limits)
}

fn retained(topics: &[&str]) -> Retained {
    let retained = Retained::default();
    for topic in topics {
        assert_eq!(set(&retained, topic, MANY), Retention::Kept);
    }
    retained
}

fn topics_at(retained: &Retained, filter: &str, now: u32) -> Vec<String> {
    let mut walk = retained.walk(filter, None);
    let mut found = VecDeque::new();
    while !walk.is_over() {
        walk.step(retained, now, &mut found);
    }
    found.iter().map(|found| found.message.publish(0, false).topic.into()).collect()
}

fn topics(retained: &Retained, filter: &str) -> Vec<String> {
    topics_at(retained, filter, 0)
}

#[track_caller]
fn check_as_reference(all: &[&str], filter: &str) {
    let mut expected: Vec<_> =
        all.iter().filter(|topic| mqtt::topic::matches(filter, topic)).copied().collect();
    expected.sort_by_key(|topic| topic.replace('/', "\0"));
    assert_eq!(topics(&retained(all), filter), expected, "{filter}");
}

#[test]
fn every_filter_finds_what_the_reference_finds() {
    let all = ["a", "a/b", "a/b/c", "a/", "/a", "/", "b", "$SYS/x", "$SYS", "a!", "a!/b"];
    for filter in [
        "#", "+", "+/+", "a/#", "a/+", "a/b", "/#", "$SYS/#", "$SYS/+", "+/x", "a/+/c", "+/b", "a!",
    ] {
        check_as_reference(&all, filter);
    }
}

/// All topics of up to four levels of three names, and all filters of up to four levels.
#[test]
fn every_small_filter_finds_what_the_reference_finds() {
    let all = all_of(&["", "a", "$b"]);
    let all: Vec<&str> = all.iter().map(String::as_str).filter(|topic| !topic.is_empty()).collect();
    for filter in all_of(&["", "a", "$b", "+"]) {
        if !filter.is_empty() {
            check_as_reference(&all, &filter);
        }
        check_as_reference(
            &all,
            if filter.is_empty() { "#".into() } else { filter + "/#" }.as_str(),
        );
    }
}

fn all_of(names: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut last = all.clone();
    for _ in 1..4 {
        last = last
            .iter()
            .flat_map(|topic| names.iter().map(move |name| format!("{topic}/{name}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

#[test]
fn a_walk_leaves_out_what_came_after_it_began() {
    let retained = retained(&["b", "d"]);
    let mut walk = retained.walk("#", None);
    for topic in ["a", "b", "c"] {
        set(&retained, topic, MANY);
    }
    let mut found = VecDeque::new();
    walk.step(&retained, 0, &mut found);
    let found: Vec<_> = found.iter().map(|found| found.message.publish(0, false).topic).collect();
    assert_eq!(found, ["d"], "the new b went to all subscribers");
}

#[test]
fn a_walk_goes_on_where_it_stopped() {
    let names: Vec<String> = (0..1000).map(|number| format!("t/{number:04}/x")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let retained = retained(&all);
    let mut walk = retained.walk("t/+/x", None);
    let mut found = VecDeque::new();
    walk.step(&retained, 0, &mut found);
    assert!(!walk.is_over() && found.len() < 1000);
    retained.clear(all[500]);
    while !walk.is_over() {
        walk.step(&retained, 0, &mut found);
    }
    assert_eq!(found.len(), 999);
}

#[test]
fn what_is_cleared_counts_for_nothing() {
    let retained = retained(&["a/b/c", "a/b"]);
    retained.clear("a/b/c");
    retained.clear("a/x");
    assert_eq!(topics(&retained, "#"), ["a/b"]);
    retained.clear("a/b");
    let topics = retained.topics.read();
    assert_eq!((topics.len, topics.bytes), (0, 0));
}

#[test]
fn full_of_messages_it_takes_new_ones_for_known_topics_only() {
    let one = RetainedLimits { messages: 1, ..MANY };
    let retained = retained(&["a"]);
    assert_eq!(set(&retained, "b", one), Retention::Full);
    assert_eq!(set(&retained, "a", one), Retention::Kept);
    assert_eq!(topics(&retained, "#"), ["a"]);
}

#[test]
fn bytes_are_those_of_the_last_message() {
    let retained = Retained::default();
    let set = |topic, size, expiry, bytes| {
        let limits = RetainedLimits { bytes, ..MANY };
        put(&retained, topic, &vec![b'x'; size], expiry, limits)
    };
    for size in [1000, 10, 5000] {
        for expiry in [None, Some(60)] {
            assert_eq!(set("a", size, expiry, 10_000), Retention::Kept);
        }
    }
    assert_eq!(set("b", 6000, None, 10_000), Retention::Full);
    assert_eq!(set("b", 3000, None, 10_000), Retention::Kept);
    // One that has grown too large takes its predecessor with it.
    assert_eq!(set("b", 6000, None, 10_000), Retention::Full);
    assert_eq!(topics(&retained, "#"), ["a"]);
    retained.clear("a");
    let topics = retained.topics.read();
    assert_eq!((topics.bytes, topics.is_due(u32::MAX)), (0, false));
}

#[test]
fn the_expired_are_freed_and_not_found() {
    let retained = retained(&["stays"]);
    let count = PER_SWEEP + 1;
    for number in 0..count {
        let topic = format!("t/{number}");
        put(&retained, &topic, b"x", Some(10), MANY);
    }
    // A new message with another expiry has that one alone.
    put(&retained, "t/0", b"x", Some(20), MANY);
    assert_eq!(topics_at(&retained, "#", 10).len(), 2);
    assert!(retained.sweep(9));
    assert_eq!(retained.topics.read().len, count + 1);
    assert!(!retained.sweep(10), "not all at once");
    assert!(retained.sweep(10));
    assert_eq!(topics(&retained, "#"), ["stays", "t/0"]);
}

#[test]
fn the_expired_make_room_when_it_is_full() {
    let retained = Retained::default();
    let two = RetainedLimits { messages: 2, ..MANY };
    for topic in ["a", "b"] {
        put(&retained, topic, b"x", Some(10), two);
    }
    let c = message("c", b"x", Properties::EMPTY);
    assert_eq!(retained.set(&c, &"publisher".into(), two, 9), Retention::Full);
    assert_eq!(retained.set(&c, &"publisher".into(), two, 10), Retention::Kept);
    assert_eq!(topics(&retained, "#"), ["c"]);
}
