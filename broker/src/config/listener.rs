//! The section `listeners:`, a list of `- tcp: ADDRESS:PORT`.

use std::net::SocketAddr;

use super::Listener;
use super::error::Problem;
use super::setting::Setting;

const FORM: &str = "a listener such as tcp: 127.0.0.1:1883";
const ADDRESS: &str = "an IP address and a port such as 127.0.0.1:1883 or [::1]:1883";

/// Reads all listeners; `listeners` keeps its value if one of them is not allowed.
pub(super) fn read(
    setting: &Setting<'_>,
    listeners: &mut Vec<Listener>,
    problems: &mut Vec<Problem>,
) {
    let before = problems.len();
    let mut found: Vec<Listener> = Vec::new();
    match setting.list() {
        Ok(items) if items.is_empty() => {
            problems.push(setting.problem(format!("at least one is needed: {FORM}")));
        }
        Ok(items) => {
            for item in items {
                match read_one(&item, &found) {
                    Ok(listener) => found.push(listener),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        Err(problem) => problems.push(problem),
    }
    if problems.len() == before {
        *listeners = found;
    }
}

fn read_one(item: &Setting<'_>, earlier: &[Listener]) -> Result<Listener, Problem> {
    let settings = item.settings().unwrap_or_default();
    let [(kind, setting)] = settings.as_slice() else {
        return Err(item.refuse(FORM));
    };
    if kind != "tcp" {
        return Err(setting.problem(format!("unknown kind of listener; {FORM}")));
    }
    let address: SocketAddr = setting
        .string()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| setting.refuse(ADDRESS))?;
    let listener = Listener::Tcp { address };
    // Port 0 is another port each time.
    if address.port() != 0 && earlier.contains(&listener) {
        return Err(setting.problem(format!("{address} is in the list already")));
    }
    Ok(listener)
}
