//! Which reason code says nearest to another what a packet can carry.

use crate::{PacketType, ReasonCode};

impl ReasonCode {
    /// This error if `packet` can carry it, else the nearest that it can. To be asked of the packets that
    /// answer a client, CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK and DISCONNECT: each of these has a word
    /// for everything. [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2]
    /// [MQTT-3.14.2-1]
    pub fn nearest_in(self, packet: PacketType) -> ReasonCode {
        let mut words = [self].into_iter().chain(self.stand_ins().iter().copied());
        words.find(|word| word.is_in(packet)).unwrap_or(ReasonCode::UnspecifiedError)
    }

    /// What is said in its place, the nearest first. Who has nothing here is unspecified.
    const fn stand_ins(self) -> &'static [ReasonCode] {
        use ReasonCode::*;
        match self {
            // Who the client is.
            ClientIdentifierNotValid | BadUserNameOrPassword | BadAuthenticationMethod => {
                &[NotAuthorized]
            }
            Banned => &[AdministrativeAction, NotAuthorized],
            AdministrativeAction => &[Banned, NotAuthorized],
            // What the broker can do now.
            ServerUnavailable | ServerBusy | ServerShuttingDown | UseAnotherServer
            | ServerMoved => &[ServerUnavailable, ServerBusy, ImplementationSpecificError],
            // How much there may be of something.
            MessageRateTooHigh
            | ConnectionRateExceeded
            | ReceiveMaximumExceeded
            | PacketTooLarge
            | MaximumConnectTime
            | QuotaExceeded => &[QuotaExceeded, ImplementationSpecificError],
            // What is named.
            TopicFilterInvalid | TopicNameInvalid | TopicAliasInvalid => {
                &[TopicNameInvalid, TopicFilterInvalid]
            }
            // What is well formed and not taken here.
            PayloadFormatInvalid
            | RetainNotSupported
            | QoSNotSupported
            | SharedSubscriptionsNotSupported
            | SubscriptionIdentifiersNotSupported
            | WildcardSubscriptionsNotSupported => &[ImplementationSpecificError],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReasonCode::*;

    const ANSWERS: [PacketType; 6] = [
        PacketType::ConnAck,
        PacketType::PubAck,
        PacketType::PubRec,
        PacketType::SubAck,
        PacketType::UnsubAck,
        PacketType::Disconnect,
    ];

    /// [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT-3.14.2-1]
    #[test]
    fn every_answer_has_a_word_for_every_error() {
        for &reason in ReasonCode::ALL.iter().filter(|reason| reason.is_error()) {
            for packet in ANSWERS {
                let said = reason.nearest_in(packet);
                assert!(said.is_error() && said.is_in(packet), "{reason} in {packet}: {said}");
                assert!(said == reason || !reason.is_in(packet), "{reason} in {packet}: {said}");
            }
        }
    }

    /// What each packet says; PUBREC says what PUBACK does.
    #[test]
    #[rustfmt::skip]
    fn the_nearest() {
        let implementation = ImplementationSpecificError;
        for (reason, connack, puback, suback, unsuback, disconnect) in [
            (UnspecifiedError, UnspecifiedError, UnspecifiedError, UnspecifiedError, UnspecifiedError, UnspecifiedError),
            (MalformedPacket, MalformedPacket, UnspecifiedError, UnspecifiedError, UnspecifiedError, MalformedPacket),
            (ProtocolError, ProtocolError, UnspecifiedError, UnspecifiedError, UnspecifiedError, ProtocolError),
            (implementation, implementation, implementation, implementation, implementation, implementation),
            (UnsupportedProtocolVersion, UnsupportedProtocolVersion, UnspecifiedError, UnspecifiedError, UnspecifiedError, UnspecifiedError),
            (ClientIdentifierNotValid, ClientIdentifierNotValid, NotAuthorized, NotAuthorized, NotAuthorized, NotAuthorized),
            (BadUserNameOrPassword, BadUserNameOrPassword, NotAuthorized, NotAuthorized, NotAuthorized, NotAuthorized),
            (NotAuthorized, NotAuthorized, NotAuthorized, NotAuthorized, NotAuthorized, NotAuthorized),
            (ServerUnavailable, ServerUnavailable, implementation, implementation, implementation, ServerBusy),
            (ServerBusy, ServerBusy, implementation, implementation, implementation, ServerBusy),
            (Banned, Banned, NotAuthorized, NotAuthorized, NotAuthorized, AdministrativeAction),
            (ServerShuttingDown, ServerUnavailable, implementation, implementation, implementation, ServerShuttingDown),
            (BadAuthenticationMethod, BadAuthenticationMethod, NotAuthorized, NotAuthorized, NotAuthorized, BadAuthenticationMethod),
            (KeepAliveTimeout, UnspecifiedError, UnspecifiedError, UnspecifiedError, UnspecifiedError, KeepAliveTimeout),
            (SessionTakenOver, UnspecifiedError, UnspecifiedError, UnspecifiedError, UnspecifiedError, SessionTakenOver),
            (TopicFilterInvalid, TopicNameInvalid, TopicNameInvalid, TopicFilterInvalid, TopicFilterInvalid, TopicFilterInvalid),
            (TopicNameInvalid, TopicNameInvalid, TopicNameInvalid, TopicFilterInvalid, TopicFilterInvalid, TopicNameInvalid),
            (PacketIdentifierInUse, UnspecifiedError, PacketIdentifierInUse, PacketIdentifierInUse, PacketIdentifierInUse, UnspecifiedError),
            (PacketIdentifierNotFound, UnspecifiedError, UnspecifiedError, UnspecifiedError, UnspecifiedError, UnspecifiedError),
            (ReceiveMaximumExceeded, QuotaExceeded, QuotaExceeded, QuotaExceeded, implementation, ReceiveMaximumExceeded),
            (TopicAliasInvalid, TopicNameInvalid, TopicNameInvalid, TopicFilterInvalid, TopicFilterInvalid, TopicAliasInvalid),
            (PacketTooLarge, PacketTooLarge, QuotaExceeded, QuotaExceeded, implementation, PacketTooLarge),
            (MessageRateTooHigh, QuotaExceeded, QuotaExceeded, QuotaExceeded, implementation, MessageRateTooHigh),
            (QuotaExceeded, QuotaExceeded, QuotaExceeded, QuotaExceeded, implementation, QuotaExceeded),
            (AdministrativeAction, Banned, NotAuthorized, NotAuthorized, NotAuthorized, AdministrativeAction),
            (PayloadFormatInvalid, PayloadFormatInvalid, PayloadFormatInvalid, implementation, implementation, PayloadFormatInvalid),
            (RetainNotSupported, RetainNotSupported, implementation, implementation, implementation, RetainNotSupported),
            (QoSNotSupported, QoSNotSupported, implementation, implementation, implementation, QoSNotSupported),
            (UseAnotherServer, UseAnotherServer, implementation, implementation, implementation, UseAnotherServer),
            (ServerMoved, ServerMoved, implementation, implementation, implementation, ServerMoved),
            (SharedSubscriptionsNotSupported, implementation, implementation, SharedSubscriptionsNotSupported, implementation, SharedSubscriptionsNotSupported),
            (ConnectionRateExceeded, ConnectionRateExceeded, QuotaExceeded, QuotaExceeded, implementation, ConnectionRateExceeded),
            (MaximumConnectTime, QuotaExceeded, QuotaExceeded, QuotaExceeded, implementation, MaximumConnectTime),
            (SubscriptionIdentifiersNotSupported, implementation, implementation, SubscriptionIdentifiersNotSupported, implementation, SubscriptionIdentifiersNotSupported),
            (WildcardSubscriptionsNotSupported, implementation, implementation, WildcardSubscriptionsNotSupported, implementation, WildcardSubscriptionsNotSupported),
        ] {
            let said = ANSWERS.map(|packet| reason.nearest_in(packet));
            assert_eq!(said, [connack, puback, puback, suback, unsuback, disconnect], "{reason}");
        }
    }
}
