//! Rows 50 and 55: what clients leave behind, more and more of it.

use mqtt::{Property, QoS, ReasonCode, Version};

use crate::program::Program;
use crate::refusal::only_v5;
use crate::support::{LastWill, Login, both_versions};

both_versions!(row_50_sessions_that_are_never_used_again);

const KIB: u64 = 1024;

/// 5,000 of them and no more, none for ever, and each takes little.
fn row_50_sessions_that_are_never_used_again(version: Version) {
    const SESSIONS: u64 = 5000;
    let broker = Program::start(&["max_sessions: 5000", "max_session_expiry: 1h"]);
    broker.keeps_its_memory(|| {
        let before = broker.resident();
        let for_ever = |client_id| {
            let login = Login::new(version, client_id).without_clean_start();
            login.with(Property::SessionExpiryInterval(u32::MAX))
        };
        // Two are those of the bystanders.
        let client_ids: Vec<String> = (2..SESSIONS).map(|number| format!("s-{number}")).collect();
        for client_id in &client_ids {
            let (client, answer) = for_ever(client_id).ask(broker.address);
            assert_eq!(answer.reason, ReasonCode::Success);
            let told = version.has_properties().then_some(3600);
            assert_eq!(answer.properties().session_expiry(), told);
            client.disconnect();
        }
        let grown = broker.resident().saturating_sub(before);
        assert!(grown < SESSIONS * 2 * KIB, "{grown} bytes for {SESSIONS} sessions");
        let said = only_v5(version, ReasonCode::QuotaExceeded);
        for client_id in ["one-more", ""] {
            let (mut client, answer) = Login::new(version, client_id).ask(broker.address);
            assert_eq!(answer.reason, said.unwrap_or(ReasonCode::ServerUnavailable));
            client.expect_closed();
        }
        for client_id in &client_ids {
            let (client, answer) = for_ever(client_id).ask(broker.address);
            assert!(answer.session_present);
            client.disconnect();
            // A clean start without expiry ends it.
            Login::new(version, client_id).connect(broker.address).disconnect();
        }
        Login::new(version, "one-more").connect(broker.address).disconnect();
    });
    broker.stop();
}

/// A delay of as many seconds as there are ends with the session, which ends with the longest expiry
/// that there is: here of two seconds. 3.1.1 has no delay.
#[test]
fn row_55_wills_that_are_never_due() {
    const WILLS: usize = 2000;
    let broker = Program::start(&["max_session_expiry: 2s"]);
    broker.keeps_its_memory(|| {
        let mut heir = Login::new(Version::V5, "heir").connect(broker.address);
        heir.subscribe("will", QoS::AtMostOnce);
        for number in 0..WILLS {
            let client_id = format!("dying-{number}");
            let delay = Property::WillDelayInterval(u32::MAX);
            let will = LastWill::new("will", "gone").with(delay);
            let login = Login::new(Version::V5, &client_id).will(will);
            // Its socket is closed without a DISCONNECT.
            login.with(Property::SessionExpiryInterval(u32::MAX)).connect(broker.address);
        }
        for _ in 0..WILLS {
            heir.expect("will", "gone");
        }
        heir.ping();
    });
    broker.stop();
}
