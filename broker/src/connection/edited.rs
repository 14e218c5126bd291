//! A PUBLISH that plugins have changed: written out as it has become, and delivered from there.

use mqtt::{Publish, ReasonCode};

use super::{Connection, End, why};
use crate::hooks::Edits;
use crate::router::Item;
use crate::shard::Shard;

impl Connection {
    /// Takes a PUBLISH into the run as it has become; one to another topic ends the run first. `data` is
    /// what the run before stands in, if it is not written out.
    #[cold]
    pub(super) fn collect_edited(
        &mut self,
        shard: &mut Shard,
        data: &[u8],
        publish: &Publish<'_>,
        edits: &Edits,
    ) -> Result<(), End> {
        let edited = edits.publish(publish);
        if !self.broker.accepts_payload(edited.properties, edited.payload) {
            let refusal = why::publish_refused(ReasonCode::PayloadFormatInvalid);
            return self.refuse_asked(shard, publish, &refusal);
        }
        let original = if edited.topic == publish.topic { "" } else { publish.topic };
        if !shard.batch.continues_written_out(edited.topic, original) {
            self.end_run(shard, data);
            shard.batch.original_topic.push_str(original);
        }
        let start = shard.batch.plain.len();
        let Some(item) = Item::write(&edited, &mut shard.batch.plain) else { return Ok(()) };
        shard.batch.written_out += shard.batch.plain.len() - start;
        let item = Item { is_kept: edits.kept.unwrap_or(true), ..item };
        self.take(shard, publish, &edited, item);
        Ok(())
    }
}
