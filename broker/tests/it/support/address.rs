//! Limits that loopback does not have need another address.

use std::net::{IpAddr, UdpSocket};

/// The address that this machine would speak from to another network. Nothing is sent.
pub(crate) fn other_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
