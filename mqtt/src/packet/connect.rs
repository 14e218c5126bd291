//! CONNECT: a client names its version, its session and its limits.

use crate::codec::read::Reader;
use crate::codec::write;
use crate::topic::check_topic_name;
use crate::{Field, Frame, PacketType, Place, Properties, QoS, Recipient, Version, Violation};

/// A client asks for a connection.
///
/// The fields below `properties` say what the client asks for in either version. They are filled
/// in as the packet is read ([`Connect::lifted`]), and not written: what is to be sent of them
/// stands in `properties`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version that the client speaks.
    pub version: Version,
    /// An earlier session is to be forgotten.
    pub clean_start: bool,
    /// The longest silence of the client, in seconds; 0: no limit.
    pub keep_alive: u16,
    /// The client identifier; empty: the server chooses one.
    pub client_id: &'a str,
    /// The user name.
    pub username: Option<&'a str>,
    /// The password.
    pub password: Option<&'a [u8]>,
    /// The message to publish when the client is gone.
    pub will: Option<Will<'a>>,
    /// The properties as sent.
    pub properties: Properties<'a>,
    /// How long the session outlives the connection, in seconds; `u32::MAX`: for ever.
    pub session_expiry: u32,
    /// How many QoS 1 and 2 messages the client takes at once.
    pub receive_maximum: u16,
    /// The largest packet that the client takes, in bytes; `u32::MAX`: any.
    pub maximum_packet_size: u32,
    /// The highest topic alias that the client takes; 0: none.
    pub topic_alias_maximum: u16,
    /// Reason strings and user properties may come on any packet.
    pub request_problem_information: bool,
    /// CONNACK may hold Response Information.
    pub request_response_information: bool,
    /// The method of enhanced authentication.
    pub authentication_method: Option<&'a str>,
}

/// The message to publish when a client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// How hard it is delivered.
    pub qos: QoS,
    /// It is to be kept as the topic's last message.
    pub retain: bool,
    /// The topic name.
    pub topic: &'a str,
    /// The message itself.
    pub payload: &'a [u8],
    /// How long it waits, in seconds.
    pub delay: u32,
    /// The properties as sent; Will Delay Interval is among them.
    pub properties: Properties<'a>,
}

impl<'a> Connect<'a> {
    /// A CONNECT with a clean start and nothing else.
    pub fn new(version: Version, client_id: &'a str) -> Connect<'a> {
        let connect = Connect {
            version,
            clean_start: true,
            keep_alive: 0,
            client_id,
            username: None,
            password: None,
            will: None,
            properties: Properties::EMPTY,
            session_expiry: 0,
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            topic_alias_maximum: 0,
            request_problem_information: true,
            request_response_information: false,
            authentication_method: None,
        };
        connect.lifted()
    }

    /// The same with the fields that follow from `properties`, the will's properties and the
    /// version.
    #[must_use]
    pub fn lifted(mut self) -> Connect<'a> {
        let sent = self.properties;
        self.session_expiry = sent.session_expiry().unwrap_or(0);
        self.receive_maximum = sent.receive_maximum().unwrap_or(u16::MAX);
        self.maximum_packet_size = sent.maximum_packet_size().unwrap_or(u32::MAX);
        self.topic_alias_maximum = sent.topic_alias_maximum().unwrap_or(0);
        self.request_problem_information = sent.request_problem_information() != Some(0);
        self.request_response_information = sent.request_response_information() == Some(1);
        self.authentication_method = sent.authentication_method();
        if let Some(will) = &mut self.will {
            will.delay = will.properties.will_delay().unwrap_or(0);
        }
        self.version.lift_connect(&mut self);
        self
    }

    /// Reads a CONNECT; another packet is [`Violation::NotConnect`]. [MQTT-3.1.0-1]
    pub fn decode(frame: Frame<'a>) -> Result<Connect<'a>, Violation> {
        if frame.packet_type() != PacketType::Connect {
            return Err(Violation::NotConnect);
        }
        let mut reader = Reader::of(frame);
        let version = read_version(&mut reader)?;
        let flags = version.used_connect_flags(reader.byte(Field::ConnectFlags)?);
        let flags = Flags::from_byte(flags)?;
        let mut connect = Connect::new(version, "");
        connect.clean_start = flags.clean_start;
        connect.keep_alive = reader.two_bytes(Field::KeepAlive)?;
        connect.properties = reader.properties(version)?;
        // The order of the payload. [MQTT-3.1.3-1]
        connect.client_id = reader.utf8(Field::ClientId)?; // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
        connect.will = flags.will.map(|will| will.read(&mut reader, version)).transpose()?;
        // [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.3-12]
        if flags.username && !lacks_credentials(version, &reader) {
            connect.username = Some(reader.utf8(Field::UserName)?);
        }
        // [MQTT-3.1.2-18] [MQTT-3.1.2-19]
        if flags.password && !lacks_credentials(version, &reader) {
            connect.password = Some(reader.binary(Field::Password)?);
        }
        reader.finish()?;
        let connect = connect.lifted();
        version.check_connect(&connect)?;
        Ok(connect)
    }

    /// The version in which to refuse a CONNECT that was refused, by its first bytes; `None`: it is
    /// not MQTT at all, or not enough of it is there, and the connection is closed without a word.
    pub fn answer_version(packet: &[u8]) -> Option<Version> {
        let (&first, rest) = packet.split_first()?;
        let (_, length_len) = crate::codec::read::varint(rest).ok()?;
        let mut reader = Reader::new(rest.get(length_len..)?, Place::Packet(PacketType::Connect));
        let name = reader.binary(Field::ProtocolName).ok()?;
        let level = reader.byte(Field::ProtocolLevel).ok()?;
        let known = first == PacketType::Connect.first_byte() && Version::is_protocol_name(name);
        known.then(|| Version::to_answer(level))
    }

    /// What the client can be sent.
    pub const fn recipient(&self) -> Recipient {
        Recipient {
            version: self.version,
            maximum_packet_size: self.maximum_packet_size,
            request_problem_information: self.request_problem_information,
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let version = self.version;
        write::packet(out, PacketType::Connect.first_byte(), |out| {
            write::utf8(out, version.protocol_name());
            write::byte(out, version.level());
            write::byte(out, Flags::of(self).to_byte());
            write::two_bytes(out, self.keep_alive);
            write::properties(out, version, self.properties);
            write::utf8(out, self.client_id);
            if let Some(will) = &self.will {
                write::properties(out, version, will.properties);
                write::utf8(out, will.topic);
                write::binary(out, will.payload);
            }
            if let Some(username) = self.username {
                write::utf8(out, username);
            }
            if let Some(password) = self.password {
                write::binary(out, password);
            }
        });
    }
}

fn read_version(reader: &mut Reader<'_>) -> Result<Version, Violation> {
    let name = reader.binary(Field::ProtocolName)?;
    if !Version::is_protocol_name(name) {
        return Err(Violation::ProtocolName); // [MQTT-3.1.2-1]
    }
    let level = reader.byte(Field::ProtocolLevel)?;
    Version::from_level(level)
        .filter(|version| name == version.protocol_name().as_bytes())
        .ok_or(Violation::UnsupportedVersion(level)) // [MQTT-3.1.2-2]
}

/// Whether the packet ends where a user name or password should be, and may.
fn lacks_credentials(version: Version, reader: &Reader<'_>) -> bool {
    reader.is_empty() && version.may_lack_credentials()
}

/// The connect flags.
struct Flags {
    clean_start: bool,
    will: Option<WillFlags>,
    username: bool,
    password: bool,
}

struct WillFlags {
    qos: QoS,
    retain: bool,
}

impl Flags {
    fn of(connect: &Connect<'_>) -> Flags {
        Flags {
            clean_start: connect.clean_start,
            will: connect.will.map(|will| WillFlags { qos: will.qos, retain: will.retain }),
            username: connect.username.is_some(),
            password: connect.password.is_some(),
        }
    }

    fn from_byte(byte: u8) -> Result<Flags, Violation> {
        let bit = |index: u8| byte >> index & 1 != 0;
        if bit(0) {
            return Err(Violation::ReservedConnectFlag); // [MQTT-3.1.2-3]
        }
        let will = if bit(2) {
            // [MQTT-3.1.2-12]
            let qos = QoS::from_bits(byte >> 3 & 0b11).ok_or(Violation::QoSThree(Place::Will))?;
            Some(WillFlags { qos, retain: bit(5) })
        } else if byte & 0b0011_1000 != 0 {
            return Err(Violation::WillFlagsWithoutWill); // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
        } else {
            None // [MQTT3-3.1.2-12]
        };
        Ok(Flags { clean_start: bit(1), will, username: bit(7), password: bit(6) })
    }

    fn to_byte(&self) -> u8 {
        let will = match &self.will {
            Some(will) => 0b100 | (will.qos as u8) << 3 | u8::from(will.retain) << 5,
            None => 0,
        };
        u8::from(self.clean_start) << 1
            | will
            | u8::from(self.password) << 6
            | u8::from(self.username) << 7
    }
}

impl WillFlags {
    fn read<'a>(&self, reader: &mut Reader<'a>, version: Version) -> Result<Will<'a>, Violation> {
        // [MQTT-3.1.2-9]
        let properties = reader.properties_in(Place::Will, version)?;
        let topic = reader.utf8(Field::WillTopic)?; // [MQTT-3.1.3-11]
        let payload = reader.binary(Field::WillPayload)?;
        check_topic_name(topic).map_err(|_| Violation::WillTopicInvalid)?;
        Ok(Will { qos: self.qos, retain: self.retain, topic, payload, delay: 0, properties })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split_frame;

    #[track_caller]
    fn check_answer(name_and_level: &[u8], expected: Option<Version>) {
        let packet = [&[0x10, name_and_level.len() as u8], name_and_level].concat();
        let frame = split_frame(&packet, 100).unwrap().unwrap();
        assert_eq!(Connect::answer_version(&packet), expected);
        assert!(Connect::decode(frame).is_err());
    }

    #[test]
    fn a_refusal_is_said_in_the_words_of_the_client() {
        check_answer(b"\x00\x06MQIsdp\x04", Some(Version::V3_1_1));
        check_answer(b"\x00\x04MQTT\x04", Some(Version::V3_1_1));
        check_answer(b"\x00\x04MQTT\x05", Some(Version::V5));
        check_answer(b"\x00\x04MQTT\x06", Some(Version::V5));
        check_answer(b"\x00\x04HTTP\x04", None);
        check_answer(b"\x00\x04MQTT", None);
        // Too large to be looked at, and not all there.
        let begin = b"\x10\xFF\xFF\xFF\x7F\x00\x04MQTT\x05\x02";
        assert_eq!(Connect::answer_version(begin), Some(Version::V5));
        assert_eq!(Connect::answer_version(&begin[..10]), None);
    }

    #[test]
    fn another_packet_is_not_connect() {
        let frame = split_frame(&[0xC0, 0], 100).unwrap().unwrap();
        assert_eq!(Connect::decode(frame), Err(Violation::NotConnect));
        assert_eq!(Connect::answer_version(frame.bytes()), None);
    }
}
