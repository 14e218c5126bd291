//! Packet identifiers: 1 to 65,535 in turn, none that is still in use.

/// Where the next packet identifier comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PacketIds {
    next: u16,
    /// How many identifiers from `next` on are known to be free. The ones in use are looked
    /// through only when this runs out.
    free: u16,
}

impl PacketIds {
    pub(crate) const fn new() -> PacketIds {
        PacketIds { next: 1, free: COUNT }
    }

    /// The next identifier that is not in `used`; `None`: all are. [MQTT-2.2.1-4]
    /// [MQTT-4.3.2-1] [MQTT-4.3.3-1]
    pub(crate) fn take(&mut self, used: impl Iterator<Item = u16>) -> Option<u16> {
        if self.free == 0 {
            self.look(used)?;
        }
        let id = self.next;
        self.next = after(id);
        self.free -= 1;
        Some(id)
    }

    /// Some may be in use that did not come from here.
    pub(crate) fn forget(&mut self) {
        self.free = 0;
    }

    /// Goes on to the next run of free identifiers.
    fn look(&mut self, used: impl Iterator<Item = u16>) -> Option<()> {
        let mut is_used = vec![false; usize::from(COUNT) + 1];
        for id in used {
            if let Some(mark) = is_used.get_mut(usize::from(id)) {
                *mark = true;
            }
        }
        let is_free = |id: &u16| is_used.get(usize::from(*id)) == Some(&false);
        let in_turn = std::iter::successors(Some(self.next), |&id| Some(after(id)));
        let mut in_turn = in_turn.take(usize::from(COUNT)).skip_while(|id| !is_free(id));
        self.next = in_turn.next()?;
        self.free = 1 + in_turn.take_while(is_free).count() as u16;
        Some(())
    }
}

const COUNT: u16 = u16::MAX;

const fn after(id: u16) -> u16 {
    if id == u16::MAX { 1 } else { id + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_go_round_without_0() {
        let mut ids = PacketIds::new();
        for expected in 1..=u16::MAX {
            assert_eq!(ids.take([].into_iter()), Some(expected));
        }
        assert_eq!(ids.take([].into_iter()), Some(1));
    }

    #[test]
    fn one_in_use_is_left_out() {
        let mut ids = PacketIds::new();
        let used = [1, 2, 5, u16::MAX];
        for _ in 0..u16::MAX {
            ids.take([].into_iter());
        }
        let taken: Vec<_> = (0..4).filter_map(|_| ids.take(used.into_iter())).collect();
        assert_eq!(taken, [3, 4, 6, 7]);
    }

    #[test]
    fn when_all_are_in_use_there_is_none() {
        let mut ids = PacketIds { next: 9, free: 0 };
        assert_eq!(ids.take(1..=u16::MAX), None);
        assert_eq!(ids.take((1..=u16::MAX).filter(|&id| id != 8)), Some(8));
    }
}
