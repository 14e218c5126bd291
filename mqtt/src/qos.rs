//! Quality of service: how hard a message is delivered.

/// How hard a message is delivered; the order is that of the levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// Sent once and never acknowledged.
    AtMostOnce = 0,
    /// Sent until acknowledged; may arrive twice.
    AtLeastOnce = 1,
    /// Arrives exactly once, by a handshake of four packets.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level that the two bits of a packet name; `None` for 3 and above.
    pub const fn from_bits(bits: u8) -> Option<QoS> {
        match bits {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }
}
