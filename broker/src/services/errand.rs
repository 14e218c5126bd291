//! Something that a plugin wants done, on a shard.

use std::sync::Arc;

use mqtt::{Publish, QoS, Version};

use super::{Account, Packet};
use crate::broker::Broker;
use crate::hooks::{Origin, Sender};
use crate::publish::{By, Letter, Waits};
use crate::router::{self, Item, Provenance, Run, Target};
use crate::session::{Message, Order, Session};
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
    /// The same, if the plugins let it pass.
    Subscribe((Box<str>, Order)),
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
                Errand::Order(client_id, order) | Errand::Subscribe((client_id, order)) => {
                    client_id.len() + order.size()
                }
            }
    }

    /// Whether the store may have to keep what it brings.
    pub(super) fn may_be_kept(&self) -> bool {
        match self {
            Errand::Publish(packet) | Errand::Send(_, packet) => packet.may_be_kept(),
            Errand::Retain(_) => true,
            Errand::Order(..) | Errand::Subscribe(_) => false,
        }
    }

    /// Does it. Returns a receiver that has more than it can take, for the next errand to wait for.
    ///
    /// # Errors
    /// If a plugin answers later: what comes next waits for that too.
    pub(super) fn run(
        self,
        broker: &Arc<Broker>,
        shard: &mut Shard,
        account: &Arc<Account>,
        depth: u32,
    ) -> Result<Option<Arc<Session>>, Box<Waits>> {
        match self {
            Errand::Publish(packet) => publish(broker, shard, account, &packet, depth),
            Errand::Send(client_id, packet) => {
                Ok(send(broker, shard, account, &client_id, &packet))
            }
            Errand::Order(client_id, order) => {
                broker.order(shard, &client_id, Order { depth, ..order });
                Ok(None)
            }
            Errand::Subscribe((client_id, order)) => {
                super::subscribe::ask(broker, shard, &client_id, Order { depth, ..order });
                Ok(None)
            }
            Errand::Retain(packet) => {
                if let Some((_, publish)) = packet.read() {
                    retain(broker, shard, &publish, account);
                }
                Ok(None)
            }
        }
    }
}

/// Asks the plugins, keeps it and routes it.
fn publish(
    broker: &Arc<Broker>,
    shard: &mut Shard,
    account: &Arc<Account>,
    packet: &Packet,
    depth: u32,
) -> Result<Option<Arc<Session>>, Box<Waits>> {
    let Some((_, publish)) = packet.read() else { return Ok(None) };
    let message = Message::new(&publish, shard.second());
    let letter = Letter { message, by: By::Plugin(account.clone()), depth };
    broker.publish_from(shard, letter)
}

/// Keeps a message, or clears what was kept of its topic.
fn retain(broker: &Broker, shard: &mut Shard, publish: &Publish<'_>, account: &Account) {
    let publish = Publish { retain: true, ..*publish };
    // If there is no room, that is counted.
    broker.retain(shard, &publish, &account.client_id);
    shard.outgoing.schedule();
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
    let (frame, publish) = packet.read()?;
    let data = packet.bytes();
    let item = Item::new(&publish, 0, data.len(), frame.header_len());
    let origin = Origin::Plugin(&account.name);
    let run = Run {
        data,
        topic: publish.topic,
        items: &[item],
        version: Version::INSIDE,
        publisher: None,
        provenance: Provenance { origin, original_topic: None, depth: 0 },
        now: shard.second(),
    };
    let target = Target {
        session,
        qos: QoS::ExactlyOnce,
        no_local: false,
        retain_as_published: false,
        matched_by: None,
    };
    let Shard { hooks, outgoing, .. } = shard;
    let sender = Sender { client_id: &account.client_id, origin };
    let deliveries = hooks.on_before_deliver(sender, publish.topic);
    router::deliver_to(&run, &target, deliveries.as_ref(), outgoing)
}
