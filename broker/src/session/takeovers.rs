//! Counts how often a client id is taken over, and bans who does it too often: two clients that fight
//! for one id would otherwise keep the broker busy with their coming and going.
//!
//! The ban is for a client id at an address: others with that id, and other ids there, go on.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

/// Takeovers are counted over so many milliseconds.
const WINDOW: u64 = 60_000;
/// Above so many entries those that no longer count are looked for.
const SWEEP_ABOVE: usize = 1024;

#[derive(Default)]
pub(crate) struct Takeovers {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    entries: HashMap<(IpAddr, Box<str>), Count>,
    sweep_above: usize,
}

struct Count {
    takeovers: u32,
    /// Until then takeovers are added up or, above the limit, all of them are refused. Milliseconds.
    ends: u64,
}

/// When somebody is banned, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct TakeoverLimit {
    /// Takeovers within a minute.
    pub(crate) takeovers: u32,
    /// In milliseconds.
    pub(crate) ban: u64,
}

impl Takeovers {
    /// Counts a takeover at millisecond `now`; returns whether it may be.
    pub(crate) fn count(
        &self,
        address: IpAddr,
        client_id: &str,
        limit: TakeoverLimit,
        now: u64,
    ) -> bool {
        let mut counts = self.counts.lock();
        counts.sweep(now);
        let count = counts
            .entries
            .entry((address, client_id.into()))
            .or_insert(Count { takeovers: 0, ends: now + WINDOW });
        if now >= count.ends {
            *count = Count { takeovers: 0, ends: now + WINDOW };
        }
        if count.takeovers > limit.takeovers {
            return false;
        }
        count.takeovers += 1;
        if count.takeovers <= limit.takeovers {
            return true;
        }
        count.ends = now + limit.ban;
        false
    }
}

impl Counts {
    /// Forgets what no longer counts, seldom enough that each takeover pays little for it.
    fn sweep(&mut self, now: u64) {
        if self.entries.len() < self.sweep_above.max(SWEEP_ABOVE) {
            return;
        }
        self.entries.retain(|_, count| now < count.ends);
        self.sweep_above = self.entries.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: TakeoverLimit = TakeoverLimit { takeovers: 2, ban: 300_000 };
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_ban_begins_above_the_limit_and_ends() {
        let takeovers = Takeovers::default();
        let count = |now| takeovers.count(HERE, "c", LIMIT, now);
        assert!(count(0) && count(1));
        assert!(!count(2) && !count(300_001));
        assert!(count(300_002) && count(300_003) && !count(300_004));
    }

    #[test]
    fn takeovers_of_another_minute_are_forgotten() {
        let takeovers = Takeovers::default();
        for minute in 0..10 {
            for second in 0..2 {
                assert!(takeovers.count(HERE, "c", LIMIT, minute * WINDOW + second));
            }
        }
    }

    #[test]
    fn a_ban_concerns_one_id_at_one_address() {
        let takeovers = Takeovers::default();
        while takeovers.count(HERE, "c", LIMIT, 0) {}
        assert!(takeovers.count(HERE, "d", LIMIT, 0));
        assert!(takeovers.count(IpAddr::from([192, 0, 2, 1]), "c", LIMIT, 0));
    }

    #[test]
    fn old_entries_go() {
        let takeovers = Takeovers::default();
        for number in 0..10_000_u64 {
            takeovers.count(HERE, &number.to_string(), LIMIT, number * WINDOW);
        }
        assert!(takeovers.counts.lock().entries.len() <= SWEEP_ABOVE);
    }
}
