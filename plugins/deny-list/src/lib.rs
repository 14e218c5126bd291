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
