//! The clients, subscriptions and retained messages that plugins find.

use std::collections::{BTreeMap, BTreeSet};

use super::Host;
use crate::{
    Message, SubscriptionOptions,
    testing::{
        Client,
        rules::{matched_filter, matches},
    },
};

#[derive(Debug, Default)]
pub(super) struct Clients {
    by_id: BTreeMap<String, (Client, bool)>,
    subscriptions: BTreeMap<(String, String), SubscriptionOptions>,
    retained: BTreeMap<String, Message>,
}

impl Host {
    /// A client is connected.
    pub fn add_client(&self, client: impl Into<Client>) {
        self.recorder.lock().clients.add(client.into(), true);
    }

    /// A client is away, and its session is kept.
    pub fn add_absent_client(&self, client: impl Into<Client>) {
        self.recorder.lock().clients.add(client.into(), false);
    }

    /// A client and its session are gone, with its subscriptions and all that plugins have noted at it.
    pub fn remove_client(&self, client_id: &str) {
        let mut world = self.recorder.lock();
        world.clients.remove(client_id);
        world.store.forget(client_id);
    }

    /// A client that was added is subscribed to a filter.
    ///
    /// # Panics
    ///
    /// If there is no such client.
    #[track_caller]
    pub fn add_subscription(&self, client_id: &str, filter: &str, options: SubscriptionOptions) {
        let clients = &mut self.recorder.lock().clients;
        assert!(clients.has(client_id), "there is no client {client_id:?}: see add_client");
        clients.subscribe(client_id, filter, options);
    }

    /// A message is retained.
    pub fn add_retained(&self, message: Message) {
        self.recorder.lock().clients.retain(message);
    }
}

impl Clients {
    fn add(&mut self, client: Client, is_connected: bool) {
        self.by_id.insert(client.client_id().to_owned(), (client, is_connected));
    }

    pub(super) fn remove(&mut self, client_id: &str) {
        self.by_id.remove(client_id);
        self.subscriptions.retain(|(of, _), _| of != client_id);
    }

    pub(super) fn has(&self, client_id: &str) -> bool {
        self.by_id.contains_key(client_id)
    }

    pub(super) fn is_connected(&self, client_id: &str) -> bool {
        self.by_id.get(client_id).is_some_and(|(_, is_connected)| *is_connected)
    }

    /// Its session stays.
    pub(super) fn disconnect(&mut self, client_id: &str) {
        if let Some((_, is_connected)) = self.by_id.get_mut(client_id) {
            *is_connected = false;
        }
    }

    pub(super) fn subscribe(&mut self, client: &str, filter: &str, options: SubscriptionOptions) {
        self.subscriptions.insert((client.to_owned(), filter.to_owned()), options);
    }

    pub(super) fn unsubscribe(&mut self, client_id: &str, filter: &str) {
        self.subscriptions.remove(&(client_id.to_owned(), filter.to_owned()));
    }

    pub(super) fn retain(&mut self, message: Message) {
        let (topic, is_empty) = message.with_raw(|raw| {
            let topic = String::from_utf8_lossy(raw.topic.as_bytes()).into_owned();
            (topic, raw.payload.as_bytes().is_empty())
        });
        match is_empty {
            true => self.retained.remove(&topic),
            false => self.retained.insert(topic, message),
        };
    }

    /// All, or the one of an id: who, and whether it is connected.
    pub(super) fn clients(&self, client_id: &str) -> Vec<(Client, bool)> {
        let wanted = |id: &str| client_id.is_empty() || id == client_id;
        self.by_id.iter().filter(|(id, _)| wanted(id)).map(|(_, it)| it.clone()).collect()
    }

    /// All, or those of a client.
    pub(super) fn subscriptions(&self, client_id: &str) -> Vec<Subscription> {
        self.filtered(|id, _| client_id.is_empty() || id == client_id)
    }

    /// Those that a message to a topic goes out by; of a client with several, all in one.
    pub(super) fn receivers(&self, topic: &str) -> Vec<Subscription> {
        let all = self.filtered(|_, filter| matches(matched_filter(filter), topic));
        let is_shared = |it: &&Subscription| it.filter.starts_with("$share/");
        let mut found: Vec<Subscription> = all.iter().filter(is_shared).cloned().collect();
        let plain: Vec<_> = all.iter().filter(|it| !is_shared(it)).collect();
        for id in plain.iter().map(|it| &it.client_id).collect::<BTreeSet<_>>() {
            let own: Vec<_> = plain.iter().filter(|it| it.client_id == *id).collect();
            if let [only] = own.as_slice() {
                found.push((**only).clone());
            } else if let Some(best) = own.iter().max_by_key(|it| it.options.qos) {
                found.push(Subscription { filter: String::new(), ..(**best).clone() });
            }
        }
        found
    }

    pub(super) fn retained(&self, filter: &str) -> Vec<Message> {
        let matching = self.retained.iter().filter(|(topic, _)| matches(filter, topic));
        matching.map(|(_, message)| message.clone()).collect()
    }

    fn filtered(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<Subscription> {
        let subscriptions = self.subscriptions.iter();
        let wanted = subscriptions.filter(|((id, filter), _)| wanted(id, filter));
        wanted
            .map(|((id, filter), options)| Subscription {
                client_id: id.clone(),
                filter: filter.clone(),
                options: *options,
            })
            .collect()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) client_id: String,
    pub(super) filter: String,
    pub(super) options: SubscriptionOptions,
}
