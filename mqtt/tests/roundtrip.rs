//! Any packet survives encoding and decoding, and no bytes make the decoder panic.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

use mqtt::{
    Ack, Auth, ConnAck, Connect, Disconnect, FilterList, Identifier, Lowered, Packet, PacketType,
    Place, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, SubAck, Subscribe,
    Subscription, SubscriptionList, SubscriptionOptions, UnsubAck, Unsubscribe, Version, Will,
    decode, split_frame,
};
use proptest::collection::vec;
use proptest::prelude::*;

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again(stuff in stuff(), version in version()) {
        stuff.with_packet(version, |packet| {
            let Lowered::Send(packet) = version.lower(packet) else { return };
            let bytes = encode(&packet, version);
            assert_eq!(read(&bytes, version).as_ref(), Some(&packet));
            if let Packet::Publish(publish) = packet {
                assert_eq!(publish.encoded_len(version), bytes.len());
            }
        });
    }

    #[test]
    fn a_part_of_a_packet_is_not_taken_for_the_whole(stuff in stuff(), version in version()) {
        stuff.with_packet(version, |packet| {
            let bytes = encode(&packet, version);
            for end in 0..bytes.len() {
                assert!(split_frame(&bytes[..end], u32::MAX).unwrap().is_none());
            }
        });
    }

    #[test]
    fn a_damaged_packet_is_refused_or_means_something(
        stuff in stuff(),
        version in version(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        stuff.with_packet(version, |packet| bytes = encode(&packet, version));
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        check_bytes(&bytes);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in vec(any::<u8>(), 0..300)) {
        check_bytes(&bytes);
    }

    #[test]
    fn no_body_makes_the_decoder_panic(
        packet_type in 1_u8..=15,
        body in vec(prop_oneof![0_u8..8, any::<u8>()], 0..120),
    ) {
        let flags = if matches!(packet_type, 6 | 8 | 10) { 2 } else { 0 };
        check_bytes(&[&[packet_type << 4 | flags, body.len() as u8], &body[..]].concat());
    }
}

/// What can be read of these bytes can be written, and then means the same.
fn check_bytes(bytes: &[u8]) {
    for version in VERSIONS {
        if let Some(packet) = read(bytes, version) {
            let version = match &packet {
                Packet::Connect(connect) => connect.version,
                _ => version,
            };
            assert_eq!(read(&encode(&packet, version), version), Some(packet));
        }
    }
}

fn read(bytes: &[u8], version: Version) -> Option<Packet<'_>> {
    decode(version.split_frame(bytes, 1 << 20).ok()??, version).ok()
}

fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(version, &mut out);
    out
}

/// What packets are made of.
#[derive(Clone, Debug)]
struct Stuff {
    packet_type: u8,
    bits: u8,
    number: u16,
    topic: String,
    texts: (String, String),
    payload: Vec<u8>,
    filters: Vec<(String, u8)>,
    reasons: Vec<prop::sample::Index>,
    properties: Vec<PropertyStuff>,
}

/// What a property is made of.
type PropertyStuff = (prop::sample::Index, u32, (String, String));

fn version() -> impl Strategy<Value = Version> {
    prop::sample::select(&VERSIONS[..])
}

fn stuff() -> impl Strategy<Value = Stuff> {
    let text = "[a-z ä€😀]{0,9}";
    let property = (any::<prop::sample::Index>(), 1_u32..70_000, (text, text));
    (
        (1_u8..=15, any::<u8>(), 1_u16..),
        ("[a-zß/$]{1,90}", (text, text), vec(any::<u8>(), 0..200)),
        (vec(("[a-z/+#]{1,9}", any::<u8>()), 1..4), vec(any::<prop::sample::Index>(), 1..4)),
        vec(property, 0..9),
    )
        .prop_map(
            |(
                (packet_type, bits, number),
                (topic, texts, payload),
                (filters, reasons),
                properties,
            )| Stuff {
                packet_type,
                bits,
                number,
                topic,
                texts,
                payload,
                filters,
                reasons,
                properties,
            },
        )
}

impl Stuff {
    fn with_packet(&self, version: Version, look: impl FnOnce(Packet<'_>)) {
        let packet_type = PacketType::from_first_byte(self.first_byte()).unwrap();
        let own = self.properties_for(Place::Packet(packet_type), version);
        let will = self.properties_for(Place::Will, version);
        let (subscriptions, filters) = self.lists(version);
        let (packet_id, properties) = (self.number, own.as_properties());
        let reason = self.reasons(packet_type, version)[0];
        let ack = Ack { packet_id, reason, properties };
        let reasons = self.reasons(packet_type, version).into();
        look(match packet_type {
            PacketType::Connect => {
                Packet::Connect(self.connect(version, properties, will.as_properties()))
            }
            PacketType::ConnAck => {
                let session_present = self.bit(0) && reason == ReasonCode::Success;
                Packet::ConnAck(ConnAck { session_present, reason, properties })
            }
            PacketType::Publish => Packet::Publish(self.publish(properties)),
            PacketType::PubAck => Packet::PubAck(ack),
            PacketType::PubRec => Packet::PubRec(ack),
            PacketType::PubRel => Packet::PubRel(ack),
            PacketType::PubComp => Packet::PubComp(ack),
            PacketType::Subscribe => {
                Packet::Subscribe(Subscribe::new(packet_id, properties, &subscriptions))
            }
            PacketType::SubAck => Packet::SubAck(SubAck { packet_id, properties, reasons }),
            PacketType::Unsubscribe => {
                Packet::Unsubscribe(Unsubscribe::new(packet_id, properties, &filters))
            }
            PacketType::UnsubAck => Packet::UnsubAck(UnsubAck { packet_id, properties, reasons }),
            PacketType::PingReq => Packet::PingReq,
            PacketType::PingResp => Packet::PingResp,
            PacketType::Disconnect => Packet::Disconnect(Disconnect { reason, properties }),
            PacketType::Auth => Packet::Auth(Auth { reason, properties }),
        });
    }

    fn connect<'a>(
        &'a self,
        version: Version,
        properties: Properties<'a>,
        will_properties: Properties<'a>,
    ) -> Connect<'a> {
        // 3.1 has no client without one.
        let nameless = self.texts.0.is_empty() && version == Version::V3_1;
        let client_id = if nameless { "client" } else { &*self.texts.0 };
        let mut connect = Connect::new(version, client_id);
        connect.clean_start = self.bit(0) || self.texts.0.is_empty();
        connect.keep_alive = self.number;
        connect.username = self.bit(1).then_some(&*self.texts.1);
        connect.password = (self.bit(1) && self.bit(2)).then_some(&*self.payload);
        connect.will = self.bit(3).then_some(Will {
            qos: self.qos(),
            retain: self.bit(4),
            topic: &self.topic,
            payload: &self.payload,
            delay: 0,
            properties: will_properties,
        });
        connect.properties = properties;
        connect.lifted()
    }

    fn publish<'a>(&'a self, properties: Properties<'a>) -> Publish<'a> {
        let qos = self.qos();
        Publish {
            dup: self.bit(0) && qos != QoS::AtMostOnce,
            qos,
            retain: self.bit(1),
            packet_id: if qos == QoS::AtMostOnce { 0 } else { self.number },
            topic: &self.topic,
            properties,
            payload: &self.payload,
        }
    }

    fn lists(&self, version: Version) -> (SubscriptionList, FilterList) {
        let subscription = |(filter, bits): &'_ (String, u8)| {
            let options = SubscriptionOptions::from_bits(bits & 0x2E).unwrap();
            let simple = SubscriptionOptions::new(options.qos);
            if version.has_properties() {
                (filter.clone(), options)
            } else {
                (filter.clone(), simple)
            }
        };
        let all: Vec<_> = self.filters.iter().map(subscription).collect();
        let (filter, options) = &all[0];
        let mut subscriptions = SubscriptionList::new(Subscription { filter, options: *options });
        let mut filters = FilterList::new(filter);
        for (filter, options) in &all[1..] {
            subscriptions.push(Subscription { filter, options: *options });
            filters.push(filter);
        }
        (subscriptions, filters)
    }

    /// Properties that can stand in `place`, none too often.
    fn properties_for(&self, place: Place, version: Version) -> PropertyBuffer {
        let mut buffer = PropertyBuffer::new();
        if !version.has_properties() {
            return buffer;
        }
        let allowed: Vec<_> = Identifier::ALL.iter().filter(|id| id.is_in(place)).collect();
        if place == Place::Packet(PacketType::Auth) {
            assert!(buffer.push(Property::AuthenticationMethod("method")));
        }
        for (index, number, (one, two)) in &self.properties {
            let Some(&&identifier) = allowed.get(index.index(allowed.len().max(1))) else { break };
            let taken = buffer.as_properties().contains(identifier);
            let again = taken && !identifier.repeats_in(place);
            // Authentication Data would need its method.
            if !again && identifier != Identifier::AuthenticationData {
                assert!(buffer.push(property(identifier, *number, one, two)), "{identifier}");
            }
        }
        buffer
    }

    /// Reason codes that the packet can carry; `Success` where it carries none.
    fn reasons(&self, packet: PacketType, version: Version) -> Vec<ReasonCode> {
        let all = ReasonCode::ALL.iter().copied();
        let allowed: Vec<_> = all.filter(|reason| reason.is_in(packet)).collect();
        let silent = packet == PacketType::UnsubAck && !version.has_properties();
        if allowed.is_empty() || silent {
            return vec![ReasonCode::Success];
        }
        self.reasons.iter().map(|index| allowed[index.index(allowed.len())]).collect()
    }

    fn first_byte(&self) -> u8 {
        let flags = if matches!(self.packet_type, 6 | 8 | 10) { 2 } else { 0 };
        self.packet_type << 4 | flags
    }

    fn qos(&self) -> QoS {
        QoS::from_bits((self.bits >> 6) % 3).unwrap()
    }

    fn bit(&self, index: u8) -> bool {
        self.bits >> index & 1 != 0
    }
}

fn property<'a>(identifier: Identifier, number: u32, one: &'a str, two: &'a str) -> Property<'a> {
    let bit = (number & 1) as u8;
    let short = (number as u16).max(1);
    match identifier {
        Identifier::PayloadFormatIndicator => Property::PayloadFormatIndicator(bit),
        Identifier::MessageExpiryInterval => Property::MessageExpiryInterval(number),
        Identifier::ContentType => Property::ContentType(one),
        Identifier::ResponseTopic => Property::ResponseTopic("answers/here"),
        Identifier::CorrelationData => Property::CorrelationData(one.as_bytes()),
        Identifier::SubscriptionIdentifier => Property::SubscriptionIdentifier(number),
        Identifier::SessionExpiryInterval => Property::SessionExpiryInterval(number),
        Identifier::AssignedClientIdentifier => Property::AssignedClientIdentifier(one),
        Identifier::ServerKeepAlive => Property::ServerKeepAlive(short),
        Identifier::AuthenticationMethod => Property::AuthenticationMethod(one),
        Identifier::AuthenticationData => Property::AuthenticationData(one.as_bytes()),
        Identifier::RequestProblemInformation => Property::RequestProblemInformation(bit),
        Identifier::WillDelayInterval => Property::WillDelayInterval(number),
        Identifier::RequestResponseInformation => Property::RequestResponseInformation(bit),
        Identifier::ResponseInformation => Property::ResponseInformation(one),
        Identifier::ServerReference => Property::ServerReference(one),
        Identifier::ReasonString => Property::ReasonString(one),
        Identifier::ReceiveMaximum => Property::ReceiveMaximum(short),
        Identifier::TopicAliasMaximum => Property::TopicAliasMaximum(short),
        Identifier::TopicAlias => Property::TopicAlias(short),
        Identifier::MaximumQoS => Property::MaximumQoS(bit),
        Identifier::RetainAvailable => Property::RetainAvailable(bit),
        Identifier::UserProperty => Property::UserProperty(one, two),
        Identifier::MaximumPacketSize => Property::MaximumPacketSize(number),
        Identifier::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(bit),
        Identifier::SubscriptionIdentifierAvailable => {
            Property::SubscriptionIdentifierAvailable(bit)
        }
        Identifier::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(bit),
    }
}
