//! What `config.yml` says.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use plugin_abi::serde::Deserialize;

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
pub(crate) struct Settings {
    /// From the folder of the config file.
    pub(crate) file: PathBuf,
    /// Clients without a user name may come in.
    #[serde(default)]
    pub(crate) allow_anonymous: bool,
    /// How many passwords are checked at the same time.
    #[serde(default = "two")]
    pub(crate) threads: Count<64>,
    /// How many more may wait for it.
    #[serde(default = "many")]
    pub(crate) queue: Count<100_000>,
    /// Methods of enhanced authentication after which no password is asked for.
    #[serde(default)]
    trusted_methods: Vec<String>,
}

/// From 1 to `MAX`.
#[derive(Clone, Copy, Deserialize)]
#[serde(crate = "plugin_abi::serde", try_from = "NonZeroUsize")]
pub(crate) struct Count<const MAX: usize>(NonZeroUsize);

impl<const MAX: usize> Count<MAX> {
    pub(crate) fn get(self) -> usize {
        self.0.get()
    }
}

impl<const MAX: usize> TryFrom<NonZeroUsize> for Count<MAX> {
    type Error = String;

    fn try_from(count: NonZeroUsize) -> Result<Self, String> {
        if count.get() > MAX {
            Err(format!("{count} is more than {MAX}"))
        } else {
            Ok(Count(count))
        }
    }
}

impl Settings {
    pub(crate) fn trusts(&self, method: &str) -> bool {
        self.trusted_methods.iter().any(|trusted| trusted == method)
    }
}

const fn two() -> Count<64> {
    Count(NonZeroUsize::MIN.saturating_add(1))
}

const fn many() -> Count<100_000> {
    Count(NonZeroUsize::MIN.saturating_add(255))
}
