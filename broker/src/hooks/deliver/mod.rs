//! on_before_deliver: all messages of a run, for one receiver after the other.
//!
//! What plugins are told is made once for each receiver; from message to message only what differs is
//! put into it. As long as all of a run goes out as it is, nothing is noted down.

use mqtt::{PropertyBuffer, QoS};
use plugin_abi::raw;

use super::chain::{Chain, Link};
use super::client::{flag, size};
use super::point::{OnBeforeDeliver, Point};
use super::running::{self, Running};
use super::{Client, Origin};
use crate::plugins::AnswerHandle;

mod edited;
mod parts;
mod question;

use edited::Edited;
use question::{Question, put};

/// Messages to one topic on their way to their receivers, and the plugins that are asked.
pub(crate) struct Deliveries<'a> {
    chain: &'a Chain<OnBeforeDeliver>,
    sender: Sender<'a>,
    topic: &'a str,
    /// A bit for each of the first 64 plugins that want nothing of the topic; the others are asked.
    unwanted: u64,
    _running: Running,
}

/// Who has brought messages about.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// Empty if it is not known any more.
    pub(crate) client_id: &'a str,
    pub(crate) origin: Origin<'a>,
}

impl Sender<'_> {
    /// Nobody knows any more.
    pub(crate) const UNKNOWN: Sender<'static> = Sender { client_id: "", origin: Origin::Client };
}

/// Who is to get messages, and how.
pub(crate) struct Receiver<'a> {
    pub(crate) client: Client<'a>,
    /// The filter of the shared subscription by which it gets them.
    pub(crate) share: Option<&'a str>,
    /// They were kept for it, and are not just being published.
    pub(crate) retained: bool,
    /// The largest packet that it takes, in bytes.
    pub(crate) max_packet: u32,
}

/// A message as its receiver is to get it.
#[derive(Clone, Copy)]
pub(crate) struct Offer<'a> {
    pub(crate) payload: &'a [u8],
    /// Without their length.
    pub(crate) properties: &'a [u8],
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
}

/// What the plugins have decided about one message.
pub(crate) enum Ruling {
    Allowed,
    Vetoed,
    Edited(Box<Edited>),
}

impl Ruling {
    /// The QoS that a message has now.
    #[inline]
    fn qos(&self, offer: Offer<'_>) -> QoS {
        match self {
            Ruling::Edited(edited) => edited.offer(offer).qos,
            Ruling::Allowed | Ruling::Vetoed => offer.qos,
        }
    }
}

/// What they have decided about several.
#[derive(Default)]
pub(crate) struct Rulings {
    /// Empty if all of them are allowed.
    each: Vec<Ruling>,
}

impl Rulings {
    /// Whether all messages go out as they are.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    pub(crate) fn of(&self, index: usize) -> &Ruling {
        self.each.get(index).unwrap_or(&Ruling::Allowed)
    }

    pub(crate) fn clear(&mut self) {
        self.each.clear();
    }

    fn set(&mut self, index: usize, ruling: Ruling) {
        if self.each.len() <= index {
            self.each.resize_with(index + 1, || Ruling::Allowed);
        }
        if let Some(place) = self.each.get_mut(index) {
            *place = ruling;
        }
    }
}

impl<'a> Deliveries<'a> {
    pub(super) fn new(
        chain: &'a Chain<OnBeforeDeliver>,
        sender: Sender<'a>,
        topic: &'a str,
    ) -> Deliveries<'a> {
        let mut unwanted = 0;
        for (link, bit) in chain.links().zip((0..u64::BITS).map(|index| 1 << index)) {
            if link.interest().is_some_and(|interest| !interest.wants_topic(topic)) {
                unwanted |= bit;
            }
        }
        let _running = running::enter(OnBeforeDeliver::NAME);
        Deliveries { chain, sender, topic, unwanted, _running }
    }

    /// Asks about each of `offers`; what is not simply allowed is in `rulings` afterwards. Plugins that
    /// are named later see what those before them have edited, and are not asked about what was vetoed.
    pub(crate) fn ask<'m>(
        &self,
        receiver: &Receiver<'_>,
        offers: &(impl Iterator<Item = Offer<'m>> + Clone),
        rulings: &mut Rulings,
    ) {
        rulings.clear();
        let client = receiver.client.to_raw();
        if self.chain.is_recorded() {
            self.record((receiver, &client), offers.clone());
        }
        for (index, link) in self.chain.links().enumerate() {
            if self.is_wanted(index, link, receiver) {
                self.ask_link(link, (receiver, &client), offers.clone(), rulings);
            }
        }
    }

    #[cold]
    fn record<'m>(
        &self,
        (receiver, client): (&Receiver<'_>, &raw::Client<'_>),
        offers: impl Iterator<Item = Offer<'m>>,
    ) {
        let mut event = self.event(receiver, client);
        for offer in offers {
            put(&mut event, offer, true);
            self.chain.record(&event);
        }
    }

    /// Whether the plugin wants to be asked about messages to the topic for this receiver.
    #[inline]
    fn is_wanted(
        &self,
        index: usize,
        link: &Link<OnBeforeDeliver>,
        receiver: &Receiver<'_>,
    ) -> bool {
        let Some(interest) = link.interest() else { return true };
        let is_unwanted =
            u32::try_from(index).ok().and_then(|index| self.unwanted.checked_shr(index));
        is_unwanted.is_none_or(|bits| bits & 1 == 0)
            && interest.wants_listener(receiver.client.listener)
    }

    /// Asks about one message.
    pub(crate) fn ask_one(&self, receiver: &Receiver<'_>, offer: Offer<'_>) -> Ruling {
        let mut rulings = Rulings::default();
        self.ask(receiver, &std::iter::once(offer), &mut rulings);
        rulings.each.pop().unwrap_or(Ruling::Allowed)
    }

    fn ask_link<'m>(
        &self,
        link: &Link<OnBeforeDeliver>,
        (receiver, client): (&Receiver<'_>, &raw::Client<'_>),
        offers: impl Iterator<Item = Offer<'m>>,
        rulings: &mut Rulings,
    ) {
        let event = self.event(receiver, client);
        Question::new(link, event, receiver.max_packet as usize).ask_all(offers, rulings);
    }

    /// What the messages have in common.
    fn event<'e>(
        &'e self,
        receiver: &'e Receiver<'_>,
        client: &'e raw::Client<'e>,
    ) -> raw::Deliver<'e> {
        raw::Deliver {
            size: size::<raw::Deliver<'_>>(),
            qos: 0,
            retain: 0,
            retained: flag(receiver.retained),
            origin: self.sender.origin.to_raw(),
            client: client.into(),
            publisher: raw::Text::new(self.sender.client_id),
            topic: raw::Text::new(self.topic),
            payload: raw::View::new(&[]),
            properties: raw::View::new(&[]),
            share: raw::Text::new(receiver.share.unwrap_or_default()),
            source: self.sender.origin.source(),
            payload_len: 0,
            answer_ctx: AnswerHandle::CLOSED.context,
            answer: AnswerHandle::CLOSED.function,
        }
    }
}
