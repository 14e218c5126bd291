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
mod settings;
#[cfg(test)]
mod tests;
mod users;

use std::sync::Arc;

use plugin_abi::{BeforeConnect, Config, Host, Plugin, Result, Verdict, log, plugin};

use pool::Pool;
use settings::Settings;
use users::Users;

struct AuthFile {
    settings: Settings,
    users: Arc<Users>,
    pool: Pool,
}

/// Reason codes of MQTT 5.
const BAD_USER_NAME_OR_PASSWORD: u8 = 0x86;
const NOT_AUTHORIZED: u8 = 0x87;
const SERVER_BUSY: u8 = 0x89;

#[plugin]
impl Plugin for AuthFile {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        let settings: Settings = config.get()?;
        let users = Arc::new(Users::open(settings.file.clone())?);
        let pool = Pool::start(settings.threads.get(), settings.queue.get())?;
        Ok(AuthFile { settings, users, pool })
    }

    fn shutdown(&self) {
        self.pool.stop();
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        let method = event.authentication_method();
        if method.is_some_and(|method| self.settings.trusts(method)) {
            return Verdict::Continue;
        }
        let client = event.client();
        match (client.username(), event.password()) {
            (Some(name), Some(password)) => self.check(client.client_id(), name, password),
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
    fn check(&self, client_id: &str, name: &str, password: &[u8]) -> Verdict {
        let (sender, answer) = std::sync::mpsc::sync_channel(1);
        let users = self.users.clone();
        let [client_id, name] = [client_id, name].map(str::to_owned);
        let password = password.to_vec();
        let asked = self.pool.ask(move || {
            let _ = sender.send(users.verdict(&client_id, &name, &password));
        });
        if asked.is_err() {
            log::debug!("too many passwords wait to be checked");
            return Verdict::refuse_with(SERVER_BUSY);
        }
        answer.recv().unwrap_or(Verdict::Veto)
    }
}
