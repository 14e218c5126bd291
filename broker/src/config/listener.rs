//! The section `listeners:`, a list of `- tcp: ADDRESS:PORT`, each with what it has of its own.

use std::net::SocketAddr;

use super::Listener;
use super::error::Problem;
use super::setting::Setting;

const FORM: &str = "a listener such as tcp: 127.0.0.1:1883";
const DURABILITY: &str =
    "memory; without it a listener has the durability: of the broker, and none has more";
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
    let (mut address, mut keeps) = (None, true);
    for (key, setting) in item.settings().unwrap_or_default() {
        match key.as_str() {
            "tcp" => address = Some(read_address(&setting, earlier)?),
            "durability" if setting.string() == Some("memory") => keeps = false,
            "durability" => return Err(setting.refuse(DURABILITY)),
            _ => return Err(setting.problem(format!("unknown kind of listener; {FORM}"))),
        }
    }
    let address = address.ok_or_else(|| item.refuse(FORM))?;
    Ok(Listener::Tcp { address, keeps })
}

fn read_address(setting: &Setting<'_>, earlier: &[Listener]) -> Result<SocketAddr, Problem> {
    let text = setting.string().and_then(|text| text.parse().ok());
    let address: SocketAddr = text.ok_or_else(|| setting.refuse(ADDRESS))?;
    let mut taken = earlier.iter().map(|Listener::Tcp { address, .. }| *address);
    // Port 0 is another port each time.
    if address.port() != 0 && taken.any(|other| other == address) {
        return Err(setting.problem(format!("{address} is in the list already")));
    }
    Ok(address)
}
