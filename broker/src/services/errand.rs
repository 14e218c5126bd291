//! Something that a plugin wants done, on a shard.

use std::sync::Arc;

use mqtt::{Publish, QoS, Version};

use super::{Account, Packet};
use crate::broker::{Broker, publication};
use crate::hooks::{Origin, Ruling, Sender};
use crate::router::{Item, Run, Whom};
use crate::session::{DropCause, Message, Order, RetainFlag, Session};
use crate::shard::Shard;

pub(crate) enum Errand {
    /// To all subscribers.
    Publish(Packet),
    /// To the client of this id.
    Send(Box<str>, Packet),
    /// To future subscribers.
    Retain(Packet),
    /// To the session of this client id.
    Order(Box<str>, Order),
}

/// What an errand takes beside what it carries.
const OVERHEAD: usize = 64;

impl Errand {
    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        OVERHEAD
            + match self {
                Errand::Publish(packet) | Errand::Retain(packet) => packet.bytes().len(),
                Errand::Send(client_id, packet) => client_id.len() + packet.bytes().len(),
                Errand::Order(client_id, order) => client_id.len() + order.size(),
            }
    }

    /// Does it. Returns a receiver that has more than it can take, for the next errand to wait for.
    pub(super) fn run(
        self,
        broker: &Broker,
        shard: &mut Shard,
        account: &Account,
        depth: u32,
    ) -> Option<Arc<Session>> {
        match self {
            Errand::Publish(packet) => publish(broker, shard, account, &packet, depth),
            Errand::Send(client_id, packet) => send(broker, shard, account, &client_id, &packet),
            Errand::Order(client_id, order) => {
                broker.order(shard, &client_id, Order { depth, ..order });
                None
            }
            Errand::Retain(packet) => {
                if let Some((_, publish)) = packet.read() {
                    retain(broker, &publish, account, shard.second());
                }
                None
            }
        }
    }
}

/// Asks the plugins, keeps it and routes it.
fn publish(
    broker: &Broker,
    shard: &mut Shard,
    account: &Account,
    packet: &Packet,
    depth: u32,
) -> Option<Arc<Session>> {
    let client = &account.as_client();
    let origin = Origin::Plugin(&account.name);
    let (frame, publish) = packet.read()?;
    let data = packet.bytes();
    let item = Item::new(&publish, 0, data.len(), frame.header_len());
    let run = Run {
        data,
        topic: publish.topic,
        items: &[item],
        version: Version::INSIDE,
        publisher: None,
        now: shard.second(),
    };
    if shard.hooks.watches_messages() {
        // There is nobody to tell, or to throttle.
        if shard.hooks.on_before_publish(client, &publication(&run, &item, origin, depth)).is_veto()
        {
            return None;
        }
    }
    if publish.retain {
        retain(broker, &publish, account, shard.second());
    }
    broker.route(shard, &run, client, origin, depth)
}

/// Keeps a message, or clears what was kept of its topic.
fn retain(broker: &Broker, publish: &Publish<'_>, account: &Account, now: u32) {
    let publish = Publish { retain: true, ..*publish };
    // If there is no room, that is counted.
    broker.retain(&publish, &account.client_id, now);
}

/// Puts a message among those for one client, whatever it is subscribed to.
fn send(
    broker: &Broker,
    shard: &mut Shard,
    account: &Account,
    client_id: &str,
    packet: &Packet,
) -> Option<Arc<Session>> {
    let session = broker.sessions.look_up(client_id)?.session;
    let (_, publish) = packet.read()?;
    let mut message = Message::new(&publish, shard.second());
    message.retain = RetainFlag::Clear;
    let ruling = ask_receiver(shard, account, &session, &message);
    let (second, limits) = (shard.second(), shard.outgoing.limits);
    let mut outbox = session.outbox.lock();
    if outbox.has_ended() {
        return None;
    }
    outbox.lend_buffer(&mut shard.outgoing.pool);
    outbox.watch(shard.outgoing.watched);
    let message = match ruling {
        Ruling::Allowed => Some(message),
        Ruling::Edited(edited) => Some(edited.apply(&message)),
        Ruling::Vetoed => {
            outbox.drop_message(DropCause::Vetoed, || message);
            None
        }
    };
    if let Some(message) = message {
        if outbox.link().is_some() {
            outbox.send(message, second, &limits);
        } else if message.qos > QoS::AtMostOnce || limits.queue_qos0 {
            outbox.keep(message, &limits);
        }
    }
    let is_crowded = outbox.is_crowded(&limits);
    shard.outgoing.mark(&session, outbox);
    is_crowded.then_some(session)
}

/// What the plugins say about a message for one receiver, whose lock is not held.
fn ask_receiver(
    shard: &Shard,
    account: &Account,
    session: &Arc<Session>,
    message: &Message,
) -> Ruling {
    let sender = Sender { client_id: &account.client_id, origin: Origin::Plugin(&account.name) };
    let topic = message.publish(0, false).topic;
    match shard.hooks.on_before_deliver(sender, topic) {
        Some(deliveries) => {
            let whom = Whom::of(&session.outbox.lock());
            whom.ask(&deliveries, session, message, false)
        }
        None => Ruling::Allowed,
    }
}
