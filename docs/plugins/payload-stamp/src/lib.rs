//! Writes into JSON payloads who has sent them, and when.

use std::time::{SystemTime, UNIX_EPOCH};

use plugin_abi::{Config, Host, Plugin, Property, Publish, Result, Verdict, log, plugin};
use serde_json::{Map, Value};

struct PayloadStamp;

const PAYLOAD_FORMAT_INVALID: u8 = 0x99;

#[plugin]
impl Plugin for PayloadStamp {
    fn bootstrap(host: Host, _config: Config) -> Result<Self> {
        // Nothing else is shown to it.
        host.interest("on_before_publish").topic("sensors/#")?;
        Ok(PayloadStamp)
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        let Ok(mut reading) = serde_json::from_slice::<Map<String, Value>>(event.payload()) else {
            return Verdict::refuse_with(PAYLOAD_FORMAT_INVALID).reason("no JSON object");
        };
        reading.insert("sender".into(), event.client().client_id().into());
        reading.insert("received".into(), now().into());
        let stamped = Value::from(reading).to_string();
        let set = event
            .set_payload(&stamped)
            .and_then(|()| event.set_property(Property::ContentType("application/json")));
        if let Err(error) = set {
            log::warn!("a message to {} goes on as it is: {error}", event.topic());
        }
        Verdict::Continue
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
