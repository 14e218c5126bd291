//! on_before_deliver: all messages of a run, for one receiver after the other.
//!
//! What plugins are told is made once for each receiver; from message to message only what differs is
//! put into it. As long as all of a run goes out as it is, nothing is noted down.

use mqtt::{PropertyBuffer, QoS};
use plugin_abi::raw;

use super::chain::{Chain, Link, No};
use super::client::{flag, size};
use super::point::{OnBeforeDeliver, Point};
use super::record::Treatment;
use super::running::{self, Running};
use super::stats::Came;
use super::{Client, Origin};
use crate::plugins::{Answer, AnswerHandle};

mod edited;
mod parts;

use edited::Edited;
use parts::DeliverParts;

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
        for (index, link) in self.chain.links().enumerate() {
            if self.is_wanted(index, link, receiver) {
                self.ask_link(link, (receiver, &client), offers.clone(), rulings);
            }
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
        let room = receiver.max_packet as usize;
        let is_shown = link.interest().is_none_or(|interest| !interest.without_payload);
        // It must not move: the event has a handle of it.
        let mut answer = Answer::new(DeliverParts::new(QoS::ExactlyOnce, room));
        let mut event = self.event(receiver, client);
        (event.answer_ctx, event.answer) = (answer.handle().context, answer.handle().function);
        let mut qos = QoS::ExactlyOnce;
        let mut calls = link.plain_calls();
        for (index, offer) in offers.enumerate() {
            let offered = rulings.of(index).qos(offer);
            if offered != qos {
                qos = offered;
                answer = Answer::new(DeliverParts::new(qos, room));
            }
            let treatment = if calls.is_some() { Treatment::Ask } else { link.treatment() };
            let words = || answer.with(|parts| parts.reason().map(Into::into));
            let code = match rulings.of(index) {
                Ruling::Allowed => {
                    put(&mut event, offer, is_shown);
                    match &calls {
                        Some(calls) => link.call_plainly(calls, &event),
                        None => ask_as(treatment, link, &event, words),
                    }
                }
                Ruling::Vetoed => continue,
                Ruling::Edited(edited) => {
                    let mut event = raw::Deliver { ..event };
                    put(&mut event, edited.offer(offer), is_shown);
                    ask_as(treatment, link, &event, words)
                }
            };
            let is_plain = code == raw::CONTINUE && !answer.is_touched();
            if is_plain && treatment != Treatment::TryOut {
                continue;
            }
            let next = Answer::new(DeliverParts::new(qos, room));
            let parts = std::mem::replace(&mut answer, next).into_parts();
            match treatment {
                Treatment::Ask => rule(link, code, parts, offer, (index, rulings)),
                _ => tried_out(link, treatment, code, (index, rulings)),
            }
            // After a failure it may be treated otherwise.
            calls = link.plain_calls();
        }
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

/// Puts into the event what differs from one message to the next.
#[inline]
fn put<'e>(event: &mut raw::Deliver<'e>, offer: Offer<'e>, is_shown: bool) {
    event.qos = offer.qos as u8;
    event.retain = flag(offer.retain);
    event.payload = raw::View::new(if is_shown { offer.payload } else { &[] });
    event.properties = raw::View::new(offer.properties);
    event.payload_len = offer.payload.len() as u64;
}

/// The answer of a plugin that is treated so. One that is not asked vetoes if it is not to be gone on
/// without.
#[inline]
fn ask_as(
    treatment: Treatment,
    link: &Link<OnBeforeDeliver>,
    event: &raw::Deliver<'_>,
    words: impl FnOnce() -> Option<Box<str>>,
) -> i32 {
    match treatment {
        // Nobody can wait for its answer, and so it is never handed over.
        Treatment::Ask | Treatment::TryOut | Treatment::HandOver => link.call_wanted(event, words),
        Treatment::Skip if link.skip(event).is_some() => raw::VETO,
        Treatment::Skip => raw::CONTINUE,
    }
}

/// What it means that a plugin which is not just asked has answered so. A shadow is compared with those
/// before it: what the ones after it decide of each message is not kept.
#[cold]
fn tried_out(
    link: &Link<OnBeforeDeliver>,
    treatment: Treatment,
    code: i32,
    (index, rulings): (usize, &mut Rulings),
) {
    if treatment == Treatment::Skip {
        rulings.set(index, Ruling::Vetoed);
    } else if let Some(says_no) = link.tried_out(code) {
        let came = if says_no { Came::WouldRefuse } else { Came::Agreed };
        link.record().count(OnBeforeDeliver::INDEX, came);
    }
}

/// Notes down what an answer means that is more than to continue.
#[cold]
fn rule(
    link: &Link<OnBeforeDeliver>,
    code: i32,
    parts: DeliverParts,
    offer: Offer<'_>,
    (index, rulings): (usize, &mut Rulings),
) {
    if code != raw::CONTINUE {
        match link.says_no(code) {
            Some(No::Silent) => rulings.set(index, Ruling::Vetoed),
            Some(No::Told(reason)) => {
                link.note_refusal(reason, parts.reason());
                rulings.set(index, Ruling::Vetoed);
            }
            None => {}
        }
        return;
    }
    let before = match rulings.of(index) {
        Ruling::Edited(edited) => Some(&**edited),
        Ruling::Allowed | Ruling::Vetoed => None,
    };
    if let Some(edited) = parts.edit(before, offer) {
        rulings.set(index, Ruling::Edited(Box::new(edited)));
    }
}
