//! Topic aliases of a client: what each stands for, and how a PUBLISH with one becomes a PUBLISH
//! without.

use std::sync::Arc;
use std::task::Context;

use mqtt::{PacketType, Property, Publish, Violation};

use super::{Connection, End, Stage};
use crate::router::Item;
use crate::shard::{READ_SIZE, Shard};

/// What the aliases of one connection stand for; they go with it. [MQTT-3.3.2-7]
#[derive(Default)]
pub(super) struct Aliases {
    /// The topic of alias 1 comes first. Empty: one that was refused, as it will be again.
    topics: Vec<Option<Arc<str>>>,
}

impl Aliases {
    /// The topic of a PUBLISH with this alias; one that names its topic sets the alias. `accepts`
    /// says whether a topic may be published to: the others are not kept. [MQTT-3.3.2-12]
    fn resolve(
        &mut self,
        alias: u16,
        topic: &str,
        accepts: impl FnOnce(&str) -> bool,
    ) -> Result<Arc<str>, Violation> {
        let index = usize::from(alias.saturating_sub(1));
        if self.topics.len() <= index && !topic.is_empty() {
            self.topics.resize(index + 1, None);
        }
        let Some(slot) = self.topics.get_mut(index) else {
            return Err(Violation::TopicAliasUnknown(alias));
        };
        if !topic.is_empty() && slot.as_deref() != Some(topic) {
            *slot = Some(if accepts(topic) { topic.into() } else { "".into() });
        }
        slot.clone().ok_or(Violation::TopicAliasUnknown(alias))
    }
}

impl Connection {
    /// Takes a PUBLISH with a Topic Alias into the run: written out with its topic and without the
    /// alias, which nobody but its sender understands.
    pub(super) fn on_aliased(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        data: &[u8],
        publish: &Publish<'_>,
        alias: u16,
    ) -> Result<(), End> {
        let Stage::Connected(client) = &mut *self.stage else { return Ok(()) };
        let accepts = |topic: &str| self.broker.accepts_topic(topic);
        let aliases = client.aliases.get_or_insert_default();
        let topic = aliases.resolve(alias, publish.topic, accepts)?;
        if !shard.batch.continues_written_out(&topic, "") {
            self.end_run(shard, data);
        }
        let mut plain = std::mem::take(&mut shard.batch.plain);
        let mut properties = std::mem::take(&mut shard.batch.properties);
        let start = plain.len();
        properties.clear();
        let no_alias = |property: &Property<'_>| !matches!(property, Property::TopicAlias(_));
        publish.properties.filtered(no_alias, &mut properties);
        let written = Publish { topic: &topic, properties: properties.as_properties(), ..*publish };
        let outcome = match Item::write(&written, &mut plain) {
            Some(item) => self.collect(shard, cx, &plain, &written, item),
            None => Err(self.too_large()),
        };
        if shard.batch.run.last().is_none_or(|last| last.layout.end as usize != plain.len()) {
            // Refused, or known already.
            plain.truncate(start);
        }
        shard.batch.written_out += plain.len() - start;
        shard.batch.plain = plain;
        let outcome = match outcome {
            Ok(Some(edits)) => self.collect_edited(shard, data, &written, &edits),
            other => other.map(drop),
        };
        shard.batch.properties = properties;
        outcome
    }

    /// The topic makes it longer than a packet can be.
    fn too_large(&self) -> End {
        let (size, limit) = (u32::MAX, self.broker.limits.max_packet_size);
        Violation::PacketTooLarge { packet: PacketType::Publish, size, limit }.into()
    }
}

/// So much of what aliases stand for is written out before the clients that it is for have their
/// turn: eight bytes in the read buffer can stand for a topic of any length.
pub(super) const WRITTEN_OUT_AT_ONCE: usize = 4 * READ_SIZE;

#[cfg(test)]
mod tests {
    use super::*;

    /// [MQTT-3.3.2-12]
    #[test]
    fn an_alias_stands_for_the_topic_it_was_last_set_to() {
        let mut aliases = Aliases::default();
        let mut resolve = |alias, topic: &str| aliases.resolve(alias, topic, |_| true);
        assert_eq!(resolve(2, ""), Err(Violation::TopicAliasUnknown(2)));
        assert_eq!(resolve(2, "a").as_deref(), Ok("a"));
        assert_eq!(resolve(2, "").as_deref(), Ok("a"));
        assert_eq!(resolve(2, "b").as_deref(), Ok("b"));
        assert_eq!(resolve(2, "").as_deref(), Ok("b"));
        assert_eq!(resolve(1, ""), Err(Violation::TopicAliasUnknown(1)));
        assert_eq!(resolve(65_535, "c").as_deref(), Ok("c"));
        assert_eq!(resolve(65_535, "").as_deref(), Ok("c"));
    }

    #[test]
    fn a_topic_that_is_refused_is_known_and_not_kept() {
        let mut aliases = Aliases::default();
        assert_eq!(aliases.resolve(1, "$x", |_| false).as_deref(), Ok(""));
        assert_eq!(aliases.resolve(1, "", |_| false).as_deref(), Ok(""));
        assert_eq!(aliases.resolve(1, "x", |_| true).as_deref(), Ok("x"));
    }
}
