//! What is to happen to absent sessions at a later time: their end, and their delayed wills.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// An event whose time has come. It applies only if the client has not been back since
/// `departure`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    SessionExpiry { client_id: Arc<str>, departure: u32 },
    Will { client_id: Arc<str>, departure: u32 },
}

#[derive(Default)]
pub(crate) struct Schedule {
    events: Mutex<BTreeMap<DueKey, Due>>,
}

/// The second of an event, and a number that keeps events of one second apart.
pub(crate) type DueKey = (u32, u64);

impl Schedule {
    /// Adds an event that comes `delay` seconds after `now`, in milliseconds of the broker's clock,
    /// or up to one second later, but not before.
    pub(crate) fn add_after(&self, now: u64, delay: u32, due: Due) -> DueKey {
        let second = u32::try_from(now.div_ceil(1000)).unwrap_or(u32::MAX);
        self.add(second.saturating_add(delay), due)
    }

    /// Takes events out that are not to come any more.
    pub(crate) fn remove(&self, keys: &[DueKey]) {
        let mut events = self.events.lock();
        for key in keys {
            events.remove(key);
        }
    }

    fn add(&self, second: u32, due: Due) -> DueKey {
        let mut events = self.events.lock();
        let last = events.range((second, 0)..=(second, u64::MAX)).next_back();
        let number = last.map_or(0, |((_, number), _)| number + 1);
        events.insert((second, number), due);
        (second, number)
    }

    /// Takes out all events up to and including second `now`.
    pub(crate) fn take_due(&self, now: u32) -> Vec<Due> {
        let mut events = self.events.lock();
        if events.first_key_value().is_none_or(|((second, _), _)| *second > now) {
            return Vec::new();
        }
        let later = events.split_off(&(now, u64::MAX));
        std::mem::replace(&mut *events, later).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry(client_id: &str) -> Due {
        Due::SessionExpiry { client_id: client_id.into(), departure: 1 }
    }

    #[test]
    fn events_come_in_order_and_once() {
        let schedule = Schedule::default();
        schedule.add(7, expiry("late"));
        schedule.add(5, expiry("first"));
        schedule.add(5, expiry("second"));
        assert_eq!(schedule.take_due(4), []);
        assert_eq!(schedule.take_due(6), [expiry("first"), expiry("second")]);
        assert_eq!(schedule.take_due(7), [expiry("late")]);
        assert_eq!(schedule.take_due(u32::MAX), []);
    }

    #[test]
    fn an_event_never_comes_before_its_delay_has_passed() {
        let schedule = Schedule::default();
        schedule.add_after(1999, 1, expiry("a"));
        schedule.add_after(2000, 1, expiry("b"));
        schedule.add_after(2001, 1, expiry("c"));
        schedule.add_after(2001, u32::MAX - 1, expiry("never"));
        assert_eq!(schedule.take_due(2), []);
        assert_eq!(schedule.take_due(3), [expiry("a"), expiry("b")]);
        assert_eq!(schedule.take_due(4), [expiry("c")]);
    }
}
