//! The fields that an event can have, by their numbers in the file.

/// How a value is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Bytes,
    /// A number, little-endian, at most eight bytes.
    Number,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident $number:literal $kind:ident;)*) => {
        /// A field of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Field {
            $($(#[$doc])* $name = $number,)*
        }

        impl Field {
            /// The field of this number, if there is one.
            pub const fn of(number: u8) -> Option<Field> {
                match number {
                    $($number => Some(Field::$name),)*
                    _ => None,
                }
            }

            /// How its value is to be read.
            pub const fn kind(self) -> Kind {
                match self {
                    $(Field::$name => Kind::$kind,)*
                }
            }
        }
    };
}

fields! {
    /// The client identifier.
    ClientId 1 Text;
    /// The user name; absent if the client gave none.
    Username 2 Text;
    /// The byte of CONNECT: 3, 4 or 5.
    Protocol 3 Number;
    /// The client's end, as `127.0.0.1:5555`.
    Peer 4 Text;
    /// The broker's end.
    Local 5 Text;
    /// The listener, as `tcp://127.0.0.1:1883`.
    Listener 6 Text;
    /// The properties of the packet, without their length.
    Properties 7 Bytes;
    /// 0 a client, 1 a will, 2 a plugin, 3 the broker.
    Origin 8 Number;
    /// The name of the plugin, where the origin is one.
    Source 9 Text;
    /// The plugin was asked again.
    AskedAgain 10 Number;
    /// The topic name, or the filter behind the name of a share.
    Topic 11 Text;
    /// The filter as the client wrote it.
    WholeFilter 12 Text;
    /// The payload.
    Payload 13 Bytes;
    /// The QoS.
    QoS 14 Number;
    /// RETAIN.
    Retain 15 Number;
    /// DUP.
    Dup 16 Number;
    /// The topic or whole filter before a plugin has changed it.
    Original 17 Text;
    /// Bytes of the payload.
    PayloadLen 18 Number;
    /// How many hooks have led from one message to the next up to this one.
    Depth 19 Number;
    /// No Local.
    NoLocal 20 Number;
    /// Clean Start.
    CleanStart 21 Number;
    /// Seconds.
    SessionExpiry 22 Number;
    /// Seconds.
    KeepAlive 23 Number;
    /// The password; absent unless passwords are recorded.
    Password 24 Bytes;
    /// 1 if the client gave a password, recorded or not.
    HasPassword 25 Number;
    /// The topic of the will.
    WillTopic 26 Text;
    /// The payload of the will.
    WillPayload 27 Bytes;
    /// The properties of the will.
    WillProperties 28 Bytes;
    /// The QoS of the will.
    WillQoS 29 Number;
    /// RETAIN of the will.
    WillRetain 30 Number;
    /// The Authentication Method.
    Method 31 Text;
    /// The user name before a plugin has changed it.
    OriginalUsername 32 Text;
    /// A session is resumed.
    SessionPresent 33 Number;
    /// The client said good-bye.
    Graceful 34 Number;
    /// A reason code, or the reason why a message was dropped.
    Reason 35 Number;
    /// The session stays.
    SessionKept 36 Number;
    /// The reason in words.
    Words 37 Text;
    /// What has become of a session.
    Change 38 Number;
    /// The client id of who has published.
    Publisher 39 Text;
    /// The filter of a shared subscription.
    Share 40 Text;
    /// It was kept for a new subscriber.
    Retained 41 Number;
    /// The round of an authentication.
    Round 42 Number;
    /// The client was connected already.
    Reauthentication 43 Number;
    /// Authentication Data; absent unless passwords are recorded.
    Data 44 Bytes;
    /// What the plugin has kept from the round before; absent unless passwords are recorded.
    State 45 Bytes;
    /// Retain As Published.
    RetainAsPublished 46 Number;
    /// Retain Handling.
    RetainHandling 47 Number;
    /// How many events were left out; the record has no hook then.
    LeftOut 48 Number;
    /// 1 if the client gave Authentication Data, recorded or not.
    HasData 49 Number;
    /// 1 if the client has a will.
    HasWill 50 Number;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_fields() {
        for number in 1..=50 {
            let field = Field::of(number).expect("no gap");
            assert_eq!(field as u8, number);
        }
        assert_eq!((Field::of(0), Field::of(51)), (None, None));
    }
}
