//! How short memory is, by what is used of what may be.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    #[default]
    Enough,
    /// Publishers have to wait, and publish a message a second each.
    Short,
    /// Nobody new is let in beside.
    Scarce,
    /// What is at QoS 0 is dropped.
    Exhausted,
}

/// From so many percent on.
const LEVELS: [(u64, Level); 3] = [(70, Level::Short), (85, Level::Scarce), (95, Level::Exhausted)];
/// A level ends so far below where it begins.
const SLACK: u64 = 5;

impl Level {
    /// With `used` of `limit` bytes, after this one.
    pub(crate) fn next(self, used: u64, limit: u64) -> Level {
        let percent = used.saturating_mul(100) / limit.max(1);
        let at = |percent: u64| {
            let reached = LEVELS.iter().rev().find(|(from, _)| percent >= *from);
            reached.map_or(Level::Enough, |(_, level)| *level)
        };
        at(percent).max(self.min(at(percent + SLACK)))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::Enough => "enough",
            Level::Short => "short",
            Level::Scarce => "scarce",
            Level::Exhausted => "exhausted",
        }
    }

    /// What it means.
    pub(crate) fn effect(self) -> &'static str {
        match self {
            Level::Enough => "nobody waits for it",
            Level::Short => "publishers wait",
            Level::Scarce => "publishers wait, and nobody without a session is let in",
            Level::Exhausted => "publishers wait, nobody is let in, and QoS 0 is dropped",
        }
    }

    pub(crate) fn of_number(number: u8) -> Level {
        match number {
            0 => Level::Enough,
            1 => Level::Short,
            2 => Level::Scarce,
            _ => Level::Exhausted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_ends_below_where_it_begins() {
        let mut level = Level::Enough;
        let mut at = |percent| {
            level = level.next(percent, 100);
            level
        };
        assert_eq!([at(69), at(70), at(65), at(64)].map(|level| level as u8), [0, 1, 1, 0]);
        assert_eq!([at(96), at(91), at(89), at(81)].map(|level| level as u8), [3, 3, 2, 2]);
        assert_eq!([at(79), at(84), at(85), at(10)].map(|level| level as u8), [1, 1, 2, 0]);
        for number in 0..4 {
            assert_eq!(Level::of_number(number) as u8, number);
        }
    }
}
