//! A broker for a test, and a client that says exactly what the test wants said.

mod address;
pub(crate) mod auth;
mod broker;
pub(crate) mod caller;
mod client;
mod done;
mod flow;
mod limited;
mod login;
mod message;
pub(crate) mod mosquitto;
mod operator;
mod process;
pub(crate) mod rewriter;
pub(crate) mod rumqttc;

pub(crate) use address::other_address;
pub(crate) use auth::Asked;
pub(crate) use broker::Broker;
pub(crate) use client::{Client, Received};
pub(crate) use done::Done;
pub(crate) use limited::Limited;
pub(crate) use login::{LastWill, Login};
pub(crate) use message::message;
pub(crate) use operator::Operator;
pub(crate) use process::Process;

/// Makes of each function `name(Version)` two tests, `name::v3_1_1` and `name::v5`.
macro_rules! both_versions {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[test]
            fn v3_1_1() {
                super::$name(mqtt::Version::V3_1_1);
            }

            #[test]
            fn v5() {
                super::$name(mqtt::Version::V5);
            }
        }
    )*};
}

pub(crate) use both_versions;
