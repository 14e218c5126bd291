//! Bytes to packets and back, in both versions.

use std::hint::black_box;

use mqtt::{
    Connect, Frame, Packet, Properties, Property, PropertyBuffer, Publish, QoS, Subscribe,
    Subscription, SubscriptionList, SubscriptionOptions, Version, decode, split_frame,
};

use crate::{Case, Pass, TIMES};

const VERSIONS: [(&str, u8); 2] = [("3.1.1", 4), ("5.0", 5)];

/// Makes the packet of that number.
type Make = fn(usize, Version) -> Packet<'static>;

const PACKETS: [(&str, Make); 4] = [
    ("publish-qos0", |index, _| publish(index, QoS::AtMostOnce, Properties::EMPTY)),
    ("publish-qos1", |index, _| publish(index, QoS::AtLeastOnce, Properties::EMPTY)),
    ("subscribe", |index, _| subscribe(index)),
    ("connect", connect),
];

/// For a version that has them.
const WITH_PROPERTIES: (&str, Make) =
    ("publish-qos1-properties", |index, _| publish(index, QoS::AtLeastOnce, properties()));

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("split/publish-qos0", || split(read_of(PACKETS[0].1, Version::INSIDE))),
        Case::new("decode/publish-qos0-same-topic/5.0", || decode_run(Version::INSIDE)),
    ];
    for (name, make, version) in packets() {
        let pass = move || decode_each(read_of(make, version), version);
        cases.push(Case::new(format!("decode/{name}"), pass));
    }
    for (name, make, version) in packets() {
        cases.push(Case::new(format!("encode/{name}"), move || encode_each(make, version)));
    }
    cases
}

/// Each packet in each version that has it.
fn packets() -> Vec<(String, Make, Version)> {
    let mut packets = Vec::new();
    for (words, level) in VERSIONS {
        let version = Version::from_level(level).expect("it is spoken");
        let more = version.has_properties().then_some(WITH_PROPERTIES);
        for (packet, make) in PACKETS.into_iter().chain(more) {
            packets.push((format!("{packet}/{words}"), make, version));
        }
    }
    packets
}

fn split(read: &'static [u8]) -> Pass {
    Box::new(move || {
        let mut rest = black_box(read);
        let mut count = 0;
        while let Some(frame) = split_frame(rest, u32::MAX).expect("a header") {
            rest = rest.get(black_box(frame).bytes().len()..).unwrap_or_default();
            count += 1;
        }
        assert_eq!(count, TIMES);
    })
}

fn decode_each(read: &'static [u8], version: Version) -> Pass {
    let frames = frames(read);
    Box::new(move || {
        for frame in &frames {
            black_box(decode(black_box(*frame), version)).expect("a packet");
        }
    })
}

/// As a connection does it that gets one message after the other to one topic.
fn decode_run(version: Version) -> Pass {
    let frames = frames(read_of(|_, _| publish(1, QoS::AtMostOnce, Properties::EMPTY), version));
    Box::new(move || {
        let mut before = "";
        for frame in &frames {
            let publish = Publish::decode_after(black_box(*frame), version, before);
            before = black_box(publish).expect("a packet").topic;
        }
    })
}

fn encode_each(make: Make, version: Version) -> Pass {
    let packets: Vec<_> = (0..TIMES).map(|index| make(index, version)).collect();
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        for packet in &packets {
            black_box(packet).encode(version, &mut out);
        }
        assert!(!black_box(&out).is_empty());
    })
}

/// What one read from a socket may bring.
fn read_of(make: Make, version: Version) -> &'static [u8] {
    let mut read = Vec::new();
    for index in 0..TIMES {
        make(index, version).encode(version, &mut read);
    }
    read.leak()
}

fn frames(mut read: &'static [u8]) -> Vec<Frame<'static>> {
    let mut frames = Vec::new();
    while let Some(frame) = split_frame(read, u32::MAX).expect("a header") {
        read = read.get(frame.bytes().len()..).unwrap_or_default();
        frames.push(frame);
    }
    assert_eq!(frames.len(), TIMES);
    frames
}

fn publish(index: usize, qos: QoS, properties: Properties<'static>) -> Packet<'static> {
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { index as u16 + 1 };
    let topic = format!("site/7/device/{index:02}/state").leak();
    let payload = &[b'x'; 64];
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        packet_id,
        topic,
        properties,
        payload,
    })
}

/// Three, of which one is the user's.
fn properties() -> Properties<'static> {
    let mut properties = PropertyBuffer::new();
    properties.push(Property::MessageExpiryInterval(60));
    properties.push(Property::ContentType("application/json"));
    properties.push(Property::UserProperty("trace", "0af7651916cd43dd"));
    Box::leak(Box::new(properties)).as_properties()
}

/// To three filters.
fn subscribe(index: usize) -> Packet<'static> {
    let options = SubscriptionOptions::new(QoS::AtLeastOnce);
    let mut list = SubscriptionList::new(Subscription { filter: "site/7/device/+/state", options });
    for filter in ["site/7/alarm/#", "site/7/clock"] {
        list.push(Subscription { filter, options });
    }
    let list = Box::leak(Box::new(list));
    Packet::Subscribe(Subscribe::new(index as u16 + 1, Properties::EMPTY, list))
}

fn connect(_: usize, version: Version) -> Packet<'static> {
    let connect = Connect::new(version, "device-4711");
    let (username, password) = (Some("device"), Some(&b"secret"[..]));
    Packet::Connect(Connect { keep_alive: 60, username, password, ..connect })
}
