//! Lets in the users of a file, by their passwords. It says who may connect, not what they may do then.
//!
//! ```yaml
//! plugins:
//!   - auth-file:
//!       file: users.txt         # hookmq passwd users.txt alice
//!       allow_anonymous: false
//! ```
//!
//! To check a password takes tens of milliseconds on purpose, so it is done by threads of this plugin, and
//! the client alone waits.

mod pool;
mod reply;
mod settings;
#[cfg(test)]
mod tests;
mod users;

use std::path::PathBuf;
use std::sync::Arc;

use plugin_abi::{BeforeConnect, Config, Host, Plugin, Result, Verdict, log, plugin};

use pool::{Pool, Turn};
use reply::Reply;
use settings::Settings;
use users::Users;

struct AuthFile {
    host: Host,
    settings: Settings,
    users: Arc<Users>,
    pool: Pool,
}

/// Reason codes of MQTT 5.
const BAD_USER_NAME_OR_PASSWORD: u8 = 0x86;
const NOT_AUTHORIZED: u8 = 0x87;
const SERVER_BUSY: u8 = 0x89;

const BUSY: Verdict = Verdict::refuse_with(SERVER_BUSY);

#[plugin]
impl Plugin for AuthFile {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let settings: Settings = config.get()?;
        let users = Arc::new(Users::open(folder(&host).join(&settings.file))?);
        let pool = Pool::start(settings.threads.get(), settings.queue.get())?;
        Ok(AuthFile { host, settings, users, pool })
    }

    fn shutdown(&self) {
        self.pool.stop();
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        if event.is_asked_again() {
            // A plugin has changed a name. The password was that of the one before.
            return Verdict::Continue;
        }
        let method = event.authentication_method();
        if method.is_some_and(|method| self.settings.trusts(method)) {
            return Verdict::Continue;
        }
        let client = event.client();
        match (client.username(), event.password()) {
            (Some(name), Some(password)) => self.check(event, name, password),
            (None, _) if self.settings.allow_anonymous => Verdict::Continue,
            (None, _) => {
                log::debug!("{:?} gave no user name", client.client_id());
                Verdict::refuse_with(NOT_AUTHORIZED)
            }
            (Some(name), None) => {
                log::debug!("{:?} gave no password for {name:?}", client.client_id());
                Verdict::refuse_with(BAD_USER_NAME_OR_PASSWORD)
            }
        }
    }
}

impl AuthFile {
    fn check(&self, event: &BeforeConnect<'_>, name: &str, password: &[u8]) -> Verdict {
        let client_id = event.client().client_id();
        let Ok(place) = self.pool.place() else {
            log::debug!("too many passwords wait to be checked; {client_id:?} has to come later");
            return BUSY;
        };
        let (reply, promise) = Reply::to(&self.host, event);
        let users = self.users.clone();
        let [client_id, name] = [client_id, name].map(str::to_owned);
        let password = password.to_vec();
        place.put(move |turn| {
            reply.give(match turn {
                Turn::InTime => users.verdict(&client_id, &name, &password),
                Turn::TooLate => BUSY,
            });
        });
        promise.verdict()
    }
}

/// Where a relative path begins: at the config file, or for an earlier broker where that was started.
fn folder(host: &Host) -> PathBuf {
    host.config_folder().unwrap_or_default()
}
