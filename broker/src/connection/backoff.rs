//! Who was refused by a plugin waits before the plugins are asked again: 1 s, 2 s, 4 s and so on, up to
//! a minute. So passwords are not tried at the speed of the network, and a client with a wrong one does
//! not keep the plugins busy.
//!
//! The wait is for a user name at an address, or for a client id where there is no user name. This
//! machine, where a proxy may stand for many clients, never waits.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use mqtt::Connect;
use parking_lot::Mutex;

/// Refusals remembered at once. Beyond it one is forgotten for another.
const MOST: usize = 65_536;

/// Who waits at an address.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Who<'a> {
    User(&'a str),
    /// A client without a user name. Many of them may have the address of one router.
    ClientId(&'a str),
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

/// The last one, in milliseconds of the broker's clock.
struct Refusal {
    wait: u64,
    until: u64,
}

impl<'a> Who<'a> {
    /// What CONNECT says: a client id that the broker has found is another each time.
    pub(crate) fn of(connect: &Connect<'a>) -> Who<'a> {
        connect.username.map_or(Who::ClientId(connect.client_id), Who::User)
    }
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff {
            first: first.as_millis() as u64,
            longest: longest.as_millis() as u64,
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
        let before = refusals.last.get(&key).map_or(0, |refusal| refusal.wait);
        let wait = (before * 2).max(self.first).min(self.longest);
        refusals.last.insert(key, Refusal { wait, until: now + wait });
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

impl Refusals {
    /// Forgets whom nobody has refused for a while, at times; and where that is not enough, anybody.
    fn make_room(&mut self, longest: u64, now: u64) {
        if now >= self.next_sweep {
            self.last.retain(|_, refusal| now < refusal.until + longest);
            self.next_sweep = now + longest;
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
