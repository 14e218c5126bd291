//! What is wrong with a config file: every problem, each with its line and what is allowed.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Why a config file cannot be used. Its text has one line for each problem.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read, or is not UTF-8.
    #[error("{}: cannot be read: {error}{}", file.display(), way_out(error))]
    Read {
        /// As it was named.
        file: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file says something that the broker cannot do.
    #[error("{}", lines(file, problems))]
    Invalid {
        /// As it was named.
        file: String,
        /// All of them, in the order of the file; never empty.
        problems: Vec<Problem>,
    },
}

fn way_out(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => {
            "; --config names one, and `hookmq` without it makes config.yml in the working directory"
        }
        ErrorKind::IsADirectory => "; name the file in it",
        ErrorKind::PermissionDenied => "; the user of the broker has to be able to read it",
        _ => "",
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line in the file, from 1.
    pub line: usize,
    /// The key with those above it, such as `limits.max_inflight`; empty for the whole file.
    pub key: String,
    /// What is wrong, and what is allowed instead.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.line, self.text),
            key => write!(f, "{}: {key}: {}", self.line, self.text),
        }
    }
}

fn lines(file: &str, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|problem| format!("{file}:{problem}")).collect();
    lines.join("\n")
}
