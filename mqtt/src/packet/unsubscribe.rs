//! UNSUBSCRIBE: the filters that a client wants no more messages of.

use crate::codec::read::Reader;
use crate::codec::write;
use crate::{Field, Frame, PacketType, Place, Properties, Version, Violation};

/// A client unsubscribes, from one filter at least.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// The packet identifier.
    pub packet_id: u16,
    /// The properties.
    pub properties: Properties<'a>,
    /// Filters, checked.
    payload: &'a [u8],
}

const PLACE: Place = Place::Packet(PacketType::Unsubscribe);

impl<'a> Unsubscribe<'a> {
    /// An UNSUBSCRIBE for these filters.
    pub fn new(
        packet_id: u16,
        properties: Properties<'a>,
        filters: &'a FilterList,
    ) -> Unsubscribe<'a> {
        Unsubscribe { packet_id, properties, payload: &filters.0 }
    }

    /// The filters in the order of the packet; the reason codes of UNSUBACK follow it.
    pub fn filters(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reader = Reader::new(self.payload, PLACE);
        std::iter::from_fn(
            move || {
                if reader.is_empty() { None } else { read_filter(&mut reader).ok() }
            },
        )
    }

    pub(crate) fn decode(frame: Frame<'a>, version: Version) -> Result<Unsubscribe<'a>, Violation> {
        let mut reader = Reader::of(frame);
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(version)?;
        let payload = reader.rest();
        if payload.is_empty() {
            return Err(Violation::NoFilters(PLACE)); // [MQTT-3.10.3-2]
        }
        while !reader.is_empty() {
            read_filter(&mut reader)?;
        }
        Ok(Unsubscribe { packet_id, properties, payload })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        write::packet(out, PacketType::Unsubscribe.first_byte(), |out| {
            write::two_bytes(out, self.packet_id);
            write::properties(out, version, self.properties);
            out.extend_from_slice(self.payload);
        });
    }
}

impl std::fmt::Debug for Unsubscribe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let filters: Vec<_> = self.filters().collect();
        f.debug_struct("Unsubscribe")
            .field("packet_id", &self.packet_id)
            .field("properties", &self.properties)
            .field("filters", &filters)
            .finish()
    }
}

/// The filters of an UNSUBSCRIBE being built; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterList(Vec<u8>);

impl FilterList {
    /// A list of one.
    pub fn new(first: &str) -> FilterList {
        let mut list = FilterList(Vec::new());
        list.push(first);
        list
    }

    /// Appends a filter.
    pub fn push(&mut self, filter: &str) {
        write::utf8(&mut self.0, filter);
    }
}

fn read_filter<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Violation> {
    let filter = reader.utf8(Field::TopicFilter)?; // [MQTT-3.10.3-1]
    if filter.is_empty() {
        return Err(Violation::FilterEmpty(PLACE)); // [MQTT-4.7.3-1]
    }
    Ok(filter)
}
