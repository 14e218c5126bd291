//! Packets byte by byte, as no encoder would write them.

use mqtt::Version;

/// A packet: first byte, remaining length, and the parts of its body.
pub(crate) fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![first];
    bytes.extend(varint(body.len()));
    bytes.extend(body);
    bytes
}

/// A string, or binary data, with its length in front.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// A property block with its length in front; nothing in a version that has none.
pub(crate) fn properties(version: Version, block: &[u8]) -> Vec<u8> {
    if version.has_properties() { [&*varint(block.len()), block].concat() } else { Vec::new() }
}

pub(crate) fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A CONNECT whose every field may be wrong.
pub(crate) struct RawConnect {
    pub(crate) version: Version,
    pub(crate) name: &'static [u8],
    pub(crate) level: u8,
    pub(crate) flags: u8,
    pub(crate) properties: Vec<u8>,
    pub(crate) client_id: Vec<u8>,
    pub(crate) will_properties: Vec<u8>,
    pub(crate) will_topic: Vec<u8>,
    pub(crate) username: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

pub(crate) const CLEAN: u8 = 0b10;
pub(crate) const WILL: u8 = 0b100;
pub(crate) const PASSWORD: u8 = 0b0100_0000;
pub(crate) const USERNAME: u8 = 0b1000_0000;

impl RawConnect {
    /// A good one, with a clean start.
    pub(crate) fn new(version: Version) -> RawConnect {
        RawConnect {
            version,
            name: b"MQTT",
            level: version.level(),
            flags: CLEAN,
            properties: Vec::new(),
            client_id: b"hostile".to_vec(),
            will_properties: Vec::new(),
            will_topic: b"will".to_vec(),
            username: b"user".to_vec(),
            password: b"password".to_vec(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let has = |flag| self.flags & flag != 0;
        let part = |flag, bytes: &[u8]| if has(flag) { text(bytes) } else { Vec::new() };
        let will = if has(WILL) {
            let block = properties(self.version, &self.will_properties);
            [block, text(&self.will_topic), text(b"gone")].concat()
        } else {
            Vec::new()
        };
        packet(
            0x10,
            &[
                &text(self.name),
                &[self.level, self.flags, 0, 60],
                &properties(self.version, &self.properties),
                &text(&self.client_id),
                &will,
                &part(USERNAME, &self.username),
                &part(PASSWORD, &self.password),
            ],
        )
    }
}

/// SUBSCRIBE with one filter and its options byte.
pub(crate) fn subscribe(version: Version, block: &[u8], filter: &[u8], options: u8) -> Vec<u8> {
    packet(0x82, &[&[0, 1], &properties(version, block), &text(filter), &[options]])
}

pub(crate) fn unsubscribe(version: Version, filter: &[u8]) -> Vec<u8> {
    packet(0xA2, &[&[0, 1], &properties(version, &[]), &text(filter)])
}

/// PUBLISH at QoS 0.
pub(crate) fn publish(version: Version, topic: &[u8], block: &[u8], payload: &[u8]) -> Vec<u8> {
    packet(0x30, &[&text(topic), &properties(version, block), payload])
}

/// PUBLISH at QoS 1 or 2.
pub(crate) fn publish_at(version: Version, qos: u8, topic: &[u8], packet_id: u16) -> Vec<u8> {
    let packet_id = packet_id.to_be_bytes();
    packet(0x30 | qos << 1, &[&text(topic), &packet_id, &properties(version, &[]), b"x"])
}
