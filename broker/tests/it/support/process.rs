//! A program that a test runs: what it says, line by line, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Far above what anything here takes.
const SILENCE: Duration = Duration::from_secs(30);

/// Killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    lines: Receiver<String>,
    /// All lines so far, for whoever reads why a test failed.
    said: Vec<String>,
}

impl Process {
    /// Starts it; `help` is what to do if there is no such program.
    pub(crate) fn start(command: &mut Command, help: &str) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot run {name}: {error}. {help}"));
        let (sender, lines) = channel();
        forward(child.stdout.take().unwrap(), sender.clone());
        forward(child.stderr.take().unwrap(), sender);
        Process { child, name, lines, said: Vec::new() }
    }

    /// The next line, from stdout or stderr; `None`: it has closed both.
    pub(crate) fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(SILENCE) {
            Ok(line) => {
                self.said.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{} is silent after {:#?}", self.name, self.said)
            }
        }
    }

    /// The next line that holds `text`.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        while let Some(line) = self.line() {
            if line.contains(text) {
                return line;
            }
        }
        panic!("{} ended without {text:?}: {:#?}", self.name, self.said)
    }

    /// Where a broker listens, once it does.
    pub(crate) fn addresses<const N: usize>(&mut self) -> [SocketAddr; N] {
        let line = self.line_with("listens on tcp://");
        let (_, addresses) = line.split_once(" listens on ").unwrap();
        let each = addresses.split(" and ");
        let each = each.map(|it| it.strip_prefix("tcp://").unwrap().parse().unwrap());
        each.collect::<Vec<_>>().try_into().unwrap()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, as `kill -NAME` does.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -s \"$0\" \"$1\"", name, &self.id().to_string()]);
        assert!(kill.status().unwrap().success());
    }

    /// Ends it without giving it time for anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends. Returns its exit status and all that it has said, line by line.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        while self.line().is_some() {}
        (self.child.wait().unwrap(), std::mem::take(&mut self.said))
    }

    /// Waits until it ends, and checks that it was content.
    pub(crate) fn succeed(self) {
        let name = self.name.clone();
        let (status, said) = self.wait();
        assert!(status.success(), "{name}: {status}: {said:#?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let sent = line.ok().map(|line| lines.send(line));
            // Nobody listens any more, or it is not text.
            if !matches!(sent, Some(Ok(()))) {
                return;
            }
        }
    });
}
