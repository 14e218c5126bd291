//! The rules of MQTT that a peer can break, and the one table of what the peer hears about it.

use crate::{Identifier, PacketType, Place, ReasonCode};

/// A rule that a peer broke. The connection ends after every one of them. [MQTT-4.13.1-1]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    // The fixed header.
    /// Type 0, or AUTH from a client whose version has none.
    #[error("fixed header: packet type {0} is reserved")]
    ReservedPacketType(u8),
    /// The low four bits of the first byte are not as listed.
    #[error("{0}: reserved flags of the fixed header are set wrongly")]
    ReservedFlags(PacketType),
    /// Both QoS bits are set.
    #[error("{0}: QoS 3 does not exist")]
    QoSThree(Place),
    /// DUP is set on a QoS 0 message.
    #[error("PUBLISH: DUP is set with QoS 0")]
    DupWithQoSZero,
    /// The packet is larger than the receiver takes.
    #[error("{packet}: {size} bytes, the limit is {limit}")]
    PacketTooLarge {
        /// The type that the first byte names.
        packet: PacketType,
        /// The whole packet, in bytes.
        size: u32,
        /// The most that is taken, in bytes.
        limit: u32,
    },

    // Fields.
    /// The packet ends inside a field.
    #[error("{place}: ends inside the {field}")]
    Truncated {
        /// The packet.
        place: Place,
        /// The field.
        field: Field,
    },
    /// Bytes follow the last field.
    #[error("{0}: bytes follow the last field")]
    TrailingBytes(Place),
    /// A variable byte integer of more than four bytes.
    #[error("{place}: the {field} is longer than four bytes")]
    VarIntTooLong {
        /// The packet.
        place: Place,
        /// The field.
        field: Field,
    },
    /// A variable byte integer with needless bytes.
    #[error("{place}: the {field} is not in its shortest form")]
    VarIntNotMinimal {
        /// The packet.
        place: Place,
        /// The field.
        field: Field,
    },
    /// A string is not UTF-8.
    #[error("{place}: the {field} is not UTF-8")]
    NotUtf8 {
        /// The packet.
        place: Place,
        /// The field.
        field: Field,
    },
    /// A string holds U+0000.
    #[error("{place}: the {field} holds U+0000")]
    NulInString {
        /// The packet.
        place: Place,
        /// The field.
        field: Field,
    },
    /// The packet identifier is 0.
    #[error("{0}: the packet identifier is 0")]
    PacketIdZero(Place),
    /// A reason code that this packet cannot carry.
    #[error("{place}: reason code {value:#04x} is not one of this packet's")]
    ReasonCodeMisplaced {
        /// The packet.
        place: Place,
        /// The byte that was sent.
        value: u8,
    },

    // Properties.
    /// No property has this identifier.
    #[error("{place}: no property has the identifier {identifier}")]
    PropertyUnknown {
        /// The packet.
        place: Place,
        /// The number that was sent.
        identifier: u32,
    },
    /// The property does not belong into this packet.
    #[error("{place}: {property} does not belong here")]
    PropertyMisplaced {
        /// The packet.
        place: Place,
        /// The property.
        property: Identifier,
    },
    /// The property stands twice.
    #[error("{place}: {property} stands twice")]
    PropertyRepeated {
        /// The packet.
        place: Place,
        /// The property.
        property: Identifier,
    },
    /// The value of the property is out of its range.
    #[error("{place}: the value of {property} is out of range")]
    PropertyValue {
        /// The packet.
        place: Place,
        /// The property.
        property: Identifier,
    },
    /// Authentication Data without Authentication Method.
    #[error("{0}: Authentication Data without Authentication Method")]
    AuthenticationDataAlone(Place),
    /// AUTH without Authentication Method.
    #[error("AUTH: Authentication Method is missing")]
    AuthenticationMethodMissing,
    /// Another Authentication Method than that of CONNECT.
    #[error("AUTH: Authentication Method is not that of CONNECT")]
    AuthenticationMethodChanged,
    /// AUTH with a reason code that cannot come now.
    #[error("AUTH: reason code {0:#04x} is not expected now")]
    AuthenticationOrder(u8),

    // CONNECT and CONNACK.
    /// The protocol name is not `MQTT`.
    #[error("CONNECT: the protocol name is not MQTT")]
    ProtocolName,
    /// The protocol level is not one that is spoken here.
    #[error("CONNECT: protocol level {0} is not supported")]
    UnsupportedVersion(u8),
    /// Bit 0 of the connect flags is set.
    #[error("CONNECT: the reserved connect flag is set")]
    ReservedConnectFlag,
    /// Will QoS or Will Retain without a will.
    #[error("CONNECT: Will QoS or Will Retain is set without a will")]
    WillFlagsWithoutWill,
    /// The will topic is empty or holds a wildcard.
    #[error("CONNECT: the will topic is not a topic name")]
    WillTopicInvalid,
    /// A password without a user name, from a version that does not have it.
    #[error("CONNECT: a password without a user name")]
    PasswordWithoutUserName,
    /// An empty client identifier, and the session is to be kept.
    #[error("CONNECT: an empty client identifier needs a clean session")]
    ClientIdEmpty,
    /// Reserved bits of the acknowledge flags are set.
    #[error("CONNACK: reserved acknowledge flags are set")]
    ReservedAcknowledgeFlags,
    /// Session Present with an error.
    #[error("CONNACK: Session Present is set with an error")]
    SessionPresentWithError,

    // PUBLISH.
    /// No topic name and no topic alias.
    #[error("PUBLISH: the topic name is empty and there is no Topic Alias")]
    TopicEmpty,
    /// A wildcard in a topic name.
    #[error("PUBLISH: the topic name holds a wildcard")]
    TopicWildcard,
    /// Topic Alias 0 or above the maximum.
    #[error("PUBLISH: Topic Alias {0} is out of range")]
    TopicAliasInvalid(u16),
    /// An empty topic name, and the alias has no topic yet.
    #[error("PUBLISH: Topic Alias {0} stands for no topic")]
    TopicAliasUnknown(u16),
    /// A client put a Subscription Identifier into its PUBLISH.
    #[error("PUBLISH: Subscription Identifier from a client")]
    SubscriptionIdentifierFromClient,
    /// A QoS above Maximum QoS.
    #[error("PUBLISH: the QoS is above Maximum QoS")]
    QoSNotSupported,
    /// RETAIN is set, and retained messages are not available.
    #[error("PUBLISH: RETAIN is set, and retained messages are not available")]
    RetainNotSupported,
    /// More unacknowledged messages than Receive Maximum.
    #[error("PUBLISH: more unacknowledged messages than Receive Maximum")]
    ReceiveMaximumExceeded,

    // SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK.
    /// No topic filter at all.
    #[error("{0}: no topic filter")]
    NoFilters(Place),
    /// An empty topic filter.
    #[error("{0}: a topic filter is empty")]
    FilterEmpty(Place),
    /// Reserved bits of the subscription options are set.
    #[error("SUBSCRIBE: reserved subscription options are set")]
    ReservedSubscriptionOptions,
    /// Maximum QoS 3 in the subscription options.
    #[error("SUBSCRIBE: QoS 3 does not exist")]
    SubscriptionQoS,
    /// A Subscription Identifier, and CONNACK has said that there are none.
    #[error("SUBSCRIBE: Subscription Identifiers are not available")]
    SubscriptionIdentifiersNotSupported,
    /// Retain Handling 3.
    #[error("SUBSCRIBE: Retain Handling 3 does not exist")]
    RetainHandling,
    /// No Local on a shared subscription.
    #[error("SUBSCRIBE: No Local on a shared subscription")]
    NoLocalShared,
    /// No reason code at all.
    #[error("{0}: no reason code")]
    NoReasonCodes(Place),

    // The order of packets.
    /// The first packet is not CONNECT.
    #[error("the first packet is not CONNECT")]
    NotConnect,
    /// Neither AUTH nor DISCONNECT while the client is being authenticated.
    #[error("AUTH or DISCONNECT is expected until CONNACK")]
    NotAuth,
    /// CONNECT on a connection that had one.
    #[error("a second CONNECT")]
    SecondConnect,
    /// A packet that this peer may not send, or not now.
    #[error("{0} is not expected here")]
    UnexpectedPacket(&'static str),
    /// DISCONNECT sets a session expiry where CONNECT had none.
    #[error("DISCONNECT: Session Expiry Interval was 0 in CONNECT")]
    SessionExpiryRaised,
}

impl Violation {
    /// What the peer hears: the reason code of the CONNACK or DISCONNECT that ends the connection.
    pub fn reason(&self) -> ReasonCode {
        use Violation::*;
        match self {
            ReservedPacketType(_) | ReservedFlags(_) | QoSThree(_) | DupWithQoSZero => {
                ReasonCode::MalformedPacket
            }
            Truncated { .. } | TrailingBytes(_) => ReasonCode::MalformedPacket,
            VarIntTooLong { .. } | VarIntNotMinimal { .. } => ReasonCode::MalformedPacket,
            NotUtf8 { .. } | NulInString { .. } => ReasonCode::MalformedPacket,
            // Section 2.2.2.2 of 5.0 has both in one sentence.
            PropertyUnknown { .. } | PropertyMisplaced { .. } => ReasonCode::MalformedPacket,
            ReservedConnectFlag | WillFlagsWithoutWill | PasswordWithoutUserName => {
                ReasonCode::MalformedPacket
            }
            ReservedAcknowledgeFlags | ReservedSubscriptionOptions => ReasonCode::MalformedPacket,
            FilterEmpty(_) | NoReasonCodes(_) => ReasonCode::MalformedPacket,

            PacketIdZero(_) | ReasonCodeMisplaced { .. } | SessionPresentWithError => {
                ReasonCode::ProtocolError
            }
            PropertyRepeated { .. } | PropertyValue { .. } => ReasonCode::ProtocolError,
            AuthenticationDataAlone(_) | AuthenticationMethodMissing => ReasonCode::ProtocolError,
            AuthenticationMethodChanged | AuthenticationOrder(_) => ReasonCode::ProtocolError,
            TopicEmpty | TopicAliasUnknown(_) | SubscriptionIdentifierFromClient => {
                ReasonCode::ProtocolError
            }
            NoFilters(_) | SubscriptionQoS | RetainHandling | NoLocalShared => {
                ReasonCode::ProtocolError
            }
            NotConnect | NotAuth | SecondConnect | UnexpectedPacket(_) | SessionExpiryRaised => {
                ReasonCode::ProtocolError
            }

            PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
            ProtocolName | UnsupportedVersion(_) => ReasonCode::UnsupportedProtocolVersion,
            ClientIdEmpty => ReasonCode::ClientIdentifierNotValid,
            WillTopicInvalid | TopicWildcard => ReasonCode::TopicNameInvalid,
            TopicAliasInvalid(_) => ReasonCode::TopicAliasInvalid,
            SubscriptionIdentifiersNotSupported => ReasonCode::SubscriptionIdentifiersNotSupported,
            QoSNotSupported => ReasonCode::QoSNotSupported,
            RetainNotSupported => ReasonCode::RetainNotSupported,
            ReceiveMaximumExceeded => ReasonCode::ReceiveMaximumExceeded,
        }
    }
}

/// A field of a packet, so that a violation can name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Field {
    RemainingLength,
    PacketId,
    ReasonCode,
    PropertyLength,
    PropertyIdentifier,
    Property(Identifier),
    ProtocolName,
    ProtocolLevel,
    ConnectFlags,
    KeepAlive,
    ClientId,
    WillTopic,
    WillPayload,
    UserName,
    Password,
    AcknowledgeFlags,
    TopicName,
    TopicFilter,
    SubscriptionOptions,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Field::RemainingLength => "remaining length",
            Field::PacketId => "packet identifier",
            Field::ReasonCode => "reason code",
            Field::PropertyLength => "property length",
            Field::PropertyIdentifier => "property identifier",
            Field::Property(property) => property.name(),
            Field::ProtocolName => "protocol name",
            Field::ProtocolLevel => "protocol level",
            Field::ConnectFlags => "connect flags",
            Field::KeepAlive => "keep alive",
            Field::ClientId => "client identifier",
            Field::WillTopic => "will topic",
            Field::WillPayload => "will payload",
            Field::UserName => "user name",
            Field::Password => "password",
            Field::AcknowledgeFlags => "acknowledge flags",
            Field::TopicName => "topic name",
            Field::TopicFilter => "topic filter",
            Field::SubscriptionOptions => "subscription options",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small_enough_to_return_from_the_hot_path() {
        assert!(size_of::<Violation>() <= 24);
    }

    #[test]
    fn the_peer_hears_the_code_of_the_standard() {
        let publish = Place::Packet(PacketType::Publish);
        let packet = PacketType::Publish;
        for (violation, code) in [
            (Violation::NotConnect, 0x82),
            (Violation::TrailingBytes(publish), 0x81),
            (Violation::PropertyUnknown { place: publish, identifier: 127 }, 0x81),
            (
                Violation::PropertyMisplaced { place: publish, property: Identifier::ReasonString },
                0x81,
            ),
            (Violation::TopicEmpty, 0x82),
            (Violation::TopicWildcard, 0x90),
            (Violation::PacketIdZero(publish), 0x82),
            (Violation::UnexpectedPacket("CONNACK"), 0x82),
            (Violation::SecondConnect, 0x82),
            (Violation::UnsupportedVersion(6), 0x84),
            (Violation::ClientIdEmpty, 0x85),
            (Violation::TopicAliasInvalid(9), 0x94),
            (Violation::TopicAliasUnknown(9), 0x82),
            (Violation::ReceiveMaximumExceeded, 0x93),
            (Violation::PacketTooLarge { packet, size: 9, limit: 8 }, 0x95),
            (Violation::RetainNotSupported, 0x9A),
            (Violation::QoSNotSupported, 0x9B),
        ] {
            assert_eq!(violation.reason() as u8, code, "{violation}");
        }
    }

    #[test]
    fn says_packet_and_field() {
        let cut = Violation::Truncated {
            place: Place::Packet(PacketType::Publish),
            field: Field::TopicName,
        };
        assert_eq!(cut.to_string(), "PUBLISH: ends inside the topic name");
        let will = Violation::NotUtf8 {
            place: Place::Will,
            field: Field::Property(Identifier::ContentType),
        };
        assert_eq!(will.to_string(), "CONNECT will: the Content Type is not UTF-8");
    }
}
