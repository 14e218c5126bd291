//! Who was refused by a plugin waits before the plugins are asked again: 1 s, 2 s, 4 s and so on, up to
//! a minute. So passwords are not tried at the speed of the network, and a client with a wrong one does
//! not keep the plugins busy.
//!
//! The wait is for a user name at an address, or for a client id where there is no user name. Whose
//! secret AUTH is to prove stands in data that plugins alone understand, and so an address as a whole
//! waits too when it has been refused ten times. This machine, where a proxy may stand for many clients,
//! never waits.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use mqtt::Connect;
use parking_lot::Mutex;

/// Refusals remembered at once. Beyond it one is forgotten for another.
const MOST: usize = 65_536;

/// Refusals of anybody at an address, before those that follow make it wait.
const FREE: u32 = 9;

/// Who waits at an address.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Who<'a> {
    User(&'a str),
    /// A client without a user name. Many of them may have the address of one router.
    ClientId(&'a str),
    /// All that authenticate by AUTH, whoever they say they are.
    Anybody,
}

/// Who at which address. Names are hashed, since they may be long.
type Key = (IpAddr, u64);

pub(crate) struct Backoff {
    /// After the first refusal, in milliseconds; 0: nobody waits.
    first: u64,
    /// At most, in milliseconds.
    longest: u64,
    hasher: RandomState,
    refusals: Mutex<Refusals>,
}

#[derive(Default)]
struct Refusals {
    last: HashMap<Key, Refusal>,
    /// When to look for what may be forgotten.
    next_sweep: u64,
}

struct Refusal {
    /// How many there were. One is forgiven for each time that the longest wait would have taken.
    count: u32,
    /// The end of the wait, in milliseconds of the broker's clock.
    until: u64,
}

impl<'a> Who<'a> {
    /// What CONNECT says: a client id that the broker has found is another each time.
    pub(crate) fn of(connect: &Connect<'a>) -> Who<'a> {
        connect.username.map_or(Who::ClientId(connect.client_id), Who::User)
    }

    /// Refusals that nobody waits for.
    fn free(self) -> u32 {
        if matches!(self, Who::Anybody) { FREE } else { 0 }
    }
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff {
            first: first.as_millis() as u64,
            longest: (longest.as_millis() as u64).max(1),
            hasher: RandomState::new(),
            refusals: Mutex::default(),
        }
    }

    /// Whether the plugins may be asked at millisecond `now`.
    pub(crate) fn is_over(&self, address: IpAddr, who: Who<'_>, now: u64) -> bool {
        let Some(key) = self.key(address, who) else { return true };
        self.refusals.lock().last.get(&key).is_none_or(|refusal| now >= refusal.until)
    }

    /// The plugins have refused.
    pub(crate) fn refused(&self, address: IpAddr, who: Who<'_>, now: u64) {
        let Some(key) = self.key(address, who) else { return };
        let mut refusals = self.refusals.lock();
        refusals.make_room(self.longest, now);
        let before = refusals.last.get(&key).map_or(0, |refusal| refusal.count(self.longest, now));
        // Further ones would make no wait longer.
        let count = (before + 1).min(who.free() + self.doublings() + 1);
        let until = now.saturating_add(self.wait(count, who));
        refusals.last.insert(key, Refusal { count, until });
    }

    /// After so many refusals, in milliseconds.
    fn wait(&self, count: u32, who: Who<'_>) -> u64 {
        match count.checked_sub(who.free() + 1) {
            Some(doublings) => {
                let times = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
                self.first.saturating_mul(times).min(self.longest)
            }
            None => 0,
        }
    }

    /// How often the first wait, which is not 0, is doubled until it is the longest.
    fn doublings(&self) -> u32 {
        self.longest.div_ceil(self.first).max(1).ilog2() + 1
    }

    /// The plugins have let it pass.
    pub(crate) fn accepted(&self, address: IpAddr, who: Who<'_>) {
        if let Some(key) = self.key(address, who) {
            self.refusals.lock().last.remove(&key);
        }
    }

    fn key(&self, address: IpAddr, who: Who<'_>) -> Option<Key> {
        let address = address.to_canonical();
        let waits = self.first > 0 && !address.is_loopback();
        waits.then(|| (address, self.hasher.hash_one(who)))
    }
}

impl Refusal {
    /// Those that still count.
    fn count(&self, longest: u64, now: u64) -> u32 {
        let forgiven = now.saturating_sub(self.until) / longest;
        self.count.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }
}

impl Refusals {
    /// Forgets whom nobody has refused for a while, at times; and where that is not enough, anybody.
    fn make_room(&mut self, longest: u64, now: u64) {
        if now >= self.next_sweep {
            self.last.retain(|_, refusal| refusal.count(longest, now) > 0);
            self.next_sweep = now.saturating_add(longest);
        }
        if self.last.len() >= MOST
            && let Some(any) = self.last.keys().next().copied()
        {
            self.last.remove(&any);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1000;

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_secs(1), Duration::from_secs(60))
    }

    fn address(last: u32) -> IpAddr {
        IpAddr::from((0xC000_0200 + last).to_be_bytes())
    }

    #[test]
    fn each_refusal_doubles_the_wait_up_to_a_minute() {
        let backoff = backoff();
        let user = Who::User("user");
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(backoff.is_over(address(1), user, now));
            backoff.refused(address(1), user, now);
            now += wait * SECOND;
            assert!(!backoff.is_over(address(1), user, now - 1));
        }
        backoff.accepted(address(1), user);
        backoff.refused(address(1), user, now);
        assert!(backoff.is_over(address(1), user, now + SECOND));
    }

    #[test]
    fn only_this_user_at_this_address_waits() {
        let backoff = backoff();
        backoff.refused(address(1), Who::User("user"), 0);
        assert!(!backoff.is_over(address(1), Who::User("user"), 0));
        assert!(!backoff.is_over("::ffff:192.0.2.1".parse().unwrap(), Who::User("user"), 0));
        assert!(backoff.is_over(address(2), Who::User("user"), 0));
        assert!(backoff.is_over(address(1), Who::User("other"), 0));
        assert!(backoff.is_over(address(1), Who::ClientId("user"), 0));
        for here in ["127.0.0.1", "::1", "::ffff:127.1.2.3"] {
            let here = here.parse().unwrap();
            backoff.refused(here, Who::User("user"), 0);
            assert!(backoff.is_over(here, Who::User("user"), 0));
        }
    }

    #[test]
    fn only_this_client_id_waits_where_there_is_no_user_name() {
        let backoff = backoff();
        let mut connect = Connect::new(mqtt::Version::INSIDE, "c");
        backoff.refused(address(1), Who::of(&connect), 0);
        assert!(!backoff.is_over(address(1), Who::of(&connect), 0));
        connect.username = Some("");
        assert!(backoff.is_over(address(1), Who::of(&connect), 0));
        (connect.username, connect.client_id) = (None, "neighbour");
        assert!(backoff.is_over(address(1), Who::of(&connect), 0));
    }

    /// Guesses that come in pauses do not get the ten again each time.
    #[test]
    fn an_address_waits_from_its_tenth_refusal_on() {
        let backoff = backoff();
        let (mut now, minute) = (0, 60 * SECOND);
        let mut refuse = |pause| {
            now += pause;
            assert!(backoff.is_over(address(1), Who::Anybody, now));
            backoff.refused(address(1), Who::Anybody, now);
            (0..=60).find(|wait| backoff.is_over(address(1), Who::Anybody, now + wait * SECOND))
        };
        for _ in 0..9 {
            assert_eq!(refuse(0), Some(0));
        }
        for (pause, wait) in [(0, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 60)] {
            assert_eq!(refuse(pause * SECOND), Some(wait));
        }
        for _ in 0..100 {
            assert_eq!(refuse(minute), Some(60));
        }
        // A minute more forgives one.
        assert_eq!(refuse(minute + minute), Some(60));
        assert_eq!(refuse(minute + 3 * minute), Some(16));
        assert_eq!(refuse(60 * minute), Some(0));
        assert!(backoff.is_over(address(2), Who::Anybody, 0));
        assert!(backoff.is_over(address(1), Who::User("user"), 0));
    }

    #[test]
    fn zero_turns_it_off() {
        let backoff = Backoff::new(Duration::ZERO, Duration::from_secs(60));
        backoff.refused(address(1), Who::ClientId(""), 0);
        assert!(backoff.is_over(address(1), Who::ClientId(""), 0));
    }

    #[test]
    fn the_longest_wait_may_be_shorter_than_the_first() {
        let backoff = Backoff::new(Duration::from_secs(120), Duration::from_secs(60));
        backoff.refused(address(1), Who::User("user"), 0);
        assert!(!backoff.is_over(address(1), Who::User("user"), 60 * SECOND - 1));
        assert!(backoff.is_over(address(1), Who::User("user"), 60 * SECOND));
    }

    #[test]
    fn what_it_remembers_is_bounded_and_forgotten() {
        let backoff = backoff();
        for number in 0..2 * MOST as u32 {
            backoff.refused(address(number), Who::ClientId(""), 0);
        }
        assert!(backoff.refusals.lock().last.len() <= MOST);
        backoff.refused(address(0), Who::ClientId(""), 1000 * SECOND);
        assert!(backoff.refusals.lock().last.len() <= 1);
    }
}
