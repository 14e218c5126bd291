//! The client library rumqttc, whose two versions are two libraries, behind one trait.
//!
//! Nothing runs by itself: a peer sends and receives while [`Peer::next`] is called.

use std::net::SocketAddr;
use std::time::Duration;

/// Far above what anything here takes.
const SILENCE: Duration = Duration::from_secs(30);

/// Requests that may wait until the peer sends them.
const REQUESTS: usize = 10_000;

/// How to connect.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) keep_session: bool,
    /// Topic, payload, RETAIN; at QoS 1.
    pub(crate) will: Option<(&'a str, &'a str, bool)>,
}

/// What came from the broker. What the library does by itself is not shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    ConnAck {
        session_present: bool,
    },
    Publish(Message),
    SubAck,
    /// The end of a message's way to the broker: PUBACK or PUBCOMP.
    Acknowledged,
    /// The connection is gone; the next call connects again.
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
}

pub(crate) trait Peer: Sized {
    fn new(address: SocketAddr, settings: Settings<'_>) -> Self;
    fn publish(&self, topic: &str, payload: &str, qos: u8, retain: bool);
    fn subscribe(&self, filter: &str, qos: u8);
    fn disconnect(&self);
    /// Goes on until something has come.
    fn next(&mut self) -> Incoming;

    /// With a session that ends with the connection, unless `settings` say something else; returns
    /// Session Present too.
    fn connect_with(address: SocketAddr, settings: Settings<'_>) -> (Self, bool) {
        let mut peer = Self::new(address, settings);
        match peer.next() {
            Incoming::ConnAck { session_present } => (peer, session_present),
            other => panic!("CONNACK expected: {other:?}"),
        }
    }

    fn connect(address: SocketAddr, client_id: &str) -> Self {
        Self::connect_with(address, Settings::new(client_id)).0
    }

    fn expect(&mut self, expected: &Incoming) {
        assert_eq!(self.next(), *expected);
    }

    fn expect_message(&mut self) -> Message {
        match self.next() {
            Incoming::Publish(message) => message,
            other => panic!("PUBLISH expected: {other:?}"),
        }
    }
}

impl<'a> Settings<'a> {
    pub(crate) fn new(client_id: &'a str) -> Settings<'a> {
        Settings { client_id, keep_session: false, will: None }
    }

    pub(crate) fn keeping_session(client_id: &'a str) -> Settings<'a> {
        Settings { keep_session: true, ..Settings::new(client_id) }
    }
}

pub(crate) use v3_1_1::Peer as Peer3;
pub(crate) use v5::Peer as Peer5;

/// Implements [`Peer`] with the names that a module has imported.
macro_rules! implement_peer {
    () => {
        pub(crate) struct Peer {
            client: Client,
            connection: Connection,
        }

        impl super::Peer for Peer {
            fn new(address: SocketAddr, settings: Settings<'_>) -> Peer {
                let host = address.ip().to_string();
                let mut options = MqttOptions::new(settings.client_id, host, address.port());
                options.set_keep_alive(Duration::from_secs(60));
                keep_session(&mut options, settings.keep_session);
                if let Some((topic, payload, retain)) = settings.will {
                    options.set_last_will(last_will(topic, payload, retain));
                }
                let (client, connection) = Client::new(options, REQUESTS);
                Peer { client, connection }
            }

            fn publish(&self, topic: &str, payload: &str, level: u8, retain: bool) {
                self.client
                    .publish(topic, qos(level).unwrap(), retain, payload.to_owned())
                    .unwrap();
            }

            fn subscribe(&self, filter: &str, level: u8) {
                self.client.subscribe(filter, qos(level).unwrap()).unwrap();
            }

            fn disconnect(&self) {
                self.client.disconnect().unwrap();
            }

            fn next(&mut self) -> Incoming {
                loop {
                    return match self.connection.recv_timeout(SILENCE).unwrap() {
                        Ok(Event::Incoming(Packet::ConnAck(connack))) => {
                            Incoming::ConnAck { session_present: connack.session_present }
                        }
                        Ok(Event::Incoming(Packet::Publish(publish))) => {
                            Incoming::Publish(Message {
                                payload: String::from_utf8(publish.payload.to_vec()).unwrap(),
                                qos: publish.qos as u8,
                                retain: publish.retain,
                                topic: topic(&publish),
                            })
                        }
                        Ok(Event::Incoming(Packet::SubAck(_))) => Incoming::SubAck,
                        Ok(Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))) => {
                            Incoming::Acknowledged
                        }
                        Ok(_) => continue,
                        Err(_) => Incoming::Closed,
                    };
                }
            }
        }
    };
}

mod v3_1_1 {
    use ::rumqttc::{Client, Connection, Event, LastWill, MqttOptions, Packet, Publish, QoS, qos};

    use super::{Duration, Incoming, Message, REQUESTS, SILENCE, Settings, SocketAddr};

    implement_peer!();

    fn keep_session(options: &mut MqttOptions, keep: bool) {
        options.set_clean_session(!keep);
    }

    fn last_will(topic: &str, payload: &str, retain: bool) -> LastWill {
        LastWill::new(topic, payload, QoS::AtLeastOnce, retain)
    }

    fn topic(publish: &Publish) -> String {
        publish.topic.clone()
    }
}

mod v5 {
    use ::rumqttc::v5::mqttbytes::v5::{LastWill, Packet, Publish};
    use ::rumqttc::v5::mqttbytes::{QoS, qos};
    use ::rumqttc::v5::{Client, Connection, Event, MqttOptions};

    use super::{Duration, Incoming, Message, REQUESTS, SILENCE, Settings, SocketAddr};

    implement_peer!();

    fn keep_session(options: &mut MqttOptions, keep: bool) {
        options.set_clean_start(!keep);
        options.set_session_expiry_interval(keep.then_some(3600));
    }

    fn last_will(topic: &str, payload: &str, retain: bool) -> LastWill {
        LastWill::new(topic, payload, QoS::AtLeastOnce, retain, None)
    }

    fn topic(publish: &Publish) -> String {
        String::from_utf8(publish.topic.to_vec()).unwrap()
    }
}
