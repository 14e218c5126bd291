//! What a client may be kept from.

use serde::Deserialize;

/// One thing that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Connect = 1,
    Publish = 2,
    Subscribe = 4,
    Deliver = 8,
}

/// What a rule is about, in the words of its writer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// To be let in at all.
    Connect,
    /// Messages from the client, its will too.
    Publish,
    /// Filters, and the messages that come by them.
    Subscribe,
    /// Messages to the client alone.
    Deliver,
    /// Whatever has a topic.
    All,
}

/// A set of actions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Actions(u8);

impl Actions {
    pub(crate) fn has(self, action: Action) -> bool {
        self.0 & action as u8 != 0
    }

    pub(crate) fn of(words: &[Word]) -> Actions {
        let bits = words.iter().map(|word| match word {
            Word::Connect => Action::Connect as u8,
            Word::Publish => Action::Publish as u8,
            Word::Subscribe => Action::Subscribe as u8 | Action::Deliver as u8,
            Word::Deliver => Action::Deliver as u8,
            Word::All => Action::Publish as u8 | Action::Subscribe as u8 | Action::Deliver as u8,
        });
        Actions(bits.fold(0, |all, bits| all | bits))
    }
}

impl FromIterator<Actions> for Actions {
    fn from_iter<I: IntoIterator<Item = Actions>>(all: I) -> Self {
        Actions(all.into_iter().fold(0, |all, Actions(bits)| all | bits))
    }
}
