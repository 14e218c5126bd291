//! A crowd of clients, each on a thread of its own, and what they share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mqtt::{QoS, Version};

use crate::address::Address;
use crate::connection::{Connection, Login, Lost};
use crate::ledger::{Ledger, Stream, Verdict};
use crate::publisher::Publisher;
use crate::random::Random;
use crate::subscriber::{Habit, Subscriber};

/// What all clients know.
pub(crate) struct Scene {
    pub(crate) ledger: Ledger,
    pub(crate) address: Address,
    phase: AtomicU8,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Load,
    /// Nothing new is sent; what waits is delivered.
    Settle,
    End,
}

/// The clients of a run.
pub struct Load {
    scene: Arc<Scene>,
    publishers: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
}

/// How long nothing may come before what is missing counts as lost.
const QUIET: Duration = Duration::from_secs(15);

impl Load {
    /// Starts the clients; they wait until there is a broker.
    pub fn start(random: &Random) -> Load {
        let mut random = random.branch(0);
        let streams = vec![
            Stream::new("t/one/a".into(), QoS::AtLeastOnce, false),
            Stream::new("t/two/a".into(), QoS::ExactlyOnce, false),
        ];
        let ledger = Ledger::new(streams);
        let (address, phase) = (Address::default(), AtomicU8::new(0));
        let scene = Arc::new(Scene { ledger, address, phase });
        let mut load = Load { scene, publishers: Vec::new(), others: Vec::new() };
        for (index, level) in [4, 5].into_iter().enumerate() {
            let login = Login::persistent(version(level), format!("publisher-{index}"));
            load.add_publisher(login, vec![index], &mut random);
        }
        for (level, qos) in [(4, QoS::AtLeastOnce), (5, QoS::ExactlyOnce)] {
            let login = Login::persistent(version(level), format!("subscriber-{level}"));
            load.add_subscriber(login, ("t/#", "t/", qos), Habit::Steady, &mut random);
        }
        load
    }

    fn add_publisher(&mut self, login: Login, streams: Vec<usize>, random: &mut Random) {
        let window = 1 + random.below(30) as usize;
        let random = random.branch(self.publishers.len() as u64);
        let publisher = Publisher::new(&self.scene, login, streams, window, random);
        self.publishers.push(std::thread::spawn(move || publisher.run()));
    }

    fn add_subscriber(
        &mut self,
        login: Login,
        (filter, prefix, qos): (&str, &str, QoS),
        habit: Habit,
        random: &mut Random,
    ) {
        let receipts = self.scene.ledger.add_recipient(&login.client_id, prefix, qos, false);
        let random = random.branch(1000 + self.others.len() as u64);
        let subscriber =
            Subscriber::new(&self.scene, login, (filter, qos), habit, receipts, random);
        self.others.push(std::thread::spawn(move || subscriber.run()));
    }

    pub(crate) fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Lets all that is on its way arrive, and ends the clients. The broker runs. What has happened is written
    /// to the file `events`.
    pub(crate) fn settle(self, events: &Path) -> Verdict {
        self.scene.set_phase(Phase::Settle);
        let mut verdict = self.scene.ledger.verdict();
        let mut last = Instant::now();
        while last.elapsed() < QUIET {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.scene.ledger.verdict();
            let is_sent = self.publishers.iter().all(JoinHandle::is_finished);
            if is_sent && now.lost.is_empty() {
                break;
            }
            if now.delivered + now.acknowledged > verdict.delivered + verdict.acknowledged {
                last = Instant::now();
            }
            verdict = now;
        }
        let sent = self.publishers.iter().filter(|thread| !thread.is_finished()).count();
        if sent > 0 {
            self.scene.ledger.fault(format!("{sent} publishers wait for acknowledgements"));
        }
        self.scene.set_phase(Phase::End);
        for thread in self.publishers.into_iter().chain(self.others) {
            if thread.join().is_err() {
                self.scene.ledger.fault("a client has failed".into());
            }
        }
        let _ = std::fs::write(events, self.scene.ledger.events());
        self.scene.ledger.verdict()
    }
}

impl Scene {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Load,
            1 => Phase::Settle,
            _ => Phase::End,
        }
    }

    fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn connected(&self, client_id: &str, connection: &Connection) {
        self.ledger.note(format!("{client_id} is connected from {}", connection.port()));
    }

    /// That a connection ends is nothing special here.
    pub(crate) fn note(&self, client_id: &str, lost: &Lost) {
        match lost {
            Lost::Closed => {
                self.ledger.note(format!("{client_id} is not connected"));
                std::thread::sleep(Duration::from_millis(2));
            }
            Lost::Wrong(what) => self.ledger.fault(format!("{client_id}: {what}")),
        }
    }

    /// Publishers are not as fast as they could be.
    pub(crate) fn pace(&self, random: &mut Random) {
        if random.once_in(4) {
            std::thread::sleep(Duration::from_micros(random.below(3000)));
        }
    }
}

pub(crate) fn version(level: u8) -> Version {
    Version::from_level(level).expect("a level that is spoken")
}
