//! Everything that differs between MQTT 3.1, 3.1.1 and 5.0 after the bytes are read.
//!
//! A packet of 3.1.1 is lifted to its MQTT 5 meaning as it is decoded, and a packet for a 3.1.1
//! client is lowered before it is encoded. Between the two nothing asks which version a client
//! speaks. 3.1 is 3.1.1 with another name, where nothing else is said.

use crate::codec::{split_frame, split_frame_of};
use crate::{
    Ack, ConnAck, Connect, Frame, Packet, PacketType, Place, Properties, Publish, ReasonCode,
    SubAck, SubscriptionOptions, UnsubAck, Violation,
};

/// A version of MQTT, as the standard has it: clients need no extension. [MQTT3-7.0.0-2]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// MQTT 3.1, protocol level 3, under the name `MQIsdp`. Client ids of more than 23 bytes are
    /// taken, as by everybody, and a refused subscription hears 0x80, which is 3.1.1's: a client that
    /// is told that it is subscribed would wait for ever.
    V3_1,
    /// MQTT 3.1.1, protocol level 4.
    V3_1_1,
    /// MQTT 5.0, protocol level 5.
    V5,
}

/// What becomes of a packet on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "it is matched at once and never kept")]
pub enum Lowered<'a> {
    /// Write it as it now stands.
    Send(Packet<'a>),
    /// This version has no way to say it.
    Skip,
    /// This version can only say it by closing the connection.
    Close,
}

/// What a client hears that cannot be told that its PUBLISH was refused. [MQTT3-3.3.5-2]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefusedPublish {
    /// The normal acknowledgement. After such a PUBREC the client goes on with PUBREL.
    #[default]
    Acknowledge,
    /// The end of the connection.
    Close,
}

impl Version {
    /// The version that the broker speaks inside, and writes what it sends to itself in.
    pub const INSIDE: Version = Version::V5;

    /// How many QoS 2 messages a client may leave unreleased, if `receive_maximum` is what CONNACK
    /// says: a 3.1.1 client cannot be told.
    pub const fn receive_quota(self, receive_maximum: u16) -> u16 {
        match self {
            Version::V3_1 | Version::V3_1_1 => u16::MAX,
            Version::V5 => receive_maximum,
        }
    }

    /// The keep alive of a client that asks for `asked` where no more than `max` is granted, in
    /// seconds; 0: none. `wanted`: what the server wants instead. A 3.1.1 client cannot be told another
    /// than its own.
    pub fn keep_alive(self, asked: u16, wanted: Option<u16>, max: u16) -> u16 {
        match self {
            Version::V3_1 | Version::V3_1_1 => asked,
            Version::V5 => match wanted.unwrap_or(asked) {
                0 => max,
                seconds => seconds.min(max),
            },
        }
    }

    /// The protocol level in CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            Version::V3_1 => 3,
            Version::V3_1_1 => 4,
            Version::V5 => 5,
        }
    }

    /// The version of a protocol level, if it is spoken here.
    pub const fn from_level(level: u8) -> Option<Version> {
        match level {
            3 => Some(Version::V3_1),
            4 => Some(Version::V3_1_1),
            5 => Some(Version::V5),
            _ => None,
        }
    }

    /// The protocol name in CONNECT.
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Version::V3_1 => "MQIsdp",
            Version::V3_1_1 | Version::V5 => "MQTT",
        }
    }

    /// Whether `name` is the protocol name of some version.
    pub(crate) fn is_protocol_name(name: &[u8]) -> bool {
        [Version::V3_1, Version::V5]
            .iter()
            .any(|version| name == version.protocol_name().as_bytes())
    }

    /// Splits the first whole packet off `buf`, as [`split_frame`] does. In 3.1 the flags that
    /// packets other than PUBLISH do not use may be anything, and what is sent again has DUP set.
    #[inline]
    pub fn split_frame(
        self,
        buf: &[u8],
        max_packet_size: u32,
    ) -> Result<Option<Frame<'_>>, Violation> {
        match split_frame(buf, max_packet_size) {
            Err(Violation::ReservedFlags(packet)) if self == Version::V3_1 => {
                split_frame_of(packet, buf, max_packet_size)
            }
            split => split,
        }
    }

    /// The connect flags without those that mean nothing in this version.
    pub(crate) fn used_connect_flags(self, flags: u8) -> u8 {
        match self {
            Version::V3_1 if flags & 0b100 == 0 => flags & 0b1100_0010,
            Version::V3_1 => flags & 0b1111_1110,
            Version::V3_1_1 | Version::V5 => flags,
        }
    }

    /// Whether a user name or password that the connect flags announce may be missing.
    pub(crate) const fn may_lack_credentials(self) -> bool {
        matches!(self, Version::V3_1)
    }

    /// Whether packets hold properties, and acknowledgements and DISCONNECT a reason code.
    pub const fn has_properties(self) -> bool {
        matches!(self, Version::V5)
    }

    /// The version in which a client of this protocol level can be told that it is not supported.
    pub(crate) const fn to_answer(level: u8) -> Version {
        if level < 5 { Version::V3_1_1 } else { Version::V5 }
    }

    /// Gives a CONNECT the MQTT 5 values that a 3.1.1 client implies by its silence.
    pub fn lift_connect(self, connect: &mut Connect<'_>) {
        if self == Version::V5 {
            return;
        }
        // 3.1.1 sessions end with the connection or never. [MQTT3-3.1.2-4] [MQTT3-3.1.2-6]
        connect.session_expiry = if connect.clean_start { 0 } else { u32::MAX };
        connect.receive_maximum = u16::MAX;
        connect.maximum_packet_size = u32::MAX;
        connect.topic_alias_maximum = 0;
        connect.request_problem_information = false;
        connect.request_response_information = false;
        connect.authentication_method = None;
        if let Some(will) = &mut connect.will {
            will.delay = 0;
        }
    }

    /// Checks what 5.0 does not ask of a CONNECT.
    pub(crate) fn check_connect(self, connect: &Connect<'_>) -> Result<(), Violation> {
        if self == Version::V5 {
            return Ok(());
        }
        // [MQTT3-3.1.2-22]
        if connect.password.is_some() && connect.username.is_none() {
            return Err(Violation::PasswordWithoutUserName);
        }
        // [MQTT3-3.1.3-7] [MQTT3-3.1.3-8]
        if connect.client_id.is_empty() && (!connect.clean_start || self == Version::V3_1) {
            return Err(Violation::ClientIdEmpty);
        }
        Ok(())
    }

    /// Rewrites a packet into what a client of this version can be told; a refused PUBLISH is
    /// acknowledged.
    pub fn lower<'a>(self, packet: Packet<'a>) -> Lowered<'a> {
        self.lower_with(packet, RefusedPublish::Acknowledge)
    }

    /// The same with the choice of what a refused PUBLISH hears.
    pub fn lower_with<'a>(self, packet: Packet<'a>, refused: RefusedPublish) -> Lowered<'a> {
        if self == Version::V5 {
            return Lowered::Send(packet);
        }
        let properties = Properties::EMPTY;
        let packet_id_only = |ack: Ack<'a>| Ack::new(ack.packet_id, ReasonCode::Success);
        Lowered::Send(match packet {
            Packet::ConnAck(connack) => match representative(connack.reason) {
                Some(reason) => {
                    let session_present = connack.session_present && self != Version::V3_1;
                    Packet::ConnAck(ConnAck { session_present, reason, properties })
                }
                None => return Lowered::Close, // [MQTT3-3.2.2-6]
            },
            Packet::Publish(publish) => Packet::Publish(Publish { properties, ..publish }),
            Packet::PubAck(ack) | Packet::PubRec(ack)
                if ack.reason.is_error() && refused == RefusedPublish::Close =>
            {
                return Lowered::Close;
            }
            Packet::PubAck(ack) => Packet::PubAck(packet_id_only(ack)),
            Packet::PubRec(ack) => Packet::PubRec(packet_id_only(ack)),
            Packet::PubRel(ack) => Packet::PubRel(packet_id_only(ack)),
            Packet::PubComp(ack) => Packet::PubComp(packet_id_only(ack)),
            Packet::SubAck(suback) => Packet::SubAck(lower_suback(suback)),
            Packet::UnsubAck(UnsubAck { packet_id, .. }) => {
                Packet::UnsubAck(UnsubAck { packet_id, properties, reasons: [].as_slice().into() })
            }
            // A 3.1.1 server has no DISCONNECT: the close is the message.
            Packet::Disconnect(_) => return Lowered::Close,
            Packet::Auth(_) => return Lowered::Skip,
            same => same,
        })
    }

    /// The options of a subscription as far as this version can ask for them.
    pub(crate) fn lower_options(self, options: SubscriptionOptions) -> SubscriptionOptions {
        match self {
            Version::V3_1 | Version::V3_1_1 => SubscriptionOptions::new(options.qos),
            Version::V5 => options,
        }
    }

    /// Checks that a SUBACK of this version can hold `reason`. [MQTT3-3.9.3-2]
    pub(crate) fn check_suback(self, reason: ReasonCode) -> Result<(), Violation> {
        if self != Version::V5 && lower_suback_reason(reason) != reason {
            let place = Place::Packet(PacketType::SubAck);
            return Err(Violation::ReasonCodeMisplaced { place, value: reason as u8 });
        }
        Ok(())
    }

    /// The byte that says `reason` in CONNACK: the reason code, or the 3.1.1 return code.
    pub(crate) fn connack_code(self, reason: ReasonCode) -> u8 {
        if self == Version::V5 {
            return reason as u8;
        }
        let said = representative(reason).unwrap_or(ReasonCode::ServerUnavailable);
        RETURN_CODES.iter().position(|&code| code == said).map_or(0, |index| index as u8)
    }

    /// What a return code in a CONNACK of 3.1.1 means.
    pub(crate) fn reason_of_return_code(self, code: u8) -> Result<ReasonCode, Violation> {
        let place = Place::Packet(PacketType::ConnAck);
        RETURN_CODES
            .get(usize::from(code))
            .copied()
            .ok_or(Violation::ReasonCodeMisplaced { place, value: code })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Version::V3_1 => "3.1",
            Version::V3_1_1 => "3.1.1",
            Version::V5 => "5.0",
        })
    }
}

/// What each return code of 3.1.1 means, 0 to 5.
const RETURN_CODES: [ReasonCode; 6] = [
    ReasonCode::Success,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::ServerUnavailable,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
];

/// The reason among [`RETURN_CODES`] that stands for `reason`; `None`: 3.1.1 cannot say it.
fn representative(reason: ReasonCode) -> Option<ReasonCode> {
    use ReasonCode::*;
    match reason {
        Success
        | UnsupportedProtocolVersion
        | ClientIdentifierNotValid
        | ServerUnavailable
        | BadUserNameOrPassword
        | NotAuthorized => Some(reason),
        Banned | BadAuthenticationMethod => Some(NotAuthorized),
        UnspecifiedError
        | ImplementationSpecificError
        | ServerBusy
        | ServerShuttingDown
        | QuotaExceeded
        | ConnectionRateExceeded
        | UseAnotherServer
        | ServerMoved => Some(ServerUnavailable),
        _ => None,
    }
}

fn lower_suback(mut suback: SubAck<'_>) -> SubAck<'_> {
    suback.properties = Properties::EMPTY;
    if suback.reasons.iter().any(|&reason| lower_suback_reason(reason) != reason) {
        for reason in suback.reasons.to_mut() {
            *reason = lower_suback_reason(*reason);
        }
    }
    suback
}

/// 3.1.1 knows one failure, 0x80.
fn lower_suback_reason(reason: ReasonCode) -> ReasonCode {
    if reason.is_error() { ReasonCode::UnspecifiedError } else { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Auth, Disconnect, PropertyBuffer};

    const OLD: Version = Version::V3_1_1;

    #[track_caller]
    fn check_lowered(packet: Packet<'_>, expected: &Lowered<'_>) {
        assert_eq!(Version::V5.lower(packet.clone()), Lowered::Send(packet.clone()));
        assert_eq!(&OLD.lower(packet), expected);
    }

    #[test]
    fn a_silent_connect_says_much() {
        let mut connect = Connect::new(OLD, "a");
        assert_eq!((connect.session_expiry, connect.receive_maximum), (0, 65_535));
        connect.clean_start = false;
        assert_eq!(connect.lifted().session_expiry, u32::MAX);
        assert!(!connect.request_problem_information);
        assert!(Connect::new(Version::V5, "a").request_problem_information);
    }

    #[test]
    fn keep_alive_has_a_cap_for_those_who_can_be_told() {
        for (asked, told) in [(0, 100), (99, 99), (100, 100), (65_535, 100)] {
            assert_eq!(Version::V5.keep_alive(asked, None, 100), told);
            assert_eq!(Version::V5.keep_alive(77, Some(asked), 100), told);
            assert_eq!(OLD.keep_alive(asked, Some(7), 100), asked);
        }
    }

    #[test]
    fn connack_reasons_become_return_codes() {
        for (reason, code) in [
            (ReasonCode::Success, Some(0)),
            (ReasonCode::UnsupportedProtocolVersion, Some(1)),
            (ReasonCode::ClientIdentifierNotValid, Some(2)),
            (ReasonCode::ServerBusy, Some(3)),
            (ReasonCode::BadUserNameOrPassword, Some(4)),
            (ReasonCode::Banned, Some(5)),
            (ReasonCode::MalformedPacket, None),
            (ReasonCode::ProtocolError, None),
            (ReasonCode::QoSNotSupported, None),
        ] {
            let lowered = match OLD.lower(Packet::ConnAck(ConnAck::refused(reason))) {
                Lowered::Send(packet) => {
                    let mut out = Vec::new();
                    packet.encode(OLD, &mut out);
                    assert_eq!(out[..3], [0x20, 2, 0]);
                    Some(out[3])
                }
                Lowered::Close => None,
                Lowered::Skip => panic!("a CONNACK is never skipped"),
            };
            assert_eq!(lowered, code, "{reason}");
        }
    }

    #[test]
    fn a_refused_publish_is_acknowledged_or_closes() {
        let refused = Packet::PubAck(Ack::new(7, ReasonCode::NotAuthorized));
        let accepted = Packet::PubAck(Ack::new(7, ReasonCode::Success));
        check_lowered(refused.clone(), &Lowered::Send(accepted.clone()));
        assert_eq!(OLD.lower_with(refused, RefusedPublish::Close), Lowered::Close);
        let unmatched = Packet::PubAck(Ack::new(7, ReasonCode::NoMatchingSubscribers));
        assert_eq!(OLD.lower_with(unmatched, RefusedPublish::Close), Lowered::Send(accepted));
    }

    #[test]
    fn suback_knows_one_failure() {
        use ReasonCode::*;
        let suback = |reasons: &'static [ReasonCode]| {
            let properties = Properties::EMPTY;
            Packet::SubAck(SubAck { packet_id: 1, properties, reasons: reasons.into() })
        };
        check_lowered(
            suback(&[Success, GrantedQoS2, NotAuthorized, TopicFilterInvalid]),
            &Lowered::Send(suback(&[Success, GrantedQoS2, UnspecifiedError, UnspecifiedError])),
        );
    }

    #[test]
    fn what_has_no_words_is_skipped_or_closes() {
        let properties = Properties::EMPTY;
        let disconnect = Disconnect::new(ReasonCode::SessionTakenOver);
        check_lowered(Packet::Disconnect(disconnect), &Lowered::Close);
        let reason = ReasonCode::ContinueAuthentication;
        check_lowered(Packet::Auth(Auth { reason, properties }), &Lowered::Skip);
        check_lowered(Packet::PingResp, &Lowered::Send(Packet::PingResp));
    }

    #[test]
    fn an_old_client_is_not_told_of_its_session_and_may_set_dup_anywhere() {
        let old = Version::V3_1;
        let connack = |session_present| {
            let properties = Properties::EMPTY;
            Packet::ConnAck(ConnAck { session_present, reason: ReasonCode::Success, properties })
        };
        assert_eq!(OLD.lower(connack(true)), Lowered::Send(connack(true)));
        assert_eq!(old.lower(connack(true)), Lowered::Send(connack(false)));
        for first in [0x6A, 0x62, 0x60, 0x8A, 0xAA, 0xC1] {
            let packet = [first, 2, 0, 1];
            assert!(old.split_frame(&packet, 4).is_ok_and(|frame| frame.is_some()));
            assert!(old.split_frame(&packet, 3).is_err());
            assert_eq!(OLD.split_frame(&packet, 4).is_ok(), first == 0x62);
        }
        for first in [0x00, 0x36, 0x38] {
            assert!(old.split_frame(&[first, 0], 100).is_err());
        }
    }

    #[test]
    fn properties_are_lost() {
        let mut buffer = PropertyBuffer::new();
        buffer.push(crate::Property::ReasonString("why"));
        let properties = buffer.as_properties();
        let ack = Ack { packet_id: 3, reason: ReasonCode::Success, properties };
        check_lowered(
            Packet::PubComp(ack),
            &Lowered::Send(Packet::PubComp(Ack::new(3, ReasonCode::Success))),
        );
    }
}
