//! One connection: its socket, what is still to be written, and what it is for.

use std::io::{self, ErrorKind, Write};

use mqtt::{Connect, Packet, Property, PropertyBuffer, QoS};

use crate::part::Part;
use crate::publisher::Publisher;
use crate::settings::Settings;
use crate::stream::Stream;
use crate::tracker::Tracker;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No CONNACK yet.
    Opening,
    /// No SUBACK yet.
    Subscribing,
    Ready,
    Closed,
}

pub(crate) struct Client {
    /// `None`: closed.
    pub(crate) stream: Option<Stream>,
    pub(crate) state: State,
    pub(crate) out: Vec<u8>,
    /// How much of `out` is written.
    written: usize,
    /// The beginning of a packet whose rest has not come.
    pub(crate) rest: Vec<u8>,
    pub(crate) subscription: Option<(String, QoS)>,
    pub(crate) session_present: bool,
    pub(crate) opened_at: u64,
    /// When the PINGREQ was sent that is not answered yet.
    pub(crate) pinged_at: Option<u64>,
    pub(crate) tracker: Tracker,
    pub(crate) publisher: Option<Publisher>,
    pub(crate) only_visits: bool,
    /// In one of the worker's queues.
    pub(crate) is_queued: bool,
}

/// How long a session is kept that is to be found again, in seconds.
const SESSION_EXPIRY: u32 = 3600;

impl Client {
    /// Begins to connect; `number` chooses the address to do it from.
    pub(crate) fn open(
        settings: &Settings,
        part: Part,
        number: usize,
        now: u64,
    ) -> io::Result<Client> {
        let stream = Stream::connect(settings.address, settings.source(number))?;
        Ok(Client {
            stream: Some(stream),
            state: State::Opening,
            out: hello(settings, &part),
            written: 0,
            rest: Vec::new(),
            subscription: part.subscription,
            session_present: false,
            opened_at: now,
            pinged_at: None,
            tracker: part.tracker,
            publisher: part.publisher,
            only_visits: part.only_visits,
            is_queued: false,
        })
    }

    /// Writes what the socket takes. True: nothing is left.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        while let Some(left) = self.out.get(self.written..).filter(|left| !left.is_empty()) {
            match stream.write(left) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(true)
    }

    /// Whether it has messages to send and may send them as far as the socket goes.
    pub(crate) fn wants_turn(&self) -> bool {
        !self.is_queued
            && self.out.is_empty()
            && self.publisher.as_ref().is_some_and(Publisher::is_sending)
    }

    /// Closes the socket and forgets what it was for, but not what was seen.
    pub(crate) fn close(&mut self) {
        self.state = State::Closed;
        self.stream = None;
        self.out = Vec::new();
        self.rest = Vec::new();
    }
}

fn hello(settings: &Settings, part: &Part) -> Vec<u8> {
    let mut properties = PropertyBuffer::new();
    if part.keeps_session {
        properties.push(Property::SessionExpiryInterval(SESSION_EXPIRY));
    }
    let mut out = Vec::new();
    let connect = Connect {
        clean_start: !part.keeps_session,
        keep_alive: settings.keep_alive,
        username: settings.username.as_deref(),
        password: settings.password.as_deref().map(str::as_bytes),
        properties: properties.as_properties(),
        ..Connect::new(settings.version, &part.client_id)
    };
    Packet::Connect(connect).encode(settings.version, &mut out);
    out
}
