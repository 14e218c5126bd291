//! QoS 1 and 2 towards one client: packet identifiers, the window, and what waits for it.

use std::collections::VecDeque;

use super::packet_id::PacketIds;
use crate::{QoS, ReasonCode};

/// What can be owed to a client.
pub trait Owed {
    /// 1 or 2 for what the client acknowledges.
    fn qos(&self) -> QoS;

    /// Bytes that it holds while it is in flight.
    fn size(&self) -> usize;
}

/// The messages that one client is owed at QoS 1 and 2, oldest first.
///
/// The window is the client's Receive Maximum or less: that many messages are in flight at most, and none is
/// added to 4 MiB of them; the others wait. While the window is free, nothing waits.
#[derive(Clone, Debug)]
pub struct Outbound<M> {
    window: u16,
    ids: PacketIds,
    /// PUBLISH sent, neither PUBACK nor PUBREC received, in the order of sending.
    published: VecDeque<Published<M>>,
    /// Of the messages in `published`.
    bytes: usize,
    /// How many of the newest in `published` have not been sent on this connection, for the client
    /// has come back with a smaller window.
    held_back: usize,
    /// PUBREL sent, PUBCOMP not received, in the order of the PUBRECs. The message is gone.
    released: VecDeque<u16>,
    waiting: VecDeque<M>,
}

#[derive(Clone, Debug)]
struct Published<M> {
    id: u16,
    message: M,
}

/// More is not put in flight: a client that reads nothing would have it all kept for its socket.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What many waiting messages needed is given back when the last of them is sent.
const LARGE: usize = 256;

/// What is to be sent again after a reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend<'a, M> {
    /// The PUBLISH, with DUP. [MQTT-3.3.1-1]
    Publish {
        /// The identifier that it had.
        packet_id: u16,
        /// The message.
        message: &'a M,
    },
    /// The PUBREL. [MQTT-4.3.3-6]
    PubRel {
        /// The identifier of the PUBLISH.
        packet_id: u16,
    },
}

/// What a PUBREC calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecAnswer {
    /// Answer PUBREL.
    SendPubRel,
    /// The client refused the message, and the delivery is over.
    Done,
    /// No QoS 2 message is in flight under this identifier: answer PUBREL with
    /// `PacketIdentifierNotFound`.
    Unknown,
}

impl<M: Owed> Outbound<M> {
    /// Nothing is owed; nothing is allocated.
    pub const fn new(window: u16) -> Outbound<M> {
        Outbound {
            window,
            ids: PacketIds::new(),
            published: VecDeque::new(),
            bytes: 0,
            held_back: 0,
            released: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Sets how many messages may be in flight. To be called when the client has come back, before
    /// [`Outbound::resend`]: if the window is now smaller than what is in flight, the newest are
    /// held back for [`Outbound::next_resend`].
    pub fn set_window(&mut self, window: u16) {
        self.window = window;
        let room = usize::from(window).saturating_sub(self.released.len());
        self.held_back = self.published.len().saturating_sub(room);
    }

    /// A message for the client, at QoS 1 or 2. `Some`: it is in flight, and to be sent now under
    /// this identifier. `None`: it waits.
    pub fn offer(&mut self, message: M) -> Option<u16> {
        if self.is_free() {
            return self.start(message).map(|published| published.id);
        }
        self.enqueue(message);
        None
    }

    /// How many messages that are offered now are in flight at once, if together they are no more than
    /// `bytes`.
    pub fn room(&self, bytes: usize) -> usize {
        let is_free = self.is_free() && self.bytes + bytes <= MAX_BYTES;
        if is_free { usize::from(self.window) - self.in_flight() } else { 0 }
    }

    /// Whether a message that is offered now is in flight at once.
    pub fn is_free(&self) -> bool {
        self.waiting.is_empty() && self.has_room()
    }

    /// The message put in flight last.
    pub fn newest(&self) -> Option<&M> {
        self.published.back().map(|published| &published.message)
    }

    /// A message for a client that is not connected: it waits.
    pub fn enqueue(&mut self, message: M) {
        self.waiting.push_back(message);
    }

    /// A message that was in flight under `id` when its process ended; in the order of sending. To be called
    /// before anything else is.
    pub fn restore_published(&mut self, id: u16, message: M) {
        self.bytes += message.size();
        self.published.push_back(Published { id, message });
        self.ids.forget();
    }

    /// A PUBREL that was unanswered under `id` when its process ended. To be called before anything else is.
    pub fn restore_released(&mut self, id: u16) {
        self.released.push_back(id);
        self.ids.forget();
    }

    /// Moves the oldest waiting message into the window, to be sent now. To be called until `None`
    /// after [`Outbound::resend`] and after acknowledgements.
    #[allow(clippy::should_implement_trait, reason = "it lends, and an iterator cannot")]
    pub fn next(&mut self) -> Option<(u16, &M)> {
        if !self.has_room() {
            return None;
        }
        let message = self.waiting.pop_front()?;
        if self.waiting.is_empty() && self.waiting.capacity() > LARGE {
            self.waiting.shrink_to_fit();
        }
        let published = self.start(message)?;
        Some((published.id, &published.message))
    }

    /// A PUBACK has arrived: the message that it acknowledges, whatever its reason code says.
    /// `None`: no QoS 1 message is in flight under `id`. [MQTT-4.3.2-3] [MQTT-4.4.0-2]
    /// [MQTT-4.8.2-6]
    pub fn puback(&mut self, id: u16) -> Option<M> {
        self.remove_published(id, QoS::AtLeastOnce)
    }

    /// The message in flight under `id`, as long as the client has not received it.
    pub fn get(&self, id: u16) -> Option<&M> {
        let published = self.published.iter().find(|published| published.id == id);
        published.map(|published| &published.message)
    }

    /// Takes a message out of flight that shall not be sent, or not again, and that nobody will
    /// acknowledge.
    pub fn cancel(&mut self, id: u16) -> Option<M> {
        let index = self.published.iter().rposition(|published| published.id == id)?;
        self.take_published(index)
    }

    /// A PUBREC has arrived. The message is forgotten here: from now on PUBREL speaks for it.
    /// [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-6]
    pub fn pubrec(&mut self, id: u16, reason: ReasonCode) -> RecAnswer {
        let known = self.remove_published(id, QoS::ExactlyOnce).is_some();
        if reason.is_error() {
            // [MQTT-4.4.0-2]
            let over = known || self.pubcomp(id);
            return if over { RecAnswer::Done } else { RecAnswer::Unknown };
        }
        if known {
            self.released.push_back(id); // [MQTT-4.6.0-4]
        }
        // A second PUBREC is answered like the first.
        if known || self.released.contains(&id) {
            RecAnswer::SendPubRel
        } else {
            RecAnswer::Unknown
        }
    }

    /// A PUBCOMP has arrived; `false`: no PUBREL is unanswered under `id`. [MQTT-4.3.3-5]
    pub fn pubcomp(&mut self, id: u16) -> bool {
        let index = self.released.iter().position(|&released| released == id);
        index.is_some_and(|index| self.released.remove(index).is_some())
    }

    /// What is to be sent again when the client has come back, in the original order, and at no
    /// other time: the PUBRELs, then the PUBLISHes. [MQTT-4.4.0-1] [MQTT-4.6.0-1]
    pub fn resend(&self) -> impl Iterator<Item = Resend<'_, M>> {
        let releases = self.released.iter().map(|&packet_id| Resend::PubRel { packet_id });
        let now = self.published.len() - self.held_back;
        let published = self.published.iter().take(now);
        releases.chain(
            published.map(|Published { id, message }| Resend::Publish { packet_id: *id, message }),
        )
    }

    /// The next PUBLISH that a smaller window held back from [`Outbound::resend`], to be sent now,
    /// with DUP. To be called until `None` after acknowledgements, before [`Outbound::next`].
    pub fn next_resend(&mut self) -> Option<(u16, &M)> {
        if self.in_flight() >= usize::from(self.window) {
            return None;
        }
        let index = self.published.len() - self.held_back;
        let published = self.published.get(index)?;
        self.held_back -= 1;
        Some((published.id, &published.message))
    }

    /// How many messages the client has not acknowledged to the end; without those held back.
    pub fn in_flight(&self) -> usize {
        self.published.len() - self.held_back + self.released.len()
    }

    /// How many PUBLISHes are unanswered, with those held back.
    pub fn published(&self) -> usize {
        self.published.len()
    }

    /// How many messages wait for the window.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The messages that wait, oldest first.
    pub fn waiting_iter(&self) -> impl Iterator<Item = &M> {
        self.waiting.iter()
    }

    /// Gives up the oldest message that waits.
    pub fn drop_oldest_waiting(&mut self) -> Option<M> {
        self.waiting.pop_front()
    }

    /// Gives up the newest message that waits.
    pub fn drop_newest_waiting(&mut self) -> Option<M> {
        self.waiting.pop_back()
    }

    /// All messages that are owed: those in flight, then those that wait.
    pub fn iter(&self) -> impl Iterator<Item = &M> {
        let published = self.published.iter().map(|published| &published.message);
        published.chain(&self.waiting)
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut M> {
        let published = self.published.iter_mut().map(|published| &mut published.message);
        published.chain(&mut self.waiting)
    }

    /// Takes out, in their order, the messages that `wanted` says yes to and that may still be sent to
    /// another client: all but those of which a PUBLISH at QoS 2 was sent. It is not asked again after
    /// `None`. To be called when the client has gone. [MQTT-4.8.2-4] [MQTT-4.8.2-5]
    pub fn take_back(&mut self, mut wanted: impl FnMut(&M) -> Option<bool>) -> Vec<M> {
        let (mut taken, mut passed, mut ended) = (Vec::new(), Vec::new(), false);
        while !ended && let Some(published) = self.published.pop_front() {
            let may = published.message.qos() < QoS::ExactlyOnce;
            match if may { wanted(&published.message) } else { Some(false) } {
                Some(true) => {
                    self.bytes -= published.message.size();
                    taken.push(published.message);
                }
                answer => {
                    ended = answer.is_none();
                    passed.push(published);
                }
            }
        }
        passed.drain(..).rev().for_each(|published| self.published.push_front(published));
        self.held_back = self.held_back.min(self.published.len());
        let mut passed = Vec::new();
        while !ended && let Some(message) = self.waiting.pop_front() {
            match wanted(&message) {
                Some(true) => taken.push(message),
                answer => {
                    ended = answer.is_none();
                    passed.push(message);
                }
            }
        }
        passed.into_iter().rev().for_each(|waiting| self.waiting.push_front(waiting));
        taken
    }

    /// Puts messages in front of all that wait.
    pub fn put_back(&mut self, messages: impl DoubleEndedIterator<Item = M>) {
        messages.rev().for_each(|message| self.waiting.push_front(message));
    }

    /// Whether nothing is owed.
    pub fn is_idle(&self) -> bool {
        self.published.is_empty() && self.released.is_empty() && self.waiting.is_empty()
    }

    /// Gives back the memory that is not needed now.
    pub fn shrink(&mut self) {
        self.published.shrink_to_fit();
        self.released.shrink_to_fit();
        self.waiting.shrink_to_fit();
    }

    /// Whether a new message may be sent. [MQTT-4.9.0-2] [MQTT-3.3.4-9]
    fn has_room(&self) -> bool {
        self.held_back == 0 && self.in_flight() < usize::from(self.window) && self.bytes < MAX_BYTES
    }

    /// Puts a message in flight. The window is smaller than the number of identifiers, so that
    /// there is a free one.
    fn start(&mut self, message: M) -> Option<&Published<M>> {
        let published = self.published.iter().map(|published| published.id);
        let id = self.ids.take(published.chain(self.released.iter().copied()))?;
        self.bytes += message.size();
        self.published.push_back(Published { id, message });
        self.published.back()
    }

    /// The oldest comes first in nearly every case, since acknowledgements keep the order.
    fn remove_published(&mut self, id: u16, qos: QoS) -> Option<M> {
        let index = self.published.iter().position(|published| published.id == id)?;
        if self.published.get(index)?.message.qos() != qos {
            return None;
        }
        // A client may acknowledge late what the connection before brought it.
        if index >= self.published.len() - self.held_back {
            self.held_back -= 1;
        }
        self.take_published(index)
    }

    fn take_published(&mut self, index: usize) -> Option<M> {
        let message = self.published.remove(index)?.message;
        self.bytes -= message.size();
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Named = (&'static str, QoS);

    impl Owed for Named {
        fn qos(&self) -> QoS {
            self.1
        }

        fn size(&self) -> usize {
            self.0.len()
        }
    }

    const Q1: QoS = QoS::AtLeastOnce;
    const Q2: QoS = QoS::ExactlyOnce;

    fn in_flight(window: u16, messages: &[Named]) -> Outbound<Named> {
        let mut outbound = Outbound::new(window);
        for &message in messages {
            outbound.offer(message);
        }
        outbound
    }

    fn names(outbound: &Outbound<Named>) -> impl Iterator<Item = &'static str> {
        outbound.iter().map(|(name, _)| *name)
    }

    /// `PUBREL 1` or `b 2`: what is sent again, in its order.
    #[track_caller]
    fn check_resent(outbound: &Outbound<Named>, expected: &[&str]) {
        let resent: Vec<_> = outbound
            .resend()
            .map(|resend| match resend {
                Resend::Publish { packet_id, message, .. } => {
                    format!("{} {packet_id}", message.0)
                }
                Resend::PubRel { packet_id } => format!("PUBREL {packet_id}"),
            })
            .collect();
        assert_eq!(resent, expected);
    }

    #[test]
    fn what_finds_no_room_waits_for_an_acknowledgement() {
        let mut outbound = Outbound::new(1);
        assert_eq!(outbound.offer(("a", Q1)), Some(1));
        assert_eq!(outbound.offer(("b", Q2)), None);
        assert_eq!(outbound.next(), None);
        assert_eq!(outbound.puback(1), Some(("a", Q1)));
        assert_eq!(outbound.next(), Some((2, &("b", Q2))));
        assert_eq!(outbound.next(), None);
        assert_eq!((outbound.in_flight(), outbound.waiting()), (1, 0));
    }

    #[test]
    fn no_message_overtakes_one_that_waits() {
        let mut outbound = in_flight(2, &[("a", Q1)]);
        outbound.enqueue(("b", Q1));
        assert_eq!(outbound.offer(("c", Q1)), None);
        assert_eq!(outbound.next(), Some((2, &("b", Q1))));
    }

    #[test]
    fn qos_2_holds_its_place_until_pubcomp() {
        let mut outbound = in_flight(1, &[("a", Q2), ("b", Q1)]);
        assert_eq!(outbound.pubrec(1, ReasonCode::Success), RecAnswer::SendPubRel);
        assert_eq!(outbound.next(), None);
        assert_eq!(outbound.pubrec(1, ReasonCode::Success), RecAnswer::SendPubRel);
        assert!(outbound.pubcomp(1) && !outbound.pubcomp(1));
        assert_eq!(outbound.next(), Some((2, &("b", Q1))));
    }

    #[test]
    fn a_refused_message_is_done() {
        let mut outbound = in_flight(2, &[("a", Q2), ("b", Q2)]);
        assert_eq!(outbound.pubrec(1, ReasonCode::NotAuthorized), RecAnswer::Done);
        assert_eq!(outbound.pubrec(1, ReasonCode::NotAuthorized), RecAnswer::Unknown);
        assert_eq!(outbound.pubrec(2, ReasonCode::Success), RecAnswer::SendPubRel);
        assert_eq!(outbound.pubrec(2, ReasonCode::UnspecifiedError), RecAnswer::Done);
        assert!(outbound.is_idle());
    }

    #[test]
    fn an_acknowledgement_of_the_other_qos_is_unknown() {
        let mut outbound = in_flight(9, &[("a", Q1), ("b", Q2)]);
        assert_eq!(outbound.puback(2), None);
        assert_eq!(outbound.puback(3), None);
        assert_eq!(outbound.pubrec(1, ReasonCode::Success), RecAnswer::Unknown);
        assert!(!outbound.pubcomp(2));
        assert_eq!(outbound.in_flight(), 2);
    }

    #[test]
    fn resending_keeps_the_order() {
        let mut outbound = in_flight(9, &[("a", Q2), ("b", Q2), ("c", Q1), ("d", Q2)]);
        outbound.pubrec(2, ReasonCode::Success);
        outbound.pubrec(1, ReasonCode::Success);
        check_resent(&outbound, &["PUBREL 2", "PUBREL 1", "c 3", "d 4"]);
        outbound.puback(3);
        outbound.pubcomp(1);
        check_resent(&outbound, &["PUBREL 2", "d 4"]);
    }

    #[test]
    fn a_smaller_window_holds_back_the_newest() {
        let mut outbound = in_flight(9, &[("a", Q1), ("b", Q1), ("c", Q1), ("d", Q2), ("e", Q1)]);
        outbound.pubrec(4, ReasonCode::Success);
        outbound.enqueue(("f", Q1));
        outbound.set_window(3);
        check_resent(&outbound, &["PUBREL 4", "a 1", "b 2"]);
        assert_eq!((outbound.in_flight(), outbound.next()), (3, None));
        assert_eq!(outbound.next_resend(), None);

        assert_eq!(outbound.puback(1), Some(("a", Q1)));
        assert_eq!(outbound.next(), None);
        assert_eq!(outbound.next_resend(), Some((3, &("c", Q1))));
        assert_eq!(outbound.puback(5), Some(("e", Q1))); // late, from the connection before
        assert_eq!(outbound.next_resend(), None);
        assert_eq!(outbound.next(), None);
        assert!(outbound.pubcomp(4));
        assert_eq!(outbound.next(), Some((6, &("f", Q1))));
    }

    /// [MQTT-4.8.2-4]
    #[test]
    fn what_may_go_to_another_client_can_be_taken_back() {
        let mut outbound = in_flight(2, &[("a", Q1), ("b", Q2), ("c", Q2), ("d", Q1), ("e", Q1)]);
        assert!(names(&outbound).eq(["a", "b", "c", "d", "e"]));
        assert_eq!(
            outbound.take_back(|message| Some(message.0 != "d")),
            [("a", Q1), ("c", Q2), ("e", Q1)]
        );
        assert!(names(&outbound).eq(["b", "d"]));
        outbound.put_back([("c", Q2), ("e", Q1)].into_iter());
        assert!(names(&outbound).eq(["b", "c", "e", "d"]));
        let mut two = [Some(true), Some(true), None].into_iter();
        assert_eq!(outbound.take_back(|_| two.next().unwrap()), [("c", Q2), ("e", Q1)]);
        assert!(names(&outbound).eq(["b", "d"]));
        outbound.set_window(2);
        check_resent(&outbound, &["b 2"]);
        assert_eq!(outbound.next(), Some((3, &("d", Q1))));
    }

    #[test]
    fn an_identifier_in_flight_is_not_given_again() {
        let mut outbound = in_flight(3, &[("stuck", Q1), ("released", Q2)]);
        outbound.pubrec(2, ReasonCode::Success);
        for _ in 0..65_533 {
            let id = outbound.offer(("x", Q1)).unwrap();
            assert_eq!(outbound.puback(id), Some(("x", Q1)));
        }
        assert_eq!(outbound.offer(("x", Q1)), Some(3));
    }

    #[test]
    fn the_whole_range_can_be_in_flight() {
        let mut outbound = Outbound::new(u16::MAX);
        let ids: Vec<_> = (0..=u16::MAX).map(|_| outbound.offer(("", Q1))).collect();
        assert!(ids[..65_535].iter().copied().eq((1..=u16::MAX).map(Some)));
        assert_eq!(ids[65_535], None);
        assert_eq!(outbound.puback(700), Some(("", Q1)));
        assert_eq!(outbound.next().map(|(id, ..)| id), Some(700));
    }

    #[test]
    fn the_oldest_that_waits_can_be_given_up() {
        let mut outbound = in_flight(1, &[("a", Q1), ("b", Q1), ("c", Q2)]);
        assert!(outbound.waiting_iter().eq(&[("b", Q1), ("c", Q2)]));
        assert_eq!(outbound.drop_oldest_waiting(), Some(("b", Q1)));
        assert_eq!(outbound.waiting(), 1);
        assert_eq!(outbound.drop_newest_waiting(), Some(("c", Q2)));
    }

    #[test]
    fn large_messages_wait_although_the_window_is_free() {
        struct Large;

        impl Owed for Large {
            fn qos(&self) -> QoS {
                QoS::AtLeastOnce
            }

            fn size(&self) -> usize {
                MAX_BYTES / 2
            }
        }

        let mut outbound = Outbound::new(9);
        assert_eq!((outbound.room(MAX_BYTES), outbound.room(MAX_BYTES + 1)), (9, 0));
        assert_eq!([(); 3].map(|()| outbound.offer(Large)), [Some(1), Some(2), None]);
        assert!(outbound.next().is_none());
        assert!(outbound.puback(1).is_some());
        assert_eq!(outbound.next().map(|(id, _)| id), Some(3));
        // The last in flight may be larger than what is left.
        assert!(outbound.puback(3).is_some());
        assert_eq!(outbound.room(1), 8);
    }
}
