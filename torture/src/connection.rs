//! A connection to the broker that blocks, and waits for a packet no longer than it is told.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mqtt::{
    Ack, ConnAck, Connect, Disconnect, FilterList, Packet, Properties, Property, PropertyBuffer,
    QoS, ReasonCode, Subscribe, Subscription, SubscriptionList, SubscriptionOptions, Unsubscribe,
    Version, Will,
};

/// How long a broker that takes connections may leave one without an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// What a client asks for when it connects.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) version: Version,
    pub(crate) client_id: String,
    pub(crate) clean_start: bool,
    /// In seconds; where there are no properties, a clean start says 0 and anything else for ever.
    pub(crate) expiry: u32,
    pub(crate) receive_maximum: u16,
    pub(crate) will: Option<LastWill>,
}

/// The message for the case that the client does not say good-bye.
#[derive(Clone, Debug)]
pub(crate) struct LastWill {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    /// In seconds.
    pub(crate) delay: u32,
}

/// Why a connection cannot be used any more.
#[derive(Debug)]
pub(crate) enum Lost {
    /// There never was one.
    Absent,
    /// It was closed.
    Closed,
    /// The broker has done something that it must not.
    Wrong(String),
}

/// A packet from the broker.
#[derive(Debug)]
pub(crate) enum Incoming {
    Publish(Message),
    PubAck(u16, ReasonCode),
    PubRec(u16, ReasonCode),
    PubRel(u16),
    PubComp(u16),
    SubAck(u16, ReasonCode),
    UnsubAck(u16),
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    pub(crate) packet_id: u16,
}

pub(crate) struct Connection {
    stream: TcpStream,
    version: Version,
    received: Vec<u8>,
    out: Vec<u8>,
}

impl Login {
    /// Keeps its session for a day.
    pub(crate) fn persistent(version: Version, client_id: String) -> Login {
        let (clean_start, expiry, receive_maximum) = (false, 86_400, 64);
        Login { version, client_id, clean_start, expiry, receive_maximum, will: None }
    }

    /// With a clean start, and without a session afterwards.
    pub(crate) fn clean(version: Version, client_id: String) -> Login {
        Login { clean_start: true, expiry: 0, ..Login::persistent(version, client_id) }
    }

    /// Connects; returns Session Present too.
    pub(crate) fn connect(&self, address: SocketAddr) -> Result<(Connection, bool), Lost> {
        let stream = TcpStream::connect(address).map_err(|_| Lost::Absent)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(SILENCE))?;
        let (received, out) = (Vec::new(), Vec::new());
        let mut connection = Connection { stream, version: self.version, received, out };
        self.ask(&mut connection)?;
        connection.flush()?;
        let connack = |packet: Packet<'_>| match packet {
            Packet::ConnAck(connack) if connack.reason == ReasonCode::Success => {
                Ok(connack.session_present)
            }
            // It is about to stop.
            Packet::ConnAck(ConnAck { reason: ReasonCode::ServerUnavailable, .. }) => {
                Err(Lost::Closed)
            }
            other => Err(Lost::Wrong(format!("{other:?} instead of CONNACK"))),
        };
        match connection.receive_with(SILENCE, connack)? {
            Some(session_present) => Ok((connection, session_present?)),
            None => Err(Lost::Wrong("no CONNACK".into())),
        }
    }

    fn ask(&self, connection: &mut Connection) -> Result<(), Lost> {
        let (mut properties, mut of_will) = (PropertyBuffer::new(), PropertyBuffer::new());
        if self.version.has_properties() {
            properties.push(Property::SessionExpiryInterval(self.expiry));
            properties.push(Property::ReceiveMaximum(self.receive_maximum));
            let delay = self.will.as_ref().map_or(0, |will| will.delay);
            of_will.push(Property::WillDelayInterval(delay));
        }
        let mut connect = Connect::new(self.version, &self.client_id);
        connect.clean_start = self.clean_start;
        connect.properties = properties.as_properties();
        connect.will = self.will.as_ref().map(|will| Will {
            qos: will.qos,
            retain: false,
            topic: &will.topic,
            payload: &will.payload,
            delay: will.delay,
            properties: of_will.as_properties(),
        });
        connection.send(&Packet::Connect(connect))
    }
}

impl Connection {
    /// The client's own.
    pub(crate) fn port(&self) -> u16 {
        self.stream.local_addr().map_or(0, |address| address.port())
    }

    /// Puts a packet to what the next flush writes.
    pub(crate) fn add(&mut self, packet: &Packet<'_>) {
        packet.encode(self.version, &mut self.out);
    }

    pub(crate) fn flush(&mut self) -> Result<(), Lost> {
        let written = self.stream.write_all(&self.out);
        self.out.clear();
        Ok(written?)
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> Result<(), Lost> {
        self.add(packet);
        self.flush()
    }

    pub(crate) fn add_ack(&mut self, kind: impl Fn(Ack<'static>) -> Packet<'static>, id: u16) {
        self.add(&kind(Ack::new(id, ReasonCode::Success)));
    }

    pub(crate) fn subscribe(&mut self, id: u16, filter: &str, qos: QoS) -> Result<(), Lost> {
        let options = SubscriptionOptions::new(qos);
        let list = SubscriptionList::new(Subscription { filter, options });
        self.send(&Packet::Subscribe(Subscribe::new(id, Properties::EMPTY, &list)))
    }

    pub(crate) fn unsubscribe(&mut self, id: u16, filter: &str) -> Result<(), Lost> {
        let list = FilterList::new(filter);
        self.send(&Packet::Unsubscribe(Unsubscribe::new(id, Properties::EMPTY, &list)))
    }

    /// Says good-bye and waits until the broker has closed.
    pub(crate) fn disconnect(self) {
        self.disconnect_with(Properties::EMPTY);
    }

    /// The same, and the session ends with the connection.
    pub(crate) fn end_session(self) {
        let mut properties = PropertyBuffer::new();
        properties.push(Property::SessionExpiryInterval(0));
        self.disconnect_with(properties.as_properties());
    }

    fn disconnect_with(mut self, properties: Properties<'_>) {
        let reason = ReasonCode::Success;
        let _ = self.send(&Packet::Disconnect(Disconnect { reason, properties }));
        while matches!(self.receive(SILENCE), Ok(Some(_))) {}
    }

    /// The next packet, if one comes in time.
    pub(crate) fn receive(&mut self, limit: Duration) -> Result<Option<Incoming>, Lost> {
        self.receive_with(limit, incoming)?.transpose()
    }

    /// The next packet, which must come as long as the broker lives.
    pub(crate) fn expect(&mut self) -> Result<Incoming, Lost> {
        let silent = || Lost::Wrong(format!("no answer in {SILENCE:?}"));
        self.receive(SILENCE)?.ok_or_else(silent)
    }

    fn receive_with<R>(
        &mut self,
        limit: Duration,
        look: impl FnOnce(Packet<'_>) -> R,
    ) -> Result<Option<R>, Lost> {
        let until = Instant::now() + limit;
        loop {
            if let Some(frame) = mqtt::split_frame(&self.received, u32::MAX).map_err(wrong)? {
                let size = frame.bytes().len();
                let seen = look(mqtt::decode(frame, self.version).map_err(wrong)?);
                self.received.drain(..size);
                return Ok(Some(seen));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.read_more(left)? {
                return Ok(None);
            }
        }
    }

    /// False: nothing came in time.
    fn read_more(&mut self, limit: Duration) -> Result<bool, Lost> {
        let mut buffer = [0; 16 * 1024];
        self.stream.set_read_timeout(Some(limit.max(Duration::from_millis(1))))?;
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(Lost::Closed),
            Ok(read) => {
                self.received.extend_from_slice(&buffer[..read]);
                Ok(true)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(false),
                ErrorKind::Interrupted => Ok(true),
                _ => Err(Lost::Closed),
            },
        }
    }
}

impl From<std::io::Error> for Lost {
    fn from(_: std::io::Error) -> Lost {
        Lost::Closed
    }
}

fn wrong(violation: mqtt::Violation) -> Lost {
    Lost::Wrong(format!("the broker sends {violation}"))
}

fn incoming(packet: Packet<'_>) -> Result<Incoming, Lost> {
    Ok(match packet {
        Packet::Publish(publish) => Incoming::Publish(Message {
            topic: publish.topic.into(),
            payload: publish.payload.into(),
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            packet_id: publish.packet_id,
        }),
        Packet::PubAck(ack) => Incoming::PubAck(ack.packet_id, ack.reason),
        Packet::PubRec(ack) => Incoming::PubRec(ack.packet_id, ack.reason),
        Packet::PubRel(ack) => Incoming::PubRel(ack.packet_id),
        Packet::PubComp(ack) => Incoming::PubComp(ack.packet_id),
        Packet::SubAck(suback) => {
            let reason = suback.reasons.first().copied().unwrap_or(ReasonCode::UnspecifiedError);
            Incoming::SubAck(suback.packet_id, reason)
        }
        Packet::UnsubAck(unsuback) => Incoming::UnsubAck(unsuback.packet_id),
        // Said before the end, where the version can say it.
        Packet::Disconnect(Disconnect { reason: ReasonCode::ServerShuttingDown, .. }) => {
            return Err(Lost::Closed);
        }
        other => return Err(Lost::Wrong(format!("the broker sends {other:?}"))),
    })
}
