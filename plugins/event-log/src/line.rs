//! One event as a line of JSON. What an event has not got is left out.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use plugin_abi::Client;
use serde::{Serialize, Serializer};

use crate::settings::Payload;

#[derive(Default, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) time: Time,
    pub(crate) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listener: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clean_start: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_present: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_kept: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) graceful: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) qos: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retain: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publisher: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<&'static str>,
    /// The plugin, if the origin is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'a str>,
    /// Of the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload_base64: Option<String>,
    /// There is more of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) payload_cut: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
}

pub(crate) struct Time(SystemTime);

impl<'a> Line<'a> {
    pub(crate) fn new(event: &'static str) -> Line<'a> {
        Line { event, ..Line::default() }
    }

    pub(crate) fn of(event: &'static str, client: Client<'a>) -> Line<'a> {
        Line {
            client_id: Some(client.client_id()),
            username: client.username(),
            address: client.peer(),
            ..Line::new(event)
        }
    }

    /// At most `max` bytes of it.
    pub(crate) fn with_payload(mut self, payload: &'a [u8], how: Payload, max: usize) -> Line<'a> {
        let shown = payload.get(..max).unwrap_or(payload);
        self.payload_cut = how != Payload::None && shown.len() < payload.len();
        let text = match how {
            Payload::None => return self,
            // Of text that is cut within a character, the character goes too.
            Payload::Text => std::str::from_utf8(payload)
                .ok()
                .and_then(|text| (0..=shown.len()).rev().find_map(|end| text.get(..end))),
            Payload::Base64 => None,
        };
        match text {
            Some(text) => self.payload = Some(text),
            None => self.payload_base64 = Some(BASE64_STANDARD.encode(shown)),
        }
        self
    }

    /// Shows it to `put`, with a line feed.
    pub(crate) fn write(&self, put: impl FnOnce(&[u8])) {
        thread_local! {
            /// So that not each line takes memory of its own.
            static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            self.append_to(buffer);
            put(buffer);
            buffer.shrink_to(MAX_BUFFER);
        });
    }

    fn append_to(&self, buffer: &mut Vec<u8>) {
        // Nothing in it can fail: all keys are text, and memory takes what is written.
        let _ = serde_json::to_writer(&mut *buffer, self);
        buffer.push(b'\n');
    }
}

/// The line that stands where lines are missing.
pub(crate) fn lost(time: SystemTime, count: u64) -> Vec<u8> {
    let mut line = Vec::new();
    Line { time: Time(time), count: Some(count), ..Line::new("lost") }.append_to(&mut line);
    line
}

/// What a thread keeps for its next line.
const MAX_BUFFER: usize = 64 << 10;

impl Default for Time {
    fn default() -> Self {
        Time(SystemTime::now())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = Timestamp::try_from(self.0).unwrap_or_default();
        serializer.collect_str(&format_args!("{time:.6}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn payload(payload: &[u8], how: Payload, max: usize) -> String {
        let time = Time(SystemTime::UNIX_EPOCH + Duration::from_micros(1_500_000_000_000_001));
        let line = Line { time, ..Line::new("publish") }.with_payload(payload, how, max);
        let mut text = String::new();
        line.write(|line| text = String::from_utf8(line.to_vec()).unwrap());
        let rest = text.strip_prefix(r#"{"time":"2017-07-14T02:40:00.000001Z","event":"publish""#);
        rest.unwrap().strip_suffix("}\n").unwrap().to_owned()
    }

    #[test]
    fn payloads_as_text_or_base64() {
        assert_eq!(payload(b"hi", Payload::None, 9), "");
        assert_eq!(payload(b"hi\n\"", Payload::Text, 9), r#","payload":"hi\n\"""#);
        assert_eq!(payload(b"\xffhi", Payload::Text, 9), r#","payload_base64":"/2hp""#);
        assert_eq!(payload(b"hi", Payload::Base64, 9), r#","payload_base64":"aGk=""#);
        assert_eq!(payload(b"", Payload::Text, 9), r#","payload":"""#);
    }

    #[test]
    fn long_payloads_are_cut() {
        let cut = r#","payload_cut":true"#;
        assert_eq!(payload(b"hi there", Payload::Text, 2), format!(r#","payload":"hi"{cut}"#));
        assert_eq!(payload("xü".as_bytes(), Payload::Text, 2), format!(r#","payload":"x"{cut}"#));
        assert_eq!(
            payload(b"\xff\xff", Payload::Text, 1),
            format!(r#","payload_base64":"/w=="{cut}"#)
        );
        assert_eq!(payload(b"hi", Payload::Text, 0), format!(r#","payload":""{cut}"#));
        assert_eq!(payload(b"hi", Payload::None, 0), "");
    }

    #[test]
    fn lost_lines_are_told_of() {
        let line = lost(SystemTime::UNIX_EPOCH, 7);
        assert_eq!(
            line,
            b"{\"time\":\"1970-01-01T00:00:00.000000Z\",\"event\":\"lost\",\"count\":7}\n"
        );
    }
}
