//! Says who may publish and subscribe to which topics, and who may connect, by rules of which the
//! first that matches decides. README.md beside this folder has every key.
//!
//! A subscription is granted if a rule that allows has *all* of its topics. One that is wider than a
//! rule that denies is granted as well, and each message is looked at before it is delivered.

mod action;
mod compile;
mod effect;
mod file;
mod pattern;
mod problem;
mod rule;
mod rules;
mod settings;
#[cfg(test)]
mod tests;
mod yaml;

use std::sync::Arc;

use arc_swap::ArcSwap;
use plugin_abi::{
    BeforeConnect, Client, Config, Deliver, Host, Origin, Plugin, Publish, Result, Subscribe,
    Verdict, log, plugin,
};
use plugin_config::Facts;

use action::Action;
use effect::Effect;
use file::Watcher;
use rule::Request;
use rules::Rules;
use settings::{Settings, Source};

struct Acl {
    settings: Settings,
    rules: Arc<ArcSwap<Rules>>,
    watcher: Option<Watcher>,
}

#[plugin]
impl Plugin for Acl {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let (settings, source) = Settings::read(&config)?;
        let (rules, watcher) = match source {
            Source::Config(rules) => (Arc::new(ArcSwap::from_pointee(rules)), None),
            Source::File(file) => {
                // Where a broker does not say so, its config is where it runs.
                let folder = host.config_folder().unwrap_or_default();
                let (watcher, rules) = Watcher::start(folder.join(file))?;
                (rules, Some(watcher))
            }
        };
        // A broker that shows them all the same is none the worse.
        let _ = host.interest("").without_payload();
        log::info!("{} rules", rules.load().len());
        Ok(Acl { settings, rules, watcher })
    }

    fn shutdown(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.stop();
        }
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        let client = event.client();
        if self.denies(client, Action::Connect, "") {
            return self.settings.refuse.verdict(|| "not allowed to connect".to_owned());
        }
        match event.will_topic() {
            Some(topic)
                if self.settings.check_will_on_connect
                    && self.denies(client, Action::Publish, topic) =>
            {
                self.settings.refuse.verdict(|| format!("not allowed to have a will to {topic}"))
            }
            _ => Verdict::Continue,
        }
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        let filter = event.filter();
        let is_exempt = self.is_exempt(event.origin());
        if !is_exempt && self.denies(event.client(), Action::Subscribe, filter) {
            return self
                .settings
                .refuse
                .verdict(|| format!("not allowed to subscribe to {filter}"));
        }
        Verdict::Continue
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        let topic = event.topic();
        if self.is_exempt(event.origin()) || !self.denies(event.client(), Action::Publish, topic) {
            return Verdict::Continue;
        }
        self.settings.refuse.verdict(|| format!("not allowed to publish to {topic}"))
    }

    /// A subscription may be wider than what its client may read, and older than the rules.
    fn on_before_deliver(&self, event: &Deliver<'_>) -> bool {
        !self.denies(event.client(), Action::Deliver, event.topic())
    }
}

impl Acl {
    /// What a plugin or the broker publishes is not what a client may do.
    fn is_exempt(&self, origin: Origin) -> bool {
        !self.settings.check_plugins && matches!(origin, Origin::Plugin | Origin::Broker)
    }

    fn denies(&self, client: Client<'_>, action: Action, filter: &str) -> bool {
        let rules = self.rules.load();
        let request = Request { action, filter, strict: self.settings.strict };
        let decision = rules.decide(&Facts::from(client), request);
        if decision.effect == Effect::Allow {
            return false;
        }
        let by = decision.rule.map_or("no rule, and the default", |rule| &rule.place);
        let (client_id, username) = (client.client_id(), client.username());
        log::debug!("{action:?} {filter:?} of {client_id:?} (user {username:?}) is denied by {by}");
        true
    }
}
