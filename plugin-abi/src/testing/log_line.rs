//! A line that a plugin has logged.

use std::fmt;

use log::Level;

/// A line that a plugin has logged. Equal to a pair of its level and text:
///
/// ```
/// # use plugin_abi::{Config, Plugin, Result, log::{self, Level}, testing::{self, json}};
/// # struct Hello;
/// # impl Plugin for Hello {
/// #     fn bootstrap(_host: plugin_abi::Host, _config: Config) -> Result<Self> {
/// #         log::info!("hello, broker");
/// #         Ok(Hello)
/// #     }
/// # }
/// let host = testing::Host::new();
/// let _hello = testing::start::<Hello>(&host, json!({})).unwrap();
/// assert_eq!(host.logs(), [(Level::Info, "hello, broker")]);
/// ```
///
/// Not to another one, so that `assert_eq!(host.logs(), [])` says all the compiler needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Log {
    /// The level.
    pub level: Level,
    /// The module within the plugin's crate, as `limits`; empty at its root. Of another crate, the whole
    /// path.
    pub target: String,
    /// What was written.
    pub text: String,
}

impl PartialEq<(Level, &str)> for Log {
    fn eq(&self, (level, text): &(Level, &str)) -> bool {
        self.level == *level && self.text == *text
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Log { level, target, text } = self;
        match target.as_str() {
            "" => write!(f, "{level:<5} {text}"),
            target => write!(f, "{level:<5} [{target}] {text}"),
        }
    }
}
