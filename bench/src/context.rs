//! The part of a worker that is not its clients: what sending and receiving changes, and how a
//! publisher takes its turn.

use std::mem;
use std::sync::atomic::Ordering::Relaxed;

use crate::client::{Client, State};
use crate::clock;
use crate::course::Course;
use crate::figures::Figures;
use crate::publisher::Next;
use crate::settings::Settings;
use crate::trouble::Trouble;

pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) course: &'a Course,
    pub(crate) figures: Figures,
    /// Of the read or the turn that is under way.
    pub(crate) now: u64,
    /// What marks the messages of this run.
    pub(crate) run: u32,
    /// Latency counts from here, and not from when a message was sent.
    pub(crate) since: Option<u64>,
    /// The subscribers are members of one share: what has come to one is to come to no other.
    pub(crate) is_share: bool,
    /// How many clients are on their way to being ready.
    pub(crate) opening: usize,
    /// How often clients are to show that they are alive, in nanoseconds; 0: they need not.
    pub(crate) keep_alive: u64,
    /// Reads since the last nap, and packets in them.
    pub(crate) reads: usize,
    pub(crate) packets: usize,
    /// Deliveries and acknowledgements since the last [`Context::settle`].
    pub(crate) fresh: u64,
    pub(crate) has_progress: bool,
}

/// How a publisher's turn has ended.
pub(crate) enum Turn {
    /// It has had enough for now.
    More,
    /// Too many deliveries are on their way.
    Held,
    /// The next message is due then.
    At(u64),
    /// For an acknowledgement, or for the socket; or all is sent.
    Wait,
}

/// What a turn has at most.
const MESSAGES: u64 = 256;
const BYTES: usize = 64 * 1024;

impl<'a> Context<'a> {
    pub(crate) fn new(settings: &'a Settings, course: &'a Course) -> Context<'a> {
        Context {
            settings,
            course,
            figures: Figures::new(),
            now: clock::now(),
            run: settings.run,
            since: None,
            is_share: false,
            opening: 0,
            keep_alive: u64::from(settings.keep_alive) * clock::SECOND,
            reads: 0,
            packets: 0,
            fresh: 0,
            has_progress: false,
        }
    }

    /// Lets a publisher send what it may.
    pub(crate) fn turn(&mut self, client: &mut Client) -> Turn {
        if client.state != State::Ready || !client.out.is_empty() {
            return Turn::Wait;
        }
        let Some(publisher) = &mut client.publisher else { return Turn::Wait };
        let room = match publisher.is_paced() {
            true => u64::MAX,
            false => self.settings.backlog.saturating_sub(self.course.backlog()),
        };
        let (mut sent, mut deliveries) = (0, 0);
        let turn = loop {
            if sent == MESSAGES || client.out.len() >= BYTES {
                break Turn::More;
            }
            if deliveries >= room && publisher.has_more() {
                break Turn::Held;
            }
            let packet_id = match publisher.next(self.now) {
                Next::Send(packet_id) => packet_id,
                Next::At(then) => break Turn::At(then),
                Next::Nothing => break Turn::Wait,
            };
            let version = self.settings.version;
            publisher.write(version, self.run, packet_id, self.now, &mut client.out);
            sent += 1;
            deliveries += publisher.messages.deliveries;
        };
        self.note_sent(sent, deliveries);
        self.flush(client);
        turn
    }

    fn note_sent(&mut self, messages: u64, deliveries: u64) {
        if messages > 0 {
            self.figures.sent += messages;
            self.figures.last = self.figures.last.max(self.now);
            self.course.sent.fetch_add(messages, Relaxed);
            self.course.expected.fetch_add(deliveries, Relaxed);
            self.course.progress(self.now);
        }
    }

    pub(crate) fn flush(&mut self, client: &mut Client) {
        match client.flush() {
            Ok(_) => self.notice_end(client),
            Err(error) => self.close(client, Trouble::Broken(error.to_string())),
        }
    }

    /// Takes note if a publisher has sent all, and nothing of it is unwritten or unacknowledged.
    pub(crate) fn notice_end(&mut self, client: &mut Client) {
        let is_written = client.out.is_empty();
        let Some(publisher) = &mut client.publisher else { return };
        let is_done = is_written && !publisher.has_more() && publisher.is_acknowledged();
        if is_done && !mem::replace(&mut publisher.is_done, true) {
            self.course.publisher_is_done();
        }
    }

    /// Ends a connection that should have lasted.
    pub(crate) fn close(&mut self, client: &mut Client, trouble: Trouble) {
        match client.state {
            State::Closed => return,
            State::Ready => {
                self.figures.broken += 1;
                self.course.ready.fetch_sub(1, Relaxed);
            }
            State::Opening | State::Subscribing => {
                self.figures.not_connected += 1;
                self.opening -= 1;
            }
        }
        self.figures.trouble(trouble);
        client.close();
        if let Some(publisher) = &mut client.publisher
            && !mem::replace(&mut publisher.is_done, true)
        {
            self.course.publisher_is_done();
        }
    }

    /// Tells the others what a batch of events has brought.
    pub(crate) fn settle(&mut self) {
        let fresh = mem::take(&mut self.fresh);
        if fresh > 0 {
            self.figures.received += fresh;
            self.course.received.fetch_add(fresh, Relaxed);
            self.figures.first = self.figures.first.min(self.now);
            self.figures.last = self.figures.last.max(self.now);
        }
        if mem::take(&mut self.has_progress) {
            self.course.progress(self.now);
        }
    }
}
