//! Keeps out what is on its lists: addresses before anything is read from them, client ids and user
//! names when they connect. It says who may not come in, not who may.
//!
//! ```yaml
//! plugins:
//!   - deny-list:
//!       addresses: [ 192.0.2.7, 198.51.100.0/24, "2001:db8::/32" ]
//!       client_ids: [ intruder, "test-*" ]   # a * at the end stands for anything
//!       usernames: [ guest ]
//! ```

mod network;
mod pattern;

use plugin_abi::serde::Deserialize;
use plugin_abi::{BeforeConnect, Config, Host, Plugin, Result, SocketOpen, log, plugin};

use network::Network;
use pattern::Pattern;

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
#[derive(Default)]
struct DenyList {
    addresses: Vec<Network>,
    client_ids: Vec<Pattern>,
    usernames: Vec<Pattern>,
}

#[plugin]
impl Plugin for DenyList {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        config.get()
    }

    fn on_socket_open(&self, event: &SocketOpen<'_>) -> bool {
        let Some(peer) = event.peer() else { return true };
        let denied = self.addresses.iter().any(|network| network.contains(peer.ip()));
        if denied {
            log::debug!("{peer} is on the list of addresses");
        }
        !denied
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> bool {
        let client = event.client();
        let (client_id, username) = (client.client_id(), client.username());
        let denied = self.client_ids.iter().any(|pattern| pattern.matches(client_id))
            || username.is_some_and(|name| self.usernames.iter().any(|p| p.matches(name)));
        if denied {
            log::debug!("{client_id:?} (user name {username:?}) is on a list");
        }
        !denied
    }
}

#[cfg(test)]
mod tests {
    use plugin_abi::testing::{self, Answer, Instance, json};

    use super::*;

    fn deny_list() -> Instance<DenyList> {
        let config = json!({
            "addresses": ["192.0.2.7", "2001:db8::/32"],
            "client_ids": ["intruder", "test-*"],
            "usernames": ["guest"],
        });
        testing::start(&testing::Host::new(), config).unwrap()
    }

    #[test]
    fn addresses_are_kept_out() {
        let list = deny_list();
        for peer in ["192.0.2.7:1000", "[2001:db8::5]:1000", "[::ffff:192.0.2.7]:1000"] {
            assert_eq!(
                list.on_socket_open(&testing::SocketOpen::from(peer)),
                Answer::Veto,
                "{peer}"
            );
        }
        for peer in ["192.0.2.8:1000", "[::1]:1000"] {
            let event = testing::SocketOpen::from(peer);
            assert_eq!(list.on_socket_open(&event), Answer::Continue, "{peer}");
        }
        let no_address = testing::SocketOpen::from("192.0.2.7:1000").without_addresses();
        assert_eq!(list.on_socket_open(&no_address), Answer::Continue);
    }

    #[test]
    fn client_ids_and_user_names_are_kept_out() {
        let list = deny_list();
        let ask = |client_id, username: Option<&str>| {
            let client = testing::Client::new(client_id);
            let client = match username {
                Some(username) => client.username(username),
                None => client,
            };
            list.on_before_connect(&testing::BeforeConnect::of(client))
        };
        assert_eq!(ask("intruder", None), Answer::Veto);
        assert_eq!(ask("test-7", Some("alice")), Answer::Veto);
        assert_eq!(ask("alice", Some("guest")), Answer::Veto);
        assert_eq!(ask("guest", Some("intruder")), Answer::Continue);
        assert_eq!(ask("alice", Some("")), Answer::Continue);
    }

    #[test]
    fn mistakes_in_the_config_are_named() {
        let error = |config| {
            let error = testing::start::<DenyList>(&testing::Host::new(), config).unwrap_err();
            error.to_string()
        };
        let address = error(json!({ "addresses": ["192.0.2.7", "localhost"] }));
        assert!(address.contains("`addresses[1]`: \"localhost\" is not an address"), "{address}");
        let unknown = error(json!({ "adresses": [] }));
        assert!(unknown.contains("unknown field `adresses`, expected one of"), "{unknown}");
    }
}
