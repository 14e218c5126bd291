//! Whole connections to a broker in this process: a wild client sends valid and damaged packets, and
//! others watch.
//!
//! Whatever the wild one does, a watcher is served, never has more messages to answer than its
//! window, gets no message twice and those of a topic in their order; what one watcher of all topics
//! gets, just one of two that share them gets; and whatever the broker sends to anybody is whole
//! packets.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookmq::config::{Config, Durability, Listener};
use hookmq::server::Server;
use mqtt::{
    Ack, Auth, Connect, FilterList, Packet, Properties, Property, PropertyBuffer, Publish, QoS,
    ReasonCode, Subscribe, Subscription, SubscriptionList, SubscriptionOptions, Unsubscribe,
    Version, decode, split_frame,
};

const WINDOW: usize = 3;
/// The aliases that a watcher takes, fewer than there are topics.
const ALIASES: u16 = 2;
/// Of the watchers' subscriptions.
const IDENTIFIER: u32 = 300;
/// Far above what anything here takes.
const SILENCE: Duration = Duration::from_secs(30);
const TOPICS: [&str; 3] = ["a", "a/b", "c/long"];
const FILTERS: [&str; 4] = ["#", "a/+", "$share/g/a", "a/#/b"];
const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// Tells the messages of this check from those of the ones before.
static NEXT_RUN: AtomicU32 = AtomicU32::new(1);
static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();

/// Does what the bytes say: the version of each client, then step by step.
pub(crate) fn check(data: &[u8]) {
    let address = *ADDRESS.get_or_init(start_broker);
    let run = NEXT_RUN.fetch_add(1, Ordering::Relaxed);
    let mut script = Script(data);
    let version = script.version();
    let mut watcher = Watcher::connect(address, version, run, "watcher", "#");
    let mut sharers = ["one", "other"]
        .map(|client_id| Watcher::connect(address, version, run, client_id, "$share/watchers/#"));
    let mut wild = Wild::connect(address, script.version(), run);
    while let Some(step) = script.next() {
        wild.step(step, &mut script);
    }
    wild.leave();
    watcher.receive_all();
    sharers.iter_mut().for_each(Watcher::receive_all);
    let [one, other] = &sharers;
    assert!(one.seen.is_disjoint(&other.seen), "a message for both members");
    assert_eq!(&one.seen | &other.seen, watcher.seen);
}

/// It serves until the process ends.
fn start_broker() -> SocketAddr {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config {
        listeners: vec![Listener::tcp(address)],
        threads: NonZeroUsize::new(2),
        durability: Durability::Memory,
        ..Config::default()
    };
    config.limits.max_inflight = WINDOW as u16;
    // A watcher may come before the one of the last check has gone.
    config.limits.max_takeovers = u32::MAX;
    config.limits.max_retained_messages = 100;
    config.limits.max_session_expiry = Duration::from_secs(1);
    let server = Server::start(&config, Path::new("no plugins here")).expect("a broker");
    let address = server.addresses()[0];
    std::mem::forget(server);
    address
}

/// What is left of the input.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next byte, as an index into so many.
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.next().unwrap_or(0)) % limit.max(1)
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }

    fn version(&mut self) -> Version {
        Version::from_level(3 + self.below(3) as u8).expect("3, 4 or 5")
    }
}

/// A socket and the packets that come from it.
struct Peer {
    stream: TcpStream,
    version: Version,
    received: Vec<u8>,
}

impl Peer {
    fn open(address: SocketAddr, version: Version) -> Peer {
        let stream = TcpStream::connect(address).expect("the broker takes connections");
        stream.set_nodelay(true).expect("TCP");
        stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
        stream.set_write_timeout(Some(SILENCE)).expect("a timeout");
        Peer { stream, version, received: Vec::new() }
    }

    fn encode(&self, packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        bytes
    }

    /// The broker may have closed.
    fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    fn send(&mut self, packet: &Packet<'_>) {
        let bytes = self.encode(packet);
        self.send_bytes(&bytes);
    }

    /// More bytes; `false`: there are no more.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 8192];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.received.clear();
                false
            }
            Err(error) => panic!("nothing from the broker: {error}"),
        }
    }

    fn receive<R>(&mut self, look: impl FnOnce(Packet<'_>) -> R) -> R {
        while split_frame(&self.received, u32::MAX).expect("a frame").is_none() {
            assert!(self.read(), "the broker closed the connection");
        }
        let frame = split_frame(&self.received, u32::MAX).expect("a frame").expect("a whole one");
        let size = frame.bytes().len();
        let seen = look(decode(frame, self.version).expect("a packet"));
        self.received.drain(..size);
        seen
    }
}

/// The client that misbehaves.
struct Wild {
    peer: Peer,
    address: SocketAddr,
    run: u32,
    /// Of the last message.
    number: u32,
    /// QoS 2 messages that have been sent, and no PUBREL.
    unreleased: Vec<(u16, u32, &'static str)>,
    /// Whether the broker has had nothing from this connection but valid packets.
    clean: bool,
}

impl Wild {
    fn connect(address: SocketAddr, version: Version, run: u32) -> Wild {
        let mut peer = Peer::open(address, version);
        peer.send(&Packet::Connect(Connect::new(version, "wild")));
        Wild { peer, address, run, number: 0, unreleased: Vec::new(), clean: true }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let packet_id = 1 + u16::from(step >> 4);
        match step % 16 {
            0..6 => self.publish(ALL[usize::from(step % 3)], script),
            6 => self.publish_again(),
            7 => self.release(),
            8 => self.subscribe(packet_id, FILTERS[script.below(FILTERS.len())]),
            9 => self.unsubscribe(packet_id, FILTERS[script.below(FILTERS.len())]),
            10 if packet_id > 8 => self.authenticate(script),
            10 => self.peer.send(&Packet::PingReq),
            11 => self.answer(packet_id, script),
            12 => {
                let count = script.below(32);
                self.send_damaged(script.bytes(count));
            }
            13 => self.publish_damaged(script),
            14 if packet_id > 8 => self.connect_with_method(),
            14 => self.connect_again(None),
            _ => self.connect_again(Some((script.below(64), script.below(256) as u8))),
        }
    }

    fn publish(&mut self, qos: QoS, script: &mut Script<'_>) {
        self.number += 1;
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { self.number as u16 };
        let topic = TOPICS[script.below(TOPICS.len())];
        if qos == QoS::ExactlyOnce {
            self.unreleased.push((packet_id, self.number, topic));
        }
        let bytes = self.message(qos, false, packet_id, self.number, topic);
        self.peer.send_bytes(&bytes);
    }

    /// The same QoS 2 message, which is to be delivered once.
    fn publish_again(&mut self) {
        if let Some(&(packet_id, number, topic)) = self.unreleased.last()
            && self.clean
        {
            let bytes = self.message(QoS::ExactlyOnce, true, packet_id, number, topic);
            self.peer.send_bytes(&bytes);
        }
    }

    fn release(&mut self) {
        if let Some((packet_id, ..)) = self.unreleased.pop() {
            self.peer.send(&Packet::PubRel(Ack::new(packet_id, ReasonCode::Success)));
        }
    }

    fn subscribe(&mut self, packet_id: u16, filter: &str) {
        let options = SubscriptionOptions::new(QoS::ExactlyOnce);
        let list = SubscriptionList::new(Subscription { filter, options });
        self.peer.send(&Packet::Subscribe(Subscribe::new(packet_id, Properties::EMPTY, &list)));
    }

    fn unsubscribe(&mut self, packet_id: u16, filter: &str) {
        let list = FilterList::new(filter);
        let unsubscribe = Unsubscribe::new(packet_id, Properties::EMPTY, &list);
        self.peer.send(&Packet::Unsubscribe(unsubscribe));
    }

    /// Acknowledges what it may have been sent, or not.
    fn answer(&mut self, packet_id: u16, script: &mut Script<'_>) {
        let ack = Ack::new(packet_id, ReasonCode::Success);
        let answers = [Packet::PubAck(ack), Packet::PubRec(ack), Packet::PubComp(ack)];
        self.peer.send(&answers[script.below(3)]);
    }

    /// Which no plugin offers.
    fn authenticate(&mut self, script: &mut Script<'_>) {
        if !self.peer.version.has_properties() {
            return;
        }
        let reasons = [ReasonCode::ContinueAuthentication, ReasonCode::ReAuthenticate];
        let properties = method();
        let reason = reasons[script.below(2)];
        let auth = Auth { reason, properties: properties.as_properties() };
        self.peer.send(&Packet::Auth(auth));
    }

    /// Ends the connection and begins another one, whose CONNECT is refused where it can have a
    /// method.
    fn connect_with_method(&mut self) {
        self.connect_again(None);
        let mut peer = Peer::open(self.address, self.peer.version);
        std::mem::swap(&mut self.peer, &mut peer);
        finish(peer, true);
        let properties = method();
        let mut connect = Connect::new(self.peer.version, "wild");
        if self.peer.version.has_properties() {
            connect.properties = properties.as_properties();
        }
        self.peer.send(&Packet::Connect(connect));
    }

    fn publish_damaged(&mut self, script: &mut Script<'_>) {
        self.number += 1;
        let qos = ALL[script.below(3)];
        let mut bytes = self.message(qos, false, self.number as u16, self.number, "a/b");
        let at = script.below(bytes.len());
        bytes[at] = script.below(256) as u8;
        self.send_damaged(&bytes);
    }

    fn send_damaged(&mut self, bytes: &[u8]) {
        self.clean = false;
        self.peer.send_bytes(bytes);
    }

    /// Ends the connection and begins another one, with a byte of CONNECT changed or not.
    fn connect_again(&mut self, damage: Option<(usize, u8)>) {
        let mut peer = Peer::open(self.address, self.peer.version);
        std::mem::swap(&mut self.peer, &mut peer);
        finish(peer, self.clean);
        let connect = Packet::Connect(Connect::new(self.peer.version, "wild"));
        let mut bytes = self.peer.encode(&connect);
        if let Some((at, byte)) = damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        self.clean = damage.is_none();
        self.unreleased.clear();
        self.peer.send_bytes(&bytes);
    }

    /// Returns when the broker has acted on all that was sent.
    fn leave(self) {
        finish(self.peer, self.clean);
    }

    fn message(&self, qos: QoS, dup: bool, id: u16, number: u32, topic: &str) -> Vec<u8> {
        let payload = payload(self.run, number);
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { id };
        let properties = Properties::EMPTY;
        self.peer.encode(&Packet::Publish(Publish {
            dup,
            qos,
            retain: false,
            packet_id,
            topic,
            properties,
            payload: &payload,
        }))
    }
}

fn method() -> PropertyBuffer {
    let mut properties = PropertyBuffer::new();
    properties.push(Property::AuthenticationMethod("SCRAM-SHA-256"));
    properties.push(Property::AuthenticationData(b"n,,n=wild"));
    properties
}

/// Says nothing more and reads to the end, which is whole packets.
fn finish(mut peer: Peer, clean: bool) {
    let _ = peer.stream.shutdown(Shutdown::Write);
    while peer.read() {}
    let mut rest = &*peer.received;
    while let Some(frame) = split_frame(rest, u32::MAX).expect("a frame") {
        // A damaged CONNECT may name the other version.
        assert!(!clean || decode(frame, peer.version).is_ok(), "{:02X?}", frame.bytes());
        rest = &rest[frame.bytes().len()..];
    }
    assert!(rest.is_empty(), "a part of a packet: {rest:02X?}");
}

/// The client that behaves, and checks.
struct Watcher {
    peer: Peer,
    run: u32,
    /// Not acknowledged to the end.
    in_flight: BTreeSet<u16>,
    /// Received and not answered.
    to_answer: Vec<(u16, QoS)>,
    /// The number of the last message of each topic and QoS.
    last: BTreeMap<(String, u8), u32>,
    seen: BTreeSet<u32>,
    /// The topics that the broker has given a number.
    aliases: BTreeMap<u16, String>,
}

impl Watcher {
    fn connect(
        address: SocketAddr,
        version: Version,
        run: u32,
        client_id: &str,
        filter: &str,
    ) -> Watcher {
        let mut peer = Peer::open(address, version);
        let mut connect = Connect::new(version, client_id);
        let mut properties = PropertyBuffer::new();
        properties.push(Property::TopicAliasMaximum(ALIASES));
        connect.properties = properties.as_properties();
        peer.send(&Packet::Connect(connect));
        peer.receive(|packet| assert!(matches!(packet, Packet::ConnAck(_)), "{packet:?}"));
        let mut watcher = Watcher {
            peer,
            run,
            in_flight: BTreeSet::new(),
            to_answer: Vec::new(),
            last: BTreeMap::new(),
            seen: BTreeSet::new(),
            aliases: BTreeMap::new(),
        };
        let options = SubscriptionOptions::new(QoS::ExactlyOnce);
        let list = SubscriptionList::new(Subscription { filter, options });
        let mut properties = PropertyBuffer::new();
        properties.push(Property::SubscriptionIdentifier(IDENTIFIER));
        let subscribe = Subscribe::new(1, properties.as_properties(), &list);
        watcher.peer.send(&Packet::Subscribe(subscribe));
        watcher.receive_all();
        watcher
    }

    /// Takes all there is, and answers what is to be answered only when the window is known to be
    /// full or everything has come.
    fn receive_all(&mut self) {
        // What an acknowledgement makes room for may come after the answer to the next PINGREQ.
        let mut silent = 0;
        while silent < 2 {
            self.peer.send(&Packet::PingReq);
            silent += 1;
            while self.receive() {
                silent = 0;
            }
            for (packet_id, qos) in std::mem::take(&mut self.to_answer) {
                let ack = Ack::new(packet_id, ReasonCode::Success);
                if qos == QoS::ExactlyOnce {
                    self.peer.send(&Packet::PubRec(ack));
                } else {
                    self.in_flight.remove(&packet_id);
                    self.peer.send(&Packet::PubAck(ack));
                }
            }
        }
    }

    /// The next packet; `false`: it is the answer to PINGREQ.
    fn receive(&mut self) -> bool {
        let Watcher { peer, run, in_flight, to_answer, last, seen, aliases } = self;
        let version = peer.version;
        let released = peer.receive(|packet| match packet {
            Packet::PingResp => Err(()),
            Packet::SubAck(_) => Ok(None),
            Packet::PubRel(ack) => Ok(Some(ack.packet_id)),
            Packet::Publish(publish) => {
                if publish.qos > QoS::AtMostOnce {
                    let id = publish.packet_id;
                    assert!(in_flight.insert(id), "identifier {id} is in use");
                    assert!(in_flight.len() <= WINDOW, "above the window");
                    to_answer.push((id, publish.qos));
                }
                check_additions(&publish, version, aliases);
                let topic = topic(&publish, aliases);
                note(topic, &publish, *run, last, seen);
                Ok(None)
            }
            other => panic!("not expected: {other:?}"),
        });
        if let Ok(Some(packet_id)) = released {
            in_flight.remove(&packet_id);
            peer.send(&Packet::PubComp(Ack::new(packet_id, ReasonCode::Success)));
        }
        released.is_ok()
    }
}

/// Every message names its subscription, in a version that can.
fn check_additions(publish: &Publish<'_>, version: Version, aliases: &mut BTreeMap<u16, String>) {
    if !version.has_properties() {
        return;
    }
    let identifiers: Vec<_> = publish.properties.subscription_identifiers().collect();
    assert_eq!(identifiers, [IDENTIFIER]);
    let Some(alias) = publish.properties.topic_alias() else { return };
    assert!((1..=ALIASES).contains(&alias), "alias {alias} is above the maximum");
    if !publish.topic.is_empty() {
        aliases.insert(alias, publish.topic.to_owned());
    }
}

fn topic<'a>(publish: &Publish<'a>, aliases: &'a BTreeMap<u16, String>) -> &'a str {
    match publish.properties.topic_alias() {
        Some(alias) if publish.topic.is_empty() => aliases.get(&alias).expect("a known alias"),
        _ => publish.topic,
    }
}

/// Checks the order of the messages, and that none comes twice.
fn note(
    topic: &str,
    publish: &Publish<'_>,
    run: u32,
    last: &mut BTreeMap<(String, u8), u32>,
    seen: &mut BTreeSet<u32>,
) {
    let Some(number) = number(publish.payload, run).filter(|_| !publish.retain) else { return };
    assert!(seen.insert(number), "message {number} came twice");
    let before = last.insert((topic.to_owned(), publish.qos as u8), number);
    assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
}

fn payload(run: u32, number: u32) -> Vec<u8> {
    let sum = run.rotate_left(16) ^ number.wrapping_mul(0x9E37_79B9);
    [run, number, sum].iter().flat_map(|part| part.to_be_bytes()).collect()
}

/// The number of a message of this run, unless it was damaged.
fn number(bytes: &[u8], run: u32) -> Option<u32> {
    let number = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
    (bytes == payload(run, number)).then_some(number)
}
