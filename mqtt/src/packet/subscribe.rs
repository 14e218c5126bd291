//! SUBSCRIBE: the filters that a client wants messages of.

use crate::codec::read::Reader;
use crate::codec::write;
use crate::topic::is_shared;
use crate::{
    Field, Frame, PacketType, Place, Properties, Subscription, SubscriptionOptions, Version,
    Violation,
};

/// A client subscribes, to one filter at least.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The packet identifier.
    pub packet_id: u16,
    /// The properties.
    pub properties: Properties<'a>,
    /// Filters with their options, checked.
    payload: &'a [u8],
}

const PLACE: Place = Place::Packet(PacketType::Subscribe);

impl<'a> Subscribe<'a> {
    /// A SUBSCRIBE for these subscriptions.
    pub fn new(
        packet_id: u16,
        properties: Properties<'a>,
        subscriptions: &'a SubscriptionList,
    ) -> Subscribe<'a> {
        Subscribe { packet_id, properties, payload: &subscriptions.0 }
    }

    /// The subscriptions in the order of the packet; the reason codes of SUBACK follow it.
    pub fn filters(&self) -> impl Iterator<Item = Subscription<'a>> + use<'a> {
        let mut reader = Reader::new(self.payload, PLACE);
        std::iter::from_fn(move || {
            if reader.is_empty() { None } else { read_subscription(&mut reader).ok() }
        })
    }

    pub(crate) fn decode(frame: Frame<'a>, version: Version) -> Result<Subscribe<'a>, Violation> {
        let mut reader = Reader::of(frame);
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(version)?;
        let payload = reader.rest();
        if payload.is_empty() {
            return Err(Violation::NoFilters(PLACE)); // [MQTT-3.8.3-2]
        }
        while !reader.is_empty() {
            check(read_subscription(&mut reader)?, version)?;
        }
        Ok(Subscribe { packet_id, properties, payload })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        write::packet(out, PacketType::Subscribe.first_byte(), |out| {
            write::two_bytes(out, self.packet_id);
            write::properties(out, version, self.properties);
            for subscription in self.filters() {
                let options = version.lower_options(subscription.options);
                write_subscription(out, Subscription { options, ..subscription });
            }
        });
    }
}

impl std::fmt::Debug for Subscribe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let filters: Vec<_> = self.filters().collect();
        f.debug_struct("Subscribe")
            .field("packet_id", &self.packet_id)
            .field("properties", &self.properties)
            .field("filters", &filters)
            .finish()
    }
}

/// The subscriptions of a SUBSCRIBE being built; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionList(Vec<u8>);

impl SubscriptionList {
    /// A list of one.
    pub fn new(first: Subscription<'_>) -> SubscriptionList {
        let mut list = SubscriptionList(Vec::new());
        list.push(first);
        list
    }

    /// Appends a subscription.
    pub fn push(&mut self, subscription: Subscription<'_>) {
        write_subscription(&mut self.0, subscription);
    }
}

fn read_subscription<'a>(reader: &mut Reader<'a>) -> Result<Subscription<'a>, Violation> {
    let filter = reader.utf8(Field::TopicFilter)?; // [MQTT-3.8.3-1]
    if filter.is_empty() {
        return Err(Violation::FilterEmpty(PLACE)); // [MQTT-4.7.3-1]
    }
    let options = SubscriptionOptions::from_bits(reader.byte(Field::SubscriptionOptions)?)?;
    Ok(Subscription { filter, options })
}

fn check(subscription: Subscription<'_>, version: Version) -> Result<(), Violation> {
    // [MQTT3-3.8.3-4]: the byte is a QoS and nothing else.
    if version.lower_options(subscription.options) != subscription.options {
        return Err(Violation::ReservedSubscriptionOptions);
    }
    // [MQTT-3.8.3-4]
    if subscription.options.no_local && is_shared(subscription.filter) {
        return Err(Violation::NoLocalShared);
    }
    Ok(())
}

fn write_subscription(out: &mut Vec<u8>, subscription: Subscription<'_>) {
    write::utf8(out, subscription.filter);
    write::byte(out, subscription.options.bits());
}
