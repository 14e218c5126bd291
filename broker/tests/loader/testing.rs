//! `plugin_abi::testing` agrees with the broker on what there can be, and is in no plugin's library.

use std::panic::catch_unwind;

use mqtt::{
    ReasonCode,
    topic::{check_topic_filter, check_topic_name},
};
use plugin_abi::{
    Auth, AuthVerdict, Config, Host, Plugin, Result,
    testing::{self, AuthAnswer, Instance, json},
};

use crate::common::{self, plugins};

/// Refuses clients with the reason code that they send.
struct Refuser;

impl Plugin for Refuser {
    fn bootstrap(_host: Host, _config: Config) -> Result<Self> {
        Ok(Refuser)
    }

    fn on_auth(&self, event: &Auth<'_>) -> AuthVerdict {
        AuthVerdict::refuse_with(event.data().unwrap()[0])
    }
}

fn refuser() -> Instance<Refuser> {
    // Other tests of this process have a logger of their own, which must come first.
    common::log::take();
    testing::start(&testing::Host::new(), json!({})).unwrap()
}

/// Strings of up to three pieces, behind what makes a subscription a shared one or almost.
fn strings() -> Vec<String> {
    let pieces = ["", "a", "/", "+", "#", "\0"];
    let mut strings = Vec::new();
    for prefix in ["", "$share/", "$share/g/", "$share//"] {
        for one in pieces {
            for two in pieces {
                strings.extend(pieces.map(|three| format!("{prefix}{one}{two}{three}")));
            }
        }
    }
    strings
}

#[test]
fn topics_and_filters_are_those_that_the_broker_takes() {
    let refuser = refuser();
    for string in strings() {
        let takes = |call: &dyn Fn()| catch_unwind(std::panic::AssertUnwindSafe(call)).is_ok();
        let name = testing::Publish::to(string.as_str());
        let name = takes(&|| refuser.on_message(&name).unwrap());
        assert_eq!(name, check_topic_name(&string).is_ok(), "{string:?}");
        let filter = testing::Subscribe::to(string.as_str());
        let filter = takes(&|| refuser.on_subscribe(&filter).unwrap());
        assert_eq!(filter, check_topic_filter(&string).is_ok(), "{string:?}");
    }
}

#[test]
fn refusals_are_those_that_the_broker_takes() {
    let refuser = refuser();
    for code in 0..=u8::MAX {
        let answer = refuser.on_auth(&testing::Auth::by("M").data([code]));
        let refused =
            matches!(answer, AuthAnswer::Refused { reason_code, .. } if reason_code == code);
        let reason = ReasonCode::from_u8(code);
        let is_one = reason.is_some_and(ReasonCode::is_error);
        assert_eq!(refused, is_one, "{code:#04x}: {answer:?}");
    }
}

#[test]
fn nothing_of_it_is_in_a_library() {
    let library = std::fs::read(plugins::rust("sub-limiter")).unwrap();
    let has = |name: &[u8]| library.windows(name.len()).any(|bytes| bytes == name);
    // As the symbols of functions begin: crate and module, each behind its length.
    assert!(has(b"10plugin_abi6export"));
    assert!(!has(b"10plugin_abi7testing"));
}
