//! A broker for a plugin that is tried without clients: whomever it names is there, and what it wants done is
//! handed out and not done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{Account, Engine, Errand, Services, Stage};
use crate::broker::Broker;
use crate::config::Config;
use crate::hooks::Live;
use crate::session::{Seen, Session};

/// The sessions of all clients that were named so far.
#[derive(Default)]
pub(super) struct Everybody(Mutex<BTreeMap<Box<str>, Arc<Session>>>);

impl Everybody {
    fn look_up(&self, client_id: &str) -> Seen {
        let mut sessions = self.0.lock();
        let session = sessions
            .entry(client_id.into())
            .or_insert_with(|| Arc::new(Session::new(client_id.into(), u16::MAX)));
        Seen { session: session.clone(), is_owned: true, since: Duration::ZERO }
    }
}

impl Services {
    /// In place of [`Services::serve`]. Timers are never due.
    pub(crate) fn rehearse(&self, config: &Config) {
        let live = Arc::new(Live::new(&[]));
        let broker = Arc::new(Broker::new(config, live, None));
        let everybody = Some(Everybody::default());
        let engine = Engine { broker, shards: Arc::new([]), everybody };
        *self.stage.write() = Stage::Serving(Arc::new(engine));
    }
}

impl Engine {
    /// The session of a client id.
    pub(super) fn look_up(&self, client_id: &str) -> Option<Seen> {
        match &self.everybody {
            Some(everybody) => Some(everybody.look_up(client_id)),
            None => self.broker.sessions.look_up(client_id),
        }
    }
}

impl Account {
    /// What the plugin has wanted done and nobody has begun to do, in its order. With each, how many hooks have
    /// led to it: 0 for what comes from a thread of its own.
    pub(crate) fn take_errands(&self) -> impl Iterator<Item = (Errand, u32)> {
        std::iter::from_fn(|| self.mailbox.take())
    }
}
