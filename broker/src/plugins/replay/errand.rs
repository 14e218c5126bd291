//! What a plugin has asked of the broker, in words.

use mqtt::Publish;

use super::answer::bytes_in_words;
use crate::{
    services::{Errand, Packet},
    session::What,
};

pub(super) fn in_words(errand: &Errand) -> String {
    match errand {
        Errand::Publish(packet) => format!("publishes {}", message(packet)),
        Errand::Send(client_id, packet) => format!("sends {client_id} {}", message(packet)),
        Errand::Retain(packet) => format!("retains {}", message(packet)),
        Errand::Order(client_id, order) | Errand::Subscribe((client_id, order)) => {
            match &order.what {
                What::Close(kick) => {
                    format!(
                        "disconnects {client_id} with {:#04x} {}",
                        kick.reason as u8, kick.words
                    )
                }
                What::Subscribe { filter, options, .. } => {
                    format!("subscribes {client_id} to {filter}, options {}", options.bits())
                }
                What::Unsubscribe { filter } => format!("unsubscribes {client_id} from {filter}"),
            }
        }
    }
}

fn message(packet: &Packet) -> String {
    let Some((_, publish)) = packet.read() else { return String::new() };
    let Publish { topic, payload, qos, retain, .. } = publish;
    let retained = if retain { ", retained" } else { "" };
    format!("{topic} at {}{retained}: {}", qos as u8, bytes_in_words(payload))
}
