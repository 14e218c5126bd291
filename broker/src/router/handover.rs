//! What becomes of the messages of a shared subscription when the member that was to get them goes.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Router, Share, Target};
use crate::session::{Message, Session};
use crate::shard::Outgoing;

/// Which of the other members may have them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heirs {
    /// The member may come back: only who can have them now.
    Connected,
    /// The member's session has ended: who is away, too.
    All,
}

impl Router {
    /// Takes back what `session`, whose client has gone, has not been sent, or not acknowledged at
    /// QoS 1, and gives it to other members. A QoS 2 delivery that has begun stays where it is.
    /// [MQTT-4.8.2-4] [MQTT-4.8.2-5]
    pub(crate) fn hand_over(
        &self,
        session: &Arc<Session>,
        heirs: Heirs,
        outgoing: &mut Outgoing,
        now: u32,
    ) {
        let filters = session.outbox.lock().shares();
        let shares = filters.into_iter().filter_map(|filter| self.share(&filter));
        let shares: Vec<_> =
            shares.filter(|share| !others(share, session, heirs).is_empty()).collect();
        if shares.is_empty() {
            return;
        }
        let of: HashSet<&str> = shares.iter().map(|share| &*share.filter).collect();
        let messages = session.outbox.lock().take_back(&of);
        for message in messages {
            let Some(filter) = message.share() else { continue };
            let Some(share) = shares.iter().find(|share| *share.filter == *filter) else {
                continue;
            };
            let others = others(share, session, heirs);
            match share.next(&others, &outgoing.limits) {
                Some(heir) => give(message, heir, outgoing, now),
                None => session.outbox.lock().keep(message, &outgoing.limits),
            }
        }
    }
}

fn others(share: &Share, session: &Session, heirs: Heirs) -> Vec<Target> {
    let members = share.members();
    let others = members.iter().filter(|member| !std::ptr::eq(&*member.session, session));
    let may =
        |member: &&Target| heirs == Heirs::All || member.session.outbox.lock().link().is_some();
    others.filter(may).cloned().collect()
}

fn give(mut message: Message, heir: &Target, outgoing: &mut Outgoing, now: u32) {
    message.qos = message.qos.min(heir.qos); // [MQTT-4.8.2-3]
    message.matched_by.clone_from(&heir.matched_by);
    let limits = outgoing.limits;
    let mut outbox = heir.session.outbox.lock();
    if outbox.link().is_some() {
        outbox.lend_buffer(&mut outgoing.pool);
        outbox.send(message, now, &limits);
    } else {
        outbox.keep(message, &limits);
    }
    outgoing.mark(&heir.session, outbox);
}
