//! The plugin as clients come with tokens, publish, subscribe and go.

mod config;
mod connect;
mod rights;
mod sign;
mod signatures;

use plugin_abi::Verdict;
use plugin_abi::testing::{self, BeforeConnect, Client, Host, Instance};
use serde_json::{Value, json};

use crate::Jwt;
use crate::clock::now;
use sign::{SECRET, Signer};

const WRONG: Verdict = Verdict::refuse_with(0x86);
const NOT_AUTHORIZED: Verdict = Verdict::refuse_with(0x87);

fn start(config: Value) -> Instance<Jwt> {
    testing::start(&Host::new(), config).unwrap()
}

/// Knows the secret, and takes tokens that say nothing of topics.
fn start_with(mut config: Value) -> Instance<Jwt> {
    config["keys"] = json!([{ "secret": SECRET }]);
    if config.get("rights").is_none() {
        config["rights"] = json!({ "if_absent": "allow" });
    }
    start(config)
}

/// Claims that are good for an hour.
fn for_an_hour(mut claims: Value) -> Value {
    claims["exp"] = json!(now() + 3600);
    claims
}

/// A token by the secret, good for an hour.
fn token(claims: Value) -> String {
    Signer::hs256().token(&for_an_hour(claims))
}

/// Of `alice`, who has the client id `c`.
fn connect(token: impl AsRef<[u8]>) -> BeforeConnect {
    BeforeConnect::of(Client::new("c").username("alice")).password(token)
}
