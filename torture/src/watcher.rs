//! A client that comes again and again, without a session, and looks at what is retained.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mqtt::{Packet, QoS};

use crate::connection::{Connection, Incoming, Login, Lost, Message};
use crate::ledger::{Label, Moment, Stream};
use crate::load::version;
use crate::scene::{Phase, Scene};

pub(crate) struct Watcher {
    scene: Arc<Scene>,
    login: Login,
}

/// How long what is retained may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

impl Watcher {
    pub(crate) fn new(scene: &Arc<Scene>, level: u8) -> Watcher {
        let login = Login::clean(version(level), scene.client_id(&format!("watcher-{level}")));
        Watcher { scene: scene.clone(), login }
    }

    /// Until the end; once more after all was sent.
    pub(crate) fn run(self) {
        while self.scene.phase() != Phase::End {
            if let Err(lost) = self.look() {
                self.scene.ended(&self.login.client_id, &lost);
            }
        }
    }

    fn look(&self) -> Result<(), Lost> {
        let Some(address) = self.scene.address.wait() else { return Ok(()) };
        let (mut connection, _) = self.login.connect(address)?;
        let asked = self.scene.ledger.now();
        connection.subscribe(1, &self.scene.topic("r/#"), QoS::AtLeastOnce)?;
        let mut seen = HashMap::new();
        let until = Instant::now() + PATIENCE;
        loop {
            self.collect(&mut connection, &mut seen)?;
            let missing = self.missing(asked, &seen);
            if missing.is_none() || self.scene.phase() == Phase::End {
                break;
            }
            if let Some(missing) = missing.filter(|_| Instant::now() > until) {
                self.scene.ledger.fault(format!("{}: {missing}", self.login.client_id));
                break;
            }
        }
        connection.disconnect();
        Ok(())
    }

    /// What is retained and comes within some time.
    fn collect(
        &self,
        connection: &mut Connection,
        seen: &mut HashMap<usize, usize>,
    ) -> Result<(), Lost> {
        let until = Instant::now() + Duration::from_millis(100);
        while Instant::now() < until {
            if let Some(Incoming::Publish(message)) =
                connection.receive(Duration::from_millis(50))?
            {
                connection.add_ack(Packet::PubAck, message.packet_id);
                connection.flush()?;
                if message.retain {
                    self.take(&message, seen);
                }
            }
        }
        Ok(())
    }

    fn take(&self, message: &Message, seen: &mut HashMap<usize, usize>) {
        let label = Label::of(&message.payload);
        match label.filter(|label| label.is_of(message, &self.scene.ledger)) {
            Some(Label { stream, number }) => _ = seen.insert(stream, number),
            None => self.scene.ledger.fault(format!("{}: {message:?}", self.login.client_id)),
        }
    }

    /// Something that was retained before `asked` and that neither was seen nor something later.
    fn missing(&self, asked: Moment, seen: &HashMap<usize, usize>) -> Option<String> {
        let streams = self.scene.ledger.streams().iter().enumerate();
        let mut missing =
            streams.filter(|(_, stream)| stream.retain).filter_map(|(index, stream)| {
                let least = last_before(stream, asked)?;
                let seen = seen.get(&index);
                let removed = (least..stream.len()).any(|number| stream.removes(number));
                let is_there = seen.map_or(removed, |seen| *seen >= least);
                let topic = &stream.topic;
                (!is_there)
                    .then(|| format!("{topic} has {seen:?} and not {least}, asked at {asked}"))
            });
        missing.next()
    }
}

/// The last message that was acknowledged before.
fn last_before(stream: &Stream, asked: Moment) -> Option<usize> {
    stream.all().iter().rposition(|sent| sent.acknowledged < asked)
}
