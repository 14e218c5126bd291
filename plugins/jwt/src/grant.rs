//! What the token of one client allows, and until when.

use serde_json::Value;

use crate::checks::claim;
use crate::names::Names;
use crate::settings::{IfAbsent, Rights};
use crate::token::Claims;
use crate::topics::Topics;

pub(crate) struct Grant {
    pub(crate) publish: Topics,
    pub(crate) subscribe: Topics,
    /// In seconds since 1970; `None`: never.
    expires: Option<u64>,
}

impl Grant {
    pub(crate) fn new(
        claims: &Claims,
        rights: &Rights,
        names: Names<'_>,
        expires: Option<u64>,
    ) -> Grant {
        // `sub` as text is the token's subject, and no list.
        let topics = |name| match (claim(claims, name), rights.if_absent) {
            (Some(Value::Array(list)), _) => Topics::of(list, names),
            (_, IfAbsent::Refuse) => Topics::none(),
            (_, IfAbsent::Allow) => Topics::All,
        };
        Grant { publish: topics(&rights.publish), subscribe: topics(&rights.subscribe), expires }
    }

    pub(crate) fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}
