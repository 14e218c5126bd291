//! What one plugin is asked in on_before_deliver about the messages of a run for one receiver.

use plugin_abi::raw;

use super::parts::DeliverParts;
use super::{Offer, Ruling, Rulings};
use crate::hooks::chain::{Link, No};
use crate::hooks::client::flag;
use crate::hooks::point::{OnBeforeDeliver, Point};
use crate::hooks::record::{Calls, Treatment};
use crate::hooks::stats::Came;
use crate::plugins::{Answer, AnswerHandle};

/// What one plugin is asked about several messages for one receiver.
pub(super) struct Question<'e> {
    link: &'e Link<OnBeforeDeliver>,
    event: raw::Deliver<'e>,
    /// Bytes of payload that fit into the largest packet that the receiver takes.
    room: usize,
    /// The plugin wants to see payloads.
    is_shown: bool,
}

/// A message that is not simply allowed: where it stands, and what the plugin has said; `None`: it has not been
/// asked about it.
type Stop<'m> = (usize, Offer<'m>, Option<(i32, DeliverParts)>);

impl<'e> Question<'e> {
    pub(super) fn new(
        link: &'e Link<OnBeforeDeliver>,
        event: raw::Deliver<'e>,
        room: usize,
    ) -> Question<'e> {
        let is_shown = link.interest().is_none_or(|interest| !interest.without_payload);
        Question { link, event, room, is_shown }
    }

    /// Asks about each; what is not simply allowed is in `rulings` afterwards.
    pub(super) fn ask_all<'m: 'e>(
        &mut self,
        offers: impl Iterator<Item = Offer<'m>>,
        rulings: &mut Rulings,
    ) {
        let mut offers = offers.enumerate();
        while rulings.is_empty()
            && let Some(calls) = self.link.plain_calls()
        {
            match self.ask_in_a_row(&calls, &mut offers) {
                None => return,
                Some((index, offer, Some((code, parts)))) => {
                    rule(self.link, code, parts, offer, (index, rulings));
                }
                Some((index, offer, None)) => self.ask_one(offer, (index, rulings)),
            }
        }
        for (index, offer) in offers {
            self.ask_one(offer, (index, rulings));
        }
    }

    /// Asks about one message after the other until the plugin says more than that it may pass, or one
    /// has another QoS: most plugins just let most messages pass.
    #[inline]
    fn ask_in_a_row<'m: 'e>(
        &mut self,
        calls: &Calls<'_>,
        offers: &mut impl Iterator<Item = (usize, Offer<'m>)>,
    ) -> Option<Stop<'m>> {
        let first = offers.next()?;
        let qos = first.1.qos;
        // It must not move: the event has a handle of it.
        let answer = Answer::new(DeliverParts::new(qos, self.room));
        self.set_answer(answer.handle());
        let mut ask = |(index, offer): (usize, Offer<'m>)| {
            put(&mut self.event, offer, self.is_shown);
            let code = self.link.call_plainly(calls, &self.event);
            let is_plain = code == raw::CONTINUE && !answer.is_touched();
            (!is_plain).then_some((index, offer, Some(code)))
        };
        let stopped = ask(first).or_else(|| {
            offers.find_map(|(index, offer)| match offer.qos == qos {
                true => ask((index, offer)),
                false => Some((index, offer, None)),
            })
        });
        let (index, offer, code) = stopped?;
        Some((index, offer, code.map(|code| (code, answer.into_parts()))))
    }

    /// Asks about one as it has become, however the plugin is treated.
    fn ask_one<'m: 'e>(&mut self, offer: Offer<'m>, (index, rulings): (usize, &mut Rulings)) {
        let link = self.link;
        let qos = rulings.of(index).qos(offer);
        let answer = Answer::new(DeliverParts::new(qos, self.room));
        self.set_answer(answer.handle());
        let treatment = link.treatment();
        let words = || answer.with(|parts| parts.reason().map(Into::into));
        let code = match rulings.of(index) {
            Ruling::Allowed => {
                put(&mut self.event, offer, self.is_shown);
                ask_as(treatment, link, &self.event, words)
            }
            Ruling::Vetoed => return,
            Ruling::Edited(edited) => {
                let mut event = raw::Deliver { ..self.event };
                put(&mut event, edited.offer(offer), self.is_shown);
                ask_as(treatment, link, &event, words)
            }
        };
        if code == raw::CONTINUE && !answer.is_touched() && treatment != Treatment::TryOut {
            return;
        }
        match treatment {
            Treatment::Ask => rule(link, code, answer.into_parts(), offer, (index, rulings)),
            _ => tried_out(link, treatment, code, (index, rulings)),
        }
    }

    fn set_answer(&mut self, handle: AnswerHandle) {
        (self.event.answer_ctx, self.event.answer) = (handle.context, handle.function);
    }
}

/// Puts into the event what differs from one message to the next.
#[inline]
pub(super) fn put<'e>(event: &mut raw::Deliver<'e>, offer: Offer<'e>, is_shown: bool) {
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
