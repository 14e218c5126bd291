//! A PUBLISH as most tests send it: with a topic, a payload and a QoS, and nothing else.

use mqtt::{Properties, Publish, QoS};

/// Without a packet identifier: whoever sends it sets one, if it needs one.
pub(crate) fn message<'a>(
    topic: &'a str,
    payload: &'a (impl AsRef<[u8]> + ?Sized),
    qos: QoS,
) -> Publish<'a> {
    let (properties, payload) = (Properties::EMPTY, payload.as_ref());
    Publish { dup: false, qos, retain: false, packet_id: 0, topic, properties, payload }
}
