//! What a server adds to a PUBLISH for one receiver; the message itself is the same for all.

use crate::codec::write;
use crate::{Identifier, Properties};

/// Properties that stand behind those of the message. A version without properties sends none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Additions<'a> {
    /// Those of the subscriptions that the message answers, and nothing else.
    pub subscription_identifiers: Properties<'a>,
    /// The number that stands for the topic, or is to stand for it from now on.
    pub topic_alias: Option<u16>,
}

impl Additions<'_> {
    /// Nothing is added.
    pub const NONE: Additions<'static> =
        Additions { subscription_identifiers: Properties::EMPTY, topic_alias: None };

    /// Whether nothing is added.
    pub fn is_empty(self) -> bool {
        self.topic_alias.is_none() && self.subscription_identifiers.is_empty()
    }

    /// In bytes.
    pub(crate) fn len(self) -> usize {
        let alias = if self.topic_alias.is_some() { 3 } else { 0 };
        self.subscription_identifiers.as_bytes().len() + alias
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.subscription_identifiers.as_bytes());
        if let Some(alias) = self.topic_alias {
            write::byte(out, Identifier::TopicAlias as u8);
            write::two_bytes(out, alias);
        }
    }
}
