//! A block of properties: checked once, then carried as the bytes it came in.
//!
//! What each property is stands in [`property`](crate::property).

use crate::codec::read::Reader;
use crate::{Identifier, PacketType, Place, Property, Violation};

/// The properties of a packet: a checked block of bytes without its length in front.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    bytes: &'a [u8],
}

impl<'a> Properties<'a> {
    /// No property at all.
    pub const EMPTY: Properties<'static> = Properties { bytes: &[] };

    /// Takes a block that was checked when it was taken in, as [`Properties::as_bytes`] gave it.
    /// In debug builds it panics on a block that is no such thing; in release builds the
    /// properties from the first bad one on are not seen.
    pub fn from_validated(bytes: &'a [u8]) -> Properties<'a> {
        let properties = Properties { bytes };
        debug_assert!(properties.is_well_formed(), "a block that was never checked");
        properties
    }

    /// Checks a block that stands in `place`.
    pub fn check(bytes: &'a [u8], place: Place) -> Result<Properties<'a>, Violation> {
        let mut reader = Reader::new(bytes, place);
        let mut seen = 0_u64;
        while !reader.is_empty() {
            let property = read(&mut reader)?;
            let identifier = property.identifier();
            if !identifier.is_in(place) {
                return Err(Violation::PropertyMisplaced { place, property: identifier });
            }
            if seen & bit(identifier) != 0 && !identifier.repeats_in(place) {
                return Err(Violation::PropertyRepeated { place, property: identifier });
            }
            seen |= bit(identifier);
        }
        if seen & bit(Identifier::AuthenticationData) != 0
            && seen & bit(Identifier::AuthenticationMethod) == 0
        {
            return Err(Violation::AuthenticationDataAlone(place));
        }
        Ok(Properties { bytes })
    }

    /// The block as it stands in a packet, without its length in front.
    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there is no property.
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The properties in the order of the packet.
    pub fn iter(self) -> PropertyIter<'a> {
        PropertyIter { reader: unplaced(self.bytes) }
    }

    /// The first property of this kind.
    pub fn get(self, wanted: Identifier) -> Option<Property<'a>> {
        let mut reader = unplaced(self.bytes);
        while !reader.is_empty() {
            let identifier = reader.property_identifier().ok()?;
            if identifier == wanted {
                return Property::read(identifier, &mut reader).ok();
            }
            Property::skip(identifier, &mut reader).ok()?;
        }
        None
    }

    /// Whether there is a property of this kind.
    pub fn contains(self, wanted: Identifier) -> bool {
        self.get(wanted).is_some()
    }

    /// Appends to `out` the properties that `keep` says yes to, in their order. A forwarded
    /// PUBLISH goes without Topic Alias and Subscription Identifier, a published will without
    /// Will Delay Interval.
    pub fn filtered(self, keep: impl Fn(&Property<'_>) -> bool, out: &mut PropertyBuffer) {
        for property in self.iter().filter(keep) {
            property.write(&mut out.0);
        }
    }

    /// The names and values of the User Properties, in their order.
    pub fn user_properties(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// The Subscription Identifiers, in their order.
    pub fn subscription_identifiers(self) -> impl Iterator<Item = u32> {
        self.iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(value) => Some(value),
            _ => None,
        })
    }

    fn is_well_formed(self) -> bool {
        let mut reader = unplaced(self.bytes);
        while !reader.is_empty() {
            if read(&mut reader).is_err() {
                return false;
            }
        }
        true
    }
}

/// The value of a property that stands once.
macro_rules! getters {
    ($( $(#[$doc:meta])* $getter:ident: $name:ident -> $value:ty; )+) => {
        impl<'a> Properties<'a> {
            $( $(#[$doc])* pub fn $getter(self) -> Option<$value> {
                match self.get(Identifier::$name)? {
                    Property::$name(value) => Some(value),
                    _ => None,
                }
            } )+
        }
    };
}

getters! {
    /// Payload Format Indicator: 1 if the payload is UTF-8.
    payload_format: PayloadFormatIndicator -> u8;
    /// Message Expiry Interval, in seconds.
    message_expiry: MessageExpiryInterval -> u32;
    /// Content Type.
    content_type: ContentType -> &'a str;
    /// Response Topic.
    response_topic: ResponseTopic -> &'a str;
    /// Correlation Data.
    correlation_data: CorrelationData -> &'a [u8];
    /// The first Subscription Identifier.
    subscription_identifier: SubscriptionIdentifier -> u32;
    /// Session Expiry Interval, in seconds.
    session_expiry: SessionExpiryInterval -> u32;
    /// Assigned Client Identifier.
    assigned_client_identifier: AssignedClientIdentifier -> &'a str;
    /// Server Keep Alive, in seconds.
    server_keep_alive: ServerKeepAlive -> u16;
    /// Authentication Method.
    authentication_method: AuthenticationMethod -> &'a str;
    /// Authentication Data.
    authentication_data: AuthenticationData -> &'a [u8];
    /// Request Problem Information.
    request_problem_information: RequestProblemInformation -> u8;
    /// Will Delay Interval, in seconds.
    will_delay: WillDelayInterval -> u32;
    /// Request Response Information.
    request_response_information: RequestResponseInformation -> u8;
    /// Server Reference.
    server_reference: ServerReference -> &'a str;
    /// Reason String.
    reason_string: ReasonString -> &'a str;
    /// Receive Maximum.
    receive_maximum: ReceiveMaximum -> u16;
    /// Topic Alias Maximum.
    topic_alias_maximum: TopicAliasMaximum -> u16;
    /// Topic Alias.
    topic_alias: TopicAlias -> u16;
    /// Maximum Packet Size, in bytes.
    maximum_packet_size: MaximumPacketSize -> u32;
}

impl std::fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The properties of a block, in their order.
#[derive(Clone)]
pub struct PropertyIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        if self.reader.is_empty() {
            return None;
        }
        read(&mut self.reader).ok()
    }
}

/// A block of properties being built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyBuffer(Vec<u8>);

impl PropertyBuffer {
    /// An empty block; it allocates with the first property.
    pub const fn new() -> PropertyBuffer {
        PropertyBuffer(Vec::new())
    }

    /// Appends a property. A value that no packet can carry (a string over 65,535 bytes or with
    /// U+0000, a number out of range) is left out, and the answer is `false`.
    pub fn push(&mut self, property: Property<'_>) -> bool {
        let before = self.0.len();
        property.write(&mut self.0);
        let written = self.0.get(before..).unwrap_or_default();
        let mut reader = unplaced(written);
        let whole = read(&mut reader) == Ok(property) && reader.is_empty();
        if !whole {
            self.0.truncate(before);
        }
        whole
    }

    /// What has been pushed so far. Whether each property can stand in a packet, and how often,
    /// is the caller's care.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties { bytes: &self.0 }
    }

    /// Whether nothing has been pushed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Reads one property, identifier and value.
fn read<'a>(reader: &mut Reader<'a>) -> Result<Property<'a>, Violation> {
    let identifier = reader.property_identifier()?;
    let property = Property::read(identifier, reader)?;
    match property {
        // [MQTT-3.3.2-8]
        Property::TopicAlias(0) => Err(Violation::TopicAliasInvalid(0)),
        _ if !property.is_in_range() => {
            Err(Violation::PropertyValue { place: reader.place(), property: identifier })
        }
        _ => Ok(property),
    }
}

/// A reader for a block whose place no longer matters.
fn unplaced(bytes: &[u8]) -> Reader<'_> {
    Reader::new(bytes, Place::Packet(PacketType::Publish))
}

const fn bit(identifier: Identifier) -> u64 {
    1 << identifier as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISH: Place = Place::Packet(PacketType::Publish);

    fn block(properties: &[Property<'_>]) -> PropertyBuffer {
        let mut buffer = PropertyBuffer::new();
        for &property in properties {
            assert!(buffer.push(property), "{property:?}");
        }
        buffer
    }

    #[test]
    fn what_is_pushed_is_read_back_in_order() {
        let pushed = [
            Property::UserProperty("a", "1"),
            Property::MessageExpiryInterval(60),
            Property::UserProperty("a", "2"),
            Property::SubscriptionIdentifier(268_435_455),
        ];
        let buffer = block(&pushed);
        let properties = buffer.as_properties();
        assert!(properties.iter().eq(pushed));
        assert_eq!(properties.message_expiry(), Some(60));
        assert_eq!(properties.subscription_identifier(), Some(268_435_455));
        assert_eq!(properties.topic_alias(), None);
        assert!(properties.user_properties().eq([("a", "1"), ("a", "2")]));
        assert_eq!(Properties::check(properties.as_bytes(), PUBLISH), Ok(properties));
    }

    #[test]
    fn what_no_packet_can_carry_is_not_pushed() {
        let mut buffer = block(&[Property::ContentType("text")]);
        let long = "x".repeat(65_536);
        let bytes = vec![0; 65_536];
        for bad in [
            Property::UserProperty("a", &long),
            Property::CorrelationData(&bytes),
            Property::ReasonString("a\0b"),
            Property::ReceiveMaximum(0),
            Property::TopicAlias(0),
            Property::PayloadFormatIndicator(2),
            Property::SubscriptionIdentifier(0),
            Property::SubscriptionIdentifier(268_435_456),
            Property::SubscriptionIdentifier(u32::MAX),
            Property::ResponseTopic("a/#"),
        ] {
            assert!(!buffer.push(bad), "{:?}", bad.identifier());
        }
        assert_eq!(buffer, block(&[Property::ContentType("text")]));
    }

    #[test]
    fn filtering_keeps_the_order_of_the_rest() {
        let all = block(&[
            Property::TopicAlias(1),
            Property::UserProperty("b", ""),
            Property::SubscriptionIdentifier(3),
            Property::UserProperty("a", ""),
        ]);
        let mut kept = PropertyBuffer::new();
        let forwarded = |property: &Property<'_>| {
            !matches!(property, Property::TopicAlias(_) | Property::SubscriptionIdentifier(_))
        };
        all.as_properties().filtered(forwarded, &mut kept);
        assert_eq!(
            kept,
            block(&[Property::UserProperty("b", ""), Property::UserProperty("a", "")])
        );
    }

    #[test]
    fn ten_thousand_user_properties_are_one_walk() {
        let block = block(&[Property::UserProperty("name", "value"); 10_000]);
        let bytes = block.as_properties().as_bytes();
        let properties = Properties::check(bytes, PUBLISH).unwrap();
        assert_eq!(properties.iter().count(), 10_000);
        assert_eq!(properties.topic_alias(), None);
    }

    #[test]
    fn authentication_data_needs_its_method() {
        let place = Place::Packet(PacketType::Auth);
        let alone = block(&[Property::AuthenticationData(b"x")]);
        assert_eq!(
            Properties::check(alone.as_properties().as_bytes(), place),
            Err(Violation::AuthenticationDataAlone(place))
        );
    }
}
