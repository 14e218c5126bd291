//! A broker with a fault: it loses, repeats or exchanges messages, is silent, or closes connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use mqtt::{
    Ack, ConnAck, Connect, Packet, Properties, Publish, QoS, ReasonCode, SubAck, Version, decode,
};
use parking_lot::Mutex;

/// What happens to every fifth message, to each subscriber, or to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Loses,
    Repeats,
    /// The next one overtakes it.
    Exchanges,
    /// All come through, but no PUBLISH is acknowledged.
    IsSilent,
    /// The publisher's connection is closed at the fifth.
    Closes,
    /// The subscribers' connections are closed behind the fifth.
    Leaves,
    /// Nothing more is read from the publisher after the fifth.
    IsDeaf,
    /// No message at all: nobody is answered.
    IsMute,
    /// No message at all: nobody is let in.
    Refuses(ReasonCode),
}

/// Serves until the test ends; every subscriber gets every message, at its QoS or at 1.
pub(crate) fn start(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let subscribers = Arc::default();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = Connection {
                stream: stream.unwrap(),
                version: Version::INSIDE,
                fault,
                subscribers: Arc::clone(&subscribers),
                held: Vec::new(),
                count: 0,
            };
            thread::spawn(move || connection.serve());
        }
    });
    address
}

struct Connection {
    stream: TcpStream,
    version: Version,
    fault: Fault,
    subscribers: Arc<Mutex<Vec<TcpStream>>>,
    /// A message that the next one overtakes.
    held: Vec<u8>,
    count: u16,
}

impl Connection {
    fn serve(mut self) {
        let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = self.stream.read(&mut chunk) {
            buffer.extend_from_slice(&chunk[..read]);
            while let Some(frame) = self.version.split_frame(&buffer, u32::MAX).unwrap() {
                let len = frame.bytes().len();
                let packet = decode(frame, self.version).unwrap();
                self.answer(&packet);
                buffer.drain(..len);
                match self.fault {
                    Fault::Closes if self.count == 5 => return,
                    Fault::IsDeaf if self.count == 5 => loop {
                        thread::park();
                    },
                    _ => {}
                }
            }
        }
    }

    fn answer(&mut self, packet: &Packet<'_>) {
        match packet {
            _ if self.fault == Fault::IsMute => {}
            Packet::Connect(connect) => self.welcome(connect),
            Packet::Subscribe(subscribe) => {
                let reasons = [ReasonCode::GrantedQoS1];
                let (packet_id, properties) = (subscribe.packet_id, Properties::EMPTY);
                let reasons = reasons.as_slice().into();
                // First: whoever is subscribed may be published to at once.
                self.subscribers.lock().push(self.stream.try_clone().unwrap());
                self.send(&Packet::SubAck(SubAck { packet_id, properties, reasons }));
            }
            Packet::Publish(publish) => {
                self.forward(publish);
                if publish.qos == QoS::AtLeastOnce && self.fault != Fault::IsSilent {
                    self.send(&Packet::PubAck(Ack::new(publish.packet_id, ReasonCode::Success)));
                }
            }
            Packet::PingReq => self.send(&Packet::PingResp),
            _ => {}
        }
    }

    fn welcome(&mut self, connect: &Connect<'_>) {
        self.version = connect.version;
        let reason = match self.fault {
            Fault::Refuses(reason) => reason,
            _ => ReasonCode::Success,
        };
        self.send(&Packet::ConnAck(ConnAck::refused(reason)));
    }

    fn forward(&mut self, publish: &Publish<'_>) {
        self.count += 1;
        let packet_id = if publish.qos == QoS::AtMostOnce { 0 } else { self.count };
        let mut message = Vec::new();
        Publish { packet_id, ..*publish }.encode(self.version, &mut message);
        let held = std::mem::take(&mut self.held);
        let bytes = match (self.count % 5, self.fault) {
            (3, Fault::Loses) => held,
            (3, Fault::Repeats) => message.repeat(2),
            (3, Fault::Exchanges) => {
                self.held = message;
                held
            }
            _ => [message, held].concat(),
        };
        let mut subscribers = self.subscribers.lock();
        for subscriber in &mut *subscribers {
            subscriber.write_all(&bytes).unwrap();
        }
        if self.fault == Fault::Leaves && self.count == 5 {
            for subscriber in subscribers.drain(..) {
                subscriber.shutdown(Shutdown::Both).unwrap();
            }
        }
    }

    fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        // The client may be gone.
        let _ = self.stream.write_all(&bytes);
    }
}
