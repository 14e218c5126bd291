//! Clients by their id, user name and address.

use std::net::IpAddr;

use plugin_abi::Client;
use serde::Deserialize;

use crate::{Name, Network, OneOrMore};

/// Clients of which all is true that is said: one of the ids, and one of the users, and an address in
/// one of the networks. If nothing is said, all clients.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Who {
    /// Who has one of these client ids.
    pub client_ids: Option<OneOrMore<Name>>,
    /// Who has one of these user names. Who gave none has none of them, not even `*`.
    pub users: Option<OneOrMore<Name>>,
    /// Who is connected from there. Who has no IP address is nowhere.
    pub addresses: Option<OneOrMore<Network>>,
}

/// What there is to know of a client.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The client identifier.
    pub client_id: &'a str,
    /// The user name, if it gave one.
    pub username: Option<&'a str>,
    /// Where it is connected from, if that is an IP address.
    pub address: Option<IpAddr>,
}

impl<'a> From<Client<'a>> for Facts<'a> {
    fn from(client: Client<'a>) -> Self {
        Facts {
            client_id: client.client_id(),
            username: client.username(),
            address: client.peer().map(|peer| peer.ip()),
        }
    }
}

impl Who {
    /// Whether the client is one of them.
    pub fn matches(&self, client: &Facts<'_>) -> bool {
        let is_named = |names: &OneOrMore<Name>, name| names.iter().any(|it| it.matches(name));
        self.client_ids.as_ref().is_none_or(|names| is_named(names, client.client_id))
            && self.users.as_ref().is_none_or(|users| {
                client.username.is_some_and(|username| is_named(users, username))
            })
            && self.addresses.as_ref().is_none_or(|networks| {
                let is_in = |address| networks.iter().any(|it| it.contains(address));
                client.address.is_some_and(is_in)
            })
    }

    /// Whether it says nothing, and so means all clients.
    pub fn is_everybody(&self) -> bool {
        self.client_ids.is_none() && self.users.is_none() && self.addresses.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of who `config` means, the client ids.
    fn matched(config: &str) -> Vec<&'static str> {
        let who: Who = serde_json::from_str(config).unwrap();
        let address = |text: &str| Some(text.parse().unwrap());
        let clients = [
            Facts { client_id: "a1", username: Some("alice"), address: address("192.0.2.7") },
            Facts { client_id: "a2", username: Some("bob"), address: address("192.0.2.8") },
            Facts { client_id: "b1", username: None, address: address("::ffff:192.0.2.7") },
            Facts { client_id: "b2", username: Some(""), address: None },
        ];
        clients.iter().filter(|client| who.matches(client)).map(|it| it.client_id).collect()
    }

    #[test]
    fn all_that_is_said_must_be_true() {
        assert_eq!(matched("{}"), ["a1", "a2", "b1", "b2"]);
        assert_eq!(matched(r#"{"client_ids":["a*","b2"]}"#), ["a1", "a2", "b2"]);
        assert_eq!(matched(r#"{"users":"alice"}"#), ["a1"]);
        assert_eq!(matched(r#"{"users":"*"}"#), ["a1", "a2", "b2"]);
        assert_eq!(matched(r#"{"addresses":"192.0.2.7"}"#), ["a1", "b1"]);
        assert_eq!(matched(r#"{"addresses":"0.0.0.0/0"}"#), ["a1", "a2", "b1"]);
        assert_eq!(
            matched(r#"{"users":"*","client_ids":"*2","addresses":"192.0.2.0/24"}"#),
            ["a2"]
        );
    }

    #[test]
    fn an_empty_list_is_not_everybody() {
        for (config, why) in [
            (r#"{"users":[]}"#, "an empty list; name one, or leave the key out"),
            (r#"{"users":7}"#, "invalid type: integer `7`, expected a text or a list of texts"),
            (r#"{"addresses":"here"}"#, "\"here\" is not an address"),
            (r#"{"user":"a"}"#, "unknown field `user`"),
        ] {
            let error = serde_json::from_str::<Who>(config).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(serde_json::from_str::<Who>("{}").unwrap().is_everybody());
        assert!(!serde_json::from_str::<Who>(r#"{"users":"a"}"#).unwrap().is_everybody());
    }
}
