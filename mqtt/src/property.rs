//! The one table of MQTT 5 properties: name, identifier, type, value, and in which packets.
//!
//! A block of properties as it stands in a packet is [`Properties`](crate::Properties).

use crate::codec::read::Reader;
use crate::codec::write;
use crate::{Field, PacketType, Violation};

/// Expands the table into [`Identifier`], [`Property`] and the code that asks it.
macro_rules! properties {
    ($( $(#[$doc:meta])*
        $name:ident($($part:ident: $wire:ident),+) = $id:literal, $text:literal, $range:ident,
        once in [$($once:ident)*], many in [$($many:ident)*]; )+) => {
        /// Which property it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Identifier {
            $( $(#[$doc])* $name = $id, )+
        }

        impl Identifier {
            /// Every identifier, in the order of the values.
            pub const ALL: &'static [Identifier] = &[$( Identifier::$name, )+];

            /// The property with this identifier, if there is one.
            pub const fn from_u8(value: u8) -> Option<Identifier> {
                match value {
                    $( $id => Some(Identifier::$name), )+
                    _ => None,
                }
            }

            /// The standard's name of the property.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Identifier::$name => $text, )+
                }
            }

            /// Where the property can stand.
            const fn places(self) -> Places {
                match self {
                    $( Identifier::$name => Places {
                        once: 0 $( | Place::$once.bit() )*,
                        many: 0 $( | Place::$many.bit() )*,
                    }, )+
                }
            }
        }

        /// A property and its value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Property<'a> {
            $( $(#[$doc])* $name($( wire!(type $wire 'a) ),+), )+
        }

        impl<'a> Property<'a> {
            /// Which property it is.
            pub const fn identifier(&self) -> Identifier {
                match self {
                    $( Property::$name(..) => Identifier::$name, )+
                }
            }

            /// Reads the value that follows `identifier`.
            pub(crate) fn read(
                identifier: Identifier,
                reader: &mut Reader<'a>,
            ) -> Result<Property<'a>, Violation> {
                let field = Field::Property(identifier);
                Ok(match identifier {
                    $( Identifier::$name => Property::$name($( reader.$wire(field)? ),+), )+
                })
            }

            /// Steps over the value that follows `identifier` without looking at it.
            pub(crate) fn skip(
                identifier: Identifier,
                reader: &mut Reader<'a>,
            ) -> Result<(), Violation> {
                let field = Field::Property(identifier);
                match identifier {
                    $( Identifier::$name => { $( wire!(skip $wire reader field); )+ } )+
                }
                Ok(())
            }

            /// Appends identifier and value.
            pub(crate) fn write(&self, out: &mut Vec<u8>) {
                out.push(self.identifier() as u8);
                match *self {
                    $( Property::$name($($part),+) => { $( write::$wire(out, $part); )+ } )+
                }
            }

            /// Whether the value is one that the standard allows.
            pub(crate) fn is_in_range(&self) -> bool {
                match *self {
                    $( Property::$name($($part),+) => range::$range($($part),+), )+
                }
            }
        }
    };
}

/// What a wire type of MQTT 5 section 1.5 is in Rust, and how to step over it.
macro_rules! wire {
    (type byte $a:lifetime) => { u8 };
    (type two_bytes $a:lifetime) => { u16 };
    (type four_bytes $a:lifetime) => { u32 };
    (type varint $a:lifetime) => { u32 };
    (type utf8 $a:lifetime) => { &$a str };
    (type binary $a:lifetime) => { &$a [u8] };
    (skip utf8 $reader:ident $field:ident) => { $reader.binary($field)? };
    (skip $wire:ident $reader:ident $field:ident) => { $reader.$wire($field)? };
}

properties! {
    /// Whether the payload is UTF-8: 0 or 1.
    PayloadFormatIndicator(value: byte) = 0x01, "Payload Format Indicator", bit,
        once in [PUBLISH WILL], many in [];
    /// The lifetime of a message, in seconds.
    MessageExpiryInterval(seconds: four_bytes) = 0x02, "Message Expiry Interval", any,
        once in [PUBLISH WILL], many in [];
    /// What the payload is. [MQTT-3.3.2-19]
    ContentType(value: utf8) = 0x03, "Content Type", any,
        once in [PUBLISH WILL], many in [];
    /// The topic name of an answer. [MQTT-3.3.2-13] [MQTT-3.3.2-14]
    ResponseTopic(topic: utf8) = 0x08, "Response Topic", topic_name,
        once in [PUBLISH WILL], many in [];
    /// What tells the sender of a request which one an answer is for.
    CorrelationData(value: binary) = 0x09, "Correlation Data", any,
        once in [PUBLISH WILL], many in [];
    /// The subscriber's number for a subscription: 1 to 268,435,455.
    SubscriptionIdentifier(value: varint) = 0x0B, "Subscription Identifier", not_zero_u32,
        once in [SUBSCRIBE], many in [PUBLISH];
    /// How long a session outlives its connection, in seconds; `u32::MAX`: for ever.
    SessionExpiryInterval(seconds: four_bytes) = 0x11, "Session Expiry Interval", any,
        once in [CONNECT CONNACK DISCONNECT], many in [];
    /// The client identifier that the server chose.
    AssignedClientIdentifier(value: utf8) = 0x12, "Assigned Client Identifier", any,
        once in [CONNACK], many in [];
    /// The keep alive that the client must use, in seconds.
    ServerKeepAlive(seconds: two_bytes) = 0x13, "Server Keep Alive", any,
        once in [CONNACK], many in [];
    /// The method of enhanced authentication.
    AuthenticationMethod(value: utf8) = 0x15, "Authentication Method", any,
        once in [CONNECT CONNACK AUTH], many in [];
    /// Data of enhanced authentication; what it means is the method's affair.
    AuthenticationData(value: binary) = 0x16, "Authentication Data", any,
        once in [CONNECT CONNACK AUTH], many in [];
    /// Whether reason strings and user properties may come on any packet: 0 or 1.
    RequestProblemInformation(value: byte) = 0x17, "Request Problem Information", bit,
        once in [CONNECT], many in [];
    /// How long a will waits, in seconds.
    WillDelayInterval(seconds: four_bytes) = 0x18, "Will Delay Interval", any,
        once in [WILL], many in [];
    /// Whether CONNACK may hold Response Information: 0 or 1.
    RequestResponseInformation(value: byte) = 0x19, "Request Response Information", bit,
        once in [CONNECT], many in [];
    /// What the client can build response topics from.
    ResponseInformation(value: utf8) = 0x1A, "Response Information", any,
        once in [CONNACK], many in [];
    /// Another server that the client is to use.
    ServerReference(value: utf8) = 0x1C, "Server Reference", any,
        once in [CONNACK DISCONNECT], many in [];
    /// The reason in words, for people.
    ReasonString(value: utf8) = 0x1F, "Reason String", any,
        once in [CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH], many in [];
    /// How many QoS 1 and 2 messages the sender takes at once: 1 and up.
    ReceiveMaximum(value: two_bytes) = 0x21, "Receive Maximum", not_zero_u16,
        once in [CONNECT CONNACK], many in [];
    /// The highest topic alias that the sender takes; 0: none.
    TopicAliasMaximum(value: two_bytes) = 0x22, "Topic Alias Maximum", any,
        once in [CONNECT CONNACK], many in [];
    /// A number that stands for a topic name: 1 and up.
    TopicAlias(value: two_bytes) = 0x23, "Topic Alias", not_zero_u16,
        once in [PUBLISH], many in [];
    /// The highest QoS that the server takes, if not 2: 0 or 1.
    MaximumQoS(value: byte) = 0x24, "Maximum QoS", bit,
        once in [CONNACK], many in [];
    /// Whether the server keeps retained messages: 0 or 1.
    RetainAvailable(value: byte) = 0x25, "Retain Available", bit,
        once in [CONNACK], many in [];
    /// A name and a value; what they mean is the users' affair. [MQTT-1.5.7-1]
    UserProperty(name: utf8, value: utf8) = 0x26, "User Property", any_pair,
        once in [], many in [WILL CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE
            SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH];
    /// The largest packet that the sender takes, in bytes: 1 and up.
    MaximumPacketSize(bytes: four_bytes) = 0x27, "Maximum Packet Size", not_zero_u32,
        once in [CONNECT CONNACK], many in [];
    /// Whether the server takes filters with wildcards: 0 or 1.
    WildcardSubscriptionAvailable(value: byte) = 0x28, "Wildcard Subscription Available", bit,
        once in [CONNACK], many in [];
    /// Whether the server takes subscription identifiers: 0 or 1.
    SubscriptionIdentifierAvailable(value: byte) = 0x29, "Subscription Identifier Available", bit,
        once in [CONNACK], many in [];
    /// Whether the server takes shared subscriptions: 0 or 1.
    SharedSubscriptionAvailable(value: byte) = 0x2A, "Shared Subscription Available", bit,
        once in [CONNACK], many in [];
}

/// The values that a property can have beyond what its type says.
mod range {
    pub(super) fn any<T>(_: T) -> bool {
        true
    }

    pub(super) fn any_pair(_: &str, _: &str) -> bool {
        true
    }

    pub(super) fn bit(value: u8) -> bool {
        value <= 1
    }

    pub(super) fn not_zero_u16(value: u16) -> bool {
        value != 0
    }

    pub(super) fn not_zero_u32(value: u32) -> bool {
        value != 0
    }

    // [MQTT-3.3.2-14]
    pub(super) fn topic_name(value: &str) -> bool {
        crate::topic::check_topic_name(value).is_ok()
    }
}

/// Where a block of properties stands: in a packet, or with the will in CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a packet of this type.
    Packet(PacketType),
    /// With the will in CONNECT.
    Will,
}

/// The places in the words of the table.
impl Place {
    const CONNECT: Place = Place::Packet(PacketType::Connect);
    const CONNACK: Place = Place::Packet(PacketType::ConnAck);
    const PUBLISH: Place = Place::Packet(PacketType::Publish);
    const PUBACK: Place = Place::Packet(PacketType::PubAck);
    const PUBREC: Place = Place::Packet(PacketType::PubRec);
    const PUBREL: Place = Place::Packet(PacketType::PubRel);
    const PUBCOMP: Place = Place::Packet(PacketType::PubComp);
    const SUBSCRIBE: Place = Place::Packet(PacketType::Subscribe);
    const SUBACK: Place = Place::Packet(PacketType::SubAck);
    const UNSUBSCRIBE: Place = Place::Packet(PacketType::Unsubscribe);
    const UNSUBACK: Place = Place::Packet(PacketType::UnsubAck);
    const DISCONNECT: Place = Place::Packet(PacketType::Disconnect);
    const AUTH: Place = Place::Packet(PacketType::Auth);
    const WILL: Place = Place::Will;

    const fn bit(self) -> u16 {
        match self {
            Place::Packet(packet) => 1 << packet as u16,
            Place::Will => 1,
        }
    }
}

impl From<PacketType> for Place {
    fn from(packet: PacketType) -> Place {
        Place::Packet(packet)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Packet(packet) => packet.fmt(f),
            Place::Will => f.write_str("CONNECT will"),
        }
    }
}

impl std::fmt::Display for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Sets of places, a bit each.
struct Places {
    once: u16,
    many: u16,
}

impl Identifier {
    /// Whether the property can stand in `place`.
    pub const fn is_in(self, place: Place) -> bool {
        let places = self.places();
        (places.once | places.many) & place.bit() != 0
    }

    /// Whether the property can stand in `place` more than once.
    pub const fn repeats_in(self, place: Place) -> bool {
        self.places().many & place.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_is_found_again() {
        for &identifier in Identifier::ALL {
            assert_eq!(Identifier::from_u8(identifier as u8), Some(identifier));
        }
        assert_eq!(Identifier::ALL.len(), 27);
        assert_eq!((0..=255).filter_map(Identifier::from_u8).count(), 27);
    }

    #[test]
    fn places() {
        check_places(Identifier::WillDelayInterval, &[Place::WILL], &[Place::CONNECT]);
        check_places(Identifier::TopicAlias, &[Place::PUBLISH], &[Place::WILL]);
        check_places(Identifier::UserProperty, &[Place::WILL, Place::UNSUBSCRIBE], &[]);
        check_places(
            Identifier::SessionExpiryInterval,
            &[Place::CONNECT, Place::CONNACK, Place::DISCONNECT],
            &[Place::AUTH, Place::PUBLISH],
        );
    }

    fn check_places(identifier: Identifier, yes: &[Place], no: &[Place]) {
        assert!(yes.iter().all(|&place| identifier.is_in(place)), "{identifier}");
        assert!(!no.iter().any(|&place| identifier.is_in(place)), "{identifier}");
    }

    #[test]
    fn a_subscription_identifier_repeats_in_publish_alone() {
        assert!(Identifier::SubscriptionIdentifier.repeats_in(Place::PUBLISH));
        assert!(!Identifier::SubscriptionIdentifier.repeats_in(Place::SUBSCRIBE));
    }
}
