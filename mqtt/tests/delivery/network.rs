//! Two endpoints and the connection between them.

use std::collections::VecDeque;

use mqtt::{QoS, Version, decode, split_frame};

use crate::endpoint::Endpoint;
use crate::watch::Watch;

#[derive(Clone, Copy)]
pub(crate) enum Side {
    Left = 0,
    Right = 1,
}

impl Side {
    const BOTH: [Side; 2] = [Side::Left, Side::Right];

    fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

/// Everything in pairs: left, right.
pub(crate) struct Network {
    connected: bool,
    endpoints: [Endpoint; 2],
    watches: [Watch; 2],
    /// The frames that are on their way to each side.
    towards: [VecDeque<Vec<u8>>; 2],
}

impl Network {
    /// A first connection.
    pub(crate) fn new(version: Version, left: u16, right: u16) -> Network {
        let mut network = Network {
            connected: false,
            endpoints: [Endpoint::new(version, left), Endpoint::new(version, right)],
            watches: Default::default(),
            towards: Default::default(),
        };
        network.connect(left, right);
        network
    }

    /// `side` sends a message; while there is no connection it waits.
    pub(crate) fn send(&mut self, side: Side, qos: QoS) {
        let frame = self.endpoints[side as usize].send(qos, self.connected);
        self.write(side, frame.into_iter().collect());
    }

    /// At most `count` frames arrive at `side`.
    pub(crate) fn deliver(&mut self, side: Side, count: u32) {
        for _ in 0..count {
            let Some(frame) = self.towards[side as usize].pop_front() else { return };
            let version = self.endpoints[side as usize].version;
            let packet = decode(split_frame(&frame, u32::MAX).unwrap().unwrap(), version);
            self.watches[side as usize].hears(&packet.unwrap());
            let answers = self.endpoints[side as usize].receive(&frame);
            self.write(side, answers);
        }
    }

    /// The connection breaks: a few frames still arrive on each side, the others are lost, and so
    /// is every answer.
    pub(crate) fn disconnect(&mut self, left: u32, right: u32) {
        self.connected = false;
        self.deliver(Side::Left, left);
        self.deliver(Side::Right, right);
        self.towards = Default::default();
    }

    /// A connection with these windows, in place of one that is still there.
    pub(crate) fn connect(&mut self, left: u16, right: u16) {
        self.disconnect(0, 0);
        self.connected = true;
        for (side, window) in Side::BOTH.into_iter().zip([left, right]) {
            self.watches[side as usize].connects(window);
            let frames = self.endpoints[side as usize].resume(window);
            self.write(side, frames);
        }
    }

    /// Everything arrives, answers and what they make room for too.
    pub(crate) fn deliver_all(&mut self) {
        while self.towards.iter().any(|frames| !frames.is_empty()) {
            self.deliver(Side::Left, u32::MAX);
            self.deliver(Side::Right, u32::MAX);
        }
    }

    /// Every message has arrived as its QoS promises, in the order it was sent.
    pub(crate) fn check_complete(&self) {
        for side in Side::BOTH {
            let sender = &self.endpoints[side as usize];
            let receiver = &self.endpoints[side.other() as usize];
            assert!(sender.is_idle());
            for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let of_qos = |messages: &[(QoS, u32)]| -> Vec<u32> {
                    messages.iter().filter(|sent| sent.0 == qos).map(|sent| sent.1).collect()
                };
                let mut sent = of_qos(&sender.sent);
                let mut accepted = of_qos(&receiver.accepted);
                if qos == QoS::AtLeastOnce {
                    accepted = first_arrivals(&accepted);
                } else {
                    sent.retain(|message| !receiver.refused.contains(message));
                }
                assert_eq!(accepted, sent, "{qos:?}");
            }
        }
    }

    fn write(&mut self, from: Side, frames: Vec<Vec<u8>>) {
        let version = self.endpoints[from as usize].version;
        for frame in frames {
            let packet = decode(split_frame(&frame, u32::MAX).unwrap().unwrap(), version);
            self.watches[from as usize].sends(&packet.unwrap());
            // What is written to a broken connection counts as sent and never arrives.
            if self.connected {
                self.towards[from.other() as usize].push_back(frame);
            }
        }
    }
}

/// A message may arrive again, but not before one that was sent earlier has arrived.
fn first_arrivals(messages: &[u32]) -> Vec<u32> {
    let mut seen = std::collections::BTreeSet::new();
    messages.iter().copied().filter(|message| seen.insert(*message)).collect()
}
