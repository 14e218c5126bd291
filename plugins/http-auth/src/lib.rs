//! Asks an HTTP service who may connect, publish and subscribe. Only the client that it is about waits for
//! the answer; it is kept as long as the service says. README.md has the settings and what goes over the wire.

mod ask;
mod breaker;
mod cache;
mod client;
mod duration;
mod gate;
mod outcome;
mod reply;
mod settings;

use plugin_abi::{
    BeforeConnect, Config, Deciding, Host, Plugin, Publish, Result, Subscribe, Verdict, plugin,
};

use ask::Ask;
use gate::Gate;
use settings::{Service, Settings};

struct HttpAuth {
    connect: Option<Service>,
    publish: Option<Service>,
    subscribe: Option<Service>,
    gate: Gate,
}

#[plugin(wants = "network", requires = "1.1")]
impl Plugin for HttpAuth {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let settings: Settings = config.get()?;
        if settings.services().next().is_none() {
            return Err("it needs one of `connect`, `publish` and `subscribe`: where to ask".into());
        }
        let gate = Gate::start(host, &settings)?;
        let Settings { connect, publish, subscribe, .. } = settings;
        Ok(HttpAuth { connect, publish, subscribe, gate })
    }

    fn shutdown(&self) {
        self.gate.close();
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        self.ask(self.connect.as_ref(), event, || Ask::connect(event))
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        self.ask(self.publish.as_ref(), event, || Ask::publish(event))
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        self.ask(self.subscribe.as_ref(), event, || Ask::subscribe(event))
    }
}

impl HttpAuth {
    fn ask(
        &self,
        service: Option<&Service>,
        event: &impl Deciding,
        ask: impl FnOnce() -> Ask,
    ) -> Verdict {
        match service {
            Some(service) => self.gate.pass(event, service, ask()),
            None => Verdict::Continue,
        }
    }
}

#[cfg(test)]
mod tests;
