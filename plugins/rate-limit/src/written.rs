//! A limit as it stands in the config: `100/s`, or `{ rate: 100/s, burst: 200 }`.

use std::fmt;

use plugin_config::{Rate, Size};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::bucket::Limit;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    rate: Rate,
    burst: Option<Size>,
}

impl Written {
    /// Without a burst, as much as comes in within a second, and at least one.
    pub(crate) fn limit(&self) -> Limit {
        let Rate { amount, per } = self.rate;
        let in_a_second = amount / per.as_secs().max(1);
        let burst = self.burst.map_or(in_a_second, |Size(burst)| burst).max(1);
        Limit::new(self.rate, burst)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

/// With a burst.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    rate: Rate,
    burst: Option<Size>,
}

impl<'de> Visitor<'de> for Either {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("100/s or { rate: 100/s, burst: 200 }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
        Ok(Written { rate: Rate::deserialize(StrDeserializer::new(text))?, burst: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        let Mapping { rate, burst } = Mapping::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Written { rate, burst })
    }
}
