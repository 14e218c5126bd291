//! A CONNECT with everything that a test wants in it.

use std::net::SocketAddr;

use mqtt::{Connect, Packet, Properties, Property, PropertyBuffer, QoS, ReasonCode, Version, Will};

use super::Client;

/// What a client asks for when it connects. Properties are left out in a version that has none.
pub(crate) struct Login<'a> {
    version: Version,
    client_id: &'a str,
    clean_start: bool,
    keep_alive: u16,
    properties: PropertyBuffer,
    will: Option<LastWill<'a>>,
}

/// The message that is published when the client is gone.
pub(crate) struct LastWill<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) properties: PropertyBuffer,
}

/// What CONNACK says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reason: ReasonCode,
    pub(crate) session_present: bool,
    properties: Vec<u8>,
}

impl<'a> Login<'a> {
    /// With a clean start, without keep alive.
    pub(crate) fn new(version: Version, client_id: &'a str) -> Login<'a> {
        Login {
            version,
            client_id,
            clean_start: true,
            keep_alive: 0,
            properties: PropertyBuffer::new(),
            will: None,
        }
    }

    /// Goes on with the session that there is, whatever becomes of it afterwards.
    pub(crate) fn without_clean_start(mut self) -> Login<'a> {
        self.clean_start = false;
        self
    }

    /// Goes on with the session that there is, and leaves it behind for an hour.
    pub(crate) fn keeping_session(self) -> Login<'a> {
        self.without_clean_start().with(Property::SessionExpiryInterval(3600))
    }

    /// In seconds.
    pub(crate) fn keep_alive(mut self, keep_alive: u16) -> Login<'a> {
        self.keep_alive = keep_alive;
        self
    }

    pub(crate) fn with(mut self, property: Property<'_>) -> Login<'a> {
        if self.version.has_properties() {
            assert!(self.properties.push(property));
        }
        self
    }

    pub(crate) fn will(mut self, will: LastWill<'a>) -> Login<'a> {
        self.will = Some(will);
        self
    }

    /// The bytes of the CONNECT.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut connect = Connect::new(self.version, self.client_id);
        connect.clean_start = self.clean_start;
        connect.keep_alive = self.keep_alive;
        connect.properties = self.properties.as_properties();
        connect.will = self.will.as_ref().map(|will| Will {
            qos: will.qos,
            retain: will.retain,
            topic: will.topic,
            payload: will.payload.as_bytes(),
            delay: 0,
            properties: will.properties.as_properties(),
        });
        let mut bytes = Vec::new();
        Packet::Connect(connect).encode(self.version, &mut bytes);
        bytes
    }

    /// Sends the CONNECT and waits for CONNACK, whatever it says.
    pub(crate) fn ask(&self, address: SocketAddr) -> (Client, Answer) {
        let mut client = Client::open(address, self.version);
        client.send_bytes(&self.bytes());
        let answer = client.answer();
        (client, answer)
    }

    /// Connects; returns Session Present too.
    pub(crate) fn resume(&self, address: SocketAddr) -> (Client, bool) {
        let (client, answer) = self.ask(address);
        assert_eq!(answer.reason, ReasonCode::Success);
        (client, answer.session_present)
    }

    pub(crate) fn connect(&self, address: SocketAddr) -> Client {
        self.resume(address).0
    }
}

impl<'a> LastWill<'a> {
    /// At QoS 0, not retained, without properties.
    pub(crate) fn new(topic: &'a str, payload: &'a str) -> LastWill<'a> {
        let properties = PropertyBuffer::new();
        LastWill { topic, payload, qos: QoS::AtMostOnce, retain: false, properties }
    }

    /// For MQTT 5 alone.
    pub(crate) fn with(mut self, property: Property<'_>) -> LastWill<'a> {
        assert!(self.properties.push(property));
        self
    }
}

impl Answer {
    pub(crate) fn properties(&self) -> Properties<'_> {
        Properties::from_validated(&self.properties)
    }
}

impl Client {
    /// CONNACK, with its properties.
    pub(crate) fn answer(&mut self) -> Answer {
        self.receive(|packet| match packet {
            Packet::ConnAck(connack) => Answer {
                reason: connack.reason,
                session_present: connack.session_present,
                properties: connack.properties.as_bytes().into(),
            },
            other => panic!("CONNACK expected: {other:?}"),
        })
    }
}
