//! A client that receives, has a session, and writes down what comes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mqtt::{Packet, QoS, ReasonCode};
use parking_lot::Mutex;

use crate::connection::{Connection, Incoming, Login, Lost, Message};
use crate::ledger::Receipts;
use crate::pause::pause;
use crate::random::Random;
use crate::scene::{Phase, Scene};

/// How a client receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Always there, and as fast as it can.
    Steady,
    /// Always there; takes its time over each message.
    Slow,
    /// Leaves and comes again.
    Comes,
    /// Unsubscribes and subscribes again.
    Toggles,
}

pub(crate) struct Subscriber {
    scene: Arc<Scene>,
    login: Login,
    filter: String,
    qos: QoS,
    habit: Habit,
    receipts: Arc<Mutex<Receipts>>,
    random: Random,
    /// Identifiers of QoS 2 messages that it has and whose PUBREL is to come.
    unreleased: HashSet<u16>,
    has_session: bool,
    subscription: Subscription,
}

/// How far it is with its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscription {
    None,
    Asked,
    Held,
    Ending,
}

/// One change of its subscription is under way at most.
const PACKET_ID: u16 = 1;

/// How long PUBREL may take after all messages have come.
const RELEASE: Duration = Duration::from_secs(5);

impl Subscriber {
    pub(crate) fn new(
        scene: &Arc<Scene>,
        login: Login,
        (filter, qos): (&str, QoS),
        habit: Habit,
        receipts: Arc<Mutex<Receipts>>,
        random: Random,
    ) -> Subscriber {
        Subscriber {
            scene: scene.clone(),
            login,
            filter: filter.to_owned(),
            qos,
            habit,
            receipts,
            random,
            unreleased: HashSet::new(),
            has_session: false,
            subscription: Subscription::None,
        }
    }

    /// Until the end.
    pub(crate) fn run(mut self) {
        while self.scene.phase() != Phase::End {
            let Some(address) = self.scene.address.wait() else { continue };
            let served = match self.login.connect(address) {
                Ok((connection, is_present)) => self.serve(connection, is_present),
                Err(lost) => Err(lost),
            };
            if let Err(lost) = served {
                self.scene.ended(&self.login.client_id, &lost);
            }
            if self.habit == Habit::Comes && self.scene.phase() == Phase::Load {
                pause(Duration::from_millis(self.random.below(400)));
            }
        }
        if !self.unreleased.is_empty() {
            let (client_id, unreleased) = (&self.login.client_id, &self.unreleased);
            self.scene.ledger.fault(format!("{client_id}: PUBREL has not come for {unreleased:?}"));
        }
    }

    fn serve(&mut self, mut connection: Connection, is_present: bool) -> Result<(), Lost> {
        let has = std::mem::replace(&mut self.has_session, true);
        self.scene.connected(&self.login.client_id, &connection, has, is_present);
        if !is_present {
            self.subscription = Subscription::None;
            self.unreleased.clear();
        }
        self.go_on(&mut connection)?;
        let stay = Instant::now() + Duration::from_millis(100 + self.random.below(900));
        while self.scene.phase() != Phase::End {
            if let Some(packet) = connection.receive(Duration::from_millis(20))? {
                self.take(packet, &mut connection)?;
                connection.flush()?;
            }
            let is_loaded = self.scene.phase() == Phase::Load;
            if is_loaded && self.habit == Habit::Comes && Instant::now() > stay {
                return self.leave(connection);
            }
            if is_loaded && self.habit == Habit::Toggles && self.random.once_in(300) {
                self.toggle(&mut connection)?;
            }
        }
        self.let_release(&mut connection)?;
        connection.disconnect();
        self.scene.end_session(&self.login);
        Ok(())
    }

    /// What it has received and the broker has not released yet.
    fn let_release(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        let until = Instant::now() + RELEASE;
        while !self.unreleased.is_empty() && Instant::now() < until {
            if let Some(packet) = connection.receive(Duration::from_millis(20))? {
                self.take(packet, connection)?;
                connection.flush()?;
            }
        }
        Ok(())
    }

    /// With a good-bye or without.
    fn leave(&mut self, connection: Connection) -> Result<(), Lost> {
        if self.random.once_in(2) {
            connection.disconnect();
        }
        Ok(())
    }

    /// What was asked and not answered is asked again.
    fn go_on(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        match self.subscription {
            Subscription::None | Subscription::Asked => self.subscribe(connection),
            Subscription::Ending => self.unsubscribe(connection),
            Subscription::Held => Ok(()),
        }
    }

    fn toggle(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        match self.subscription {
            Subscription::None => self.subscribe(connection),
            Subscription::Held => self.unsubscribe(connection),
            Subscription::Asked | Subscription::Ending => Ok(()),
        }
    }

    fn subscribe(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        self.subscription = Subscription::Asked;
        self.receipts.lock().asks(self.scene.ledger.now());
        connection.subscribe(PACKET_ID, &self.filter, self.qos)
    }

    fn unsubscribe(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        self.subscription = Subscription::Ending;
        self.receipts.lock().asks_to_end(self.scene.ledger.now());
        connection.unsubscribe(PACKET_ID, &self.filter)
    }

    fn take(&mut self, packet: Incoming, connection: &mut Connection) -> Result<(), Lost> {
        match packet {
            Incoming::Publish(message) => self.receive(&message, connection)?,
            Incoming::PubRel(id) => {
                self.unreleased.remove(&id);
                connection.add_ack(Packet::PubComp, id);
            }
            Incoming::SubAck(PACKET_ID, reason) if reason == ReasonCode::granted(self.qos) => {
                self.subscription = Subscription::Held;
                self.receipts.lock().begins(self.scene.ledger.now());
            }
            Incoming::UnsubAck(PACKET_ID) => {
                self.subscription = Subscription::None;
                self.receipts.lock().ends(self.scene.ledger.now());
            }
            other => return Err(Lost::Wrong(format!("{other:?} for a subscriber"))),
        }
        Ok(())
    }

    fn receive(&mut self, message: &Message, connection: &mut Connection) -> Result<(), Lost> {
        let Message { qos, dup, packet_id, .. } = message;
        if self.habit == Habit::Slow && self.scene.phase() == Phase::Load {
            pause(Duration::from_millis(2));
        }
        let is_new = *qos != QoS::ExactlyOnce || self.unreleased.insert(*packet_id);
        if is_new {
            self.receipts.lock().take(message, &self.scene.ledger);
        } else if !dup {
            return Err(Lost::Wrong(format!("{packet_id} is in use, and came without DUP")));
        }
        match qos {
            QoS::AtMostOnce => return Err(Lost::Wrong("a message at QoS 0".into())),
            QoS::AtLeastOnce => connection.add_ack(Packet::PubAck, *packet_id),
            QoS::ExactlyOnce => connection.add_ack(Packet::PubRec, *packet_id),
        }
        Ok(())
    }
}
