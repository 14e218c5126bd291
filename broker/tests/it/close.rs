//! How the broker closes a connection: a client that still sends hears why, and is not reset.

use std::io::Write;

use mqtt::{ReasonCode, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    a_client_that_still_sends_is_not_reset,
    a_client_that_is_not_let_in_is_not_reset,
    a_client_that_never_stops_is_cut_off,
);

/// A PUBLISH with both QoS bits.
const MALFORMED: &[u8] = &[0x36, 0];

fn a_client_that_still_sends_is_not_reset(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.send_bytes(MALFORMED);
    client.expect_disconnect(ReasonCode::MalformedPacket);
    send_on(&mut client);
}

fn a_client_that_is_not_let_in_is_not_reset(version: Version) {
    let broker = Broker::start();
    let (mut client, answer) = Login::new(version, &"x".repeat(1000)).ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::ClientIdentifierNotValid);
    client.expect_closed();
    send_on(&mut client);
}

fn a_client_that_never_stops_is_cut_off(version: Version) {
    const ENDLESS: usize = 64 * 1024;
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.send_bytes(MALFORMED);
    let taken = (0..ENDLESS).take_while(|_| client.stream.write_all(&[0; 1024]).is_ok()).count();
    assert!(taken < ENDLESS, "the broker still reads");
}

/// Had the broker's system answered with a reset, the second write would fail.
fn send_on(client: &mut Client) {
    for _ in 0..100 {
        client.send_bytes(&[0; 1024]);
    }
}
