//! Blocks in on_before_publish until the file is there that its config names. It is built against
//! plugin-abi 1.0, which knows nothing of hooks that block.

use std::path::PathBuf;

use plugin_abi::{Config, Host, Plugin, Publish, Result, plugin};

struct Blocks {
    until: PathBuf,
}

#[plugin]
impl Plugin for Blocks {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        Ok(Blocks { until: config.get()? })
    }

    fn on_before_publish(&self, _event: &Publish<'_>) -> bool {
        while !self.until.exists() {
            std::thread::yield_now();
        }
        true
    }
}
