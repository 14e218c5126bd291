//! Delivery of a run to its receivers, receiver by receiver.

use std::sync::Arc;

use mqtt::QoS;

use super::run::{Item, Messages, Run};
use super::{Router, Target};
use crate::session::{DropCause, Outbox, QueueLimits, Session};
use crate::shard::Outgoing;

/// From this payload size on, a message for several receivers is shared instead of copied.
const SHARE_ABOVE: usize = 8 * 1024;

/// The subscribers of a topic, as they were at some generation of the router.
pub(crate) struct Targets<'a> {
    pub(crate) targets: &'a [Target],
    pub(crate) generation: u64,
    pub(crate) router: &'a Router,
}

/// Hands a run to all targets. Returns a receiver that has more than it can take, if there is one:
/// the publisher should wait for it.
pub(crate) fn deliver(
    run: &Run<'_>,
    targets: &Targets<'_>,
    outgoing: &mut Outgoing,
) -> Option<Arc<Session>> {
    let limits = outgoing.limits;
    let verbatim = run.verbatim();
    let largest = run.largest();
    let mut messages = Messages::new(run);
    let mut crowded = None;
    // In the order of the run, under the lock of the receiver.
    // [MQTT-4.5.0-1] [MQTT-4.6.0-5] [MQTT-4.6.0-6]
    for target in targets.targets {
        let is_publisher = run.publisher.is_some_and(|own| Arc::ptr_eq(own, &target.session));
        // [MQTT-3.8.3-3]
        if target.no_local && is_publisher {
            continue;
        }
        let mut outbox = target.session.outbox.lock();
        let fresh;
        let target = if outbox.expects_after(targets.generation) {
            // It has unsubscribed from something since. [MQTT-3.10.4-2]
            fresh = targets.router.target(run.topic, &target.session);
            let Some(fresh) = &fresh else { continue };
            fresh
        } else {
            target
        };
        let Some(link) = outbox.link() else {
            keep(&mut outbox, target, &mut messages, run, &limits);
            outgoing.count_dropped(&target.session, &mut outbox);
            continue;
        };
        let (version, max_packet) = (link.version, link.max_packet as usize);
        outbox.lend_buffer(&mut outgoing.pool);
        match verbatim {
            Some(bytes)
                if version == run.version
                    && largest <= SHARE_ABOVE
                    && largest <= max_packet
                    && outbox.takes_qos0(&limits) =>
            {
                outbox.append(bytes);
            }
            _ => send_each(&mut outbox, target, &mut messages, run, &limits),
        }
        // Who publishes to itself is stopped by what it has to take, see `ConnectedClient::is_behind`.
        if !is_publisher && outbox.is_crowded(&limits) {
            crowded = Some(target.session.clone());
        }
        outgoing.mark(&target.session, outbox);
    }
    crowded
}

fn send_each(
    outbox: &mut Outbox,
    target: &Target,
    messages: &mut Messages<'_>,
    run: &Run<'_>,
    limits: &QueueLimits,
) {
    for item in run.items {
        let qos = item.qos.min(target.qos); // [MQTT-3.8.4-8]
        // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
        let retain = item.retain && target.retain_as_published;
        if !fits(outbox, run, item, qos) {
            outbox.drop_message(DropCause::TooLarge);
            continue;
        }
        if qos > QoS::AtMostOnce {
            outbox.send_acknowledged(messages.shared(item, qos, retain), run.now, limits);
        } else if item.payload_len() > SHARE_ABOVE {
            outbox.send_qos0(&messages.shared(item, qos, retain), run.now, limits);
        } else if outbox.takes_qos0(limits) {
            let mut publish = run.publish(item);
            publish.retain = retain;
            outbox.append_publish(&publish);
        } else {
            outbox.drop_message(DropCause::NotTaken);
        }
    }
}

/// Whether the packet is not larger than the client takes. [MQTT-3.1.2-24] [MQTT-3.1.2-25]
fn fits(outbox: &Outbox, run: &Run<'_>, item: &Item, qos: QoS) -> bool {
    let Some(link) = outbox.link() else { return false };
    // A lowered or raised packet differs by less than this.
    if item.packet_len() + 16 <= link.max_packet as usize {
        return true;
    }
    let mut publish = run.publish(item);
    publish.qos = qos;
    publish.encoded_len(link.version) <= link.max_packet as usize
}

/// For a client that is away. [MQTT3-3.1.2-5]
fn keep(
    outbox: &mut Outbox,
    target: &Target,
    messages: &mut Messages<'_>,
    run: &Run<'_>,
    limits: &QueueLimits,
) {
    for (index, item) in run.items.iter().enumerate() {
        let qos = item.qos.min(target.qos);
        if qos > QoS::AtMostOnce || limits.queue_qos0 {
            let retain = item.retain && target.retain_as_published;
            outbox.keep(messages.compact(index, item, qos, retain), limits);
        }
    }
}
