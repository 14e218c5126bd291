//! How busy a shard is: how much a connection may read before it lets others have their turn. What is
//! costly to match or to write out ends a turn sooner; the connection looks at that itself.

use crate::session::ConnectionId;

/// Full reads in a row for a connection when no other had one. Larger batches cost less per
/// message, and make others wait.
const ALONE: u32 = 4;

/// Counts the connections with a full read between two flushes.
#[derive(Default)]
pub(crate) struct Activity {
    last: ConnectionId,
    this_turn: u32,
    last_turn: u32,
}

impl Activity {
    /// Notes a read by a connection; `reads` is how many it made in a row. Returns whether it
    /// should let others run now.
    pub(crate) fn should_yield(&mut self, connection: ConnectionId, reads: u32) -> bool {
        if self.last != connection {
            self.last = connection;
            self.this_turn += 1;
        }
        let alone = self.this_turn <= 1 && self.last_turn <= 1;
        reads >= if alone { ALONE } else { 1 }
    }

    /// Begins a new turn: all that was runnable has run.
    pub(crate) fn end_turn(&mut self) {
        self.last_turn = self.this_turn;
        self.this_turn = 0;
        self.last = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_alone_reads_on_and_two_take_turns() {
        let mut activity = Activity::default();
        assert!(!activity.should_yield(1, 1));
        assert!(!activity.should_yield(1, 3));
        assert!(activity.should_yield(1, 4));
        assert!(activity.should_yield(2, 1));
        activity.end_turn();
        assert!(activity.should_yield(1, 1), "two ran in the turn before");
        activity.end_turn();
        assert!(!activity.should_yield(1, 1));
    }
}
