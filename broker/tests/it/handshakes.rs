//! Connections that are not through with their CONNECT: so many, and the oldest gives way.

use std::time::Duration;

use mqtt::{ReasonCode, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(the_oldest_half_open_connection_gives_way, who_has_connected_does_not_count);

fn the_oldest_half_open_connection_gives_way(version: Version) {
    let broker = with_room_for(3);
    let connect = Login::new(version, "client").bytes();
    let (begin, rest) = connect.split_at(5);
    let mut half_open: Vec<Client> = (0..3)
        .map(|_| {
            let mut client = Client::open(broker.address(), version);
            client.send_bytes(begin);
            client
        })
        .collect();
    Client::connect(&broker, version, "newcomer").ping();
    half_open[0].expect_closed();
    // The others have kept their places.
    let last = &mut half_open[2];
    last.send_bytes(rest);
    assert_eq!(last.connack(), (ReasonCode::Success, false));
}

fn who_has_connected_does_not_count(version: Version) {
    let broker = with_room_for(2);
    let mut half_open = Client::open(broker.address(), version);
    let mut connected: Vec<Client> = (0..10)
        .map(|number| Client::connect(&broker, version, &format!("client-{number}")))
        .collect();
    connected.iter_mut().for_each(Client::ping);
    half_open.send_bytes(&Login::new(version, "late").bytes());
    assert_eq!(half_open.connack(), (ReasonCode::Success, false));
}

fn with_room_for(handshakes: usize) -> Broker {
    Broker::with(|config| {
        config.limits.max_handshakes = handshakes;
        config.limits.connect_timeout = Duration::from_secs(3600);
    })
}
