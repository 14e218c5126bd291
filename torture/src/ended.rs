//! Sessions that are ended by a clean start stay ended.

use std::sync::Arc;
use std::time::Duration;

use mqtt::QoS;

use crate::connection::{Connection, Incoming, Login, Lost};
use crate::load::version;
use crate::pause::pause;
use crate::random::Random;
use crate::scene::{Phase, Scene};

/// A client that begins a session, ends it, and looks whether it is gone.
pub(crate) struct Ender {
    scene: Arc<Scene>,
    login: Login,
    random: Random,
}

impl Ender {
    pub(crate) fn new(scene: &Arc<Scene>, level: u8, random: Random) -> Ender {
        let login = Login::persistent(version(level), scene.client_id(&format!("ender-{level}")));
        Ender { scene: scene.clone(), login, random }
    }

    pub(crate) fn run(mut self) {
        while self.scene.phase() != Phase::End {
            self.begin();
            self.end();
            self.look();
        }
    }

    /// With a subscription to what comes all the time.
    fn begin(&mut self) {
        let begun = self.connect(&self.login.clone(), |connection| {
            connection.subscribe(1, &self.scene.topic("t/#"), QoS::ExactlyOnce)?;
            while !matches!(connection.expect()?, Incoming::SubAck(..)) {}
            Ok(())
        });
        drop(begun);
    }

    /// Until a clean start was answered.
    fn end(&mut self) {
        let login = Login { clean_start: true, expiry: 0, ..self.login.clone() };
        let ended = self.connect(&login, |_| Ok(()));
        if let Some(connection) = ended.filter(|_| self.random.once_in(2)) {
            connection.disconnect();
        }
    }

    /// The first CONNECT that reaches the broker tells.
    fn look(&mut self) {
        let time = Duration::from_millis(self.random.below(300));
        pause(time);
        while self.scene.phase() != Phase::End {
            let Some(address) = self.scene.address.wait() else { continue };
            match self.login.connect(address) {
                Err(Lost::Absent) => {}
                Err(_) => return,
                Ok((mut connection, is_present)) => {
                    if is_present || matches!(connection.receive(time), Ok(Some(_))) {
                        let client_id = &self.login.client_id;
                        self.scene.ledger.fault(format!("{client_id}: its session is back"));
                    }
                    return;
                }
            }
        }
    }

    /// Again and again until it is done.
    fn connect(
        &self,
        login: &Login,
        then: impl Fn(&mut Connection) -> Result<(), Lost>,
    ) -> Option<Connection> {
        while self.scene.phase() != Phase::End {
            let Some(address) = self.scene.address.wait() else { continue };
            let done = login.connect(address).and_then(|(mut connection, _)| {
                then(&mut connection)?;
                Ok(connection)
            });
            match done {
                Ok(connection) => return Some(connection),
                Err(lost) => self.scene.ended(&login.client_id, &lost),
            }
        }
        None
    }
}
