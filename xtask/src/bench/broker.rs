//! A broker that is measured: how it is started and stopped.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::packages;

/// In what is started, and in the config, `{port}` is where it is to listen on 127.0.0.1, `{config}` the
/// config's file, and `{folder}` an empty folder.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broker {
    pub(crate) name: String,
    /// The program that serves, in the foreground, and its arguments.
    pub(crate) start: Vec<String>,
    /// What the config's file holds.
    #[serde(default)]
    config: String,
    /// Its name, where that matters.
    #[serde(default = "config_file")]
    config_file: String,
    /// Prints the version, in its first line that is not empty.
    #[serde(default)]
    version: Vec<String>,
}

fn config_file() -> String {
    "config".to_owned()
}

/// How long a broker may take to start: those on virtual machines of their own take their time.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) fn hookmq(program: &Path) -> Broker {
    let program = program.display().to_string();
    Broker {
        name: "hookmq".to_owned(),
        start: vec![program.clone(), "--config".to_owned(), "{config}".to_owned()],
        config: "listeners: [{ tcp: '127.0.0.1:{port}' }]\n".to_owned(),
        config_file: config_file(),
        version: vec![program, "--version".to_owned()],
    }
}

/// With its defaults, but that nobody has to log in, that it sends at once, and that no queue is full.
pub(crate) fn mosquitto() -> Broker {
    let file = packages::MOSQUITTO.file().unwrap_or_else(|| "mosquitto".into());
    let program = file.display().to_string();
    Broker {
        name: "mosquitto".to_owned(),
        start: vec![program.clone(), "-c".to_owned(), "{config}".to_owned()],
        config: "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n\
                 max_queued_messages 0\n"
            .to_owned(),
        config_file: config_file(),
        version: vec![program, "-h".to_owned()],
    }
}

impl Broker {
    /// Returns when it takes connections.
    pub(crate) fn start(&self) -> anyhow::Result<Running> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join(&self.config_file);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let fill = |text: &String| {
            text.replace("{port}", &port.to_string())
                .replace("{config}", &config.display().to_string())
                .replace("{folder}", &folder.path().display().to_string())
        };
        std::fs::write(&config, fill(&self.config))?;
        let words: Vec<String> = self.start.iter().map(fill).collect();
        let (program, arguments) = words.split_first().context("start: names no program")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let mut running = Running { child, port, _folder: folder };
        running.wait()?;
        Ok(running)
    }

    /// As it says itself.
    pub(crate) fn version(&self) -> String {
        let said = self.version.split_first().and_then(|(program, arguments)| {
            let output = Command::new(program).args(arguments).output().ok()?;
            String::from_utf8([output.stdout, output.stderr].concat()).ok()
        });
        let said = said.unwrap_or_default();
        let line = said.lines().map(str::trim).find(|line| !line.is_empty());
        line.unwrap_or("not known").to_owned()
    }
}

/// Killed when it is dropped: what it has in memory is of no use to anybody.
pub(crate) struct Running {
    child: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it has ended with {status} before it listened");
            }
            if Instant::now() > deadline {
                bail!("it does not listen on port {} after {PATIENCE:?}", self.port);
            }
            std::thread::park_timeout(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::Broker;

    fn broker(script: &str, config: &str) -> Broker {
        let words = ["sh", "-c", script, "{config}", "{port}"];
        Broker {
            name: "test".into(),
            start: words.map(str::to_owned).into(),
            config: config.into(),
            config_file: "config.test".into(),
            version: ["sh", "-c", "echo; echo ' test 1.2 '"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn one_that_ends_is_told_and_gets_its_config() {
        let script = "test \"$(cat \"$0\")\" = \"port $1\" && test -f config.test && exit 7";
        let error = broker(script, "port {port}").start().err().expect("it has ended");
        assert!(error.to_string().contains("exit status: 7"), "{error}");
    }

    #[test]
    fn the_version_is_the_first_line_that_says_something() {
        assert_eq!(broker("", "").version(), "test 1.2");
    }
}
