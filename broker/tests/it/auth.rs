//! Enhanced authentication while a client connects. What a connected client does is in `reauth`, what
//! plugins do in `on_auth`.

use std::time::Duration;

use mqtt::{
    Auth, Disconnect, Packet, Properties, Property, PropertyBuffer, QoS, ReasonCode, Version,
};
use socket2::{Domain, Socket, Type};

use crate::common::plugins::PluginDir;
use crate::script::Script;
use crate::support::auth::{broker, challenge, connect, login};
use crate::support::{Broker, Client, Login};

/// [MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.2.0-1]
#[test]
fn a_client_answers_a_challenge() {
    let broker = broker();
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    client.answer_challenge("a");
    let answer = client.answer();
    assert_eq!(answer.reason, ReasonCode::Success);
    assert_eq!(answer.properties().authentication_method(), Some("CHALLENGE"));
    assert_eq!(answer.properties().authentication_data(), Some(&b"welcome alice"[..]));
    client.subscribe("a", QoS::AtLeastOnce);
    Client::connect(&broker, Version::V3_1_1, "p").publish("a", "x", QoS::AtLeastOnce);
    client.expect("a", "x");
    client.disconnect();
}

/// [MQTT-4.12.0-5]
#[test]
fn one_round_may_be_enough() {
    let broker = broker();
    let mut client = Client::start(&broker, &login("c", "TOKEN", "bob:b"));
    // Sent on trust, as a client may that has no more to say to the plugin.
    client.send(&Packet::PingReq);
    let answer = client.answer();
    assert_eq!(answer.reason, ReasonCode::Success);
    assert_eq!(answer.properties().authentication_method(), Some("TOKEN"));
    assert_eq!(answer.properties().authentication_data(), Some(&b"welcome bob"[..]));
    client.receive(|packet| assert_eq!(packet, Packet::PingResp));
}

/// [MQTT-4.12.0-2] [MQTT-4.12.0-5]
#[test]
fn mqttjs_answers_a_challenge() {
    Script::mqttjs().play_with(&broker(), "a_client_answers_a_challenge", Version::V5);
}

/// [MQTT-4.12.0-4]
#[test]
fn mqttjs_is_refused() {
    Script::mqttjs().play_with(&broker(), "a_wrong_secret_is_refused", Version::V5);
}

#[test]
fn packets_come_in_any_pieces() {
    let broker = broker();
    let mut client = Client::open(broker.address(), Version::V5);
    for byte in login("c", "CHALLENGE", "alice").bytes() {
        client.send_bytes(&[byte]);
    }
    let nonce = client.asked().data.unwrap();
    let mut properties = PropertyBuffer::new();
    properties.push(Property::AuthenticationMethod("CHALLENGE"));
    properties.push(Property::AuthenticationData(format!("{nonce}:a").as_bytes()));
    let reason = ReasonCode::ContinueAuthentication;
    let mut bytes = Vec::new();
    let auth = Auth { reason, properties: properties.as_properties() };
    Packet::Auth(auth).encode(Version::V5, &mut bytes);
    for byte in bytes {
        client.send_bytes(&[byte]);
    }
    assert_eq!(client.connack().0, ReasonCode::Success);
    client.ping();
}

/// [MQTT-4.12.0-4]
#[test]
fn a_wrong_answer_is_refused() {
    let broker = broker();
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    client.answer_challenge("b");
    client.expect_refused(ReasonCode::BadUserNameOrPassword);
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    client.asked();
    client.send_auth(ReasonCode::ContinueAuthentication, "CHALLENGE", "another nonce:a");
    client.expect_refused(ReasonCode::NotAuthorized);
    let mut client = Client::start(&broker, &login("c", "TOKEN", "alice:b"));
    let answer = client.answer();
    assert_eq!(answer.reason, ReasonCode::BadUserNameOrPassword);
    assert_eq!(answer.properties().reason_string(), Some("wrong name or secret"));
    client.expect_closed();
}

/// [MQTT-4.12.0-1]
#[test]
fn a_method_that_no_plugin_knows_is_refused() {
    let broker = broker();
    let mut client = Client::start(&broker, &login("c", "UNKNOWN", ""));
    let answer = client.answer();
    assert_eq!(answer.reason, ReasonCode::BadAuthenticationMethod);
    assert_eq!(answer.properties().reason_string(), Some("no such authentication method"));
    client.expect_closed();
}

/// [MQTT-4.12.0-6]: neither AUTH nor a method in CONNACK.
#[test]
fn a_client_without_a_method_is_not_asked() {
    let broker = broker();
    let (mut client, answer) = Login::new(Version::V5, "c").ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::Success);
    assert_eq!(answer.properties().authentication_method(), None);
    client.ping();
    // [MQTT-4.12.0-7]
    client.send_auth(ReasonCode::ReAuthenticate, "TOKEN", "alice:a");
    client.expect_disconnect(ReasonCode::ProtocolError);
    Client::connect(&broker, Version::V3_1_1, "old").ping();
}

/// [MQTT-3.1.2-30]
#[test]
fn until_connack_there_is_auth_and_disconnect_alone() {
    let broker = broker();
    let again = login("c", "CHALLENGE", "alice").bytes();
    // CONNECT, PUBLISH with a length that is not waited for, SUBSCRIBE, PINGREQ, type 0.
    for bytes in [&again[..], &[0x30, 0xFF, 0x01], &[0x82, 0x10], &[0xC0, 0], &[0x00, 0]] {
        let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
        client.asked();
        client.send_bytes(bytes);
        client.expect_refused(ReasonCode::ProtocolError);
    }
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    client.asked();
    client.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
    client.expect_closed();
}

/// [MQTT-4.12.0-3] [MQTT-4.12.0-5]
#[test]
fn an_auth_out_of_order_is_refused() {
    let broker = broker();
    for (reason, method) in [
        (ReasonCode::Success, "CHALLENGE"),
        (ReasonCode::ReAuthenticate, "CHALLENGE"),
        (ReasonCode::ContinueAuthentication, "TOKEN"),
        (ReasonCode::ContinueAuthentication, "challenge"),
    ] {
        let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
        client.asked();
        client.send_auth(reason, method, "alice:a");
        client.expect_refused(ReasonCode::ProtocolError);
    }
}

/// [MQTT-3.15.2-1]
#[test]
fn a_malformed_auth_is_refused() {
    let broker = broker();
    for (bytes, reason) in [
        // Without a method; a reason code that AUTH does not have; bytes behind the properties.
        (&[0xF0, 2, 0x18, 0][..], ReasonCode::ProtocolError),
        (&[0xF0, 0], ReasonCode::ProtocolError),
        (&[0xF0, 1, 0x87], ReasonCode::ProtocolError),
        (&[0xF0, 3, 0x18, 0, 0], ReasonCode::MalformedPacket),
    ] {
        let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
        client.asked();
        client.send_bytes(bytes);
        client.expect_refused(reason);
    }
    // [MQTT-3.15.1-1]; and more than is granted to a stranger.
    for bytes in [&[0xF1, 0][..], &[0xF0, 0x80, 0x80, 0x40]] {
        let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
        client.asked();
        client.send_bytes(bytes);
        client.expect_closed();
    }
}

#[test]
fn an_exchange_has_so_many_rounds() {
    let broker = broker();
    let mut client = Client::start(&broker, &login("c", "ENDLESS", ""));
    for round in 1..=32 {
        assert_eq!(client.asked().data, Some(round.to_string()));
        client.send_auth(ReasonCode::ContinueAuthentication, "ENDLESS", "");
    }
    client.expect_refused(ReasonCode::QuotaExceeded);
}

#[test]
fn an_exchange_has_the_time_that_a_connect_has() {
    let directory = PluginDir::new();
    let plugins = vec![challenge(&directory, "challenge")];
    let broker = Broker::with_plugins_and(&directory, plugins, |config| {
        config.limits.connect_timeout = Duration::from_secs(1);
    });
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    client.asked();
    client.expect_closed();
    // A client that goes on and on has no more.
    let mut client = Client::start(&broker, &login("c", "ENDLESS", ""));
    for _ in 0..5 {
        client.asked();
        client.send_auth(ReasonCode::ContinueAuthentication, "ENDLESS", "");
    }
    client.asked();
    client.expect_closed();
}

#[test]
fn a_session_is_its_users_alone() {
    let broker = broker();
    let login = |token| login("c", "TOKEN", token).keeping_session();
    let (mut client, _) = login("alice:a").resume(broker.address());
    let mut bob = Client::start(&broker, &login("bob:b"));
    bob.expect_refused(ReasonCode::NotAuthorized);
    let (mut nobody, answer) = Login::new(Version::V5, "c").ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::NotAuthorized);
    nobody.expect_closed();
    client.ping();
    client.disconnect();
    assert!(login("alice:a").resume(broker.address()).1);
}

/// The client waits for its session, authenticated, until the connection before has left it.
#[test]
fn an_authenticated_client_takes_its_session_over() {
    let broker = broker();
    let mut first = connect(&broker, "c", "alice:a");
    let mut second = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    second.answer_challenge("a");
    second.send(&Packet::PingReq);
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    assert_eq!(second.connack().0, ReasonCode::Success);
    second.receive(|packet| assert_eq!(packet, Packet::PingResp));
    let mut third = connect(&broker, "c", "alice:a");
    second.expect_disconnect(ReasonCode::SessionTakenOver);
    third.ping();
    // Who is not authenticated drives nobody out.
    let mut fourth = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    fourth.asked();
    third.ping();
}

/// [MQTT-3.15.2-2] [MQTT-3.1.2-29]
#[test]
fn an_auth_is_as_large_as_the_client_takes() {
    let broker = broker();
    let ask = |login: Login<'_>| Client::start(&broker, &login).asked();
    let whole = ask(login("c", "CHALLENGE", "alice"));
    assert_eq!(whole.text.as_deref(), Some("prove it"));
    let unwanted =
        ask(login("c", "CHALLENGE", "alice").with(Property::RequestProblemInformation(0)));
    assert_eq!(unwanted.text, None);
    let small = ask(login("c", "CHALLENGE", "alice").with(Property::MaximumPacketSize(25)));
    assert_eq!(
        (small.reason, small.text, small.data.is_some()),
        (ReasonCode::ContinueAuthentication, None, true)
    );
    // What cannot be asked is no authentication.
    for (bytes, limit, fits) in [("100", 115, true), ("100", 100, false), ("65536", 99_999, false)]
    {
        let login = login("c", "LARGE", bytes).with(Property::MaximumPacketSize(limit));
        let mut client = Client::start(&broker, &login);
        match (fits, bytes) {
            (true, _) => assert_eq!(client.asked().data.map(|data| data.len()), Some(100)),
            (_, "100") => client.expect_refused(ReasonCode::ImplementationSpecificError),
            _ => client.expect_refused(ReasonCode::NotAuthorized),
        }
    }
}

/// What the socket does not take at once follows, and nothing may overtake it.
#[test]
fn a_large_auth_is_written_piece_by_piece() {
    let broker = broker();
    let start = || {
        // Small segments make the broker's end of the connection small too.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_tcp_mss(536).unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        socket.connect(&broker.address().into()).unwrap();
        let mut client = Client::open(broker.address(), Version::V5);
        socket.set_read_timeout(client.stream.read_timeout().unwrap()).unwrap();
        client.stream = socket.into();
        client.send_bytes(&login("c", "LARGE", "65535").bytes());
        client
    };
    let mut client = start();
    assert_eq!(client.asked().data.unwrap().len(), 65_535);
    client.send_auth(ReasonCode::ContinueAuthentication, "LARGE", "65535");
    assert_eq!(client.asked().data.unwrap().len(), 65_535);
    // A client that answers what it cannot have read.
    let mut client = start();
    client.send_auth(ReasonCode::ContinueAuthentication, "LARGE", "10");
    client.drain_until_closed();
}

#[test]
fn user_properties_have_their_limit() {
    let broker = broker();
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    client.asked();
    let mut properties = PropertyBuffer::new();
    properties.push(Property::AuthenticationMethod("CHALLENGE"));
    for _ in 0..65 {
        properties.push(Property::UserProperty("a", "b"));
    }
    let reason = ReasonCode::ContinueAuthentication;
    client.send(&Packet::Auth(Auth { reason, properties: properties.as_properties() }));
    client.expect_refused(ReasonCode::QuotaExceeded);
}

/// Each byte of CONNECT and AUTH changed in each of a few ways.
#[test]
fn damaged_packets_harm_nobody_else() {
    let broker = broker();
    let mut other = connect(&broker, "other", "alice:a");
    let connect = login("c", "CHALLENGE", "alice").bytes();
    let damages = [0x00, 0x01, 0x18, 0x7F, 0x80, 0xFF];
    for at in 0..connect.len() {
        for byte in damages {
            let mut client = Client::open(broker.address(), Version::V5);
            client.send_bytes(&[&connect[..at], &[byte], &connect[at + 1..]].concat());
            client.say_no_more();
        }
    }
    let auth = b"\xF0\x18\x18\x16\x15\0\x09CHALLENGE\x16\0\x07alice:a";
    for at in 0..auth.len() {
        for byte in damages {
            let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
            client.asked();
            client.send_bytes(&[&auth[..at], &[byte], &auth[at + 1..]].concat());
            client.say_no_more();
        }
        other.ping();
    }
    // The one that is whole is understood.
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    client.asked();
    client.send_bytes(auth);
    client.expect_refused(ReasonCode::NotAuthorized);
}

/// Many exchanges at the same time, none of which sees another's state.
#[test]
fn exchanges_do_not_meet() {
    let broker = broker();
    let names = [("alice", "a"), ("bob", "b")];
    let mut clients: Vec<Client> = (0..100)
        .map(|number| {
            let name = names[number % 2].0;
            Client::start(&broker, &login(&format!("c{number}"), "CHALLENGE", name))
        })
        .collect();
    for (number, client) in clients.iter_mut().enumerate().rev() {
        client.answer_challenge(names[number % 2].1);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let answer = client.answer();
        let welcome = format!("welcome {}", names[number % 2].0);
        assert_eq!(answer.properties().authentication_data(), Some(welcome.as_bytes()));
    }
    let unauthenticated = Auth { reason: ReasonCode::Success, properties: Properties::EMPTY };
    clients[0].send(&Packet::Auth(unauthenticated));
    clients[0].expect_disconnect(ReasonCode::ProtocolError);
}
