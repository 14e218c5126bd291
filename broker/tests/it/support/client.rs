//! A client that sends what it is told and shows what it receives. It blocks, and fails the test
//! when the broker is silent for too long.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mqtt::{
    Ack, Connect, Packet, PacketType, Properties, Property, PropertyBuffer, Publish, QoS,
    ReasonCode, Subscribe, Subscription, SubscriptionList, SubscriptionOptions, Unsubscribe,
    Version,
};

use super::Broker;

/// Far above what anything here takes.
const SILENCE: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) version: Version,
    received: Vec<u8>,
    next_packet_id: u16,
}

/// A PUBLISH from the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) packet_id: u16,
    /// The property block.
    pub(crate) properties: Vec<u8>,
}

impl Client {
    /// A socket, and nothing said yet.
    pub(crate) fn open(address: SocketAddr, version: Version) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        stream.set_write_timeout(Some(SILENCE)).unwrap();
        Client { stream, version, received: Vec::new(), next_packet_id: 0 }
    }

    /// Connected with a clean start.
    pub(crate) fn connect(broker: &Broker, version: Version, client_id: &str) -> Client {
        let (client, session_present) =
            Client::connect_with(broker, Connect::new(version, client_id));
        assert!(!session_present);
        client
    }

    /// Connected as `connect` says. Returns Session Present too.
    pub(crate) fn connect_with(broker: &Broker, connect: Connect<'_>) -> (Client, bool) {
        let mut client = Client::open(broker.address(), connect.version);
        client.send(&Packet::Connect(connect));
        let (reason, session_present) = client.connack();
        assert_eq!(reason, ReasonCode::Success);
        (client, session_present)
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next packet.
    pub(crate) fn receive<R>(&mut self, look: impl FnOnce(Packet<'_>) -> R) -> R {
        assert!(self.is_there_a_packet(), "the broker closed the connection");
        let frame = mqtt::split_frame(&self.received, u32::MAX).unwrap().unwrap();
        let size = frame.bytes().len();
        let seen = look(mqtt::decode(frame, self.version).unwrap());
        self.received.drain(..size);
        seen
    }

    /// Goes past messages at QoS 0, to the next packet of another kind or the close.
    pub(crate) fn skip_messages(&mut self) {
        while self.skip_message() {}
    }

    /// Goes past the next packet if it is a message at QoS 0.
    pub(crate) fn skip_message(&mut self) -> bool {
        let is_next =
            self.is_there_a_packet() && self.received[0] >> 4 == PacketType::Publish as u8;
        if is_next {
            assert_eq!(self.receive_publish().qos, QoS::AtMostOnce);
        }
        is_next
    }

    /// Waits for the next packet; `false`: the broker has closed.
    fn is_there_a_packet(&mut self) -> bool {
        while mqtt::split_frame(&self.received, u32::MAX).unwrap().is_none() {
            if self.read_more() == 0 {
                return false;
            }
        }
        true
    }

    fn read_more(&mut self) -> usize {
        let mut buffer = [0; 64 * 1024];
        let read = match self.stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            // A wait with a limit is not taken up again by itself after a signal.
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.read_more(),
            Err(error) => panic!("nothing from the broker: {error}"),
        };
        self.received.extend_from_slice(&buffer[..read]);
        read
    }

    /// CONNACK: its reason code and Session Present.
    pub(crate) fn connack(&mut self) -> (ReasonCode, bool) {
        self.receive(|packet| match packet {
            Packet::ConnAck(connack) => (connack.reason, connack.session_present),
            other => panic!("CONNACK expected: {other:?}"),
        })
    }

    /// The next packet is DISCONNECT, where the version has one, and then the end.
    pub(crate) fn expect_disconnect(&mut self, reason: ReasonCode) {
        if self.version.has_properties() {
            self.receive(|packet| match packet {
                Packet::Disconnect(disconnect) => {
                    assert_eq!(disconnect.reason, reason);
                    // [MQTT-3.14.2-2]
                    assert_eq!(disconnect.properties.session_expiry(), None);
                }
                other => panic!("DISCONNECT expected: {other:?}"),
            });
        }
        self.expect_closed();
    }

    /// Nothing more comes, and the broker closes.
    pub(crate) fn expect_closed(&mut self) {
        while self.read_more() > 0 {}
        let left = mqtt::split_frame(&self.received, u32::MAX).unwrap();
        assert!(left.is_none(), "before the close came {:?}", self.received);
    }

    /// Reads on, whatever comes, until the broker closes.
    pub(crate) fn drain_until_closed(&mut self) {
        while self.read_more() > 0 {
            self.received.clear();
        }
    }

    /// Subscribes to one filter and returns the reason code of SUBACK.
    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) -> ReasonCode {
        self.subscribe_with(filter, SubscriptionOptions::new(qos))
    }

    pub(crate) fn subscribe_with(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
    ) -> ReasonCode {
        let packet_id = self.start_subscribe(filter, options);
        self.receive(|packet| match packet {
            Packet::SubAck(suback) => {
                assert_eq!(suback.packet_id, packet_id);
                assert_eq!(suback.reasons.len(), 1);
                suback.reasons[0]
            }
            other => panic!("SUBACK expected: {other:?}"),
        })
    }

    /// Subscribes with a Subscription Identifier and returns the reason code of SUBACK.
    pub(crate) fn subscribe_as(&mut self, filter: &str, qos: QoS, identifier: u32) -> ReasonCode {
        let packet_id = self.take_packet_id();
        let mut properties = PropertyBuffer::new();
        assert!(properties.push(Property::SubscriptionIdentifier(identifier)));
        let options = SubscriptionOptions::new(qos);
        let list = SubscriptionList::new(Subscription { filter, options });
        let subscribe = Subscribe::new(packet_id, properties.as_properties(), &list);
        self.send(&Packet::Subscribe(subscribe));
        self.receive(|packet| match packet {
            Packet::SubAck(suback) => suback.reasons[0],
            other => panic!("SUBACK expected: {other:?}"),
        })
    }

    /// Sends SUBSCRIBE and returns its packet identifier.
    pub(crate) fn start_subscribe(&mut self, filter: &str, options: SubscriptionOptions) -> u16 {
        let packet_id = self.take_packet_id();
        let list = SubscriptionList::new(Subscription { filter, options });
        let subscribe = Subscribe::new(packet_id, Properties::EMPTY, &list);
        self.send(&Packet::Subscribe(subscribe));
        packet_id
    }

    /// Sends UNSUBSCRIBE and reads on, whatever comes, until UNSUBACK.
    pub(crate) fn stop_subscription(&mut self, filter: &str) {
        let list = mqtt::FilterList::new(filter);
        let packet_id = self.take_packet_id();
        self.send(&Packet::Unsubscribe(Unsubscribe::new(packet_id, Properties::EMPTY, &list)));
        while !self.receive(|packet| matches!(packet, Packet::UnsubAck(_))) {}
    }

    /// Unsubscribes from one filter and returns the reason code of UNSUBACK, `Success` in 3.1.1.
    pub(crate) fn unsubscribe(&mut self, filter: &str) -> ReasonCode {
        let packet_id = self.take_packet_id();
        let list = mqtt::FilterList::new(filter);
        let unsubscribe = Unsubscribe::new(packet_id, Properties::EMPTY, &list);
        self.send(&Packet::Unsubscribe(unsubscribe));
        self.receive(|packet| match packet {
            Packet::UnsubAck(unsuback) => {
                assert_eq!(unsuback.packet_id, packet_id);
                unsuback.reasons.first().copied().unwrap_or(ReasonCode::Success)
            }
            other => panic!("UNSUBACK expected: {other:?}"),
        })
    }

    /// Publishes and waits until the broker has taken the message.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str, qos: QoS) {
        self.publish_with(&Publish {
            dup: false,
            qos,
            retain: false,
            packet_id: 0,
            topic,
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
        });
    }

    pub(crate) fn publish_retained(&mut self, topic: &str, payload: &str, qos: QoS) {
        self.publish_with(&Publish {
            dup: false,
            qos,
            retain: true,
            packet_id: 0,
            topic,
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
        });
    }

    /// Publishes with a packet identifier of its own choice, and waits until the broker has taken
    /// the message. Returns the reason code of PUBACK or PUBREC.
    pub(crate) fn publish_with(&mut self, publish: &Publish<'_>) -> ReasonCode {
        let packet_id = if publish.qos == QoS::AtMostOnce { 0 } else { self.take_packet_id() };
        self.send(&Packet::Publish(Publish { packet_id, ..*publish }));
        match publish.qos {
            QoS::AtMostOnce => {
                self.ping();
                ReasonCode::Success
            }
            QoS::AtLeastOnce => self.receive(|packet| match packet {
                Packet::PubAck(ack) => {
                    assert_eq!(ack.packet_id, packet_id);
                    ack.reason
                }
                other => panic!("PUBACK expected: {other:?}"),
            }),
            QoS::ExactlyOnce => {
                let reason = self.receive(|packet| match packet {
                    Packet::PubRec(ack) => {
                        assert_eq!(ack.packet_id, packet_id);
                        ack.reason
                    }
                    other => panic!("PUBREC expected: {other:?}"),
                });
                if !reason.is_error() {
                    self.send(&Packet::PubRel(Ack::new(packet_id, ReasonCode::Success)));
                    self.receive(|packet| match packet {
                        Packet::PubComp(ack) => assert_eq!(ack.packet_id, packet_id),
                        other => panic!("PUBCOMP expected: {other:?}"),
                    });
                }
                reason
            }
        }
    }

    /// The next packet, which is a PUBLISH; it is not acknowledged.
    pub(crate) fn receive_publish(&mut self) -> Received {
        self.receive(|packet| match packet {
            Packet::Publish(publish) => publish.into(),
            other => panic!("PUBLISH expected: {other:?}"),
        })
    }

    /// Acknowledges a PUBLISH to the end.
    pub(crate) fn acknowledge(&mut self, received: &Received) {
        let ack = Ack::new(received.packet_id, ReasonCode::Success);
        match received.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.send(&Packet::PubAck(ack)),
            QoS::ExactlyOnce => {
                self.send(&Packet::PubRec(ack));
                self.receive(|packet| match packet {
                    Packet::PubRel(release) => assert_eq!(release.packet_id, ack.packet_id),
                    other => panic!("PUBREL expected: {other:?}"),
                });
                self.send(&Packet::PubComp(ack));
            }
        }
    }

    /// Receives a PUBLISH, checks its topic and payload, and acknowledges it.
    pub(crate) fn expect(&mut self, topic: &str, payload: &str) -> Received {
        let received = self.receive_publish();
        assert_eq!(
            (&*received.topic, &*String::from_utf8_lossy(&received.payload)),
            (topic, payload)
        );
        self.acknowledge(&received);
        received
    }

    /// Whether there is another PUBLISH; `look` sees it, and it is acknowledged. For a window of one.
    pub(crate) fn next_is_publish_of(&mut self, look: impl FnOnce(&Received)) -> bool {
        // What the last acknowledgement makes room for may come after the answer to a PINGREQ that
        // was sent with it.
        let Some(next) = self.publish_before_ping().or_else(|| self.publish_before_ping()) else {
            return false;
        };
        look(&next);
        self.acknowledge(&next);
        true
    }

    fn publish_before_ping(&mut self) -> Option<Received> {
        self.send(&Packet::PingReq);
        let next = self.receive(|packet| match packet {
            Packet::Publish(publish) => Some(Received::from(publish)),
            other => {
                assert_eq!(other, Packet::PingResp);
                None
            }
        });
        if next.is_some() {
            self.receive(|packet| assert_eq!(packet, Packet::PingResp));
        }
        next
    }

    /// Whether a PUBLISH comes before the answer to a PINGREQ.
    pub(crate) fn next_is_publish_before_ping(&mut self) -> bool {
        self.send(&Packet::PingReq);
        let delivered = self.receive(|packet| matches!(packet, Packet::Publish(_)));
        if delivered {
            self.receive(|packet| assert_eq!(packet, Packet::PingResp));
        }
        delivered
    }

    /// PINGREQ, and PINGRESP as the next packet: the broker has acted on all that this client has
    /// sent, and has nothing else for it.
    pub(crate) fn ping(&mut self) {
        self.send(&Packet::PingReq);
        self.receive(|packet| assert_eq!(packet, Packet::PingResp));
    }

    /// Whether the broker answers, and has not closed.
    pub(crate) fn is_connected(&mut self) -> bool {
        let mut ping = Vec::new();
        Packet::PingReq.encode(self.version, &mut ping);
        // A broker that has closed may take it or not.
        let _ = self.stream.write_all(&ping);
        self.is_there_a_packet() && self.receive(|packet| packet == Packet::PingResp)
    }

    /// Says good-bye and waits for the close.
    pub(crate) fn disconnect(mut self) {
        self.send(&Packet::Disconnect(mqtt::Disconnect::new(ReasonCode::Success)));
        self.expect_closed();
    }

    pub(crate) fn take_packet_id(&mut self) -> u16 {
        self.next_packet_id = self.next_packet_id.checked_add(1).unwrap_or(1);
        self.next_packet_id
    }
}
