//! The commands beside `run`: they look at configs and plugins, and start no broker.

mod check;

use std::fmt::Display;
use std::io::Write;

pub(crate) use check::Check;

/// A line for whoever asked. Nobody may be listening any more, as in `… | head -1`.
fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line about what is wrong.
fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
