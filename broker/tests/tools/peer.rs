//! Mosquitto, as a broker to be measured.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use tempfile::TempDir;

use crate::process::Process;

pub(crate) struct Mosquitto {
    pub(crate) process: Process,
    pub(crate) port: u16,
    _folder: TempDir,
}

const HELP: &str = "Install it with: apt-get install mosquitto";

impl Mosquitto {
    /// On a port that was free a moment ago; on another if it is not any more.
    pub(crate) fn start() -> Mosquitto {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("mosquitto.conf");
        // Debian keeps servers where the PATH of ordinary users does not look.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
        loop {
            let port = free_port();
            // Nothing is dropped because the machine is slow.
            let text = format!(
                "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n"
            );
            std::fs::write(&config, text).unwrap();
            let mut command = Command::new("mosquitto");
            command.arg("-v").arg("-c").arg(&config).env("PATH", &path);
            let mut process = Process::start(&mut command, HELP);
            while let Some(line) = process.line() {
                if line.ends_with(" running") {
                    return Mosquitto { process, port, _folder: folder };
                }
            }
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
