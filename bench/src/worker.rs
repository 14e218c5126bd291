//! An event loop with clients of its own; a thread has one.
//!
//! It asks epoll itself, so that it decides when to look at the sockets ([`Nap`]) and sends at a rate with
//! a timer finer than a millisecond.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use mqtt::{Packet, QoS};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::client::{Client, State};
use crate::clock::{self, MILLISECOND};
use crate::context::{Context, Turn};
use crate::course::Course;
use crate::events::READ;
use crate::figures::Figures;
use crate::nap::Nap;
use crate::part::Part;
use crate::settings::Settings;
use crate::trouble::{BenchError, Trouble};

pub(crate) struct Worker<'a> {
    poll: Poll,
    events: Events,
    /// Finer than the milliseconds of epoll.
    timer: TimerFd,
    timer_at: u64,
    buffer: Vec<u8>,
    pub(crate) clients: Vec<Client>,
    /// Publishers that may send, that wait for deliveries, and that wait for their time.
    ready: VecDeque<usize>,
    held: Vec<usize>,
    timed: BinaryHeap<Reverse<(u64, usize)>>,
    pub(crate) context: Context<'a>,
}

/// How late a message may be that is sent at a rate, in nanoseconds: those due meanwhile go together.
const LATE: u64 = MILLISECOND / 10;
const TIMER: Token = Token(usize::MAX);
/// So many times `--stall` the broker may take for what it does not do message by message: to let clients in,
/// and to answer PINGREQ behind all that was sent.
const SILENCES: u64 = 10;
/// How long to wait for events at most, so that the end of a run is seen.
const PATIENCE: Duration = Duration::from_millis(20);

impl<'a> Worker<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        course: &'a Course,
    ) -> Result<Worker<'a>, BenchError> {
        let poll = Poll::new()?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        let descriptor = timer.as_fd().as_raw_fd();
        poll.registry().register(&mut SourceFd(&descriptor), TIMER, Interest::READABLE)?;
        // Naps and timers are shorter than the slack of an ordinary thread. Without it they last longer.
        let _ = nix::sys::prctl::set_timerslack(1000);
        Ok(Worker {
            poll,
            events: Events::with_capacity(1024),
            timer,
            timer_at: 0,
            buffer: vec![0; READ],
            clients: Vec::new(),
            ready: VecDeque::new(),
            held: Vec::new(),
            timed: BinaryHeap::new(),
            context: Context::new(settings, course),
        })
    }

    /// Connects and subscribes these clients, some at a time. True: all of them are ready. One that is not
    /// ends it, unless it `goes_on`.
    pub(crate) fn connect(&mut self, parts: impl IntoIterator<Item = Part>, goes_on: bool) -> bool {
        let mut parts = parts.into_iter().fuse();
        let failed = self.context.figures.not_connected;
        let mut has_more = true;
        let (mut seen, mut moved) = ((0, 0), clock::now());
        loop {
            while has_more && self.context.opening < self.context.settings.concurrency {
                let part = parts.next();
                has_more = part.is_some_and(|part| self.open(part) || goes_on);
            }
            let has_failed = self.context.figures.not_connected > failed;
            if !has_more && self.context.opening == 0 || has_failed && !goes_on {
                return !has_failed;
            }
            self.context.now = clock::now();
            let state = (self.clients.len(), self.context.opening);
            if state != seen {
                (seen, moved) = (state, self.context.now);
            }
            let is_stuck = self.context.now - moved > self.silence();
            if is_stuck || self.context.course.is_late(self.context.now) {
                let left = self.context.opening as u64;
                self.context.figures.not_connected += left;
                self.context.figures.trouble(Trouble::NotReady(left));
                return false;
            }
            self.wait(PATIENCE);
        }
    }

    /// In nanoseconds.
    fn silence(&self) -> u64 {
        self.context.settings.stall.saturating_mul(SILENCES)
    }

    fn open(&mut self, part: Part) -> bool {
        let (index, settings) = (self.clients.len(), self.context.settings);
        let opened = Client::open(settings, part, index, clock::now()).and_then(|mut client| {
            if let Some(stream) = &mut client.stream {
                stream.watch(self.poll.registry(), Token(index))?;
            }
            Ok(client)
        });
        match opened {
            Ok(client) => {
                self.clients.push(client);
                self.context.opening += 1;
                true
            }
            Err(error) => {
                let trouble = self.connecting(index, &error);
                self.context.figures.not_connected += 1;
                self.context.figures.trouble(trouble);
                false
            }
        }
    }

    fn connecting(&self, index: usize, error: &io::Error) -> Trouble {
        let settings = self.context.settings;
        match (settings.source(index), error.kind()) {
            // Of the call that names the address, not of the one that needs a port.
            (Some(source), ErrorKind::AddrNotAvailable)
                if std::net::UdpSocket::bind((source, 0)).is_err() =>
            {
                Trouble::NotLocal(source)
            }
            _ => Trouble::of_connecting(settings.address, error),
        }
    }

    /// Publishes and receives until the run is over.
    pub(crate) fn run(&mut self) {
        let mut nap = self.begin();
        let mut alive = clock::now();
        loop {
            let now = clock::now();
            self.context.now = now;
            if self.context.course.is_over(now) {
                return;
            }
            self.release();
            for _ in 0..self.ready.len() {
                self.turn();
            }
            let keep_alive = self.context.keep_alive;
            if keep_alive > 0 && now - alive > keep_alive / 2 {
                alive = now;
                (0..self.clients.len()).for_each(|index| self.ping(index));
            }
            self.pause(&mut nap);
        }
    }

    /// All publishers begin now.
    fn begin(&mut self) -> Nap {
        let now = clock::now();
        let mut window = None;
        for (index, client) in self.clients.iter_mut().enumerate() {
            if let Some(publisher) = &mut client.publisher {
                publisher.begin(now, self.context.course.publishers);
                if publisher.messages.qos != QoS::AtMostOnce {
                    window = Some(self.context.settings.window);
                }
                client.is_queued = true;
                self.ready.push_back(index);
            }
        }
        Nap::new(self.context.settings.gather, window)
    }

    /// Publishers whose time has come, and those that had to wait for deliveries.
    fn release(&mut self) {
        let now = self.context.now;
        while let Some(&Reverse((due, index))) = self.timed.peek()
            && due <= now
        {
            self.timed.pop();
            self.ready.push_back(index);
        }
        if !self.held.is_empty() {
            let course = self.context.course;
            course.forgive(now);
            if course.backlog() < self.context.settings.backlog {
                self.ready.extend(self.held.drain(..));
            }
        }
    }

    fn turn(&mut self) {
        let Some(index) = self.ready.pop_front() else { return };
        let Some(client) = self.clients.get_mut(index) else { return };
        client.is_queued = true;
        match self.context.turn(client) {
            Turn::More => self.ready.push_back(index),
            Turn::Held => self.held.push(index),
            Turn::At(due) => self.timed.push(Reverse((due, index))),
            Turn::Wait => client.is_queued = false,
        }
    }

    /// Waits for events, unless there is more to send at once.
    fn pause(&mut self, nap: &mut Nap) {
        if !self.ready.is_empty() {
            return self.wait(Duration::ZERO);
        }
        self.arm_timer();
        let (reads, packets) =
            (mem::take(&mut self.context.reads), mem::take(&mut self.context.packets));
        let nap = nap.next(reads, packets);
        if !nap.is_zero() {
            // It may end early, which does no harm.
            thread::park_timeout(nap);
        }
        // What is on its way may come to another thread, of which this one hears nothing.
        let is_held = !self.held.is_empty() && self.context.settings.threads > 1;
        self.wait(if is_held { Duration::from_millis(1) } else { PATIENCE });
    }

    fn arm_timer(&mut self) {
        let Some(&Reverse((due, _))) = self.timed.peek() else { return };
        let at = due.max(self.context.now + LATE);
        if at != self.timer_at {
            self.timer_at = at;
            let wait = Expiration::OneShot(Duration::from_nanos(at - self.context.now).into());
            // Without it the wait is longer, and the summary shows it.
            let _ = self.timer.set(wait, TimerSetTimeFlags::empty());
        }
    }

    /// Handles what the sockets bring.
    pub(crate) fn wait(&mut self, timeout: Duration) {
        if let Err(error) = self.poll.poll(&mut self.events, Some(timeout)) {
            if error.kind() != ErrorKind::Interrupted {
                self.context.figures.trouble(Trouble::Broken(error.to_string()));
            }
            return;
        }
        let events = mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            if event.token() == TIMER {
                self.timer_at = 0;
                continue;
            }
            let index = event.token().0;
            let Some(client) = self.clients.get_mut(index) else { continue };
            if event.is_writable() {
                self.context.writable(client);
            }
            let is_last = event.is_read_closed() || event.is_error();
            if event.is_readable() || is_last {
                self.context.readable(client, &mut self.buffer, is_last);
            }
            if client.wants_turn() {
                client.is_queued = true;
                self.ready.push_back(index);
            }
        }
        self.events = events;
        self.context.settle();
    }

    /// Handles what comes for a while.
    pub(crate) fn linger(&mut self, time: Duration) {
        let until = clock::now() + time.as_nanos() as u64;
        while clock::now() < until {
            self.wait(Duration::from_millis(10));
        }
    }

    /// Waits until the broker has read what was sent at QoS 0 to nobody: nothing else tells.
    pub(crate) fn sync(&mut self) {
        let is_silent = |client: &Client| {
            client.publisher.as_ref().is_some_and(|publisher| {
                let messages = &publisher.messages;
                messages.qos == QoS::AtMostOnce && messages.deliveries == 0
            })
        };
        let silent: Vec<usize> = (0..self.clients.len())
            .filter(|&index| self.clients.get(index).is_some_and(is_silent))
            .collect();
        silent.iter().for_each(|&index| self.ping(index));
        if !silent.is_empty() {
            self.await_pings();
            self.context.figures.last = clock::now();
        }
    }

    /// Waits until each PINGREQ is answered, unless that takes too long.
    pub(crate) fn await_pings(&mut self) {
        let is_pinged =
            |client: &&Client| client.pinged_at.is_some() && client.state == State::Ready;
        let begun = clock::now();
        loop {
            let unanswered = self.clients.iter().filter(is_pinged).count();
            let now = clock::now();
            if unanswered == 0 {
                return;
            }
            if now - begun > self.silence() || self.context.course.is_late(now) {
                self.context.figures.unanswered += unanswered as u64;
                (0..unanswered).for_each(|_| self.context.figures.trouble(Trouble::Unanswered));
                return;
            }
            self.wait(Duration::from_millis(10));
        }
    }

    /// Sends a PINGREQ, unless one is unanswered.
    pub(crate) fn ping(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index) else { return };
        if client.state == State::Ready && client.pinged_at.is_none() {
            client.pinged_at = Some(clock::now());
            Packet::PingReq.encode(self.context.settings.version, &mut client.out);
            self.context.flush(client);
        }
    }

    /// Disconnects all clients and returns what was counted.
    pub(crate) fn finish(mut self) -> Figures {
        for client in &mut self.clients {
            if client.state == State::Ready {
                self.context.course.ready.fetch_sub(1, Relaxed);
            }
            self.context.leave(client);
        }
        self.context.figures
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use clap::Parser;
    use mqtt::{ConnAck, Packet, Properties, ReasonCode, Version};

    use super::Worker;
    use crate::course::Course;
    use crate::options::{MessageOptions, RunOptions};
    use crate::part::Part;
    use crate::publisher::Publisher;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        messages: MessageOptions,
        #[command(flatten)]
        run: RunOptions,
    }

    /// Lets one client in and waits until it is gone.
    fn welcome(listener: &TcpListener, version: Version) {
        let (mut socket, _) = listener.accept().unwrap();
        assert!(socket.read(&mut [0; 100]).unwrap() > 0);
        let (session_present, reason) = (false, ReasonCode::Success);
        let connack = ConnAck { session_present, reason, properties: Properties::EMPTY };
        let mut out = Vec::new();
        Packet::ConnAck(connack).encode(version, &mut out);
        socket.write_all(&out).unwrap();
        while socket.read(&mut [0; 100]).unwrap() > 0 {}
    }

    #[test]
    fn a_publisher_takes_one_turn_at_a_time() {
        for protocol in ["3.1.1", "5"] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port().to_string();
            let line = Arguments::parse_from(["bench", "--port", &port, "--protocol", protocol]);
            let mut settings = line.run.settings().unwrap();
            let messages = line.messages.take_up(&mut settings, Some(10)).unwrap();
            let version = settings.version;
            let broker = thread::spawn(move || welcome(&listener, version));
            let course = Course::new(&settings, 1, 0);
            let mut worker = Worker::new(&settings, &course).unwrap();
            let part = Part::publisher(&settings.prefix, Publisher::new(0, messages));
            assert!(worker.connect([part], false));
            worker.begin();
            assert_eq!(worker.ready, [0], "{protocol}");
            worker.finish();
            broker.join().unwrap();
        }
    }
}
