//! A crowd of clients, each on a thread of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mqtt::{Packet, Properties, Publish, QoS, Version};
use parking_lot::Mutex;

use crate::connection::{Login, Lost};
use crate::ended::Ender;
use crate::ledger::{Ledger, Receipts, Stream, Verdict};
use crate::pause::pause;
use crate::publisher::Publisher;
use crate::random::Random;
use crate::scene::{Phase, Scene};
use crate::subscriber::{Habit, Subscriber};
use crate::watcher::Watcher;
use crate::will::Willing;

/// The clients of a run.
pub struct Load {
    scene: Arc<Scene>,
    random: Random,
    /// Those that settle by themselves.
    senders: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
}

/// How long nothing may come before all counts as delivered: there may still be something that comes twice.
const CALM: Duration = Duration::from_secs(1);

/// How long nothing may come before what is missing counts as lost.
const QUIET: Duration = Duration::from_secs(6);
/// What comes again and again has arrived.
const LONGEST: Duration = Duration::from_mins(2);

const PUBLISHERS: usize = 6;
const WILLING: usize = 3;

const BOTH: [QoS; 2] = [QoS::AtLeastOnce, QoS::ExactlyOnce];

impl Load {
    /// Starts the clients of a chapter, which have nothing to do with those of others; they wait until there is
    /// a broker.
    pub fn start(chapter: u32, random: &Random) -> Load {
        let root = format!("chapter-{chapter}");
        let mut streams = Vec::new();
        let published: Vec<_> =
            (0..PUBLISHERS).map(|index| of_one(&root, index, &mut streams)).collect();
        let wills: Vec<_> = (0..WILLING).map(|index| of_will(&root, index, &mut streams)).collect();
        let scene = Arc::new(Scene::new(root, Ledger::new(streams)));
        let (senders, others, random) = (Vec::new(), Vec::new(), random.branch(0));
        let mut load = Load { scene, random, senders, others };
        for (index, streams) in published.into_iter().enumerate() {
            load.add_publisher(index, streams);
        }
        load.add_subscribers();
        load.add_groups();
        for (index, stream) in wills.into_iter().enumerate() {
            let random = load.branch();
            let willing = Willing::new(&load.scene, index, stream, random);
            load.senders.push(std::thread::spawn(move || willing.run()));
        }
        for level in LEVELS {
            let watcher = Watcher::new(&load.scene, "watcher", level);
            load.others.push(std::thread::spawn(move || watcher.run()));
            let random = load.branch();
            let ender = Ender::new(&load.scene, level, random);
            load.others.push(std::thread::spawn(move || ender.run()));
        }
        load
    }

    fn branch(&mut self) -> Random {
        let next = self.random.below(u64::MAX);
        self.random.branch(next)
    }

    fn add_publisher(&mut self, index: usize, streams: Vec<usize>) {
        let client_id = self.scene.client_id(&format!("publisher-{index}"));
        let login = Login::persistent(version(LEVELS[index % 2]), client_id);
        let random = self.branch();
        let window = 1 + self.random.below(30) as usize;
        let publisher = Publisher::new(&self.scene, login, streams, window, random);
        self.senders.push(std::thread::spawn(move || publisher.run()));
    }

    fn add_subscribers(&mut self) {
        let habits = [Habit::Steady, Habit::Slow, Habit::Comes, Habit::Toggles];
        let all = habits.into_iter().flat_map(|habit| {
            BOTH.into_iter().flat_map(move |qos| LEVELS.map(|level| (habit, qos, level)))
        });
        for (habit, qos, level) in all {
            // Who is slow cannot take all.
            let prefix = self.scene.topic(if habit == Habit::Slow { "t/0/" } else { "t/" });
            let name = format!("{habit:?}-{level}-{}", qos as u8);
            let receipts = self.scene.ledger.add_recipient(&name, &prefix, qos, false);
            self.add_subscriber(&name, level, (&format!("{prefix}#"), qos), habit, receipts);
        }
        for (level, qos, habit) in
            [(5, QoS::ExactlyOnce, Habit::Steady), (4, QoS::AtLeastOnce, Habit::Comes)]
        {
            let (name, prefix) = (format!("mourner-{level}"), self.scene.topic("w/"));
            let receipts = self.scene.ledger.add_recipient(&name, &prefix, qos, false);
            self.add_subscriber(&name, level, (&format!("{prefix}#"), qos), habit, receipts);
        }
    }

    /// Clients that share a subscription.
    fn add_groups(&mut self) {
        for qos in BOTH {
            let (group, prefix) = (format!("group-{}", qos as u8), self.scene.topic("s/"));
            let receipts = self.scene.ledger.add_recipient(&group, &prefix, qos, true);
            for habit in [Habit::Steady, Habit::Slow, Habit::Comes] {
                let filter = format!("$share/{group}/{prefix}#");
                let level = if habit == Habit::Comes { 4 } else { 5 };
                let name = format!("{group}-{habit:?}");
                self.add_subscriber(&name, level, (&filter, qos), habit, receipts.clone());
            }
        }
    }

    fn add_subscriber(
        &mut self,
        name: &str,
        level: u8,
        subscription: (&str, QoS),
        habit: Habit,
        receipts: Arc<Mutex<Receipts>>,
    ) {
        let mut login = Login::persistent(version(level), self.scene.client_id(name));
        if habit == Habit::Slow {
            login.receive_maximum = 5;
        }
        let random = self.branch();
        let subscriber = Subscriber::new(&self.scene, login, subscription, habit, receipts, random);
        self.others.push(std::thread::spawn(move || subscriber.run()));
    }

    pub(crate) fn scene(&self) -> &Scene {
        &self.scene
    }

    /// How many messages were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.scene.ledger.acknowledged()
    }

    /// Looks whether the broker at `address` has what is retained; nothing is sent meanwhile.
    pub(crate) fn look_at_rest(&self, address: SocketAddr) {
        std::thread::scope(|threads| {
            for level in LEVELS {
                let watcher = Watcher::new(&self.scene, "visitor", level);
                threads.spawn(move || watcher.look_at_rest(address));
            }
        });
    }

    /// Until nothing comes any more.
    fn let_all_arrive(&self) {
        let (mut progress, began) = (0, Instant::now());
        let mut last = began;
        loop {
            pause(Duration::from_millis(200));
            let now = self.scene.ledger.verdict();
            if now.progress() != progress {
                (progress, last) = (now.progress(), Instant::now());
            }
            let is_sent = self.senders.iter().all(JoinHandle::is_finished);
            let patience = if is_sent && now.lost.is_empty() { CALM } else { QUIET };
            if last.elapsed() > patience || began.elapsed() > LONGEST {
                return;
            }
        }
    }

    /// Lets all that is on its way arrive, and ends the clients and their sessions. The broker runs at
    /// `address`. What has happened is written to the file `events`.
    pub(crate) fn settle(self, events: &Path, address: SocketAddr) -> Verdict {
        self.scene.set_phase(Phase::Settle);
        self.let_all_arrive();
        let sending = self.senders.iter().filter(|thread| !thread.is_finished()).count();
        if sending > 0 {
            self.scene.ledger.fault(format!("{sending} publishers wait for acknowledgements"));
        }
        self.look_at_rest(address);
        self.scene.set_phase(Phase::End);
        for thread in self.senders.into_iter().chain(self.others) {
            if thread.join().is_err() {
                self.scene.ledger.fault("a client has failed".into());
            }
        }
        if let Err(lost) = forget_retained(&self.scene, address) {
            self.scene.ended("who clears up", &lost);
        }
        let _ = std::fs::write(events, self.scene.ledger.events());
        self.scene.ledger.verdict()
    }
}

/// Protocol levels, which clients take in turn.
const LEVELS: [u8; 2] = [4, 5];

/// What one publisher sends: to all, to those who share, and to be retained; each at both levels of QoS.
fn of_one(root: &str, index: usize, streams: &mut Vec<Stream>) -> Vec<usize> {
    let begin = streams.len();
    for qos in BOTH {
        for kind in ["t", "s", "r"] {
            let topic = format!("{root}/{kind}/{index}/{}", qos as u8);
            let mut stream = Stream::new(topic, qos);
            stream.retain = kind == "r";
            streams.push(stream);
        }
    }
    (begin..streams.len()).collect()
}

fn of_will(root: &str, index: usize, streams: &mut Vec<Stream>) -> usize {
    let topic = format!("{root}/w/{index}");
    let mut stream = Stream::new(topic, BOTH[index % 2]);
    stream.ordered = false;
    streams.push(stream);
    streams.len() - 1
}

/// Nothing of a chapter stays behind.
fn forget_retained(scene: &Scene, address: SocketAddr) -> Result<(), Lost> {
    let login = Login::clean(version(4), scene.client_id("cleaner"));
    let (mut connection, _) = login.connect(address)?;
    for stream in scene.ledger.streams().iter().filter(|stream| stream.retain) {
        connection.add(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: true,
            packet_id: 1,
            topic: &stream.topic,
            properties: Properties::EMPTY,
            payload: &[],
        }));
        connection.flush()?;
        connection.expect()?;
    }
    connection.disconnect();
    Ok(())
}

pub(crate) fn version(level: u8) -> Version {
    Version::from_level(level).expect("a level that is spoken")
}
