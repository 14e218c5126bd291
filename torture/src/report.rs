//! What a run has found.

use std::fmt;

use crate::ledger::Verdict;

/// The outcome of a run; its text is a summary line, and lines with what is wrong.
pub struct Report {
    kind: &'static str,
    seed: u64,
    pub(crate) kills: u32,
    pub(crate) verdict: Verdict,
    /// What the broker has said that it should not.
    pub(crate) said: Vec<String>,
    /// What else is worth knowing.
    pub(crate) notes: Vec<String>,
}

/// So many of what is wrong are shown.
const SHOWN: usize = 8;

impl Report {
    pub(crate) fn new(kind: &'static str, seed: u64) -> Report {
        let (verdict, said, notes) = Default::default();
        Report { kind, seed, kills: 0, verdict, said, notes }
    }

    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.wrong().iter().all(|(_, list)| list.is_empty())
    }

    /// How many messages were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.verdict.acknowledged
    }

    /// How many of them have not come, counted once for each who should have had them.
    pub fn lost(&self) -> usize {
        self.verdict.lost.len()
    }

    /// What must not be, whatever was acknowledged; a line each.
    pub fn faults(&self) -> &[String] {
        &self.verdict.faults
    }

    fn wrong(&self) -> [(&'static str, &[String]); 5] {
        let Verdict { lost, out_of_order, twice, faults, .. } = &self.verdict;
        [
            ("lost", lost),
            ("out of order", out_of_order),
            ("twice at QoS 2", twice),
            ("fault", faults),
            ("the broker said", &self.said),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { kind, seed, kills, verdict, said, notes } = self;
        let Verdict { acknowledged, delivered, again, lost, out_of_order, twice, faults } = verdict;
        let (lost, out_of_order, twice) = (lost.len(), out_of_order.len(), twice.len());
        let faults = faults.len() + said.len();
        write!(
            f,
            "{kind}, seed {seed}: {kills} kills, {acknowledged} acknowledged, {delivered} delivered, \
             {again} again at QoS 1, {lost} lost, {out_of_order} out of order, {twice} twice at QoS 2, \
             {faults} faults"
        )?;
        for note in notes {
            write!(f, "\n  {note}")?;
        }
        for (what, list) in self.wrong() {
            for line in list.iter().take(SHOWN) {
                write!(f, "\n  {what}: {line}")?;
            }
            if list.len() > SHOWN {
                write!(f, "\n  {what}: {} more", list.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}
