//! What belongs to a plugin's name, and outlives its instances.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::mailbox::Mailbox;
use super::metrics::{Description, Own};
use super::{Declined, Draft, Errand, Packet, Services};
use crate::failures::{Failures, and_more};
use crate::hooks::{Client, running};
use crate::session::{Seen, Session};

pub(crate) struct Account {
    pub(crate) name: Arc<str>,
    /// Whom its messages come from.
    pub(crate) client_id: Arc<str>,
    services: Weak<Services>,
    pub(super) mailbox: Mailbox,
    pub(super) metrics: Own,
    too_deep: Failures,
}

/// No client has such a client id: rules about it are about plugins.
pub(crate) const CLIENT_ID_PREFIX: &str = "$plugin/";

impl Account {
    pub(super) fn new(name: &str, services: &Arc<Services>) -> Account {
        Account {
            name: name.into(),
            client_id: format!("{CLIENT_ID_PREFIX}{name}").into(),
            services: Arc::downgrade(services),
            mailbox: Mailbox::default(),
            metrics: Own::default(),
            too_deep: Failures::default(),
        }
    }

    /// What other plugins are told of it.
    pub(crate) fn as_client(&self) -> Client<'_> {
        Client::of_plugin(&self.client_id)
    }

    /// The session of a client id.
    ///
    /// # Errors
    /// [`Declined::NotThere`] if there is none.
    pub(crate) fn find(&self, client_id: &str) -> Result<Arc<Session>, Declined> {
        Ok(self.look_up(client_id)?.session)
    }

    /// The same, and whether it is connected.
    pub(crate) fn look_up(&self, client_id: &str) -> Result<Seen, Declined> {
        self.services()?.engine()?.look_up(client_id).ok_or(Declined::NotThere)
    }

    pub(crate) fn config_folder(&self) -> Result<PathBuf, Declined> {
        std::path::absolute(&self.services()?.folders.config).map_err(|_| Declined::NotThere)
    }

    /// Makes it if it is not there. Blocks on the disk the first time.
    pub(crate) fn data_folder(&self) -> Result<PathBuf, Declined> {
        let data = self.services()?.folders.data.join("plugins").join(&*self.name);
        let folder = std::path::absolute(data).and_then(|folder| {
            std::fs::create_dir_all(&folder)?;
            Ok(folder)
        });
        folder.map_err(|error| {
            log::warn!("plugin {}: no folder for its data: {error}", self.name);
            Declined::NotThere
        })
    }

    /// The number of a metric, which is made if it is not there.
    pub(crate) fn metric(&self, description: &Description<'_>) -> Result<i64, Declined> {
        self.services()?.metrics.metric(&self.name, &self.metrics, description)
    }

    pub(crate) fn update_metric(&self, number: i64, how: u32, by: f64) -> Result<(), Declined> {
        self.metrics.update(number, how, by)
    }

    pub(crate) fn services(&self) -> Result<Arc<Services>, Declined> {
        self.services.upgrade().ok_or(Declined::Stopping)
    }

    /// Checks a message that is to be published, sent or retained.
    pub(crate) fn check(&self, draft: &Draft<'_>) -> Result<Packet, Declined> {
        Packet::new(draft, &self.services()?.limits)
    }

    /// Has something done, after all that was posted before. Any thread.
    ///
    /// # Errors
    /// If it was not taken.
    pub(crate) fn post(self: &Arc<Self>, errand: Errand) -> Result<(), Declined> {
        let services = self.services()?;
        let depth = running::next_depth();
        if depth > services.plugin_publish_depth {
            self.log_too_deep(services.plugin_publish_depth);
            return Err(Declined::TooDeep);
        }
        match services.engine() {
            Err(Declined::Stopping) => return Err(Declined::Stopping),
            Ok(engine) if errand.may_be_kept() && engine.broker.store_is_full() => {
                return Err(Declined::Full);
            }
            _ => {}
        }
        self.mailbox.put(errand, depth)?;
        self.attend();
        Ok(())
    }

    /// Has a shard look into the mailbox, if there is one.
    pub(super) fn attend(self: &Arc<Self>) {
        if let Ok(services) = self.services()
            && let Ok(engine) = services.engine()
        {
            engine.attend(self);
        }
    }

    #[cold]
    fn log_too_deep(&self, limit: u32) {
        if let Some(left_out) = self.too_deep.count(Instant::now()) {
            log::warn!(
                "plugin {} gets no further: hooks of plugins have led from one message to the next more \
                 than {limit} times in a row (plugin_publish_depth){}",
                self.name,
                and_more(left_out)
            );
        }
    }
}
