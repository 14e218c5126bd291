//! A client that takes what comes, in whatever order the acknowledgements of several messages mix.

use mqtt::{Ack, Packet, Publish, QoS, ReasonCode};

use super::{Client, Received};

impl Client {
    /// Takes the next packet, which belongs to a delivery, and answers it as a client should.
    /// Messages are added to `received`.
    pub(crate) fn receive_and_answer(&mut self, received: &mut Vec<Received>) {
        let answer = self.receive(|packet| match packet {
            Packet::Publish(publish) => {
                let ack = Ack::new(publish.packet_id, ReasonCode::Success);
                received.push(Received::from(publish));
                match publish.qos {
                    QoS::AtMostOnce => None,
                    QoS::AtLeastOnce => Some(Packet::PubAck(ack)),
                    QoS::ExactlyOnce => Some(Packet::PubRec(ack)),
                }
            }
            Packet::PubRel(ack) => {
                Some(Packet::PubComp(Ack::new(ack.packet_id, ReasonCode::Success)))
            }
            other => panic!("PUBLISH or PUBREL expected: {other:?}"),
        });
        if let Some(answer) = answer {
            self.send(&answer);
        }
    }
}

impl From<Publish<'_>> for Received {
    fn from(publish: Publish<'_>) -> Received {
        Received {
            topic: publish.topic.into(),
            payload: publish.payload.into(),
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            packet_id: publish.packet_id,
            properties: publish.properties.as_bytes().into(),
        }
    }
}
