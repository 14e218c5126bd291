//! What every row asserts besides its own answer: the broker is alive, and others are not disturbed,
//! neither while it happens nor afterwards.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use mqtt::{QoS, Version};
use parking_lot::{Mutex, MutexGuard};

use crate::support::{Client, Login};

/// A round trip takes well below a millisecond. This leaves room for a busy machine, and for none of
/// the broker's time-outs.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two round trips.
const PAUSE: Duration = Duration::from_millis(5);

/// To be held by a test that opens thousands of sockets: how many a process may have is limited.
pub(crate) fn crowded() -> MutexGuard<'static, ()> {
    static CROWDED: Mutex<()> = Mutex::new(());
    CROWDED.lock()
}

/// Two clients that do no harm.
struct Bystanders {
    publisher: Client,
    subscriber: Client,
}

/// Runs an attack while two clients talk to each other; fails if they, or a newcomer afterwards, are
/// kept waiting.
pub(crate) fn undisturbed<T>(address: SocketAddr, attack: impl FnOnce() -> T) -> T {
    let mut bystanders = Bystanders::connect(address);
    bystanders.round_trip();
    let (attacked, end) = channel::<()>();
    let (result, mut bystanders) = thread::scope(|scope| {
        let talk = scope.spawn(move || bystanders.talk_until(&end));
        let result = attack();
        drop(attacked);
        (result, talk.join().expect("others were disturbed"))
    });
    bystanders.round_trip();
    Bystanders::connect(address).round_trip();
    result
}

impl Bystanders {
    fn connect(address: SocketAddr) -> Bystanders {
        let begin = Instant::now();
        let mut subscriber = Login::new(Version::V5, "bystander-subscriber").connect(address);
        subscriber.subscribe("bystanders", QoS::AtLeastOnce);
        let publisher = Login::new(Version::V3_1_1, "bystander-publisher").connect(address);
        check_patience(begin);
        Bystanders { publisher, subscriber }
    }

    fn round_trip(&mut self) {
        let begin = Instant::now();
        self.publisher.publish("bystanders", "still here", QoS::AtLeastOnce);
        self.subscriber.expect("bystanders", "still here");
        check_patience(begin);
    }

    fn talk_until(mut self, end: &Receiver<()>) -> Bystanders {
        while end.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            self.round_trip();
        }
        self
    }
}

fn check_patience(begin: Instant) {
    let took = begin.elapsed();
    assert!(took < PATIENCE, "others waited for {took:?}");
}
