//! Allows each client id at most `max` subscriptions; one more is acknowledged, but not made.
//!
//! ```yaml
//! plugins:
//!   - sub-limiter: { max: 5 }
//! ```

mod ledger;

use plugin_abi::serde::Deserialize;
use plugin_abi::{
    Config, Connect, Disconnect, Host, Plugin, Result, Subscribe, Unsubscribe, log, plugin,
};
use std::num::NonZeroUsize;

use ledger::Ledger;

struct SubLimiter {
    max: usize,
    ledger: Ledger,
}

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Settings {
    max: NonZeroUsize,
}

#[plugin]
impl Plugin for SubLimiter {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        let settings: Settings = config.get()?;
        log::info!("at most {} subscriptions for each client id", settings.max);
        Ok(SubLimiter { max: settings.max.get(), ledger: Ledger::default() })
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        if !event.session_present() {
            self.ledger.forget(event.client().client_id());
        }
        true
    }

    /// Only asks: a plugin after this one may still veto, so nothing is counted yet.
    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> bool {
        let (client_id, filter) = (event.client().client_id(), event.whole_filter());
        let allowed = self.ledger.has_room(client_id, filter, self.max);
        if !allowed {
            log::debug!("{client_id:?} has its {} subscriptions: no {filter:?}", self.max);
        }
        allowed
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
