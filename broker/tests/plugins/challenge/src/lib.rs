//! Authenticates clients, in the way that the method names. No method is for use: a secret must not be
//! sent, and a challenge must not be guessable.
//!
//! - `TOKEN`: one round. The data is `NAME:SECRET`.
//! - `CHALLENGE`: two rounds. The data is the name; then `NONCE:SECRET` for the nonce that was asked.
//! - `ENDLESS`: asks, and is never content.
//! - `LARGE`: asks with so many bytes as the data says.
//!
//! Its config has the names and secrets: `{ secrets: { alice: a } }`.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use plugin_abi::{Auth, AuthVerdict, Config, Host, Plugin, Result, plugin, serde::Deserialize};

struct Challenge {
    settings: Settings,
    nonces: AtomicU64,
}

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Settings {
    secrets: HashMap<String, String>,
}

/// Bad User Name or Password.
const WRONG: u8 = 0x86;

#[plugin]
impl Plugin for Challenge {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        Ok(Challenge { settings: config.get()?, nonces: AtomicU64::new(1) })
    }

    fn on_auth(&self, event: &Auth<'_>) -> AuthVerdict {
        let data = std::str::from_utf8(event.data().unwrap_or_default()).unwrap_or_default();
        match event.method() {
            "TOKEN" => match data.split_once(':') {
                Some((name, secret)) => self.check(name, secret),
                None => AuthVerdict::refuse_with(WRONG),
            },
            "CHALLENGE" if event.round() == 1 => self.ask(data),
            "CHALLENGE" => self.compare(event, data),
            "ENDLESS" => AuthVerdict::challenge(event.round().to_string()),
            "LARGE" => AuthVerdict::challenge(vec![b'x'; data.parse().unwrap_or(0)]),
            _ => AuthVerdict::not_mine(),
        }
    }
}

impl Challenge {
    fn ask(&self, name: &str) -> AuthVerdict {
        let nonce = self.nonces.fetch_add(1, Ordering::Relaxed).to_string();
        let state = format!("{nonce}:{name}");
        AuthVerdict::challenge(nonce).keeping(state).reason("prove it")
    }

    fn compare(&self, event: &Auth<'_>, data: &str) -> AuthVerdict {
        let state = std::str::from_utf8(event.state()).unwrap_or_default();
        match (state.split_once(':'), data.split_once(':')) {
            (Some((asked, name)), Some((nonce, secret))) if asked == nonce => {
                self.check(name, secret)
            }
            _ => AuthVerdict::refuse(),
        }
    }

    fn check(&self, name: &str, secret: &str) -> AuthVerdict {
        if self.settings.secrets.get(name).is_some_and(|known| known == secret) {
            AuthVerdict::success().username(name).data(format!("welcome {name}"))
        } else {
            AuthVerdict::refuse_with(WRONG).reason("wrong name or secret")
        }
    }
}
