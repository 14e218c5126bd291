//! A connection to the control socket of a broker.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use hookmq::control::connect;
use serde_json::{Value, json};

pub(crate) struct Operator {
    answers: BufReader<UnixStream>,
}

impl Operator {
    pub(crate) fn connect(socket: &Path) -> Operator {
        Operator { answers: BufReader::new(connect(socket).unwrap()) }
    }

    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        let line = format!("{request}\n");
        self.answers.get_mut().write_all(line.as_bytes()).unwrap();
        self.next()
    }

    /// The next line.
    pub(crate) fn next(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// How the broker is.
    pub(crate) fn status(&mut self) -> Value {
        self.ask(&json!({ "command": "status" }))["ok"].take()
    }
}
