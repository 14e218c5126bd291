//! The walk through the retained messages that match a filter, a piece at a time. Not a place for
//! what happens to them.
//!
//! It goes through the topics in their order. From one that does not match it seeks the next that
//! may, so that whole levels are passed over at once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Found, Held, Key, Retained};

/// Topics looked at before others have their turn.
const PER_STEP: usize = 256;

/// Where a walk stands.
pub(crate) struct Walk {
    filter: Key,
    /// A client id whose messages are left out. [MQTT-3.8.3-3]
    not_by: Option<Arc<str>>,
    /// The first topic that has not been looked at. `None`: all have been.
    from: Option<Vec<u8>>,
    /// Messages from this number on came after the walk began.
    end: u64,
}

/// How a topic fits a filter.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    Matches,
    /// The next topic may.
    Next,
    /// Nothing that begins with so many bytes of the topic does.
    PassOver(usize),
    /// Nothing before this one does.
    Seek(Vec<u8>),
    /// No later one does.
    End,
}

impl Walk {
    pub(super) fn new(filter: Key, not_by: Option<Arc<str>>, end: u64) -> Walk {
        let from = Some(literal(&filter).into());
        Walk { filter, not_by, from, end }
    }

    pub(crate) fn has_filter(&self, filter: &str) -> bool {
        *self.filter == *super::key(filter)
    }

    pub(crate) fn has_filter_of(&self, other: &Walk) -> bool {
        self.filter == other.filter
    }

    pub(crate) fn is_over(&self) -> bool {
        self.from.is_none()
    }

    /// Goes on with a message that it has found, as if it had not.
    pub(super) fn go_back_to(&mut self, found: &Found) {
        self.from = Some(super::key(found.message.publish(0, false).topic).into());
    }

    fn wants(&self, held: &Held<'_>) -> bool {
        held.number < self.end && self.not_by.as_ref().is_none_or(|client| held.publisher != client)
    }

    /// Looks at some more topics and appends what matches to `found`, but for what has expired at
    /// second `now`.
    pub(crate) fn step(&mut self, retained: &Retained, now: u32, found: &mut VecDeque<Found>) {
        let topics = retained.topics.read();
        let mut topic = Vec::new();
        let mut looks = 0;
        while let Some(from) = self.from.take() {
            for held in topics.since(&from) {
                looks += 1;
                match fit(&self.filter, held.key) {
                    Fit::Matches => {
                        if self.wants(&held) {
                            let of_topic = held.found(&mut topic);
                            if !of_topic.message.is_expired(now) {
                                found.push_back(of_topic);
                            }
                        }
                    }
                    Fit::Next => {}
                    Fit::PassOver(prefix) => {
                        // Its topics continue with nothing, or with 0.
                        self.from = held.key.get(..prefix).map(|prefix| [prefix, &[1]].concat());
                        break;
                    }
                    Fit::Seek(topic) => {
                        self.from = Some(topic);
                        break;
                    }
                    Fit::End => return,
                }
                if looks >= PER_STEP {
                    self.from = Some([held.key, &[0]].concat());
                    break;
                }
            }
            if looks >= PER_STEP {
                return;
            }
        }
    }
}

/// Both with 0 for `/`.
fn fit(filter: &[u8], topic: &[u8]) -> Fit {
    let mut levels = topic.split(|byte| *byte == 0);
    let mut start = 0;
    let mut end = 0;
    // Where the wanted level begins.
    let mut place = 0;
    // The end of the last level that another could stand for.
    let mut any = None;
    for (index, wanted) in filter.split(|byte| *byte == 0).enumerate() {
        let Some(level) = levels.next() else {
            return if wanted == b"#" { Fit::Matches } else { Fit::Next };
        };
        end = start + level.len();
        // [MQTT-4.7.2-1]
        let hidden = index == 0 && level.starts_with(b"$");
        match wanted {
            b"#" | b"+" if hidden => return Fit::PassOver(end),
            b"#" => return Fit::Matches,
            b"+" => any = Some(end),
            _ if level < wanted => {
                let before = topic.get(..start).unwrap_or_default();
                let wanted = filter.get(place..).unwrap_or_default();
                return Fit::Seek([before, literal(wanted)].concat());
            }
            _ if level > wanted => return any.map_or(Fit::End, Fit::PassOver),
            _ => {}
        }
        start = end + 1;
        place += wanted.len() + 1;
    }
    if levels.next().is_none() { Fit::Matches } else { Fit::PassOver(end) }
}

/// The levels before the first that is a wildcard: no topic that comes before them matches.
fn literal(filter: &[u8]) -> &[u8] {
    let levels = filter.split(|byte| *byte == 0);
    let levels = levels.take_while(|level| !matches!(*level, b"+" | b"#"));
    let len: usize = levels.map(|level| level.len() + 1).sum();
    filter.get(..len.saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_fit(filter: &str, topic: &str, expected: &Fit) {
        let [filter, topic] = [filter, topic].map(|text| text.replace('/', "\0"));
        assert_eq!(&fit(filter.as_bytes(), topic.as_bytes()), expected);
    }

    #[test]
    fn a_topic_that_does_not_match_says_where_to_go_on() {
        check_fit("a/#", "a", &Fit::Matches);
        check_fit("a/#", "a/b/c", &Fit::Matches);
        check_fit("+/b", "a", &Fit::Next);
        check_fit("+/b", "a/a/x", &Fit::Seek(b"a\0b".into()));
        check_fit("+/b/c/+", "a/a/x", &Fit::Seek(b"a\0b\0c".into()));
        check_fit("+/b", "a/c", &Fit::PassOver(1));
        check_fit("+/b", "a/b/c", &Fit::PassOver(3));
        check_fit("x/+/b", "x/aa/c", &Fit::PassOver(4));
        check_fit("a/b", "a/c", &Fit::End);
        check_fit("b", "a/c", &Fit::Seek(b"b".into()));
        check_fit("#", "$SYS/x", &Fit::PassOver(4));
        check_fit("+", "$SYS", &Fit::PassOver(4));
        check_fit("$SYS/+", "$SYS/x", &Fit::Matches);
    }
}
