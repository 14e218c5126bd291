//! How long packets may gather before they are looked at.

use std::time::Duration;

/// A broker that writes each packet for itself would wake this program for each, which on a small
/// machine takes the CPU away from what is measured. So it naps between its looks at the sockets, longer
/// the fewer packets a read brings.
pub(crate) struct Nap {
    shortest: Duration,
    now: Duration,
    /// Of packets per read: below it a nap gets longer, above three times as many shorter.
    few: usize,
}

/// The longest nap is so many of the shortest.
const LONGEST: u32 = 50;

impl Nap {
    /// `shortest` is zero where latency counts: there is none then. Publishers may have `window` messages
    /// unacknowledged, if they may not have any number.
    pub(crate) fn new(shortest: Duration, window: Option<u16>) -> Nap {
        // Far below the window, so that the broker never waits for a nap to end.
        let few = window.map_or(16, |window| usize::from(window / 8).min(16));
        Nap { shortest, now: shortest, few }
    }

    /// How long the next one is, after reads that brought so many packets.
    pub(crate) fn next(&mut self, reads: usize, packets: usize) -> Duration {
        if self.shortest.is_zero() {
            return Duration::ZERO;
        }
        let per_read = packets / reads.max(1);
        if per_read < self.few {
            self.now = (self.now * 3 / 2).clamp(self.shortest, self.shortest * LONGEST);
        } else if per_read > 3 * self.few {
            self.now = self.now * 2 / 3;
        }
        if self.now < self.shortest {
            self.now = Duration::ZERO;
        }
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::Nap;
    use std::time::Duration;

    #[test]
    fn is_longer_the_less_comes() {
        let shortest = Duration::from_micros(100);
        let mut nap = Nap::new(shortest, None);
        let first = nap.next(10, 10);
        assert!(first > shortest && nap.next(10, 10) > first);
        assert_eq!((0..100).map(|_| nap.next(1, 0)).last(), Some(shortest * 50));
        assert_eq!((0..100).map(|_| nap.next(1, 1000)).last(), Some(Duration::ZERO));
        assert_eq!(nap.next(1, 1), shortest);
        assert_eq!(Nap::new(Duration::ZERO, None).next(10, 10), Duration::ZERO);
    }
}
