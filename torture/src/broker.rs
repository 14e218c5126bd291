//! The broker as a process of its own, and the folder that it has its store in.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use crate::pause::pause;

/// What an acknowledgement of the broker promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// That it is on the disk.
    Fsync,
    /// That the system has it.
    Os,
}

/// A broker that runs.
pub struct Broker {
    child: Child,
    address: SocketAddr,
    log: Option<JoinHandle<()>>,
    said: Arc<Mutex<Vec<String>>>,
}

/// How brokers are started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The binary `hookmq`.
    pub binary: PathBuf,
    /// Where config, store and log are.
    pub folder: PathBuf,
    /// What it promises.
    pub durability: Durability,
    /// Its environment, beside that of this process.
    pub environment: Vec<(&'static str, PathBuf)>,
}

/// The folder of what its disk holds, in that of a broker; its data is further below.
pub(crate) const DISK: &str = "disk";

/// Far more than any client here may leave waiting; nothing is to be dropped. Clients come again as often as
/// they like.
const CONFIG: &str = "\
listeners: [{ tcp: 127.0.0.1:0 }]
plugins: []
control: off
data_dir: disk/data
threads: 2
limits:
  max_takeovers: 1000000
  max_connection_rate: 1000000
  max_queued_messages: 10000000
  max_queued_bytes: 2GiB
";

impl Start {
    /// Starts a broker and waits until it listens.
    ///
    /// # Errors
    /// What it has said if it ends before.
    pub fn start(&self) -> Result<Broker, String> {
        let mut child = self.spawn()?;
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut before = String::new();
        while lines.read_line(&mut before).is_ok_and(|read| read > 0) {
            if let Some(address) = address(&before) {
                let said = Arc::new(Mutex::new(before.lines().map(str::to_owned).collect()));
                let log = follow(lines, said.clone(), self.folder.join("broker.log"));
                return Ok(Broker { child, address, log: Some(log), said });
            }
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        Err(format!("the broker does not start ({status}): {before}"))
    }

    /// Starts a broker and kills it so soon that it may still read its store.
    ///
    /// # Errors
    /// If the binary cannot be run.
    pub fn start_in_vain(&self, life: Duration) -> Result<(), String> {
        let mut child = self.spawn()?;
        pause(life);
        let _ = child.kill();
        child.wait().map(|_| ()).map_err(|error| error.to_string())
    }

    fn spawn(&self) -> Result<Child, String> {
        let config = self.folder.join("config.yml");
        let text = format!("{CONFIG}durability: {}\n", self.durability);
        fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&config).envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().map_err(|error| format!("{}: {error}", self.binary.display()))
    }
}

impl Broker {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends it without giving it time for anything. All that it has said that it should not.
    pub fn kill(mut self) -> Vec<String> {
        let _ = self.child.kill();
        self.finish()
    }

    /// Asks it to end and waits until it has.
    pub fn stop(mut self) -> Vec<String> {
        let mut kill = Command::new("kill");
        let _ = kill.arg(self.id().to_string()).status();
        self.finish()
    }

    fn finish(&mut self) -> Vec<String> {
        let _ = self.child.wait();
        if let Some(log) = self.log.take() {
            let _ = log.join();
        }
        let is_bad = |line: &&String| line.contains(" ERROR ") || line.contains("panicked");
        self.said.lock().iter().filter(is_bad).cloned().collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Durability::Fsync => "fsync",
            Durability::Os => "os",
        })
    }
}

fn address(said: &str) -> Option<SocketAddr> {
    said.lines().last()?.split_once("listens on tcp://")?.1.trim().parse().ok()
}

/// Keeps what it says, in memory and in a file.
fn follow(
    lines: BufReader<ChildStderr>,
    said: Arc<Mutex<Vec<String>>>,
    file: PathBuf,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut file = open_log(&file);
        for line in lines.lines().map_while(Result::ok) {
            if let Some(file) = &mut file {
                let _ = writeln!(file, "{line}");
            }
            said.lock().push(line);
        }
    })
}

fn open_log(path: &Path) -> Option<fs::File> {
    OpenOptions::new().create(true).append(true).open(path).ok()
}
