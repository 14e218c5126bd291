//! The smallest plugin: says in the log that it is there, and greets each client.

use plugin_abi::{Config, Connect, Host, Plugin, Result, log, plugin};

struct Hello;

#[plugin]
impl Plugin for Hello {
    fn bootstrap(_host: Host, _config: Config) -> Result<Self> {
        log::info!("hello, broker");
        Ok(Hello)
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        log::info!("hello, {}", event.client().client_id());
        true
    }
}
