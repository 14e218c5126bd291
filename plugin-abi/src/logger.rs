//! Sends what a plugin logs to the broker. The level is the broker's, read once while loading.

use std::sync::OnceLock;

use log::{Log, Metadata, Record};

use crate::host::{self, Host};

/// The plugin crate's name in module paths: the broker puts the plugin's name in its place.
static CRATE_NAME: OnceLock<&str> = OnceLock::new();

/// Makes the macros of `log` reach the broker, unless the plugin has a logger of its own.
pub(crate) fn install(host: &Host, crate_name: &'static str) {
    let _ = CRATE_NAME.set(crate_name);
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(host.max_level());
    }
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(host) = host::current() {
            send_to(host, CRATE_NAME.get().copied().unwrap_or_default(), record);
        }
    }

    fn flush(&self) {}
}

pub(crate) fn send_to(host: &Host, crate_name: &str, record: &Record<'_>) {
    let target = within_crate(record.target(), crate_name);
    let place = (record.file().unwrap_or_default(), record.line().unwrap_or_default());
    match record.args().as_str() {
        Some(text) => host.log(record.level(), target, text, place),
        None => host.log(record.level(), target, &record.args().to_string(), place),
    }
}

/// `limits` of `sub_limiter::limits`, nothing of `sub_limiter`; the paths of other crates whole.
fn within_crate<'a>(target: &'a str, crate_name: &str) -> &'a str {
    match target.strip_prefix(crate_name) {
        Some("") => "",
        Some(rest) => rest.strip_prefix("::").unwrap_or(target),
        None => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_name_is_left_out_of_its_own_targets() {
        assert_eq!(within_crate("hello", "hello"), "");
        assert_eq!(within_crate("hello::limits", "hello"), "limits");
        assert_eq!(within_crate("hello_world::limits", "hello"), "hello_world::limits");
        assert_eq!(within_crate("rustls::client", "hello"), "rustls::client");
    }
}
