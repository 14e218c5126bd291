//! How many changes a second the store makes durable, beside fjall alone with the same batches.
//!
//!     cargo run --release -p hookmq-store --example throughput -- [SECONDS] [FOLDER]
//!
//! Messages of 200 bytes are queued for one session that is away; 256 of them are outstanding at any time.

#![allow(clippy::expect_used, reason = "it measures or ends")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use hookmq_store::{Change, Durability, Lease, Message, Options, Queued, Store};
use mqtt::QoS;
use parking_lot::{Condvar, Mutex};

const OUTSTANDING: u64 = 256;
const PAYLOAD: [u8; 200] = [7; 200];
const TOPIC: &str = "site/3/line/2/temperature";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let time = Duration::from_secs(seconds);
    handing_over(&folder);
    for (durability, mode) in
        [(Durability::Fsync, PersistMode::SyncData), (Durability::Os, PersistMode::Buffer)]
    {
        // One after the other and again, so that the machine is the same for both.
        for _ in 0..2 {
            let run = store(&folder, durability, time);
            run.print(&format!("store {durability:?}"));
            alone(&folder, mode, time, run.per_batch()).print("fjall alone");
        }
    }
}

struct Run {
    changes: u64,
    batches: u64,
    took: Duration,
}

impl Run {
    fn per_batch(&self) -> u64 {
        self.changes.div_ceil(self.batches.max(1))
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn print(&self, name: &str) {
        let rate = self.changes as f64 / self.took.as_secs_f64();
        println!("{name:12} {rate:9.0} changes/s, {:4} in a batch", self.per_batch());
    }
}

/// A message and its place: two changes.
fn group(id: u64, shared: &Message) -> [Change; 2] {
    let queued = Queued {
        order: id,
        seq: id,
        message: id,
        qos: QoS::AtLeastOnce,
        retain: false,
        identifiers: Box::default(),
        share: None,
    };
    [Change::Message { id, message: shared.clone() }, Change::Queued { session: 1, queued }]
}

fn message() -> Message {
    let mut message = Message::new(TOPIC, &[], &PAYLOAD);
    message.publisher = "sensor-17".into();
    message
}

fn session() -> Change {
    let lease = Lease { expiry: u32::MAX, away: Some(0) };
    Change::SessionBegun { session: 1, client_id: "away".into(), user: None, lease }
}

fn store(folder: &Path, durability: Durability, time: Duration) -> Run {
    let dir = tempfile::tempdir_in(folder).expect("a folder");
    let durable = Arc::new((Mutex::new((0, 0)), Condvar::new()));
    let reported = Arc::clone(&durable);
    let on_durable = Box::new(move |progress: hookmq_store::Progress| {
        let mut durable = reported.0.lock();
        *durable = (progress.durable, durable.1 + 1);
        reported.1.notify_one();
    });
    let (store, _) =
        Store::open(dir.path(), Options::new(durability), on_durable).expect("a store");
    store.submit(&mut vec![session()]);
    let message = message();
    let (began, mut changes, mut sequence) = (Instant::now(), Vec::with_capacity(2), 1);
    while began.elapsed() < time {
        let mut now = durable.0.lock();
        while sequence - now.0 >= OUTSTANDING {
            durable.1.wait(&mut now);
        }
        let free = OUTSTANDING - (sequence - now.0);
        drop(now);
        for _ in 0..free {
            changes.extend(group(sequence, &message));
            sequence = store.submit(&mut changes);
        }
    }
    let (groups, batches) = *durable.0.lock();
    let took = began.elapsed();
    store.close();
    let began = Instant::now();
    let (_store, state) =
        Store::open(dir.path(), Options::new(durability), Box::new(|_| {})).expect("a store");
    println!("{} messages are read in {:?}", state.messages.len(), began.elapsed());
    Run { changes: groups * 2, batches, took }
}

/// The same pairs in batches as large, one after the other, as fast as fjall takes them.
fn alone(folder: &Path, mode: PersistMode, time: Duration, per_batch: u64) -> Run {
    let dir = tempfile::tempdir_in(folder).expect("a folder");
    let database = Database::builder(dir.path().join("journal"))
        .manual_journal_persist(true)
        .max_journaling_size(128 * 1024 * 1024)
        .worker_threads(2)
        .open()
        .expect("a database");
    let options = || KeyspaceCreateOptions::default().max_memtable_size(16 * 1024 * 1024);
    let keyspace = database.keyspace("queues", options).expect("a keyspace");
    let value = [0; 200 + TOPIC.len() + 30];
    let mut run = Run { changes: 0, batches: 0, took: time };
    let began = Instant::now();
    while began.elapsed() < time {
        let mut batch = database.batch().durability(Some(mode));
        for _ in 0..per_batch / 2 {
            let id = run.changes.to_be_bytes();
            batch.insert(&keyspace, [b"m".as_slice(), &id].concat(), value.as_slice());
            batch.insert(&keyspace, [b"q".as_slice(), &[0; 8], &id].concat(), [0; 13]);
            run.changes += 2;
        }
        batch.commit().expect("a commit");
        run.batches += 1;
    }
    run.took = began.elapsed();
    run
}

/// What it costs a shard to hand a group over.
fn handing_over(folder: &Path) {
    let dir = tempfile::tempdir_in(folder).expect("a folder");
    let options = Options::new(Durability::Os);
    let (store, _) = Store::open(dir.path(), options, Box::new(|_| {})).expect("a store");
    store.submit(&mut vec![session()]);
    let message = message();
    let mut changes = Vec::with_capacity(2);
    let mut took = Duration::ZERO;
    let groups = 200_000_u32;
    for id in 0..groups {
        changes.extend(group(u64::from(id), &message));
        let began = Instant::now();
        store.submit(&mut changes);
        took += began.elapsed();
    }
    println!("handing over {:?} a change", took / groups / 2);
}
