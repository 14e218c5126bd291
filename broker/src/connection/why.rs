//! Reason Strings: one sentence for people about a refusal that its reason code alone does not
//! explain. Never anything that the client must not know.

use std::borrow::Cow;

use mqtt::{Property, PropertyBuffer, ReasonCode};

use crate::hooks::Refusal;

const NOT_UTF8: &str = "the payload is not UTF-8, as its Payload Format Indicator says it is";

/// Why a CONNECT was refused.
pub(super) fn connect_refused(reason: ReasonCode) -> Option<&'static str> {
    Some(match reason {
        ReasonCode::ServerUnavailable => "the broker is stopping",
        ReasonCode::ClientIdentifierNotValid => {
            "the client identifier is too long, or begins with $plugin/"
        }
        ReasonCode::QuotaExceeded => {
            "too many user properties, too many sessions, or too little memory"
        }
        ReasonCode::TopicNameInvalid => {
            "the will topic is too long, has too many levels, or begins with $"
        }
        ReasonCode::PayloadFormatInvalid => NOT_UTF8,
        ReasonCode::ConnectionRateExceeded => {
            "the client identifier is in use and has been taken over too often"
        }
        ReasonCode::ServerBusy => {
            "a newer connection has the client identifier, or the disk cannot keep up"
        }
        ReasonCode::PacketTooLarge => "CONNACK would be larger than the Maximum Packet Size",
        _ => return None,
    })
}

/// A message went to its subscribers, and that is all.
pub(super) const NOT_RETAINED: Refusal = Refusal {
    reason: ReasonCode::QuotaExceeded,
    why: Some(Cow::Borrowed("delivered but not retained: there is no room")),
};

/// It would have to be kept, and goes nowhere.
pub(super) const NO_SPACE: Refusal = Refusal {
    reason: ReasonCode::QuotaExceeded,
    why: Some(Cow::Borrowed("the broker has no space to keep it")),
};

/// What the client of a PUBLISH hears.
pub(super) fn publish_refused(reason: ReasonCode) -> Refusal {
    refusal(
        reason,
        match reason {
            ReasonCode::TopicNameInvalid => {
                Some("the topic name is too long, has too many levels, or begins with $")
            }
            ReasonCode::PayloadFormatInvalid => Some(NOT_UTF8),
            _ => None,
        },
    )
}

/// What the client hears of a filter of its SUBSCRIBE.
pub(super) fn subscribe_refused(reason: ReasonCode) -> Refusal {
    refusal(
        reason,
        match reason {
            ReasonCode::TopicFilterInvalid => {
                Some("a topic filter is malformed, too long, or has too many levels")
            }
            ReasonCode::QuotaExceeded => Some("too many topic filters"),
            _ => None,
        },
    )
}

fn refusal(reason: ReasonCode, why: Option<&'static str>) -> Refusal {
    Refusal { reason, why: why.map(Cow::Borrowed) }
}

/// The properties that say so.
pub(super) fn reason_string(why: Option<&str>) -> PropertyBuffer {
    let mut properties = PropertyBuffer::new();
    if let Some(why) = why {
        properties.push(Property::ReasonString(why));
    }
    properties
}
