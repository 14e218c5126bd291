//! Any bytes are packets or violations, in every version; nothing panics.

use mqtt::{Connect, Version, decode};

/// What is larger is refused by its header.
const MAX_PACKET_SIZE: u32 = 1 << 16;

/// Reads `data` as the stream of one connection, up to what is no frame.
pub(crate) fn check(data: &[u8]) {
    for version in [3, 4, 5].into_iter().filter_map(Version::from_level) {
        let mut rest = data;
        while let Ok(Some(frame)) = version.split_frame(rest, MAX_PACKET_SIZE) {
            let (bytes, after) = rest.split_at(frame.bytes().len());
            assert_eq!(frame.bytes(), bytes, "a frame is where it was found");
            assert!(bytes.len() <= MAX_PACKET_SIZE as usize, "a frame above the limit");
            let part = bytes.get(..bytes.len() - 1).unwrap_or_default();
            assert!(
                matches!(version.split_frame(part, MAX_PACKET_SIZE), Ok(None)),
                "a part is a whole"
            );
            match decode(frame, version) {
                Ok(packet) => assert_eq!(packet.packet_type(), frame.packet_type()),
                Err(violation) => {
                    assert!(violation.reason().is_error(), "{violation}");
                    let _ = Connect::answer_version(frame.bytes());
                }
            }
            rest = after;
        }
    }
}
