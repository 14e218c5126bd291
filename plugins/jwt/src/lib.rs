//! Lets in clients that bring a JSON Web Token, and keeps them to the topics that the token names.
//!
//! ```yaml
//! plugins:
//!   - jwt:
//!       keys:
//!         - public_key_file: issuer.pem
//!       issuer: https://auth.example.com
//!       audience: mqtt
//!       claims: { sub: "%u" }
//!       rights: { subscribe: read }
//! ```
//!
//! Without `claims:` any good token is good for any user name and client id: who has one could come as somebody
//! else, and get what `%u` and `%c` stand for. As `sub` says who it is then, topics are in another claim.
//! A key is for the algorithms of its kind alone, whatever a token says.

mod algorithm;
mod checks;
mod clock;
mod crypto;
mod grant;
mod grants;
mod key;
mod key_file;
mod keys;
mod names;
mod place;
mod refused;
mod settings;
mod take_over;
#[cfg(test)]
mod tests;
mod token;
mod topics;

use std::sync::Arc;

use plugin_abi::{
    BeforeConnect, Client, Config, Connect, Disconnect, Host, Kick, Origin, Plugin, Publish,
    Result, Subscribe, Verdict, log, plugin,
};
use watched_file::EverySecond;

use checks::Checks;
use grant::Grant;
use grants::{Grants, Key};
use keys::Keys;
use names::Names;
use place::Place;
use refused::Refused;
use settings::{Rights, Settings};
use take_over::take_over;

struct Jwt {
    host: Host,
    place: Place,
    keys: Arc<Keys>,
    checks: Checks,
    rights: Rights,
    grants: Arc<Grants>,
    watch: EverySecond,
}

/// Reason codes of MQTT 5.
const BAD_USER_NAME_OR_PASSWORD: u8 = 0x86;
const NOT_AUTHORIZED: u8 = 0x87;

const UNCOVERED: &str = "the token does not allow all that the session has subscribed to";

#[plugin(may_use = "kick read-clients")]
impl Plugin for Jwt {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        crypto::install();
        let settings: Settings = config.get()?;
        let folder = host.config_folder().unwrap_or_default();
        let keys = Keys::open(&settings.keys, &folder)?;
        let checks = Checks::new(&settings)?;
        let (keys, grants) = (Arc::new(keys), Arc::<Grants>::default());
        let watch = {
            let (keys, grants) = (keys.clone(), grants.clone());
            let mut has_all = false;
            EverySecond::start("jwt", move || {
                keys.look();
                has_all = has_all || take_over(&host, &grants);
                grants.end_expired(&host, clock::now());
            })?
        };
        let Settings { token: place, rights, .. } = settings;
        Ok(Jwt { host, place, keys, checks, rights, grants, watch })
    }

    fn shutdown(&self) {
        self.watch.stop();
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        let client = event.client();
        let Some(token) = self.place.token(event) else {
            log::debug!("{:?} has no token", client.client_id());
            return Verdict::refuse_with(NOT_AUTHORIZED);
        };
        match self.admit(token, Names::of(&client), event.is_asked_again()) {
            Ok(grant) => self.let_in(event, grant),
            Err(refused) => {
                log::debug!("the token of {:?} is refused: {refused}", client.client_id());
                refused.verdict()
            }
        }
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        let client = event.client();
        let Some(grant) = self.grants.connected(&Key::of(&client), client.client_id()) else {
            // An instance has let it in that is gone by now, and its grant with it.
            log::debug!("{:?} has to connect anew: its token is not known", client.client_id());
            return false;
        };
        if event.session_present() && !grant.covers_session(&self.host, client.client_id()) {
            self.end_session(&client);
            return false;
        }
        grant.keep(&self.host, client.client_id());
        true
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        match event.origin() {
            Origin::Client => {}
            // Its topic was looked at when the client connected.
            Origin::Will if event.topic() == event.original_topic() => return Verdict::Continue,
            Origin::Will => {}
            _ => return Verdict::Continue,
        }
        let topic = event.topic();
        self.decide(&event.client(), |grant| grant.publish.has(topic), "publish to", topic)
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        if event.origin() != Origin::Client {
            return Verdict::Continue;
        }
        let filter = event.filter();
        self.decide(&event.client(), |grant| grant.subscribe.covers(filter), "subscribe to", filter)
    }

    fn on_disconnect(&self, event: &Disconnect<'_>) {
        self.grants.left(&Key::of(&event.client()));
    }
}

impl Jwt {
    /// What the token allows, if it is good.
    fn admit(&self, token: &[u8], names: Names<'_>, again: bool) -> Result<Grant, Refused> {
        let claims = token::verify(token, &self.keys)?;
        self.checks.origin(&claims)?;
        let expires = self.checks.times(&claims, clock::now())?;
        if !again {
            // A plugin has changed a name. The token was for the one before.
            self.checks.expected(&claims, names)?;
        }
        Ok(Grant::new(&claims, &self.rights, names, expires))
    }

    fn let_in(&self, event: &BeforeConnect<'_>, mut grant: Grant) -> Verdict {
        let client = event.client();
        if let Some(topic) = event.will_topic()
            && !grant.publish.has(topic)
        {
            log::debug!(
                "{:?} has a will to {topic:?}, where it may not publish",
                client.client_id()
            );
            return Verdict::refuse_with(NOT_AUTHORIZED)
                .reason("the topic of the will is not allowed");
        }
        grant.has_will = event.will_topic().is_some();
        self.grants.add(&Key::of(&client), client.client_id(), grant);
        Verdict::Continue
    }

    /// Without the will, since the client never was in.
    fn end_session(&self, client: &Client<'_>) {
        self.grants.remove(&Key::of(client));
        let client_id = client.client_id();
        let kick = Kick::because(NOT_AUTHORIZED).words(UNCOVERED).without_will();
        match self.host.disconnect(client_id, &kick.and_its_session()) {
            Ok(()) => log::info!("{client_id:?} has to go, and its session ends: {UNCOVERED}"),
            Err(why) => {
                log::warn!("{client_id:?} has to go, its session stays: {UNCOVERED}; {why}");
            }
        }
    }

    /// Also that of a client who was in before this instance of the plugin.
    fn grant_of(&self, client: &Client<'_>) -> Option<Arc<Grant>> {
        let key = Key::of(client);
        self.grants.get(&key).or_else(|| {
            let kept = Grant::kept(&self.host, client.client_id())?;
            self.grants.adopt(&key, client.client_id(), kept)
        })
    }

    fn decide(
        &self,
        client: &Client<'_>,
        allows: impl Fn(&Grant) -> bool,
        what: &str,
        topic: &str,
    ) -> Verdict {
        let client_id = client.client_id();
        match self.grant_of(client) {
            Some(grant) if grant.has_expired(clock::now()) => {
                log::debug!("the token of {client_id:?} has expired");
                Verdict::refuse_with(NOT_AUTHORIZED).reason(refused::EXPIRED)
            }
            Some(grant) if allows(&grant) => Verdict::Continue,
            _ => {
                log::debug!("{client_id:?} may not {what} {topic:?}");
                Verdict::refuse_with(NOT_AUTHORIZED)
            }
        }
    }
}
