//! A client that publishes at QoS 1 or 2, has a session, and sends again what was not acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mqtt::{Packet, Properties, Publish, QoS, ReasonCode};

use crate::connection::{Connection, Incoming, Login, Lost};
use crate::ledger::Label;
use crate::random::Random;
use crate::scene::{Phase, Scene};

pub(crate) struct Publisher {
    pub(crate) scene: Arc<Scene>,
    pub(crate) login: Login,
    /// Those of the ledger that it sends.
    pub(crate) streams: Vec<usize>,
    /// How many it leaves unacknowledged.
    pub(crate) window: usize,
    pub(crate) random: Random,
    outstanding: VecDeque<Outstanding>,
    next_packet_id: u16,
    has_session: bool,
}

/// A message whose last acknowledgement is to come.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    packet_id: u16,
    label: Label,
    /// PUBREC has come.
    is_received: bool,
}

impl Publisher {
    pub(crate) fn new(
        scene: &Arc<Scene>,
        login: Login,
        streams: Vec<usize>,
        window: usize,
        random: Random,
    ) -> Publisher {
        let (scene, outstanding) = (scene.clone(), VecDeque::new());
        let (next_packet_id, has_session) = (1, false);
        Publisher {
            scene,
            login,
            streams,
            window,
            random,
            outstanding,
            next_packet_id,
            has_session,
        }
    }

    /// Until all that it has sent is acknowledged and no more is asked for.
    pub(crate) fn run(mut self) {
        while !self.is_done() {
            let Some(address) = self.scene.address.wait() else { continue };
            let served = match self.login.connect(address) {
                Ok((connection, is_present)) => self.serve(connection, is_present),
                Err(lost) => Err(lost),
            };
            if let Err(lost) = served {
                self.scene.ended(&self.login.client_id, &lost);
            }
        }
    }

    fn is_done(&self) -> bool {
        match self.scene.phase() {
            Phase::Load => false,
            Phase::Settle => self.outstanding.is_empty(),
            Phase::End => true,
        }
    }

    fn serve(&mut self, mut connection: Connection, is_present: bool) -> Result<(), Lost> {
        let has = std::mem::replace(&mut self.has_session, true);
        self.scene.connected(&self.login.client_id, &connection, has, is_present);
        self.resend(&mut connection)?;
        while !self.is_done() {
            while self.scene.phase() == Phase::Load && self.outstanding.len() < self.window {
                self.publish(&mut connection);
            }
            connection.flush()?;
            if let Some(packet) = connection.receive(Duration::from_millis(50))? {
                self.take(packet, &mut connection)?;
                self.scene.pace(&mut self.random);
            }
            if self.random.once_in(2000) {
                return Err(Lost::Closed);
            }
        }
        connection.disconnect();
        self.scene.end_session(&self.login);
        Ok(())
    }

    /// In the order in which they were sent first. [MQTT-4.4.0-1]
    fn resend(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        for outstanding in self.outstanding.clone() {
            if outstanding.is_received {
                connection.add_ack(Packet::PubRel, outstanding.packet_id);
            } else {
                self.add(outstanding, true, connection);
            }
        }
        connection.flush()
    }

    fn publish(&mut self, connection: &mut Connection) {
        let stream = self.streams[self.random.below(self.streams.len() as u64) as usize];
        let ledger = &self.scene.ledger;
        let len = if self.random.once_in(20) { 3000 } else { self.random.below(120) as usize };
        let number = ledger.stream(stream).send(ledger.now(), len);
        let packet_id = self.free_packet_id();
        let label = Label { stream, number };
        let outstanding = Outstanding { packet_id, label, is_received: false };
        self.outstanding.push_back(outstanding);
        self.add(outstanding, false, connection);
    }

    fn free_packet_id(&mut self) -> u16 {
        loop {
            let id = self.next_packet_id;
            self.next_packet_id = id.checked_add(1).unwrap_or(1);
            if self.outstanding.iter().all(|outstanding| outstanding.packet_id != id) {
                return id;
            }
        }
    }

    fn add(&self, outstanding: Outstanding, dup: bool, connection: &mut Connection) {
        let Outstanding { packet_id, label, .. } = outstanding;
        let stream = self.scene.ledger.stream(label.stream);
        let (topic, retain, qos) = (&*stream.topic, stream.retain, stream.qos);
        let payload = stream.payload(label);
        let (properties, payload) = (Properties::EMPTY, &*payload);
        let publish = Publish { dup, qos, retain, packet_id, topic, properties, payload };
        connection.add(&Packet::Publish(publish));
    }

    fn take(&mut self, packet: Incoming, connection: &mut Connection) -> Result<(), Lost> {
        match packet {
            Incoming::PubAck(id, reason) => {
                let at = self.acknowledged(id, reason, QoS::AtLeastOnce)?;
                self.outstanding.remove(at);
            }
            Incoming::PubRec(id, reason) => {
                let at = self.acknowledged(id, reason, QoS::ExactlyOnce)?;
                self.outstanding[at].is_received = true;
                connection.add_ack(Packet::PubRel, id);
            }
            Incoming::PubComp(id) => {
                let at = self.find(id, "PUBCOMP")?;
                if !self.outstanding[at].is_received {
                    return Err(Lost::Wrong(format!("PUBCOMP {id} before PUBREC")));
                }
                self.outstanding.remove(at);
            }
            other => return Err(Lost::Wrong(format!("{other:?} for a publisher"))),
        }
        Ok(())
    }

    fn acknowledged(&self, id: u16, reason: ReasonCode, qos: QoS) -> Result<usize, Lost> {
        let at = self.find(id, "PUBACK or PUBREC")?;
        let Label { stream, number } = self.outstanding[at].label;
        let stream = self.scene.ledger.stream(stream);
        if reason.is_error() || stream.qos != qos {
            return Err(Lost::Wrong(format!("acknowledged {id} at {qos:?} with {reason:?}")));
        }
        stream.acknowledge(number, self.scene.ledger.now());
        Ok(at)
    }

    fn find(&self, id: u16, kind: &str) -> Result<usize, Lost> {
        let at = self.outstanding.iter().position(|outstanding| outstanding.packet_id == id);
        at.ok_or_else(|| Lost::Wrong(format!("{kind} {id}, which is not in use")))
    }
}
