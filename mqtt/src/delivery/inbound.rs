//! QoS 2 from one client: which messages have arrived and are not released yet.

/// The QoS 2 messages that have arrived and whose PUBREL has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbound {
    /// In ascending order: a 3.1.1 client may leave all 65,535 open.
    open: Vec<u16>,
}

/// What many open messages needed is given back when the last of them is released.
const LARGE: usize = 256;

/// Whether a QoS 2 PUBLISH is to be handled or only to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is a message of its own: handle it, then answer PUBREC.
    New,
    /// It has come before: answer PUBREC and nothing else.
    Duplicate,
}

impl Inbound {
    /// Nothing is open; nothing is allocated.
    pub const fn new() -> Inbound {
        Inbound { open: Vec::new() }
    }

    /// A QoS 2 PUBLISH has arrived. A message whose PUBREC says an error is to be released at
    /// once, for its identifier then means a new message. [MQTT-4.3.3-8] [MQTT-4.3.3-9]
    pub fn publish(&mut self, id: u16) -> Arrival {
        match self.open.binary_search(&id) {
            Ok(_) => Arrival::Duplicate, // [MQTT-4.3.3-10]
            Err(place) => {
                self.open.insert(place, id);
                Arrival::New
            }
        }
    }

    /// A PUBREL has arrived; `false`: no message is open under `id`. Either way PUBCOMP answers it,
    /// and however old the message is. [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT-4.3.3-13]
    pub fn release(&mut self, id: u16) -> bool {
        let Ok(place) = self.open.binary_search(&id) else { return false };
        self.open.remove(place);
        if self.open.is_empty() && self.open.capacity() > LARGE {
            self.shrink();
        }
        true
    }

    /// How many messages are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether a message is open under `id`.
    pub fn contains(&self, id: u16) -> bool {
        self.open.binary_search(&id).is_ok()
    }

    /// The identifiers of the open messages.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.open.iter().copied()
    }

    /// Gives back the memory that is not needed now.
    pub fn shrink(&mut self) {
        self.open.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [MQTT-4.3.3-9]: so the identifier is free after an error, too.
    #[test]
    fn a_message_is_new_until_it_is_released() {
        let mut inbound = Inbound::new();
        assert_eq!(inbound.publish(7), Arrival::New);
        assert_eq!(inbound.publish(7), Arrival::Duplicate);
        assert_eq!(inbound.publish(8), Arrival::New);
        assert_eq!(inbound.open(), 2);
        assert!(inbound.release(7) && !inbound.release(7));
        assert!(inbound.contains(8) && !inbound.contains(7));
        assert_eq!(inbound.publish(7), Arrival::New);
    }

    #[test]
    fn is_small_when_idle() {
        assert!(size_of::<Inbound>() <= 24);
        let mut inbound = Inbound::new();
        inbound.publish(1);
        inbound.release(1);
        inbound.shrink();
        assert_eq!(inbound.open.capacity(), 0);
    }

    #[test]
    fn is_small_again_after_a_burst() {
        let mut inbound = Inbound::new();
        (1..=u16::MAX).for_each(|id| assert_eq!(inbound.publish(id), Arrival::New));
        (1..=u16::MAX).rev().for_each(|id| assert!(inbound.release(id)));
        assert_eq!(inbound.open.capacity(), 0);
    }
}
