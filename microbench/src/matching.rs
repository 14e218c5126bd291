//! Who is subscribed to a topic: the broker's tree of filters, and a shard's cache of it.

use std::hint::black_box;

use hookmq::microbench::Subscriptions;

use crate::{Case, Pass, TIMES};

const SIZES: [usize; 2] = [1_000, 100_000];

/// Makes the filter of that number.
type Filter = fn(usize) -> String;

/// One subscriber for each filter, and one filter for each topic.
const FILTERS: [(&str, Filter); 3] = [
    ("exact", topic),
    ("plus", |index| format!("site/{}/+/{}/state", index / 100, index % 100)),
    ("hash", |index| format!("site/{}/device/{}/#", index / 100, index % 100)),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, filter) in FILTERS {
        for size in SIZES {
            cases.push(Case::new(format!("match/{kind}/{size}"), move || look_up(filter, size)));
        }
    }
    cases.push(Case::new("match/cached/1000", cached));
    cases
}

fn look_up(filter: Filter, size: usize) -> Pass {
    let subscriptions = Subscriptions::new((0..size).map(filter));
    let topics = topics(size);
    Box::new(move || {
        for topic in &topics {
            assert_eq!(subscriptions.look_up(black_box(topic)), 1);
        }
    })
}

/// Each topic is there from the second pass on.
fn cached() -> Pass {
    let size = 1_000;
    let mut subscriptions = Subscriptions::new((0..size).map(topic));
    let topics = topics(size);
    Box::new(move || {
        for topic in &topics {
            assert_eq!(subscriptions.cached(black_box(topic)), 1);
        }
    })
}

fn topic(index: usize) -> String {
    format!("site/{}/device/{}/state", index / 100, index % 100)
}

/// From all over the tree.
fn topics(size: usize) -> Vec<String> {
    (0..TIMES).map(|index| topic(index * (size / TIMES) + index % 10)).collect()
}
