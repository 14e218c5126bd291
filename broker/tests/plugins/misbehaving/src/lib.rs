//! Fails where and how its config says: `{ in: on_publish, how: panic, times: 1 }`, or `{ in: on_publish,
//! how: hang, until: FILE }`. Everywhere else it lets events go on. What only C can do is beside this crate: to
//! answer nonsense in `nonsense.c`, and to call the broker wrongly in `misuse.c`.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "failing is what it is for")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plugin_abi::{
    Auth, AuthVerdict, BeforeConnect, Config, Connect, Deliver, Disconnect, Dropped, Host, Plugin,
    Publish, Result, Session, SocketOpen, Subscribe, Tick, Unsubscribe, log, plugin,
    serde::Deserialize,
};

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Misbehaving {
    r#in: String,
    how: How,
    /// What it waits for if it hangs.
    #[serde(default)]
    until: PathBuf,
    /// How often it fails; if it is not said, always.
    times: Option<u32>,
    #[serde(skip)]
    failed: AtomicU32,
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
    /// Takes all memory that it gets, 256 MiB at most, and gives it back.
    Memory,
}

#[plugin]
impl Plugin for Misbehaving {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let plugin: Misbehaving = config.get()?;
        if plugin.r#in == "on_tick" {
            host.timer_every(1, Duration::from_millis(10))?;
        }
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

    fn on_before_deliver(&self, _event: &Deliver<'_>) -> bool {
        self.run("on_before_deliver")
    }

    fn on_delivered(&self, _event: &Deliver<'_>) {
        self.run("on_delivered");
    }

    fn on_dropped(&self, _event: &Dropped<'_>) {
        self.run("on_dropped");
    }

    fn on_will(&self, _event: &Publish<'_>) -> bool {
        self.run("on_will")
    }

    fn on_session(&self, _event: &Session<'_>) {
        self.run("on_session");
    }

    fn on_tick(&self, _event: &Tick<'_>) {
        self.run("on_tick");
    }

    fn on_disconnect(&self, _event: &Disconnect<'_>) {
        self.run("on_disconnect");
    }
}

impl Misbehaving {
    fn run(&self, place: &str) -> bool {
        if self.r#in == place && self.may_fail() {
            self.how.fail(&self.until);
        }
        true
    }

    fn may_fail(&self) -> bool {
        self.times.is_none_or(|times| self.failed.fetch_add(1, Ordering::Relaxed) < times)
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
            How::Memory => log::info!("had {} MiB", take_memory() >> 20),
        }
    }
}

/// In bytes.
fn take_memory() -> usize {
    const PIECE: usize = 1 << 20;
    let mut taken: Vec<Vec<u8>> = Vec::new();
    // There is not so much.
    assert!(Vec::<u8>::new().try_reserve_exact(isize::MAX as usize).is_err());
    while taken.len() < 256 {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(PIECE).is_err() {
            break;
        }
        piece.resize(PIECE, 1);
        taken.push(piece);
    }
    taken.iter().map(Vec::len).sum()
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
