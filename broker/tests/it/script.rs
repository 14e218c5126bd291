//! Scripts in `broker/tests/clients/` that drive a client library of another language: one program for
//! each library, which is told a scenario, a broker and a version.

use std::path::{Path, PathBuf};
use std::process::Command;

use mqtt::Version;

use crate::support::{Broker, Process};

const HELP: &str = "cargo xtask test installs it";

/// The scenarios of one library.
pub(crate) struct Script {
    interpreter: PathBuf,
    /// Where the library is found: the name of a variable, and a folder.
    library: (&'static str, PathBuf),
    file: PathBuf,
}

impl Script {
    /// The library paho, in Python.
    pub(crate) fn paho() -> Script {
        let interpreter = installed("paho").join("bin/python");
        // It leaves no compiled files beside the sources.
        let library = ("PYTHONPYCACHEPREFIX", installed("paho").join("cache"));
        Script { interpreter, library, file: source("paho/main.py") }
    }

    /// The library mqtt.js.
    pub(crate) fn mqttjs() -> Script {
        let library = ("NODE_PATH", installed("mqttjs").join("node_modules"));
        assert!(library.1.is_dir(), "mqtt.js is not in {}. {HELP}", library.1.display());
        Script { interpreter: "node".into(), library, file: source("mqttjs/main.js") }
    }

    /// Plays the scenario with a broker of its own; panics with what the script says if it fails.
    pub(crate) fn play(&self, scenario: &str, version: Version) {
        self.play_with(&Broker::start(), scenario, version);
    }

    /// Plays it with a broker that the scenario needs.
    pub(crate) fn play_with(&self, broker: &Broker, scenario: &str, version: Version) {
        let address = broker.address();
        let version = match version {
            Version::V3_1 => "3.1",
            Version::V3_1_1 => "3.1.1",
            Version::V5 => "5",
        };
        let mut command = Command::new(&self.interpreter);
        command.env(self.library.0, &self.library.1).arg(&self.file).arg(scenario);
        command.args([address.ip().to_string(), address.port().to_string(), version.to_owned()]);
        Process::start(&mut command, HELP).succeed();
    }
}

/// Where `cargo xtask test` puts the library: the target folder, beside what cargo builds.
fn installed(library: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_hookmq")).ancestors().nth(2).unwrap();
    target.join("clients").join(library)
}

fn source(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script)
}

/// Makes of each scenario a test by its name; of those of `all`, one for each version.
macro_rules! scenarios {
    ($script:expr; all: [$($all:ident,)*], v5: [$($newer:ident,)*],) => {
        $(mod $all {
            use super::*;

            #[test]
            fn v3_1() {
                $script.play(stringify!($all), mqtt::Version::V3_1);
            }

            #[test]
            fn v3_1_1() {
                $script.play(stringify!($all), mqtt::Version::V3_1_1);
            }

            #[test]
            fn v5() {
                $script.play(stringify!($all), mqtt::Version::V5);
            }
        })*
        $(#[test]
        fn $newer() {
            $script.play(stringify!($newer), mqtt::Version::V5);
        })*
    };
}

pub(crate) use scenarios;
