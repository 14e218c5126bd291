//! One subscription of a SUBSCRIBE: a topic filter and what is asked of its messages.

use crate::{QoS, Violation};

/// A topic filter and what is asked of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// The topic filter. It is not empty, but may be ill-formed:
    /// [`check_topic_filter`](crate::topic::check_topic_filter).
    pub filter: &'a str,
    /// What is asked of its messages.
    pub options: SubscriptionOptions,
}

/// What a subscriber asks of the messages of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The highest QoS to deliver with.
    pub qos: QoS,
    /// The subscriber's own messages do not come back.
    pub no_local: bool,
    /// RETAIN comes as the publisher set it.
    pub retain_as_published: bool,
    /// Whether retained messages come with the subscription.
    pub retain_handling: RetainHandling,
}

/// Whether retained messages come with a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    /// They come.
    Send = 0,
    /// They come if the subscription did not exist.
    SendIfNew = 1,
    /// They do not come.
    DoNotSend = 2,
}

impl SubscriptionOptions {
    /// The options that say nothing but a QoS.
    pub const fn new(qos: QoS) -> SubscriptionOptions {
        SubscriptionOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        }
    }

    /// The options that a byte says, with the layout of MQTT 5; that of 3.1.1 is part of it.
    pub fn from_bits(bits: u8) -> Result<SubscriptionOptions, Violation> {
        if bits & 0b1100_0000 != 0 {
            return Err(Violation::ReservedSubscriptionOptions); // [MQTT-3.8.3-5]
        }
        let retain_handling = match bits >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(Violation::RetainHandling),
        };
        Ok(SubscriptionOptions {
            qos: QoS::from_bits(bits & 0b11).ok_or(Violation::SubscriptionQoS)?,
            no_local: bits & 0b100 != 0,
            retain_as_published: bits & 0b1000 != 0,
            retain_handling,
        })
    }

    /// The byte that says these options.
    pub const fn bits(self) -> u8 {
        self.qos as u8
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_refused_or_read_back() {
        let good = (0..=255).filter(|&bits| match SubscriptionOptions::from_bits(bits) {
            Ok(options) => options.bits() == bits,
            Err(_) => false,
        });
        assert_eq!(good.count(), 3 * 2 * 2 * 3);
        assert_eq!(SubscriptionOptions::from_bits(3), Err(Violation::SubscriptionQoS));
        assert_eq!(SubscriptionOptions::from_bits(0x30), Err(Violation::RetainHandling));
        assert_eq!(
            SubscriptionOptions::from_bits(0x40),
            Err(Violation::ReservedSubscriptionOptions)
        );
    }
}
