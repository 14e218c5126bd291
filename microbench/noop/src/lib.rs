//! Does nothing in its hooks, so that a benchmark sees what it costs to call them.

use plugin_abi::{Config, Deliver, Host, Plugin, Publish, Result, plugin};

struct Noop;

#[plugin]
impl Plugin for Noop {
    fn bootstrap(_host: Host, _config: Config) -> Result<Self> {
        Ok(Noop)
    }

    fn on_before_publish(&self, _event: &Publish<'_>) -> bool {
        true
    }

    fn on_before_deliver(&self, _event: &Deliver<'_>) -> bool {
        true
    }
}
