//! How the broker refuses: it says why where the version has a way to say it, and closes.

use std::net::SocketAddr;

use mqtt::{ReasonCode, Version};

use crate::support::{Client, Login};

/// A connected client sends `bytes`; the broker says `reason` in DISCONNECT (5.0) and closes.
#[track_caller]
pub(crate) fn check_refused(
    address: SocketAddr,
    version: Version,
    bytes: &[u8],
    reason: ReasonCode,
) {
    let mut client = Login::new(version, "hostile").connect(address);
    client.send_bytes(bytes);
    client.expect_disconnect(reason);
}

/// `bytes` is all that comes on a new connection; the broker closes without a word.
#[track_caller]
pub(crate) fn check_closed(address: SocketAddr, version: Version, bytes: &[u8]) {
    let mut client = Client::open(address, version);
    client.send_bytes(bytes);
    client.expect_closed();
}

/// A CONNECT of this version is refused in CONNACK, and the connection closed. `None`: the version
/// has no word for it.
#[track_caller]
pub(crate) fn check_connect_refused(
    address: SocketAddr,
    version: Version,
    bytes: &[u8],
    reason: Option<ReasonCode>,
) {
    let mut client = Client::open(address, version);
    client.send_bytes(bytes);
    if let Some(reason) = reason {
        assert_eq!(client.connack(), (reason, false));
    }
    client.expect_closed();
}

/// `reason` where the version can say it.
pub(crate) fn only_v5(version: Version, reason: ReasonCode) -> Option<ReasonCode> {
    version.has_properties().then_some(reason)
}
