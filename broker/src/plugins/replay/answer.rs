//! Takes what a hook answers, in words that two builds of a plugin can be compared by.

use std::time::Duration;

use plugin_abi::raw;

use super::Played;
use crate::plugins::{Parts, escaped::Escaped};

/// The parts of an answer so far.
#[derive(Default)]
pub(super) struct Taken {
    parts: Vec<String>,
}

/// Whether a value fits is not looked at.
impl Parts for Taken {
    fn take(&mut self, part: u32, value: &[u8]) -> i32 {
        match part_in_words(part, value) {
            Some(words) => {
                self.parts.push(words);
                raw::TAKEN
            }
            None => raw::UNKNOWN,
        }
    }
}

impl Taken {
    /// With the number that has come at last.
    pub(super) fn into_played(self, hook: &str, code: i32, took: Duration) -> Played {
        Played { answer: describe(hook, code), parts: self.parts, took }
    }

    /// None has come.
    pub(super) fn into_failed(self, why: &str, took: Duration) -> Played {
        Played { answer: format!("failed: {why}"), parts: self.parts, took }
    }
}

fn describe(hook: &str, code: i32) -> String {
    match (hook, code) {
        (_, raw::PANICKED) => "panicked".to_owned(),
        ("on_auth", raw::CONTINUE) => "not mine".to_owned(),
        ("on_auth", raw::AUTHENTICATED) => "authenticated".to_owned(),
        ("on_auth", raw::CHALLENGE) => "challenge".to_owned(),
        (_, raw::CONTINUE) => "continue".to_owned(),
        (_, raw::VETO) => "veto".to_owned(),
        (_, 0x80..=0xFF) => format!("refuse {code:#04x}"),
        _ => format!("failed: it answered {code}"),
    }
}

/// `None`: there is no such part.
fn part_in_words(part: u32, value: &[u8]) -> Option<String> {
    let name = match part {
        raw::ANSWER_DATA => "data",
        raw::ANSWER_STATE => "state",
        raw::ANSWER_USERNAME => "user name",
        raw::ANSWER_REASON => "reason",
        raw::ANSWER_THROTTLE => "throttle (ms)",
        raw::ANSWER_TOPIC => "topic",
        raw::ANSWER_PAYLOAD => "payload",
        raw::ANSWER_QOS => "QoS",
        raw::ANSWER_RETAIN => "retain",
        raw::ANSWER_KEPT => "kept",
        raw::ANSWER_SET_PROPERTY => "set property",
        raw::ANSWER_REMOVE_PROPERTY => "remove property",
        raw::ANSWER_FILTER => "filter",
        raw::ANSWER_OPTIONS => "options",
        raw::ANSWER_CLIENT_ID => "client id",
        raw::ANSWER_SESSION_EXPIRY => "session expiry (s)",
        raw::ANSWER_KEEP_ALIVE => "keep alive (s)",
        raw::ANSWER_CONNACK_PROPERTY => "CONNACK property",
        _ => return None,
    };
    let value = match part {
        raw::ANSWER_THROTTLE | raw::ANSWER_SESSION_EXPIRY | raw::ANSWER_KEEP_ALIVE => {
            number(value).to_string()
        }
        raw::ANSWER_QOS | raw::ANSWER_RETAIN | raw::ANSWER_KEPT | raw::ANSWER_OPTIONS => {
            number(value).to_string()
        }
        _ => bytes_in_words(value),
    };
    Some(format!("{name}: {value}"))
}

/// In the byte order of the machine, as they cross the border.
fn number(value: &[u8]) -> u32 {
    match *value {
        [byte] => byte.into(),
        [a, b] => u16::from_ne_bytes([a, b]).into(),
        [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// As text where it is one, else in hexadecimal; long ones with their length.
pub(super) fn bytes_in_words(bytes: &[u8]) -> String {
    const SHOWN: usize = 256;
    let more = match bytes.len() {
        len if len > SHOWN => format!("… ({len} bytes, hash {:016x})", hash(bytes)),
        _ => String::new(),
    };
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control));
    let shown: String = match text {
        Some(text) => text.chars().take(SHOWN).collect(),
        None => bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect(),
    };
    format!("{}{more}", Escaped(&shown))
}

/// FNV: the same in every process.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_in_words() {
        for (part, value, words) in [
            (raw::ANSWER_TOPIC, &b"a/b"[..], "topic: a/b"),
            (raw::ANSWER_PAYLOAD, &[0, 255], "payload: 00ff"),
            (raw::ANSWER_QOS, &[2], "QoS: 2"),
            (raw::ANSWER_KEPT, &[0], "kept: 0"),
            (raw::ANSWER_THROTTLE, &300_u32.to_ne_bytes(), "throttle (ms): 300"),
            (raw::ANSWER_KEEP_ALIVE, &300_u16.to_ne_bytes(), "keep alive (s): 300"),
        ] {
            assert_eq!(part_in_words(part, value).as_deref(), Some(words));
        }
        assert_eq!(part_in_words(99, b""), None);
        let long = bytes_in_words(&[b'x'; 300]);
        assert!(long.starts_with("xxx") && long.contains("… (300 bytes, hash "), "{long}");
    }

    #[test]
    fn answers_are_told_in_words() {
        for (hook, code, words) in [
            ("on_before_publish", 1, "continue"),
            ("on_before_publish", 0, "veto"),
            ("on_before_publish", 0x87, "refuse 0x87"),
            ("on_auth", 1, "not mine"),
            ("on_auth", 17, "challenge"),
            ("on_before_publish", 17, "failed: it answered 17"),
            ("on_publish", -1, "panicked"),
            ("on_publish", -7, "failed: it answered -7"),
        ] {
            assert_eq!(describe(hook, code), words);
        }
    }
}
