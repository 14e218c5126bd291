//! What a plugin hands over while a hook runs that decides: words, a throttle, and changes of the
//! event, each looked at as it comes. Not on_auth, which has parts of its own.

use std::time::Duration;

use mqtt::{
    Identifier, PacketType, Place, Properties, Property, PropertyBuffer, QoS, SubscriptionOptions,
};
use plugin_abi::raw;

use super::edits::{Edits, with_property, without_property};
use crate::config::Limits;
use crate::plugins::{LONGEST, Parts, text};

/// Nobody takes packets that say more about anything.
pub(super) const PUBLISH: Place = Place::Packet(PacketType::Publish);
const CONNACK: Place = Place::Packet(PacketType::ConnAck);

/// What plugins hand over in the hooks that decide.
pub(super) struct VerdictParts<'a> {
    scope: Scope<'a>,
    /// Hardly ever anything: it costs nothing until then.
    handed: Option<Box<Handed>>,
}

/// What a plugin has handed over.
#[derive(Default)]
pub(super) struct Handed {
    pub(super) reason: Option<Box<str>>,
    /// Of several the longest.
    pub(super) throttle: Duration,
    pub(super) edits: Option<Box<Edits>>,
    /// Something could not stand in its packet, and the worst reason why.
    pub(super) unfit: Option<Unfit>,
}

/// Why a change cannot stand in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unfit {
    /// The broker takes none as large. What the client has sent may have left too little room.
    TooLarge,
    /// It never can.
    Malformed,
}

/// What a plugin may change, and of what.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The parts that the hook takes.
    pub(super) takes: &'static [u32],
    /// The plugin is asked again.
    pub(super) closed: bool,
    pub(super) limits: &'a Limits,
    /// The properties of the message, as the plugin sees them.
    pub(super) properties: &'a [u8],
    /// What CONNACK is to say by now.
    pub(super) connack: Properties<'a>,
}

impl<'a> VerdictParts<'a> {
    pub(super) fn new(scope: Scope<'a>) -> VerdictParts<'a> {
        VerdictParts { scope, handed: None }
    }

    /// What the plugin has said in words.
    pub(super) fn words(&self) -> Option<Box<str>> {
        self.handed.as_ref()?.reason.clone()
    }

    /// What the plugin has handed over.
    pub(super) fn into_handed(self) -> Handed {
        self.handed.map_or_else(Handed::default, |handed| *handed)
    }

    fn handed(&mut self) -> &mut Handed {
        self.handed.get_or_insert_default()
    }

    /// Keeps a change.
    fn edit(&mut self, part: u32, value: &[u8]) -> Result<(), Unfit> {
        let Scope { limits, .. } = self.scope;
        let edits = self.handed().edits.get_or_insert_default();
        match part {
            raw::ANSWER_TOPIC => edits.topic = Some(topic(value, limits)?),
            raw::ANSWER_FILTER => {
                let filter = words(value)?;
                well_formed(mqtt::topic::check_topic_filter(&filter).ok())?;
                edits.filter = Some(within(limits.accepts_filter(&filter), filter)?);
            }
            raw::ANSWER_PAYLOAD => {
                let fits = value.len() < limits.max_packet_size as usize;
                edits.payload = Some(within(fits, value)?.into());
            }
            raw::ANSWER_QOS => edits.qos = Some(well_formed(byte(value).and_then(QoS::from_bits))?),
            raw::ANSWER_RETAIN => edits.retain = Some(well_formed(flag(value))?),
            raw::ANSWER_KEPT => edits.kept = Some(well_formed(flag(value))?),
            raw::ANSWER_OPTIONS => {
                let options = byte(value).map(SubscriptionOptions::from_bits);
                edits.options = Some(well_formed(options.and_then(Result::ok))?);
            }
            raw::ANSWER_CLIENT_ID => {
                let id = well_formed(Some(words(value)?).filter(|id| !id.is_empty()))?;
                edits.client_id = Some(within(id.len() <= limits.max_client_id_length, id)?);
            }
            raw::ANSWER_USERNAME => edits.username = Some(words(value)?),
            raw::ANSWER_SESSION_EXPIRY => {
                let seconds = well_formed(value.try_into().ok())?;
                edits.session_expiry = Some(u32::from_ne_bytes(seconds));
            }
            raw::ANSWER_KEEP_ALIVE => {
                let seconds = well_formed(value.try_into().ok())?;
                edits.keep_alive = Some(u16::from_ne_bytes(seconds));
            }
            _ => self.edit_properties(part, value)?,
        }
        Ok(())
    }

    fn edit_properties(&mut self, part: u32, value: &[u8]) -> Result<(), Unfit> {
        let Scope { limits, properties, connack, .. } = self.scope;
        let edits = self.handed().edits.get_or_insert_default();
        let of_message = edits
            .properties
            .as_ref()
            .map_or_else(|| Properties::from_validated(properties), PropertyBuffer::as_properties);
        let of_connack = edits.connack.as_ref().map_or(connack, PropertyBuffer::as_properties);
        let accepted =
            |block: PropertyBuffer| within(limits.accepts_properties(block.as_properties()), block);
        match part {
            raw::ANSWER_SET_PROPERTY => {
                let property = well_formed(property(value, PUBLISH))?;
                edits.properties = Some(accepted(with_property(of_message, property))?);
            }
            raw::ANSWER_REMOVE_PROPERTY => {
                let (identifier, name) = well_formed(removed(value))?;
                edits.properties = Some(without_property(of_message, identifier, name));
            }
            _ => {
                let property = well_formed(property(value, CONNACK))?;
                edits.connack = Some(accepted(with_property(of_connack, property))?);
            }
        }
        Ok(())
    }
}

impl Parts for VerdictParts<'_> {
    fn take(&mut self, part: u32, value: &[u8]) -> i32 {
        match part {
            raw::ANSWER_REASON => match text(value) {
                Ok(reason) => {
                    self.handed().reason = Some(reason).filter(|reason| !reason.is_empty());
                }
                Err(unfit) => return unfit,
            },
            raw::ANSWER_THROTTLE => match value.try_into().map(u32::from_ne_bytes) {
                Ok(milliseconds) => {
                    let throttle = &mut self.handed().throttle;
                    *throttle = Duration::from_millis(milliseconds.into()).max(*throttle);
                }
                Err(_) => return raw::UNFIT,
            },
            part if !self.scope.takes.contains(&part) => return raw::UNKNOWN,
            _ if self.scope.closed => return raw::CLOSED,
            part => {
                if let Err(unfit) = self.edit(part, value) {
                    let worst = &mut self.handed().unfit;
                    *worst = Some(unfit).max(*worst);
                    return raw::UNFIT;
                }
            }
        }
        raw::TAKEN
    }
}

fn well_formed<T>(value: Option<T>) -> Result<T, Unfit> {
    value.ok_or(Unfit::Malformed)
}

fn within<T>(fits: bool, value: T) -> Result<T, Unfit> {
    if fits { Ok(value) } else { Err(Unfit::TooLarge) }
}

fn words(value: &[u8]) -> Result<Box<str>, Unfit> {
    well_formed(text(within(value.len() <= LONGEST, value)?).ok())
}

fn topic(value: &[u8], limits: &Limits) -> Result<Box<str>, Unfit> {
    let topic = words(value)?;
    let is_free = !topic.starts_with('$') && mqtt::topic::check_topic_name(&topic).is_ok();
    let topic = well_formed(is_free.then_some(topic))?;
    within(limits.accepts_topic(&topic), topic)
}

fn byte(value: &[u8]) -> Option<u8> {
    match value {
        [byte] => Some(*byte),
        _ => None,
    }
}

fn flag(value: &[u8]) -> Option<bool> {
    byte(value).filter(|flag| *flag <= 1).map(|flag| flag == 1)
}

/// The one property in `value`, if a plugin may set it there.
pub(super) fn property(value: &[u8], place: Place) -> Option<Property<'_>> {
    let mut all = Properties::check(value, place).ok()?.iter();
    let property = all.next().filter(|property| is_free(property.identifier(), place))?;
    all.next().is_none().then_some(property)
}

/// What is removed, and the name of a user property.
pub(super) fn removed(value: &[u8]) -> Option<(Identifier, &str)> {
    let (identifier, name) = value.split_first()?;
    let identifier = Identifier::from_u8(*identifier).filter(|it| is_free(*it, PUBLISH))?;
    let name = std::str::from_utf8(name).ok()?;
    (name.is_empty() || identifier == Identifier::UserProperty).then_some((identifier, name))
}

/// Whether a plugin may decide about it: the others are the broker's own affair with each client.
fn is_free(identifier: Identifier, place: Place) -> bool {
    use Identifier::{
        ContentType, CorrelationData, MessageExpiryInterval, PayloadFormatIndicator,
        ResponseInformation, ResponseTopic, ServerReference, UserProperty,
    };
    match identifier {
        UserProperty => true,
        ResponseInformation | ServerReference => place == CONNACK,
        PayloadFormatIndicator
        | MessageExpiryInterval
        | ContentType
        | ResponseTopic
        | CorrelationData => place == PUBLISH,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use plugin_abi::raw::{
        ANSWER_CLIENT_ID, ANSWER_CONNACK_PROPERTY, ANSWER_DATA, ANSWER_FILTER, ANSWER_KEEP_ALIVE,
        ANSWER_KEPT, ANSWER_OPTIONS, ANSWER_PAYLOAD, ANSWER_QOS, ANSWER_REASON,
        ANSWER_REMOVE_PROPERTY, ANSWER_RETAIN, ANSWER_SESSION_EXPIRY, ANSWER_SET_PROPERTY,
        ANSWER_THROTTLE, ANSWER_TOPIC, ANSWER_USERNAME, CLOSED, TAKEN, UNFIT, UNKNOWN,
    };

    const ALL: &[u32] = &[6, 7, 8, 9, 10, 11, 12, 13, 14, 3, 15, 16, 17, 18];

    fn scope(limits: &Limits) -> Scope<'_> {
        let connack = Properties::EMPTY;
        Scope { takes: ALL, closed: false, limits, properties: b"\x26\0\x01n\0\x01v", connack }
    }

    #[test]
    fn parts_are_taken_if_they_are_what_they_should_be() {
        let limits = Limits::default();
        let mut parts = VerdictParts::new(Scope { takes: &[], ..scope(&limits) });
        for (part, value, returned) in [
            (ANSWER_REASON, &b"why"[..], TAKEN),
            (ANSWER_REASON, b"\xFF", UNFIT),
            (ANSWER_THROTTLE, &3u32.to_ne_bytes(), TAKEN),
            (ANSWER_THROTTLE, &2u32.to_ne_bytes(), TAKEN),
            (ANSWER_THROTTLE, &9u64.to_ne_bytes(), UNFIT),
            (ANSWER_THROTTLE, b"", UNFIT),
            (ANSWER_DATA, b"x", UNKNOWN),
            (ANSWER_TOPIC, b"x", UNKNOWN),
            (99, b"x", UNKNOWN),
        ] {
            assert_eq!(parts.take(part, value), returned, "{part} {value:?}");
        }
        let handed = parts.into_handed();
        assert_eq!((handed.reason.as_deref(), handed.throttle.as_millis()), (Some("why"), 3));
        assert!(handed.edits.is_none() && handed.unfit.is_none());
    }

    #[test]
    fn a_change_must_be_one_that_its_packet_can_carry() {
        let limits = Limits { max_packet_size: 100, max_user_properties: 2, ..Limits::default() };
        for (part, good, bad) in [
            (ANSWER_TOPIC, &[&b"a/b"[..]][..], &[&b""[..], b"a/+", b"#", b"$SYS/a", b"\xFF"][..]),
            (ANSWER_FILTER, &[b"a/#", b"$share/g/a"], &[b"", b"a/#/b", b"$share/g", b"a\0"]),
            (ANSWER_PAYLOAD, &[b"", &[0; 99]], &[&[0; 100]]),
            (ANSWER_QOS, &[&[0], &[2]], &[&[3], &[], &[0, 0]]),
            (ANSWER_RETAIN, &[&[0], &[1]], &[&[2], &[]]),
            (ANSWER_KEPT, &[&[0], &[1]], &[&[2], &[], &[0, 0]]),
            (ANSWER_OPTIONS, &[&[0b10_1110]], &[&[3], &[0x40], &[]]),
            (ANSWER_CLIENT_ID, &[b"c"], &[b"", b"\xFF", &[b'c'; 60_000]]),
            (ANSWER_USERNAME, &[b"", b"u"], &[b"\0"]),
            (ANSWER_SESSION_EXPIRY, &[&[0; 4]], &[&[0; 3]]),
            (ANSWER_KEEP_ALIVE, &[&[0; 2]], &[&[0; 4]]),
            (
                ANSWER_SET_PROPERTY,
                &[b"\x26\0\x01a\0\x01b", b"\x01\x01", b"\x03\0\x01t"],
                // Not one, one of CONNACK, the broker's own, cut off, one that cannot be.
                &[b"", b"\x1A\0\x01a", b"\x23\0\x01", b"\x0B\x01", b"\x03\0\x02t", b"\x01\x02"],
            ),
            (ANSWER_SET_PROPERTY, &[], &[b"\x01\x01\x01\x01", b"\x01\x01\x03\0\x01t"]),
            (ANSWER_REMOVE_PROPERTY, &[b"\x01", b"\x26n"], &[b"", b"\x23", b"\x01n", b"\x26\xFF"]),
            (
                ANSWER_CONNACK_PROPERTY,
                &[b"\x1A\0\x01a", b"\x26\0\x01a\0\x01b"],
                &[b"\x13\0\x01", b"\x03\0\x01t"],
            ),
        ] {
            for (values, returned) in [(good, TAKEN), (bad, UNFIT)] {
                for value in values {
                    let mut parts = VerdictParts::new(scope(&limits));
                    assert_eq!(parts.take(part, value), returned, "{part} {value:?}");
                    assert_eq!(parts.into_handed().unfit.is_some(), returned == UNFIT);
                }
            }
        }
    }

    #[test]
    fn properties_add_up_to_the_limit() {
        let limits = Limits { max_user_properties: 2, ..Limits::default() };
        let mut parts = VerdictParts::new(scope(&limits));
        assert_eq!(parts.take(ANSWER_SET_PROPERTY, b"\x26\0\x01a\0\x01b"), TAKEN);
        assert_eq!(parts.take(ANSWER_SET_PROPERTY, b"\x26\0\x01a\0\x01c"), UNFIT);
        assert_eq!(parts.take(ANSWER_REMOVE_PROPERTY, b"\x26n"), TAKEN);
        let edits = parts.into_handed().edits.unwrap();
        let block = edits.properties.unwrap();
        assert!(block.as_properties().user_properties().eq([("a", "b")]));
    }

    #[test]
    fn who_is_asked_again_changes_nothing() {
        let limits = Limits::default();
        let mut parts = VerdictParts::new(Scope { closed: true, ..scope(&limits) });
        assert_eq!(parts.take(ANSWER_TOPIC, b"a"), CLOSED);
        assert_eq!(parts.take(ANSWER_REASON, b"why"), TAKEN);
        let handed = parts.into_handed();
        assert!(handed.edits.is_none() && handed.unfit.is_none());
    }

    #[test]
    fn what_is_too_large_is_told_from_what_never_can_be() {
        let limits = Limits { max_packet_size: 9, max_user_properties: 1, ..Limits::default() };
        let long = "a/".repeat(40_000);
        for (part, value, expected) in [
            (ANSWER_TOPIC, long.as_bytes(), Unfit::TooLarge),
            (ANSWER_FILTER, long.as_bytes(), Unfit::TooLarge),
            (ANSWER_CLIENT_ID, long.as_bytes(), Unfit::TooLarge),
            (ANSWER_PAYLOAD, b"123456789", Unfit::TooLarge),
            (ANSWER_SET_PROPERTY, b"\x26\0\x01a\0\x01b", Unfit::TooLarge),
            (ANSWER_TOPIC, b"$SYS/a", Unfit::Malformed),
            (ANSWER_FILTER, b"a/#/b", Unfit::Malformed),
            (ANSWER_SET_PROPERTY, b"\x26\0\x01a", Unfit::Malformed),
        ] {
            let mut parts = VerdictParts::new(scope(&limits));
            assert_eq!(parts.take(part, value), UNFIT);
            assert_eq!(parts.handed().unfit, Some(expected), "{part}");
            // The worst counts.
            parts.take(ANSWER_QOS, b"");
            parts.take(ANSWER_PAYLOAD, b"123456789");
            assert_eq!(parts.into_handed().unfit, Some(Unfit::Malformed));
        }
    }
}
