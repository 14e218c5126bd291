//! The command line clients of Mosquitto, as programs.

use std::net::SocketAddr;
use std::process::Command;

use mqtt::Version;

use super::{Broker, Process};

/// What to do if they are not there.
pub(crate) const HELP: &str = "Install it with: apt-get install mosquitto-clients";

/// Retained; comes to a subscriber when its subscriptions stand.
const READY: &str = "ready";

/// The programs, for one broker and one version.
pub(crate) struct Tool {
    address: SocketAddr,
    version: &'static str,
}

impl Tool {
    pub(crate) fn new(broker: &Broker, version: Version) -> Tool {
        let version = match version {
            Version::V3_1 => "31",
            Version::V3_1_1 => "311",
            Version::V5 => "5",
        };
        let tool = Tool { address: broker.address(), version };
        tool.publish(&["-t", READY, "-m", READY, "-r", "-q", "1"]);
        tool
    }

    pub(crate) fn connection(&self) -> [String; 6] {
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        ["-h".into(), host, "-p".into(), port, "-V".into(), self.version.into()]
    }

    /// Returns when the broker has the message, whatever its QoS.
    pub(crate) fn publish(&self, arguments: &[&str]) {
        let mut command = Command::new("mosquitto_pub");
        Process::start(command.args(self.connection()).args(arguments), HELP).succeed();
    }

    /// Prints QoS, RETAIN, topic and payload of each message.
    pub(crate) fn subscribe(&self, arguments: &[&str]) -> Process {
        let mut command = Command::new("mosquitto_sub");
        command.args(self.connection()).args(["-F", "%q %r %t %p"]).args(arguments);
        Process::start(&mut command, HELP)
    }

    /// Returns when its subscriptions stand.
    pub(crate) fn subscribed(&self, arguments: &[&str]) -> Process {
        let mut subscriber = self.subscribe(&[arguments, &["-t", READY]].concat());
        subscriber.line_with(READY);
        subscriber
    }
}
