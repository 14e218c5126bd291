//! A packet that was decoded means the same after it was encoded and decoded again.

use mqtt::{Lowered, Packet, Version, decode, split_frame};

/// Reads `data` as the stream of one connection, up to what is no frame.
pub(crate) fn check(data: &[u8]) {
    for version in [3, 4, 5].into_iter().filter_map(Version::from_level) {
        let mut rest = data;
        while let Ok(Some(frame)) = split_frame(rest, 1 << 16) {
            if let Ok(packet) = decode(frame, version) {
                check_packet(&packet, version);
            }
            rest = rest.get(frame.bytes().len()..).unwrap_or_default();
        }
    }
}

fn check_packet(packet: &Packet<'_>, version: Version) {
    // CONNECT names its own version.
    let version = if let Packet::Connect(connect) = packet { connect.version } else { version };
    let bytes = encode(packet, version);
    let frame = split_frame(&bytes, u32::MAX).expect("a frame").expect("a whole frame");
    assert_eq!(frame.bytes().len(), bytes.len(), "one packet and no more");
    let again = decode(frame, version).expect("what was encoded can be decoded");
    assert_eq!(&again, packet);
    assert_eq!(encode(&again, version), bytes);
    if let Packet::Publish(publish) = packet {
        assert_eq!(publish.encoded_len(version), bytes.len());
    }
    check_lowered(packet);
}

/// What a client of 3.1 or 3.1.1 is sent can be read there.
fn check_lowered(packet: &Packet<'_>) {
    for old in [3, 4].into_iter().filter_map(Version::from_level) {
        check_lowered_to(old, packet);
    }
}

fn check_lowered_to(old: Version, packet: &Packet<'_>) {
    let by_client = matches!(
        packet,
        Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::Disconnect(_)
    );
    // The broker resolves an alias before it sends the message on.
    let aliased = matches!(packet, Packet::Publish(publish) if publish.topic.is_empty());
    if by_client || aliased {
        return;
    }
    if let Lowered::Send(lowered) = old.lower(packet.clone()) {
        let bytes = encode(&lowered, old);
        let frame = split_frame(&bytes, u32::MAX).expect("a frame").expect("a whole frame");
        let read = decode(frame, old);
        assert_eq!(read.as_ref(), Ok(&lowered));
    }
}

fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes);
    bytes
}
