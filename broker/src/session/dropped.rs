//! Messages that did not get to a client, counted by the reason, until they are reported.

/// Why a message does not get to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DropCause {
    /// It, or an older one, gave way.
    QueueFull,
    /// It is at QoS 0, and the client has stopped reading.
    NotTaken,
    /// It is larger than the client's Maximum Packet Size. [MQTT-3.1.2-25]
    TooLarge,
    /// It waited longer than its Message Expiry Interval. [MQTT-3.3.2-5]
    Expired,
    /// A plugin has kept it from the client.
    Vetoed,
    /// The client has acknowledged it with an error.
    Refused,
    /// The session that it waited in has ended.
    SessionEnded,
    /// It is at QoS 0, and the broker has too little memory.
    NoMemory,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    counts: [u32; DropCause::ALL.len()],
}

impl DropCause {
    pub(crate) const ALL: [DropCause; 8] = [
        DropCause::QueueFull,
        DropCause::NotTaken,
        DropCause::TooLarge,
        DropCause::Expired,
        DropCause::Vetoed,
        DropCause::Refused,
        DropCause::SessionEnded,
        DropCause::NoMemory,
    ];

    /// As it stands in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            DropCause::QueueFull => "queue_full",
            DropCause::NotTaken => "not_taken",
            DropCause::TooLarge => "too_large",
            DropCause::Expired => "expired",
            DropCause::Vetoed => "vetoed",
            DropCause::Refused => "refused",
            DropCause::SessionEnded => "session_ended",
            DropCause::NoMemory => "no_memory",
        }
    }
}

impl Dropped {
    pub(crate) fn add(&mut self, cause: DropCause, messages: u32) {
        if let Some(count) = self.counts.get_mut(cause as usize) {
            *count = count.saturating_add(messages);
        }
    }

    /// The causes that there were, and how often.
    pub(crate) fn each(&self) -> impl Iterator<Item = (DropCause, u32)> {
        DropCause::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }
}

impl std::fmt::Display for DropCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DropCause::QueueFull => "the client's queue is full",
            DropCause::NotTaken => "the client does not read, and it is at QoS 0",
            DropCause::TooLarge => "it is larger than the client takes",
            DropCause::Expired => "it has expired",
            DropCause::Vetoed => "a plugin has kept it from the client",
            DropCause::Refused => "the client has refused it",
            DropCause::SessionEnded => "the session that it waited in has ended",
            DropCause::NoMemory => "memory is short, and it is at QoS 0",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_count() {
        let mut dropped = Dropped::default();
        for (number, cause) in DropCause::ALL.into_iter().enumerate() {
            assert_eq!(number, cause as usize);
            dropped.add(cause, number as u32);
        }
        let expected = [
            (DropCause::NotTaken, 1),
            (DropCause::TooLarge, 2),
            (DropCause::Expired, 3),
            (DropCause::Vetoed, 4),
            (DropCause::Refused, 5),
            (DropCause::SessionEnded, 6),
            (DropCause::NoMemory, 7),
        ];
        assert_eq!(dropped.each().collect::<Vec<_>>(), expected);
    }
}
