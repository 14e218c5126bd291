//! The other end of the control socket.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use hookmq::control;
use serde_json::Value;

/// Why there is no answer.
pub(in crate::tools) enum Failure {
    /// The broker has said no, or it cannot be done; this is why.
    Refused(String),
    /// There is no broker to be talked to, or none any more.
    Unreachable(String),
    /// The config does not say where the broker is.
    BadConfig(String),
}

/// A connection to a broker.
pub(super) struct Broker {
    answers: BufReader<UnixStream>,
}

impl Broker {
    pub(super) fn connect(path: &Path) -> Result<Broker, Failure> {
        match control::connect(path) {
            Ok(stream) => Ok(Broker { answers: BufReader::new(stream) }),
            Err(error) => Err(Failure::unreachable(path, &error)),
        }
    }

    /// Asks, and waits for what comes back.
    pub(super) fn ask(&mut self, request: &Value) -> Result<Value, Failure> {
        let line = format!("{request}\n");
        self.answers.get_mut().write_all(line.as_bytes()).map_err(|error| Failure::gone(&error))?;
        let mut answer = self.next()?;
        if let Some(Value::String(error)) = answer.get("error") {
            return Err(Failure::Refused(error.clone()));
        }
        Ok(answer.get_mut("ok").map(Value::take).unwrap_or_default())
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(Failure::gone(&ErrorKind::UnexpectedEof.into())),
            Ok(_) => serde_json::from_str(&line).map_err(|error| Failure::gone(&error.into())),
            Err(error) => Err(Failure::gone(&error)),
        }
    }
}

impl Failure {
    /// It cannot be connected to.
    pub(in crate::tools) fn unreachable(path: &Path, error: &io::Error) -> Failure {
        let path = path.display();
        Failure::Unreachable(match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!(
                "no broker listens at {path}: is it running? `hookmq` starts it; --config names the \
                 config that it was started with, --socket its control socket"
            ),
            ErrorKind::PermissionDenied => format!(
                "{path}: {error}: only the user that the broker runs as may talk to it; try again as \
                 that user"
            ),
            _ => format!("{path}: cannot be talked to: {error}"),
        })
    }

    /// It does not answer any more.
    pub(in crate::tools) fn gone(error: &io::Error) -> Failure {
        Failure::Unreachable(format!(
            "the broker has ended the conversation: {error}; its log may say why"
        ))
    }
}
