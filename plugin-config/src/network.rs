//! An address, or all that share its first bits (CIDR).

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// A network as it stands in a config: `192.0.2.7`, `198.51.100.0/24`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Network(IpNet);

impl Network {
    /// Whether the address is in it. A socket that takes both families shows an IPv4 peer as
    /// `::ffff:192.0.2.7`, which is 192.0.2.7 here.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse().or_else(|_| single());
        network.map(Network).map_err(|_| {
            format!("{text:?} is not an address as 192.0.2.7, nor a network as 2001:db8::/32")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn contains(network: &str, address: &str) -> bool {
        Network::try_from(network.to_owned()).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_and_networks() {
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.8"));
        assert!(contains("198.51.100.9/24", "198.51.100.255"));
        assert!(contains("0.0.0.0/0", "203.0.113.1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::1"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(!contains("::/0", "192.0.2.7"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.7"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "localhost", "192.0.2.7/33", "::/129", "192.0.2.7/", "192.0.2/24"] {
            let error = Network::try_from(text.to_owned()).unwrap_err();
            assert!(error.starts_with(&format!("{text:?} is not an address")), "{error}");
        }
    }
}
