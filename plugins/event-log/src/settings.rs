//! The plugin's section of the broker's config.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use mqtt::topic::check_topic_filter;
use plugin_abi::{Config, Result};
use plugin_config::{OneOrMore, Period, Size, Who};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// From the folder of the broker's config.
    pub(crate) file: PathBuf,
    pub(crate) events: OneOrMore<Kind>,
    /// Only messages to these topics.
    pub(crate) topics: Option<OneOrMore<Filter>>,
    /// Only of these clients.
    #[serde(default)]
    pub(crate) only: Who,
    #[serde(default)]
    pub(crate) payload: Payload,
    /// Of a payload no more than this.
    #[serde(default = "max_payload")]
    pub(crate) max_payload: Size,
    /// Bytes of lines that wait to be written.
    #[serde(default = "queue")]
    pub(crate) queue: Size,
    #[serde(default)]
    pub(crate) rotate: Rotate,
    #[serde(default)]
    pub(crate) fsync: Fsync,
}

/// What a line can be about.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Open,
    Connect,
    Disconnect,
    Session,
    Subscribe,
    Unsubscribe,
    Publish,
    Delivered,
    Dropped,
}

/// A topic filter.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Filter(pub(crate) String);

/// How a payload is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Payload {
    #[default]
    None,
    /// As text where it is UTF-8, else as base64.
    Text,
    Base64,
}

/// When a new file is begun, and how many old ones are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rotate {
    pub(crate) size: Option<Size>,
    pub(crate) age: Option<Period>,
    pub(crate) keep: u16,
}

/// When what is written is made to survive a loss of power.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(crate) enum Fsync {
    /// When the system likes.
    #[default]
    Never,
    /// After each piece that is written.
    Always,
    Every(Duration),
}

impl Settings {
    pub(crate) fn read(config: &Config) -> Result<Settings> {
        let settings: Settings = config.get()?;
        let Rotate { size, age, keep } = settings.rotate;
        if size.is_some_and(|Size(size)| size == 0) || age.is_some_and(|Period(age)| age.is_zero())
        {
            return Err(
                "`rotate`: size and age must be more than 0; leave out what does not count".into(),
            );
        }
        if keep > MAX_KEEP {
            return Err(format!("`rotate.keep`: at most {MAX_KEEP}").into());
        }
        if NonZeroU64::new(settings.queue.0).is_none_or(|queue| queue.get() > MAX_QUEUE) {
            return Err("`queue`: it must be from 1 byte to 1GiB".into());
        }
        Ok(settings)
    }

    pub(crate) fn writes(&self, kind: Kind) -> bool {
        self.events.contains(&kind)
    }
}

/// Each is renamed when a new file is begun.
const MAX_KEEP: u16 = 1000;
const MAX_QUEUE: u64 = 1 << 30;

impl Default for Rotate {
    fn default() -> Self {
        Rotate { size: None, age: None, keep: 7 }
    }
}

impl TryFrom<String> for Filter {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        match check_topic_filter(&text) {
            Ok(()) => Ok(Filter(text)),
            Err(why) => Err(format!("{text:?} is no topic filter: {why}")),
        }
    }
}

impl TryFrom<String> for Fsync {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        match &*text {
            "never" => Ok(Fsync::Never),
            "always" => Ok(Fsync::Always),
            _ => {
                let period = Period::try_from(text);
                let wrong = |why| format!("{why}, or never, or always");
                period.map(|Period(period)| Fsync::Every(period)).map_err(wrong)
            }
        }
    }
}

fn max_payload() -> Size {
    Size(1 << 10)
}

fn queue() -> Size {
    Size(8 << 20)
}
