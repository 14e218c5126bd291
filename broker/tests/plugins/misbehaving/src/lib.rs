//! Fails where and how its config says: `{ in: on_publish, how: panic }`, or `{ in: on_publish, how: hang,
//! until: FILE }`. Everywhere else it lets events go on. What only C can do, to answer nonsense, is in `nonsense.c` beside this crate.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "failing is what it is for")]

use std::path::{Path, PathBuf};

use plugin_abi::{
    Auth, AuthVerdict, BeforeConnect, Config, Connect, Disconnect, Host, Plugin, Publish, Result,
    SocketOpen, Subscribe, Unsubscribe, log, plugin, serde::Deserialize,
};

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Misbehaving {
    r#in: String,
    how: How,
    /// What it waits for if it hangs.
    #[serde(default)]
    until: PathBuf,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(crate = "plugin_abi::serde", rename_all = "snake_case")]
enum How {
    /// Panics with a text.
    Panic,
    /// Reads beyond the end of a slice.
    Index,
    /// Panics with a payload whose drop panics.
    DropPanics,
    /// Panics on a thread of its own, waits for it, and goes on.
    Thread,
    /// Returns an error, where there is one to return.
    Error,
    /// Does not return until a file is there.
    Hang,
}

#[plugin]
impl Plugin for Misbehaving {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        let plugin: Misbehaving = config.get()?;
        plugin.run("bootstrap");
        if plugin.r#in == "bootstrap" && plugin.how == How::Error {
            return Err("no reason at all".into());
        }
        Ok(plugin)
    }

    fn shutdown(&self) {
        self.run("shutdown");
    }

    fn on_socket_open(&self, _event: &SocketOpen<'_>) -> bool {
        self.run("on_socket_open")
    }

    fn on_auth(&self, _event: &Auth<'_>) -> AuthVerdict {
        self.run("on_auth");
        AuthVerdict::not_mine()
    }

    fn on_before_connect(&self, _event: &BeforeConnect<'_>) -> bool {
        self.run("on_before_connect")
    }

    fn on_connect(&self, _event: &Connect<'_>) -> bool {
        self.run("on_connect")
    }

    fn on_before_subscribe(&self, _event: &Subscribe<'_>) -> bool {
        self.run("on_before_subscribe")
    }

    fn on_subscribe(&self, _event: &Subscribe<'_>) {
        self.run("on_subscribe");
    }

    fn on_before_unsubscribe(&self, _event: &Unsubscribe<'_>) -> bool {
        self.run("on_before_unsubscribe")
    }

    fn on_unsubscribe(&self, _event: &Unsubscribe<'_>) {
        self.run("on_unsubscribe");
    }

    fn on_message(&self, _event: &Publish<'_>) {
        self.run("on_message");
    }

    fn on_before_publish(&self, _event: &Publish<'_>) -> bool {
        self.run("on_before_publish")
    }

    fn on_publish(&self, _event: &Publish<'_>) {
        self.run("on_publish");
    }

    fn on_disconnect(&self, _event: &Disconnect<'_>) {
        self.run("on_disconnect");
    }
}

impl Misbehaving {
    fn run(&self, place: &str) -> bool {
        if self.r#in == place {
            self.how.fail(&self.until);
        }
        true
    }
}

impl How {
    fn fail(self, until: &Path) {
        match self {
            How::Panic => panic!("boom"),
            How::Index => {
                let bytes = [1, 2, 3];
                log::info!("{}", bytes[std::hint::black_box(7)]);
            }
            How::DropPanics => std::panic::panic_any(DropPanics),
            How::Thread => {
                let _ = std::thread::spawn(|| panic!("boom in a thread")).join();
            }
            How::Error => {}
            How::Hang => {
                while !until.exists() {
                    std::thread::yield_now();
                }
            }
        }
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.run("drop");
    }
}

struct DropPanics;

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("boom in drop");
    }
}
