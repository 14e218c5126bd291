//! How much a client may send, and all clients of an address together, and how often somebody may connect
//! from an address. Who sends more is not read for a while, or hears so. README.md beside this folder has
//! every key.

mod bucket;
mod limits;
mod metrics;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod written;

use std::time::Instant;

use plugin_abi::{Config, Host, Origin, Plugin, Publish, Result, SocketOpen, Verdict, log, plugin};
use plugin_config::{Facts, Who};

use bucket::Nanos;
use limits::{Limits, Outcome, Whose};
use metrics::Metrics;
use settings::Settings;

struct RateLimit {
    limits: Limits,
    metrics: Metrics,
    exempt: Vec<Who>,
    started: Instant,
}

/// A reason code of MQTT 5.
const QUOTA_EXCEEDED: u8 = 0x97;

#[plugin]
impl Plugin for RateLimit {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let settings = Settings::read(&config)?;
        let limits = Limits::new(&settings);
        // A broker that shows them all the same is none the worse.
        let _ = host.interest("").without_payload();
        let Settings { exempt, .. } = settings;
        Ok(RateLimit { limits, metrics: Metrics::new(host), exempt, started: Instant::now() })
    }

    fn on_socket_open(&self, event: &SocketOpen<'_>) -> bool {
        let Some(peer) = event.peer() else { return true };
        let nobody = Facts { client_id: "", username: None, address: Some(peer.ip()) };
        // Who it is, is not known yet: only those are exempt that are so by their address alone.
        let by_address = |who: &&Who| who.client_ids.is_none() && who.users.is_none();
        if self.exempt.iter().filter(by_address).any(|who| who.matches(&nobody)) {
            return true;
        }
        let goes_on = self.limits.connection(peer.ip(), self.now());
        if !goes_on {
            self.metrics.connections.count();
            log::debug!("too many connections from {peer}");
        }
        goes_on
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        let is_sent = matches!(event.origin(), Origin::Client | Origin::Will);
        // What has another topic by now is still the same message.
        if !is_sent || event.is_asked_again() {
            return Verdict::Continue;
        }
        let client = Facts::from(event.client());
        if self.exempt.iter().any(|who| who.matches(&client)) {
            return Verdict::Continue;
        }
        let parts = event.topic().len() + event.properties().len();
        match self.limits.message(&client, parts as u64 + event.payload_len(), self.now()) {
            Outcome::Pass => Verdict::Continue,
            Outcome::Wait(wait) => {
                self.metrics.throttled.count();
                log::debug!("{:?} sends too much and waits for {wait:?}", client.client_id);
                Verdict::Throttle(wait)
            }
            Outcome::Refuse(whose) => {
                self.metrics.refused.count();
                log::debug!("{:?} sends too much: the limit of its {whose:?}", client.client_id);
                Verdict::refuse_with(QUOTA_EXCEEDED).reason(match whose {
                    Whose::Client => "too much at a time",
                    Whose::Address => "too much at a time from this address",
                })
            }
        }
    }
}

impl RateLimit {
    fn now(&self) -> Nanos {
        self.started.elapsed().as_nanos() as Nanos
    }
}
