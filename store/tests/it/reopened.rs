//! What is submitted is what a reopened store holds.

use hookmq_store::{Change, Durability, Health, Options, State, Store};
use proptest::prelude::*;

use crate::model::Model;
use crate::script::{self, BACK, SESSIONS, Step};

fn open(dir: &std::path::Path) -> (Store, State) {
    let options = Options::new(Durability::Os);
    Store::open(dir, options, Box::new(|_| {})).expect("the store opens")
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..24_u8, 0..SESSIONS, 0..BACK, any::<u8>());
    let step = step.prop_map(|(kind, session, back, number)| Step { kind, session, back, number });
    proptest::collection::vec(step, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Some groups in a row between openings, of every kind of change.
    #[test]
    fn a_store_holds_what_was_submitted(
        runs in proptest::collection::vec(proptest::collection::vec(steps(), 0..40), 1..4)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        let mut sequence = 0;
        for run in runs {
            let (store, state) = open(dir.path());
            prop_assert_eq!(state.sequence, sequence);
            model.must_be(&state);
            for steps in run {
                let mut group = script::group(sequence + 1, &steps);
                model.apply(&group);
                sequence = store.submit(&mut group);
                prop_assert!(group.is_empty());
            }
            prop_assert_eq!(store.close(), Health::Well);
            prop_assert_eq!(store.durable(), sequence);
        }
        let (_store, state) = open(dir.path());
        model.must_be(&state);
    }
}

#[test]
fn numbers_are_not_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let lease = hookmq_store::Lease { expiry: 1, away: None };
    let session = 7;
    store.submit(&mut vec![Change::SessionBegun {
        session,
        client_id: "c".into(),
        user: None,
        lease,
    }]);
    store.close();
    let (store, state) = open(dir.path());
    assert_eq!((state.next_session, state.sessions.len()), (8, 1));
    store.submit(&mut vec![Change::SessionEnded { session }]);
    store.close();
    let (_store, state) = open(dir.path());
    assert_eq!((state.next_session, state.sessions.len()), (8, 0));
}

/// Of what two threads did to one queue, the later may be handed over first.
#[test]
fn what_is_heard_of_a_place_before_it_is_there_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let lease = hookmq_store::Lease { expiry: 1, away: None };
    let session = 1;
    store.submit(&mut vec![
        Change::SessionBegun { session, client_id: "c".into(), user: None, lease },
        Change::Sent { session, seq: 10, packet_id: 3 },
        Change::Sent { session, seq: 11, packet_id: 4 },
        Change::Received { session, seq: 11 },
        Change::Done { session, seq: 12 },
    ]);
    for id in 10..13 {
        let queued = script::place(id, id, 0);
        store.submit(&mut vec![
            Change::Message { id, message: script::message(id, "t") },
            Change::Queued { session, queued },
        ]);
    }
    store.close();
    let (_store, state) = open(dir.path());
    let session = &state.sessions[0];
    let queue: Vec<_> = session.queue.iter().map(|(queued, sent)| (queued.seq, *sent)).collect();
    assert_eq!(queue, [(10, Some(3))]);
    assert_eq!(session.received, [(11, 4)]);
    assert_eq!(state.messages.keys().collect::<Vec<_>>(), [&10]);
}

/// The first of two that a message is for may have it before it is handed over that it is for both.
#[test]
fn a_message_that_is_gone_for_the_first_is_there_for_the_second() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let lease = hookmq_store::Lease { expiry: 1, away: None };
    for session in [1, 2] {
        let client_id = session.to_string().into();
        store.submit(&mut vec![Change::SessionBegun { session, client_id, user: None, lease }]);
    }
    store.submit(&mut vec![Change::Done { session: 1, seq: 7 }]);
    let queued = [1, 2].map(|session| Change::Queued { session, queued: script::place(7, 7, 0) });
    let message = Change::Message { id: 7, message: script::message(7, "t") };
    store.submit(&mut std::iter::once(message).chain(queued).collect());
    store.close();
    let (_store, state) = open(dir.path());
    let waiting = state.sessions.iter().map(|session| session.queue.len());
    assert_eq!(waiting.collect::<Vec<_>>(), [0, 1]);
    assert_eq!(state.messages.len(), 1);
}

#[test]
fn one_process_has_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, _) = open(dir.path());
    let options = Options::new(Durability::Os);
    let error = Store::open(dir.path(), options, Box::new(|_| {})).err();
    assert!(matches!(error, Some(hookmq_store::OpenError::Locked)), "{error:?}");
}

/// What comes after a group that was not taken is not kept either.
#[test]
fn more_than_may_wait_ends_the_store_without_a_hole() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { max_pending: 10_000, ..Options::new(Durability::Fsync) };
    let (reported, reports) = std::sync::mpsc::channel();
    let report = Box::new(move |progress| _ = reported.send(progress));
    let (store, _) = Store::open(dir.path(), options, report).unwrap();
    let retained = |topic: &str, len: usize| Change::Retained {
        topic: topic.into(),
        message: Some(hookmq_store::Message::new(topic, &[], &vec![0; len])),
    };
    // One that is larger than what may wait is taken, if not that much waits already.
    let mut submitted = 0;
    while !matches!(store.health(), Health::Failed(_)) {
        submitted = store.submit(&mut vec![retained(&format!("{:06}", submitted + 1), 20_000)]);
    }
    let failed = reports.iter().find(|progress| matches!(progress.health, Health::Failed(_)));
    let durable = failed.expect("it has failed").durable;
    assert!((1..submitted).contains(&durable), "{durable} of {submitted}");
    assert!(matches!(store.close(), Health::Failed(_)));
    let (_store, state) = open(dir.path());
    let mut topics: Vec<&str> = state.retained.iter().map(|(topic, _)| &**topic).collect();
    topics.sort_unstable();
    let expected: Vec<String> = (1..=durable).map(|number| format!("{number:06}")).collect();
    assert_eq!(topics, expected);
}
