//! A client that comes again and again, without a session, and looks at what is retained.

use std::collections::HashMap;
use std::net::SocketAddr;
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

/// What a new subscription is told.
struct Look {
    /// When SUBSCRIBE was sent.
    asked: Moment,
    /// Of each stream: how many had been sent when SUBACK came.
    sent: Option<Vec<usize>>,
    /// By stream.
    seen: HashMap<usize, usize>,
}

const GRANTED: QoS = QoS::AtLeastOnce;

/// How long what is retained may take to come while there is load.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same without load.
const AT_REST: Duration = Duration::from_secs(2);

impl Watcher {
    pub(crate) fn new(scene: &Arc<Scene>, name: &str, level: u8) -> Watcher {
        let login = Login::clean(version(level), scene.client_id(&format!("{name}-{level}")));
        Watcher { scene: scene.clone(), login }
    }

    /// Until the end.
    pub(crate) fn run(self) {
        while self.scene.phase() != Phase::End {
            let Some(address) = self.scene.address.wait() else { continue };
            let is_over = || self.scene.phase() == Phase::End;
            if let Err(lost) = self.look(address, PATIENCE, is_over) {
                self.scene.ended(&self.login.client_id, &lost);
            }
        }
    }

    /// Once, while nothing is sent; that it cannot look is a fault too.
    pub(crate) fn look_at_rest(&self, address: SocketAddr) {
        if let Err(lost) = self.look(address, AT_REST, || false) {
            let client_id = &self.login.client_id;
            self.scene.ledger.fault(format!("{client_id} cannot see what is retained: {lost:?}"));
        }
    }

    fn look(
        &self,
        address: SocketAddr,
        patience: Duration,
        is_over: impl Fn() -> bool,
    ) -> Result<(), Lost> {
        let (mut connection, _) = self.login.connect(address)?;
        let asked = self.scene.ledger.now();
        connection.subscribe(1, &self.scene.topic("r/#"), GRANTED)?;
        let mut look = Look { asked, sent: None, seen: HashMap::new() };
        let until = Instant::now() + patience;
        loop {
            self.collect(&mut connection, &mut look)?;
            let missing = look.missing(self.scene.ledger.streams());
            if missing.is_none() || is_over() {
                break;
            }
            if let Some(missing) = missing.filter(|_| Instant::now() > until) {
                let client_id = &self.login.client_id;
                self.scene.ledger.fault(format!("{client_id}: not retained: {missing}"));
                break;
            }
        }
        connection.disconnect();
        Ok(())
    }

    /// What comes within some time.
    fn collect(&self, connection: &mut Connection, look: &mut Look) -> Result<(), Lost> {
        let until = Instant::now() + Duration::from_millis(100);
        while Instant::now() < until {
            match connection.receive(Duration::from_millis(50))? {
                Some(Incoming::Publish(message)) => {
                    connection.add_ack(Packet::PubAck, message.packet_id);
                    connection.flush()?;
                    if message.retain {
                        self.take(&message, look);
                    }
                }
                Some(Incoming::SubAck(..)) => {
                    let streams = self.scene.ledger.streams().iter();
                    look.sent = Some(streams.map(Stream::len).collect());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&self, message: &Message, look: &mut Look) {
        let label = Label::of(&message.payload);
        match label.filter(|label| label.is_of(message, GRANTED, &self.scene.ledger)) {
            Some(Label { stream, number }) => _ = look.seen.insert(stream, number),
            None => self.scene.ledger.fault(format!("{}: {message:?}", self.login.client_id)),
        }
    }
}

impl Look {
    /// Something that was retained before it was asked for, and neither it was seen nor something later.
    fn missing(&self, streams: &[Stream]) -> Option<String> {
        let Some(sent) = &self.sent else { return Some("SUBACK has not come".into()) };
        let mut retained = streams.iter().enumerate().filter(|(_, stream)| stream.retain);
        retained.find_map(|(index, stream)| {
            let least = last_before(stream, self.asked)?;
            let seen = self.seen.get(&index);
            // What was sent after SUBACK has removed nothing that was there before it.
            let is_removed = (least..sent[index]).any(|number| stream.removes(number));
            let is_there = seen.map_or(is_removed, |seen| *seen >= least);
            let (topic, asked) = (&stream.topic, self.asked);
            (!is_there).then(|| format!("{topic} has {seen:?} and not {least}, asked at {asked}"))
        })
    }
}

/// The last message that was acknowledged before.
fn last_before(stream: &Stream, asked: Moment) -> Option<usize> {
    stream.all().iter().rposition(|sent| sent.acknowledged < asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_retained_is_seen() {
        let mut stream = Stream::new("r/a".into(), QoS::AtLeastOnce);
        stream.retain = true;
        for first in 0..7 {
            stream.send(first, 0);
        }
        (0..4).for_each(|number| stream.acknowledge(number, 10));
        let streams = [stream];
        let missing = |sent: Option<usize>, seen: Option<usize>| {
            let (sent, seen) = (sent.map(|sent| vec![sent]), seen.map(|seen| (0, seen)));
            let look = Look { asked: 20, sent, seen: seen.into_iter().collect() };
            look.missing(&streams).is_some()
        };
        assert!(missing(None, Some(3)), "without SUBACK");
        assert!(!missing(Some(6), Some(3)) && !missing(Some(6), Some(5)));
        assert!(missing(Some(6), Some(2)), "one that was replaced");
        assert!(missing(Some(6), None), "6 removes, and was sent after SUBACK");
        assert!(!missing(Some(7), None), "6 may have removed it");
    }
}
