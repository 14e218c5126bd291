//! The transitions, without socket and plugin.

use mqtt::Version;

use super::*;

const METHOD: &str = "M";
const DUE: u64 = 77;

fn begin(change: impl FnOnce(&mut Connect<'_>)) -> Exchange {
    let mut connect = Connect::new(Version::INSIDE, "c");
    connect.authentication_method = Some(METHOD);
    connect.username = Some("claimed");
    change(&mut connect);
    Exchange::begin(&connect).unwrap()
}

/// A client that is let in.
fn connected() -> Exchange {
    let mut exchange = begin(|_| {});
    assert_eq!(exchange.decide(authenticated(None)).unwrap(), None);
    exchange
}

fn challenge(state: &[u8]) -> AuthOutcome {
    AuthOutcome::Challenge(AuthReply { state: state.to_vec(), ..AuthReply::default() })
}

fn authenticated(username: Option<&str>) -> AuthOutcome {
    let username = username.map(Into::into);
    AuthOutcome::Authenticated(AuthReply { username, ..AuthReply::default() })
}

/// An AUTH that comes as early as it may.
fn receive(exchange: &mut Exchange, reason: ReasonCode, method: &str) -> Result<(), End> {
    receive_at(exchange.not_before, exchange, reason, method)
}

fn receive_at(
    now: u64,
    exchange: &mut Exchange,
    reason: ReasonCode,
    method: &str,
) -> Result<(), End> {
    let mut properties = PropertyBuffer::new();
    properties.push(Property::AuthenticationMethod(method));
    exchange.receive(&Auth { reason, properties: properties.as_properties() }, now, DUE)
}

#[track_caller]
fn check_violation(result: Result<(), End>, expected: Violation) {
    match result {
        Err(End::Violation(violation)) => assert_eq!(violation, expected),
        other => panic!("{other:?}"),
    }
}

/// The reason code and the properties of an AUTH.
fn read(packet: &[u8]) -> (ReasonCode, Vec<String>) {
    let frame = mqtt::split_frame(packet, u32::MAX).unwrap().unwrap();
    match mqtt::decode(frame, Version::INSIDE).unwrap() {
        Packet::Auth(auth) => {
            (auth.reason, auth.properties.iter().map(|one| format!("{one:?}")).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_method_there_is_no_exchange() {
    assert!(Exchange::begin(&Connect::new(Version::INSIDE, "c")).is_none());
}

/// [MQTT-4.12.0-2] [MQTT-4.12.0-5]
#[test]
fn a_challenge_is_auth_0x18_with_the_method() {
    let mut exchange = begin(|_| {});
    let packet = exchange.decide(challenge(b"kept")).unwrap().unwrap();
    assert_eq!(
        read(&packet),
        (ReasonCode::ContinueAuthentication, vec!["AuthenticationMethod(\"M\")".into()])
    );
    assert!(exchange.is_connecting());
    receive(&mut exchange, ReasonCode::ContinueAuthentication, METHOD).unwrap();
    let round = exchange.round(Properties::EMPTY);
    assert_eq!((round.round, round.state, round.reauthentication), (2, &b"kept"[..], false));
    // What is not kept again is gone.
    exchange.decide(challenge(b"")).unwrap();
    assert_eq!(exchange.round(Properties::EMPTY).state, b"");
}

/// [MQTT-4.12.0-3] [MQTT-4.12.1-1]
#[test]
fn auth_has_its_order() {
    use ReasonCode::{ContinueAuthentication, ReAuthenticate, Success};
    for (reason, now) in [
        (Success, begin(|_| {})),
        (ReAuthenticate, begin(|_| {})),
        (Success, connected()),
        (ContinueAuthentication, connected()),
    ] {
        let mut exchange = now;
        let violation = Violation::AuthenticationOrder(reason as u8);
        check_violation(receive(&mut exchange, reason, METHOD), violation);
    }
    let mut exchange = connected();
    receive(&mut exchange, ReAuthenticate, METHOD).unwrap();
    exchange.decide(challenge(b"")).unwrap();
    let twice = receive(&mut exchange, ReAuthenticate, METHOD);
    check_violation(twice, Violation::AuthenticationOrder(0x19));
}

/// [MQTT-4.12.0-5]
#[test]
fn the_method_stays_the_same() {
    let mut connecting = begin(|_| {});
    let other = receive(&mut connecting, ReasonCode::ContinueAuthentication, "N");
    check_violation(other, Violation::AuthenticationMethodChanged);
    let other = receive(&mut connected(), ReasonCode::ReAuthenticate, "m");
    check_violation(other, Violation::AuthenticationMethodChanged);
    let silent = Auth { reason: ReasonCode::Success, properties: Properties::EMPTY };
    let silent = connected().receive(&silent, 0, DUE);
    check_violation(silent, Violation::AuthenticationMethodChanged);
}

#[test]
fn rounds_have_an_end() {
    let mut exchange = begin(|_| {});
    for round in 1..MAX_ROUNDS {
        assert_eq!(exchange.round(Properties::EMPTY).round, round);
        exchange.decide(challenge(b"")).unwrap();
        receive(&mut exchange, ReasonCode::ContinueAuthentication, METHOD).unwrap();
    }
    exchange.decide(challenge(b"")).unwrap();
    let end = receive(&mut exchange, ReasonCode::ContinueAuthentication, METHOD);
    assert!(
        matches!(end, Err(End::Unauthenticated(ReasonCode::QuotaExceeded, Some(_)))),
        "{end:?}"
    );
}

/// [MQTT-4.12.0-1] [MQTT-4.12.0-4] [MQTT-4.12.1-2]
#[test]
fn a_refusal_is_said_in_connack_or_disconnect() {
    use ReasonCode::{BadAuthenticationMethod, BadUserNameOrPassword, NotAuthorized, ServerBusy};
    let refused = |mut exchange: Exchange, outcome| match exchange.decide(outcome) {
        Err(End::Unauthenticated(reason, _)) => reason,
        other => panic!("{other:?}"),
    };
    let again = || {
        let mut exchange = connected();
        receive(&mut exchange, ReasonCode::ReAuthenticate, METHOD).unwrap();
        exchange
    };
    let unknown = refused(begin(|_| {}), AuthOutcome::Unknown);
    assert_eq!(unknown, BadAuthenticationMethod);
    for (reason, later) in [
        (NotAuthorized, NotAuthorized),
        (ServerBusy, ServerBusy),
        // Only CONNACK can carry it.
        (BadUserNameOrPassword, NotAuthorized),
    ] {
        let outcome = || AuthOutcome::Refused(reason, None);
        assert_eq!(refused(begin(|_| {}), outcome()), reason);
        assert_eq!(refused(again(), outcome()), later);
    }
}

#[test]
fn a_connected_client_authenticates_again_within_its_time() {
    let mut exchange = connected();
    assert_eq!(exchange.due(), u64::MAX);
    receive(&mut exchange, ReasonCode::ReAuthenticate, METHOD).unwrap();
    let round = exchange.round(Properties::EMPTY);
    assert_eq!((round.round, round.reauthentication), (1, true));
    exchange.decide(challenge(b"")).unwrap();
    assert_eq!(exchange.due(), DUE);
    receive(&mut exchange, ReasonCode::ContinueAuthentication, METHOD).unwrap();
    assert_eq!(exchange.due(), DUE);
    let packet = exchange.decide(authenticated(None)).unwrap().unwrap();
    assert_eq!(read(&packet).0, ReasonCode::Success);
    assert_eq!(exchange.due(), u64::MAX);
}

/// [MQTT-4.12.1-1]: each time its rounds have their number.
#[test]
fn a_client_authenticates_again_once_a_second() {
    use ReasonCode::{ContinueAuthentication, ReAuthenticate};
    let mut exchange = connected();
    for again in 0..2 * u64::from(MAX_ROUNDS) {
        let now = 5000 + again * 1000;
        receive_at(now, &mut exchange, ReAuthenticate, METHOD).unwrap();
        assert_eq!(exchange.round(Properties::EMPTY).round, 1);
        exchange.decide(challenge(b"")).unwrap();
        receive_at(now, &mut exchange, ContinueAuthentication, METHOD).unwrap();
        assert_eq!(exchange.round(Properties::EMPTY).round, 2);
        exchange.decide(authenticated(None)).unwrap();
    }
    let now = exchange.not_before - 1;
    let end = receive_at(now, &mut exchange, ReAuthenticate, METHOD);
    let reason = ReasonCode::MessageRateTooHigh;
    assert!(matches!(end, Err(End::Unauthenticated(said, _)) if said == reason), "{end:?}");
}

#[test]
fn a_client_keeps_its_user_name() {
    let mut exchange = begin(|_| {});
    assert_eq!(exchange.username(), None);
    exchange.decide(authenticated(Some("proved"))).unwrap();
    assert_eq!(exchange.username(), Some("proved"));
    for (name, stays) in [(None, true), (Some("proved"), true), (Some("other"), false)] {
        receive(&mut exchange, ReasonCode::ReAuthenticate, METHOD).unwrap();
        assert_eq!(exchange.decide(authenticated(name)).is_ok(), stays, "{name:?}");
    }
}

/// The name in CONNECT does not count, nor does one that comes when the session is there.
#[test]
fn a_client_whom_the_plugin_has_not_named_stays_nobody() {
    for name in ["claimed", "other"] {
        let mut exchange = connected();
        assert_eq!(exchange.username(), None);
        receive(&mut exchange, ReasonCode::ReAuthenticate, METHOD).unwrap();
        assert!(exchange.decide(authenticated(Some(name))).is_err());
    }
}

/// [MQTT-4.12.0-5]: CONNACK has the method, and the plugin's last data.
#[test]
fn connack_says_what_the_plugin_has_said_last() {
    let mut exchange = begin(|_| {});
    let data = Some(b"welcome".to_vec());
    let reply = AuthReply { data, reason: Some("fine".into()), ..AuthReply::default() };
    exchange.decide(AuthOutcome::Authenticated(reply)).unwrap();
    let mut connack = PropertyBuffer::new();
    exchange.welcome(&mut connack);
    let properties = connack.as_properties();
    assert_eq!(properties.authentication_method(), Some(METHOD));
    assert_eq!(properties.authentication_data(), Some(&b"welcome"[..]));
    assert_eq!(properties.reason_string(), Some("fine"));
}

/// [MQTT-3.15.2-2] [MQTT-3.1.2-29]
#[test]
fn a_reason_string_is_left_out_where_it_is_not_wanted_or_too_long() {
    let outcome = || {
        let data = Some(b"data".to_vec());
        AuthOutcome::Challenge(AuthReply {
            data,
            reason: Some("why".into()),
            ..AuthReply::default()
        })
    };
    let whole = begin(|_| {}).decide(outcome()).unwrap().unwrap();
    assert_eq!(read(&whole).1[2], "ReasonString(\"why\")");
    let size = whole.len() as u32;

    let just = begin(|connect| connect.maximum_packet_size = size).decide(outcome());
    assert_eq!(just.unwrap().unwrap(), whole);
    let short = begin(|connect| connect.maximum_packet_size = size - 1).decide(outcome());
    let short = short.unwrap().unwrap();
    assert_eq!(read(&short).1.len(), 2);
    let unwanted = begin(|connect| connect.request_problem_information = false).decide(outcome());
    assert_eq!(unwanted.unwrap().unwrap(), short);

    // The data cannot be left out.
    let limit = short.len() as u32 - 1;
    let end = begin(|connect| connect.maximum_packet_size = limit).decide(outcome());
    let reason = ReasonCode::ImplementationSpecificError;
    assert!(matches!(end, Err(End::Unauthenticated(said, _)) if said == reason), "{end:?}");
}
