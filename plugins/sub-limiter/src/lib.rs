//! Allows each client id at most `max` subscriptions; one more is acknowledged, but not made.
//!
//! ```yaml
//! plugins:
//!   - sub-limiter:
//!       max: 5
//!       answer: silent    # refuse: the client hears 0x97 (Quota exceeded), or 0x80 in MQTT 3.1.1
//! ```

mod ledger;
#[cfg(test)]
mod tests;

use plugin_abi::serde::Deserialize;
use plugin_abi::{
    Config, Connect, Disconnect, Host, Plugin, Result, Subscribe, Unsubscribe, Verdict, log, plugin,
};
use std::num::NonZeroUsize;

use ledger::Ledger;

struct SubLimiter {
    max: usize,
    answer: Answer,
    ledger: Ledger,
}

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Settings {
    max: NonZeroUsize,
    #[serde(default)]
    answer: Answer,
}

/// What the client of one subscription too many hears.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", rename_all = "snake_case")]
enum Answer {
    /// Nothing: SUBACK grants it.
    #[default]
    Silent,
    /// That there is no room for it.
    Refuse,
}

/// A reason code of MQTT 5.
const QUOTA_EXCEEDED: u8 = 0x97;

#[plugin]
impl Plugin for SubLimiter {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        let settings: Settings = config.get()?;
        log::info!("at most {} subscriptions for each client id", settings.max);
        let Settings { max, answer } = settings;
        Ok(SubLimiter { max: max.get(), answer, ledger: Ledger::default() })
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        if !event.session_present() {
            self.ledger.forget(event.client().client_id());
        }
        true
    }

    /// Only asks: a plugin after this one may still veto, so nothing is counted yet.
    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        let (client_id, filter) = (event.client().client_id(), event.whole_filter());
        let max = self.max;
        if self.ledger.has_room(client_id, filter, max) {
            return Verdict::Continue;
        }
        log::debug!("{client_id:?} has its {max} subscriptions: no {filter:?}");
        match self.answer {
            Answer::Silent => Verdict::Veto,
            Answer::Refuse => Verdict::refuse_with(QUOTA_EXCEEDED)
                .reason(format!("the limit of subscriptions is {max}")),
        }
    }

    fn on_subscribe(&self, event: &Subscribe<'_>) {
        self.ledger.add(event.client().client_id(), event.whole_filter());
    }

    fn on_unsubscribe(&self, event: &Unsubscribe<'_>) {
        self.ledger.remove(event.client().client_id(), event.whole_filter());
    }

    fn on_disconnect(&self, event: &Disconnect<'_>) {
        if !event.session_kept() {
            self.ledger.forget(event.client().client_id());
        }
    }
}
