//! Clients that go without a good-bye, and leave a will that is to be published after a while.

use std::sync::Arc;
use std::time::Duration;

use crate::connection::{LastWill, Login, Lost};
use crate::ledger::Label;
use crate::load::version;
use crate::pause::pause;
use crate::random::Random;
use crate::scene::{Phase, Scene};

/// One after the other; the will of each is a message of one stream.
pub(crate) struct Willing {
    scene: Arc<Scene>,
    index: usize,
    stream: usize,
    random: Random,
}

/// Longer than anything here takes, and than clocks jump.
const HALF_A_DAY: u32 = 43_200;

const WILL_LEN: usize = 10;

impl Willing {
    pub(crate) fn new(scene: &Arc<Scene>, index: usize, stream: usize, random: Random) -> Willing {
        Willing { scene: scene.clone(), index, stream, random }
    }

    pub(crate) fn run(mut self) {
        while self.scene.phase() == Phase::Load {
            if let Err(lost) = self.one() {
                self.scene.ended(&format!("willing-{}", self.index), &lost);
            }
        }
    }

    fn one(&mut self) -> Result<(), Lost> {
        let Some(address) = self.scene.address.wait() else { return Ok(()) };
        let ledger = &self.scene.ledger;
        let stream = ledger.stream(self.stream);
        let number = stream.send(ledger.now(), WILL_LEN);
        let client_id = self.scene.client_id(&format!("willing-{}-{number}", self.index));
        let returns = self.random.once_in(3);
        let login = Login {
            expiry: if returns { 2 * HALF_A_DAY } else { 60 },
            will: Some(LastWill {
                topic: stream.topic.clone(),
                payload: Label { stream: self.stream, number }.payload(WILL_LEN),
                qos: stream.qos,
                delay: if returns { HALF_A_DAY } else { self.random.below(3) as u32 },
            }),
            ..Login::persistent(version(5), client_id)
        };
        let (connection, is_present) = login.connect(address)?;
        self.scene.connected(&login.client_id, &connection, false, is_present);
        let stay = Duration::from_millis(self.random.below(400));
        pause(stay);
        drop(connection);
        if returns {
            return self.come_back(&login, number);
        }
        stream.acknowledge(number, ledger.now());
        Ok(())
    }

    /// Before the will is due: then it is void.
    fn come_back(&self, login: &Login, number: usize) -> Result<(), Lost> {
        let login = Login { will: None, ..login.clone() };
        while self.scene.phase() != Phase::End {
            let Some(address) = self.scene.address.wait() else { continue };
            match login.connect(address) {
                Ok((connection, is_present)) => {
                    self.scene.connected(&login.client_id, &connection, true, is_present);
                    connection.end_session();
                    self.scene.ledger.stream(self.stream).forbid(number);
                    return Ok(());
                }
                Err(lost) => self.scene.ended(&login.client_id, &lost),
            }
        }
        Ok(())
    }
}
