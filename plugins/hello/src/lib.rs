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

#[cfg(test)]
mod tests {
    use plugin_abi::log::Level;
    use plugin_abi::testing::{self, Answer, json};

    use super::*;

    #[test]
    fn greets_the_broker_and_each_client() {
        let host = testing::Host::new();
        let hello = testing::start::<Hello>(&host, json!({})).unwrap();
        assert_eq!(hello.on_connect(&testing::Connect::of("alice")), Answer::Continue);
        assert_eq!(host.logs(), [(Level::Info, "hello, broker"), (Level::Info, "hello, alice")]);
    }
}
