//! Plugins that are asked, but whose answers are only counted: what they would have changed.

use super::stats::Came;

/// What the shadows among the plugins of a chain have said of one event: a bit for each of the first
/// 64.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shadows {
    yes: u64,
    no: u64,
}

impl Shadows {
    /// The plugin at `index` of the chain has said no, or has not.
    pub(super) fn note(&mut self, index: usize, says_no: bool) {
        let bit = bit(index);
        if says_no {
            self.no |= bit;
        } else {
            self.yes |= bit;
        }
    }

    pub(super) fn are_none(&self) -> bool {
        self.yes | self.no == 0
    }

    /// How the answer of the plugin at `index` compares with what the others have decided.
    pub(super) fn compare(&self, index: usize, is_refused: bool) -> Option<Came> {
        let bit = bit(index);
        match (self.yes & bit != 0, self.no & bit != 0) {
            (true, _) if is_refused => Some(Came::WouldAllow),
            (_, true) if !is_refused => Some(Came::WouldRefuse),
            (false, false) => None,
            _ => Some(Came::Agreed),
        }
    }
}

/// None for those that have no bit.
fn bit(index: usize) -> u64 {
    u32::try_from(index).ok().and_then(|index| 1u64.checked_shl(index)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_with_what_happens() {
        let mut shadows = Shadows::default();
        assert!(shadows.are_none());
        shadows.note(0, false);
        shadows.note(63, true);
        shadows.note(64, true);
        assert!(!shadows.are_none());
        assert_eq!(shadows.compare(0, false), Some(Came::Agreed));
        assert_eq!(shadows.compare(0, true), Some(Came::WouldAllow));
        assert_eq!(shadows.compare(63, false), Some(Came::WouldRefuse));
        assert_eq!(shadows.compare(63, true), Some(Came::Agreed));
        assert_eq!(shadows.compare(1, true), None);
        assert_eq!(shadows.compare(64, false), None);
    }
}
