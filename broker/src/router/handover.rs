//! What becomes of the messages of a shared subscription when the member that was to get them goes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use mqtt::QoS;

use super::{Router, Share, Target, Whom};
use crate::hooks::{Hooks, Ruling, Sender};
use crate::session::{DropCause, Message, Session};
use crate::shard::Shard;

impl Router {
    /// Takes back what a client that has gone was not sent, or has not acknowledged at QoS 1, and gives
    /// it to members that are connected and have room for it. The rest stays for the client's return, as
    /// does a QoS 2 delivery that has begun. [MQTT-4.8.2-4]
    pub(crate) fn hand_over(&self, session: &Arc<Session>, shard: &mut Shard) {
        let owed = session.outbox.lock().shares();
        for (filter, count) in owed {
            let Some(share) = self.share(&filter) else { continue };
            let heirs = connected(&share, session);
            for part in [count.div_ceil(heirs.len().max(1)), count] {
                for heir in &heirs {
                    let spare = heir.session.outbox.lock().spare(&shard.outgoing.limits);
                    let taken = session.outbox.lock().take_back(&filter, part, spare);
                    let kept = taken.iter().filter(|message| message.qos > QoS::AtMostOnce);
                    let numbers: Vec<_> = kept.map(Message::number).collect();
                    let refused = give(taken, &share, heir, shard);
                    let mut outbox = session.outbox.lock();
                    if refused.is_empty() {
                        // The heir has them, and that is noted before this is.
                        numbers.into_iter().for_each(|number| outbox.ledger.done(number));
                    }
                    outbox.put_back(refused);
                    shard.outgoing.collect(session, &mut outbox);
                }
            }
        }
    }

    /// The same for a session that has ended: other members take all there is, those who are connected
    /// if there are any, and the limits of their queues decide. [MQTT-4.8.2-5]
    pub(crate) fn inherit(
        &self,
        session: &Arc<Session>,
        messages: Vec<Message>,
        shard: &mut Shard,
    ) {
        let mut of_share: HashMap<Box<str>, VecDeque<Message>> = HashMap::new();
        for message in messages {
            if let Some(filter) = message.share() {
                of_share.entry(filter.into()).or_default().push_back(message);
            }
        }
        for (filter, mut messages) in of_share {
            // Who goes meanwhile takes nothing; then it is the others' turn.
            while !messages.is_empty()
                && let Some(share) = self.share(&filter)
            {
                let mut heirs = connected(&share, session);
                if heirs.is_empty() {
                    heirs = share.members().to_vec();
                }
                let part = messages.len().div_ceil(heirs.len().max(1));
                for heir in &heirs {
                    let rest = messages.split_off(part.min(messages.len()));
                    let part = std::mem::replace(&mut messages, rest);
                    let refused = give(part, &share, heir, shard);
                    messages.extend(refused);
                }
            }
            // Nobody is left.
            for message in messages {
                shard.outgoing.forget(session, message);
            }
        }
    }
}

/// The other members that are connected.
fn connected(share: &Share, session: &Session) -> Vec<Target> {
    let members = share.members();
    let others = members.iter().filter(|member| !std::ptr::eq(&*member.session, session));
    others.filter(|member| member.session.outbox.lock().link().is_some()).cloned().collect()
}

/// Returns the messages if the heir has gone meanwhile.
fn give(
    messages: VecDeque<Message>,
    share: &Share,
    heir: &Target,
    shard: &mut Shard,
) -> VecDeque<Message> {
    if messages.is_empty() {
        return messages;
    }
    let now = shard.second();
    let rulings = ask(&messages, heir, &shard.hooks);
    let outgoing = &mut shard.outgoing;
    let limits = outgoing.limits;
    let mut outbox = heir.session.outbox.lock();
    if outbox.has_ended() || share.member(&heir.session).is_none() {
        return messages;
    }
    outbox.lend_buffer(&mut outgoing.pool);
    outbox.watch(outgoing.watched);
    let rulings = rulings.into_iter().chain(std::iter::repeat_with(|| Ruling::Allowed));
    for (message, ruling) in messages.into_iter().zip(rulings) {
        let mut message = inherited(message, heir);
        match ruling {
            Ruling::Allowed => {}
            Ruling::Vetoed => {
                outbox.drop_message(DropCause::Vetoed, || message);
                continue;
            }
            Ruling::Edited(edited) => message = edited.apply(&message),
        }
        if outbox.link().is_some() {
            outbox.send(message, now, &limits);
        } else {
            outbox.keep(message, &limits);
        }
    }
    outgoing.mark(&heir.session, outbox);
    VecDeque::new()
}

/// The message as the heir is to get it.
fn inherited(mut message: Message, heir: &Target) -> Message {
    message.qos = message.qos.min(heir.qos); // [MQTT-4.8.2-3]
    // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    message.retain = message.retain.shown_if(heir.retain_as_published);
    message.matched_by.clone_from(&heir.matched_by);
    message
}

/// What the plugins say about each message for the heir; nothing where none has to be asked. Who has
/// published them is not known any more.
fn ask(messages: &VecDeque<Message>, heir: &Target, hooks: &Hooks) -> Vec<Ruling> {
    if !hooks.watches_deliveries() {
        return Vec::new();
    }
    let whom = Whom::of(&heir.session.outbox.lock());
    let ask = |message: &Message| {
        let message = inherited(message.clone(), heir);
        let topic = message.publish(0, false).topic;
        let deliveries = hooks.on_before_deliver(Sender::UNKNOWN, topic)?;
        Some(whom.ask(&deliveries, &heir.session, &message, false))
    };
    messages.iter().filter_map(ask).collect()
}
