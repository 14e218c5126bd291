//! What clients cause again and again: counted by its kind, and told to the log in at most one line a
//! kind and minute. So nobody fills the log by what they send. Each single event is logged where it
//! happens, at level debug.
//!
//! The first of a kind is told at once; then a minute passes before the next line, which says how
//! many there were. Text that a client has chosen comes escaped into the examples (`{:?}`).

use std::collections::HashMap;
use std::mem::Discriminant;

use log::Level;
use mqtt::{ReasonCode, Violation};
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::session::DropCause;

/// Milliseconds between two lines of a kind.
const INTERVAL: u64 = 60_000;

/// There are not many, whatever clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The listener had an error.
    CannotAccept,
    /// `max_connection_rate` is reached.
    ConnectionRate,
    /// `max_connections` is reached.
    TooManyConnections,
    /// `max_connections_per_address` is reached.
    TooManyFromAddress,
    /// `max_handshakes` is reached, and the oldest gave way.
    GaveWay,
    /// No CONNECT came.
    ConnectTimeout,
    Refused(ReasonCode),
    /// `max_takeovers` is reached.
    TakeoverRefused,
    TakenOver,
    /// A connection ended because its client broke a rule.
    Violation(Discriminant<Violation>),
    UserProperties,
    TooManyFilters,
    KeepAliveTimeout,
    SendTimeout,
    /// A connected client could not authenticate again.
    Unauthenticated,
    /// `refused_publish` is `close`, and the client cannot be told otherwise.
    PublishRefused,
    /// A message was not retained.
    RetainedFull,
    /// Messages did not get to a client.
    Dropped(DropCause),
}

pub(crate) struct Tally {
    clock: Clock,
    counts: Mutex<HashMap<Kind, Count>>,
}

/// Of one kind, since its last line.
struct Count {
    events: u64,
    /// The first of them.
    example: String,
    /// When to tell the next line, in milliseconds.
    due: u64,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally { clock: Clock::start(), counts: Mutex::default() }
    }

    /// Counts an event. `example` says whom it happened to, and is seldom called.
    pub(crate) fn count(&self, kind: Kind, example: impl FnOnce() -> String) {
        self.add(kind, 1, example);
    }

    /// Counts several events. Any thread; never blocks for long.
    pub(crate) fn add(&self, kind: Kind, events: u64, example: impl FnOnce() -> String) {
        if let Some(line) = self.line(kind, events, example, self.clock.milliseconds()) {
            log::log!(kind.level(), "{line}");
        }
    }

    /// Tells what has been counted for a minute.
    pub(crate) fn report(&self) {
        self.tell(self.clock.milliseconds());
    }

    /// Tells all that has been counted: the broker stops.
    pub(crate) fn report_all(&self) {
        self.tell(u64::MAX);
    }

    fn tell(&self, now: u64) {
        for (kind, line) in self.due_lines(now) {
            log::log!(kind.level(), "{line}");
        }
    }

    /// Counts; returns a line if it is the kind's first for a while.
    fn line(
        &self,
        kind: Kind,
        events: u64,
        example: impl FnOnce() -> String,
        now: u64,
    ) -> Option<String> {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&kind) {
            if count.events == 0 {
                count.example = example();
            }
            count.events += events;
            return None;
        }
        let due = now + INTERVAL;
        counts.insert(kind, Count { events: 0, example: String::new(), due });
        Some(written(kind, events, "", &example()))
    }

    fn due_lines(&self, now: u64) -> Vec<(Kind, String)> {
        let mut lines = Vec::new();
        self.counts.lock().retain(|kind, count| {
            if now < count.due {
                return true;
            }
            if count.events == 0 {
                return false;
            }
            lines.push((*kind, written(*kind, count.events, " more", &count.example)));
            *count = Count { events: 0, example: String::new(), due: now.saturating_add(INTERVAL) };
            true
        });
        lines
    }
}

fn written(kind: Kind, events: u64, more: &str, example: &str) -> String {
    match events {
        1 if more.is_empty() => format!("{kind}: {example}"),
        _ => format!("{kind}: {events}{more}, such as {example}"),
    }
}

impl Kind {
    /// Something is lost, or a limit is reached: `warn`.
    fn level(self) -> Level {
        match self {
            Kind::ConnectTimeout
            | Kind::Refused(_)
            | Kind::TakenOver
            | Kind::Violation(_)
            | Kind::KeepAliveTimeout
            | Kind::Unauthenticated
            | Kind::PublishRefused => Level::Info,
            _ => Level::Warn,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::CannotAccept => "cannot accept a connection; trying again",
            Kind::ConnectionRate => {
                "connections accepted more slowly, for there were limits.max_connection_rate"
            }
            Kind::TooManyConnections => {
                "connection closed at once, for there are limits.max_connections"
            }
            Kind::TooManyFromAddress => {
                "connection closed at once, for its address has limits.max_connections_per_address"
            }
            Kind::GaveWay => {
                "connection closed before its CONNECT, for there were limits.max_handshakes newer ones"
            }
            Kind::ConnectTimeout => "no CONNECT within limits.connect_timeout",
            Kind::Refused(reason) => return write!(f, "CONNECT refused, {reason}"),
            Kind::TakeoverRefused => {
                "session not taken over, for it was more often than limits.max_takeovers"
            }
            Kind::TakenOver => "session taken over by another connection",
            Kind::Violation(_) => "connection closed for what came from it",
            Kind::UserProperties => {
                "connection closed for more user properties than limits.max_user_properties or \
                 limits.max_user_property_bytes"
            }
            Kind::TooManyFilters => {
                "connection closed for an UNSUBSCRIBE with more than \
                 limits.max_filters_per_subscribe"
            }
            Kind::KeepAliveTimeout => "connection closed for its silence",
            Kind::SendTimeout => {
                "connection closed, for its client took nothing for limits.send_timeout"
            }
            Kind::Unauthenticated => "connection closed, for its client could not authenticate again",
            Kind::PublishRefused => "connection closed for a PUBLISH that was refused",
            Kind::RetainedFull => {
                "message not retained, for limits.max_retained_messages or \
                 limits.max_retained_bytes is reached"
            }
            Kind::Dropped(cause) => return write!(f, "message dropped, {cause}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEN_OVER: &str = "session taken over by another connection";

    fn count(tally: &Tally, kind: Kind, example: &str, now: u64) -> Option<String> {
        tally.line(kind, 1, || example.to_owned(), now)
    }

    #[test]
    fn a_kind_has_one_line_a_minute() {
        let tally = Tally::new();
        let first = count(&tally, Kind::TakenOver, "a", 0);
        assert_eq!(first, Some(format!("{TAKEN_OVER}: a")));
        for number in 0..1000 {
            assert_eq!(count(&tally, Kind::TakenOver, &format!("b{number}"), number), None);
        }
        assert_eq!(tally.due_lines(INTERVAL - 1), []);
        let line = format!("{TAKEN_OVER}: 1000 more, such as b0");
        assert_eq!(tally.due_lines(INTERVAL), [(Kind::TakenOver, line)]);
        assert_eq!(count(&tally, Kind::TakenOver, "c", INTERVAL + 1), None);
        assert_eq!(tally.due_lines(2 * INTERVAL).len(), 1);
    }

    #[test]
    fn after_a_quiet_minute_the_next_is_told_at_once() {
        let tally = Tally::new();
        assert!(count(&tally, Kind::TakenOver, "a", 0).is_some());
        assert_eq!(tally.due_lines(INTERVAL), []);
        assert!(tally.counts.lock().is_empty());
        assert!(count(&tally, Kind::TakenOver, "b", INTERVAL).is_some());
    }

    #[test]
    fn kinds_do_not_hide_each_other() {
        let tally = Tally::new();
        let violations = [Violation::QoSThree(mqtt::Place::Will), Violation::SecondConnect];
        for violation in &violations {
            let kind = Kind::Violation(std::mem::discriminant(violation));
            assert!(count(&tally, kind, "a", 0).is_some());
        }
        // The same rule, broken in another packet.
        let elsewhere = Violation::QoSThree(mqtt::Place::Packet(mqtt::PacketType::Publish));
        let kind = Kind::Violation(std::mem::discriminant(&elsewhere));
        assert_eq!(count(&tally, kind, "a", 0), None);
        let full = Kind::Dropped(DropCause::QueueFull);
        let line = tally.line(full, 7, || "\"a\"".to_owned(), 0);
        assert_eq!(
            line.as_deref(),
            Some("message dropped, the client's queue is full: 7, such as \"a\"")
        );
    }
}
