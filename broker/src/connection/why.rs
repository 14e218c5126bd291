//! Reason Strings: one sentence for people about a refusal that its reason code alone does not
//! explain. Never anything that the client must not know.

use mqtt::{Property, PropertyBuffer, ReasonCode};

const NOT_UTF8: &str = "the payload is not UTF-8, as its Payload Format Indicator says it is";

/// Why a CONNECT was refused.
pub(super) fn connect_refused(reason: ReasonCode) -> Option<&'static str> {
    Some(match reason {
        ReasonCode::ServerUnavailable => "the broker is stopping",
        ReasonCode::ClientIdentifierNotValid => "the client identifier is too long",
        ReasonCode::QuotaExceeded => "too many user properties, or too many sessions",
        ReasonCode::TopicNameInvalid => {
            "the will topic is too long, has too many levels, or begins with $"
        }
        ReasonCode::PayloadFormatInvalid => NOT_UTF8,
        ReasonCode::ConnectionRateExceeded => {
            "the client identifier is in use and has been taken over too often"
        }
        ReasonCode::ServerBusy => "a newer connection has the client identifier",
        ReasonCode::PacketTooLarge => "CONNACK would be larger than the Maximum Packet Size",
        _ => return None,
    })
}

/// Why a PUBLISH was refused.
pub(super) fn publish_refused(reason: ReasonCode) -> Option<&'static str> {
    Some(match reason {
        ReasonCode::TopicNameInvalid => {
            "the topic name is too long, has too many levels, or begins with $"
        }
        ReasonCode::PayloadFormatInvalid => NOT_UTF8,
        ReasonCode::QuotaExceeded => "delivered but not retained: there is no room",
        _ => return None,
    })
}

/// Why the first of the refused filters of a SUBSCRIBE was refused.
pub(super) fn subscribe_refused(reasons: &[ReasonCode]) -> Option<&'static str> {
    let refused = reasons.iter().find(|reason| reason.is_error())?;
    Some(match refused {
        ReasonCode::TopicFilterInvalid => {
            "a topic filter is malformed, too long, or has too many levels"
        }
        ReasonCode::SharedSubscriptionsNotSupported => "shared subscriptions are not available",
        ReasonCode::QuotaExceeded => "too many topic filters",
        _ => return None,
    })
}

/// The properties that say so.
pub(super) fn reason_string(why: Option<&str>) -> PropertyBuffer {
    let mut properties = PropertyBuffer::new();
    if let Some(why) = why {
        properties.push(Property::ReasonString(why));
    }
    properties
}
