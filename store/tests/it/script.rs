//! Groups of changes, made of small numbers: by the property test, and again and again the same from a seed.

use std::num::NonZeroU32;
use std::path::Path;

use hookmq_store::{
    Change, Durability, Lease, Message, OpenError, Options, PairValue, Queued, State, Store,
    Subscription, Will,
};
use mqtt::QoS;

use crate::model::Model;

/// What one step of a group does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) kind: u8,
    pub(crate) session: u64,
    /// How many groups ago the place was made that it is about.
    pub(crate) back: u64,
    pub(crate) number: u8,
}

/// Sessions, places and topics are few, so that steps meet.
pub(crate) const SESSIONS: u64 = 5;
pub(crate) const BACK: u64 = 8;

/// The group `sequence`.
pub(crate) fn group(sequence: u64, steps: &[Step]) -> Vec<Change> {
    let steps = steps.iter().zip(0..);
    steps.flat_map(|(step, at)| changes(sequence, at, *step)).collect()
}

/// The group `sequence` of an endless script.
pub(crate) fn scripted(seed: u64, sequence: u64) -> Vec<Change> {
    let mut random = Random(seed ^ sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let steps: Vec<Step> = (0..1 + random.below(4))
        .map(|_| Step {
            kind: u8::try_from(random.below(24)).unwrap(),
            session: random.below(SESSIONS),
            back: random.below(BACK),
            number: u8::try_from(random.below(256)).unwrap(),
        })
        .collect();
    group(sequence, &steps)
}

/// A place in a queue is told by the group and the step that made it, and so is a message.
fn id(sequence: u64, at: u64) -> u64 {
    sequence * 16 + at
}

fn changes(sequence: u64, at: u64, step: Step) -> Vec<Change> {
    let Step { kind, session, back, number } = step;
    // What is still to come means something else to the store than what never was.
    let most = if back == 0 { at } else { 3 };
    let old = id(sequence.saturating_sub(back), u64::from(number % 4).min(most));
    let new = id(sequence, at);
    let packet_id = u16::from(number % 8) + 1;
    let one = match kind {
        0 | 1 => Change::SessionBegun {
            session,
            client_id: format!("client-{session}").into(),
            user: (session % 2 == 0).then(|| format!("user-{session}").into()),
            lease: Lease { expiry: 100, away: None },
        },
        2 => Change::SessionUpdated {
            session,
            lease: Lease {
                expiry: u32::from(number),
                away: Some(sequence).filter(|_| number > 99),
            },
        },
        3 if number < 60 => Change::SessionEnded { session },
        3 | 4 => Change::Subscribed { session, subscription: subscription(number) },
        5 => Change::Unsubscribed { session, filter: subscription(number).filter },
        6 | 7 => Change::Sent { session, seq: old, packet_id },
        8 => Change::Received { session, seq: old },
        9..=12 => Change::Done { session, seq: old },
        13 => Change::Begun { session, packet_id },
        14 => Change::Released { session, packet_id },
        15 => Change::Retained {
            topic: format!("retained/{}", number % 8).into(),
            message: (number > 60).then(|| message(new, &format!("retained/{}", number % 8))),
        },
        16 => Change::Will {
            session,
            will: Box::new(Will { delay: 3, due: Some(new), message: message(new, "will") }),
        },
        17 => Change::WillGone { session },
        18 => Change::Kv {
            plugin: ["acl", "jwt"][usize::from(number % 2)].into(),
            key: [number % 8, 0].into(),
            value: (number > 60).then(|| PairValue {
                bytes: new.to_be_bytes().into(),
                ends: (number > 180).then_some(new),
            }),
        },
        19 => return moved(session, old, new, number),
        _ => return queued(session, new, number),
    };
    vec![one]
}

/// A new message for up to three sessions.
fn queued(session: u64, new: u64, number: u8) -> Vec<Change> {
    let message = message(new, &format!("t/{number}"));
    let mut changes = vec![Change::Message { id: new, message }];
    for other in 0..1 + u64::from(number % 3) {
        let session = (session + other) % SESSIONS;
        changes.push(Change::Queued { session, queued: place(new, new, number) });
    }
    // Often it is acknowledged at once.
    if number.is_multiple_of(5) {
        changes.push(Change::Sent { session, seq: new, packet_id: 9 });
        changes.push(Change::Done { session, seq: new });
    }
    changes
}

/// A message of one session goes to the next one.
fn moved(session: u64, old: u64, new: u64, number: u8) -> Vec<Change> {
    let next = (session + 1) % SESSIONS;
    vec![
        Change::Queued { session: next, queued: place(new, old, number) },
        Change::Done { session, seq: old },
    ]
}

pub(crate) fn place(seq: u64, message: u64, number: u8) -> Queued {
    Queued {
        seq,
        // Not that of the places.
        order: seq ^ 1,
        message,
        qos: QoS::from_bits(1 + number % 2).unwrap(),
        retain: number > 200,
        identifiers: (0..u32::from(number % 3)).map(|at| at + 1).collect(),
        share: (number > 128).then(|| "$share/group/t/#".into()),
    }
}

pub(crate) fn message(id: u64, topic: &str) -> Message {
    let payload = vec![u8::try_from(id % 251).unwrap(); usize::try_from(id % 300).unwrap()];
    let mut message = Message::new(topic, &[1, 0], &payload);
    message.received = id;
    message.publisher = format!("publisher-{}", id % 3).into();
    message
}

fn subscription(number: u8) -> Subscription {
    Subscription {
        filter: format!("filter/{}/#", number % 8).into(),
        options: number % 3,
        identifier: NonZeroU32::new(u32::from(number % 2)),
    }
}

/// The model of a script, which goes on as far as a store has it.
pub(crate) struct Scripted {
    seed: u64,
    at: u64,
    model: Model,
    /// How it was where it stopped before, to go back to.
    before: Vec<(u64, Model)>,
}

impl Scripted {
    pub(crate) fn new(seed: u64) -> Scripted {
        Scripted { seed, at: 0, model: Model::default(), before: Vec::new() }
    }

    /// Panics if `state` is not what a prefix of the script leaves, or not all that was reported.
    #[track_caller]
    pub(crate) fn must_be(&mut self, state: &State, reported: u64) {
        while state.sequence < self.at {
            (self.at, self.model) = self.before.pop().unwrap_or_default();
        }
        self.before.push((self.at, self.model.clone()));
        self.go_on(state.sequence);
        self.model.must_be(state);
        // What was reported beyond, if anything, left nothing.
        if reported > state.sequence {
            let mut further = Scripted { before: Vec::new(), model: self.model.clone(), ..*self };
            further.go_on(reported);
            further.model.must_be(state);
        }
    }

    fn go_on(&mut self, to: u64) {
        while self.at < to {
            self.at += 1;
            self.model.apply(&scripted(self.seed, self.at));
        }
    }
}

pub(crate) fn open(dir: &Path) -> Result<(Store, State), OpenError> {
    Store::open(dir, Options::new(Durability::Fsync), Box::new(|_| {}))
}

/// Xorshift, so that two processes have the same numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % limit
    }
}
