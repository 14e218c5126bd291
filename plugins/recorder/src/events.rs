//! What of each event is recorded.

use plugin_abi::{
    Auth, BeforeConnect, Client, Connect, Deliver, Disconnect, DropReason, Dropped, Origin,
    Protocol, Publish, Session, SessionChange, SocketOpen, Subscribe, Unsubscribe,
};
use recording::{Field, Record};

pub(crate) trait Recorded {
    /// None: there is no client yet.
    fn client_id(&self) -> Option<&str>;

    /// Adds all fields; what is secret only if `secrets`.
    fn record(&self, record: &mut Record, secrets: bool);
}

macro_rules! of_a_client {
    ($($event:ident $record:ident;)*) => {$(
        impl Recorded for $event<'_> {
            fn client_id(&self) -> Option<&str> {
                Some(self.client().client_id())
            }

            fn record(&self, record: &mut Record, secrets: bool) {
                client(record, self.client());
                $record(self, record, secrets);
            }
        }
    )*};
}

of_a_client! {
    Auth auth;
    BeforeConnect before_connect;
    Connect connect;
    Publish publish;
    Subscribe subscribe;
    Unsubscribe unsubscribe;
    Disconnect disconnect;
    Deliver deliver;
    Dropped dropped;
    Session session;
}

impl Recorded for SocketOpen<'_> {
    fn client_id(&self) -> Option<&str> {
        None
    }

    fn record(&self, record: &mut Record, _secrets: bool) {
        addresses(record, self.peer(), self.local(), self.listener());
        origin(record, self.origin(), self.source());
    }
}

fn client(record: &mut Record, client: Client<'_>) {
    record.set(Field::ClientId, client.client_id());
    if let Some(username) = client.username() {
        record.set_always(Field::Username, username);
    }
    let protocol: u8 = match client.protocol() {
        Protocol::V3_1 => 3,
        Protocol::V3_1_1 => 4,
        _ => 5,
    };
    record.set_number(Field::Protocol, protocol);
    addresses(record, client.peer(), client.local(), client.listener());
}

fn addresses(
    record: &mut Record,
    peer: Option<std::net::SocketAddr>,
    local: Option<std::net::SocketAddr>,
    listener: &str,
) {
    for (field, address) in [(Field::Peer, peer), (Field::Local, local)] {
        record.set(field, address.map(|address| address.to_string()).unwrap_or_default());
    }
    record.set(Field::Listener, listener);
}

fn origin(record: &mut Record, origin: Origin, source: Option<&str>) {
    let number: u8 = match origin {
        Origin::Client => 0,
        Origin::Will => 1,
        Origin::Plugin => 2,
        Origin::Broker => 3,
        _ => u8::MAX,
    };
    record.set_number(Field::Origin, number);
    record.set(Field::Source, source.unwrap_or_default());
}

fn auth(event: &Auth<'_>, record: &mut Record, secrets: bool) {
    record.set(Field::Method, event.method());
    record.set_number(Field::Round, event.round());
    record.set_number(Field::Reauthentication, event.is_reauthentication());
    record.set(Field::Properties, event.properties());
    if secrets {
        if let Some(data) = event.data() {
            record.set_always(Field::Data, data);
        }
        record.set(Field::State, event.state());
    }
}

fn before_connect(event: &BeforeConnect<'_>, record: &mut Record, secrets: bool) {
    record.set_number(Field::CleanStart, event.clean_start());
    record.set_number(Field::KeepAlive, event.keep_alive());
    record.set_number(Field::SessionExpiry, event.session_expiry());
    record.set(Field::Properties, event.properties());
    record.set(Field::Method, event.authentication_method().unwrap_or_default());
    record.set_number(Field::HasPassword, event.password().is_some());
    if let Some(password) = event.password().filter(|_| secrets) {
        record.set_always(Field::Password, password);
    }
    if let Some(topic) = event.will_topic() {
        record.set(Field::WillTopic, topic);
        record.set(Field::WillPayload, event.will_payload().unwrap_or_default());
        record.set(Field::WillProperties, event.will_properties());
        record.set_number(Field::WillQoS, event.will_qos().unwrap_or_default());
        record.set_number(Field::WillRetain, event.will_retain().unwrap_or_default());
    }
    record.set(Field::Original, event.original_client_id());
    record.set(Field::OriginalUsername, event.original_username().unwrap_or_default());
    record.set_number(Field::AskedAgain, event.is_asked_again());
    origin(record, event.origin(), event.source());
}

fn connect(event: &Connect<'_>, record: &mut Record, _secrets: bool) {
    record.set_number(Field::SessionPresent, event.session_present());
    record.set_number(Field::CleanStart, event.clean_start());
    origin(record, event.origin(), event.source());
}

fn publish(event: &Publish<'_>, record: &mut Record, _secrets: bool) {
    record.set(Field::Topic, event.topic());
    record.set(Field::Payload, event.payload());
    record.set_number(Field::PayloadLen, event.payload_len());
    record.set_number(Field::QoS, event.qos());
    record.set_number(Field::Retain, event.retain());
    record.set_number(Field::Dup, event.dup());
    record.set(Field::Properties, event.properties());
    record.set(Field::Original, event.original_topic());
    record.set_number(Field::Depth, event.depth());
    record.set_number(Field::AskedAgain, event.is_asked_again());
    origin(record, event.origin(), event.source());
}

fn subscribe(event: &Subscribe<'_>, record: &mut Record, _secrets: bool) {
    record.set(Field::Topic, event.filter());
    record.set(Field::WholeFilter, event.whole_filter());
    record.set_number(Field::QoS, event.qos());
    let retain = u8::from(event.retain_as_published()) << 1 | (event.retain_handling() & 3) << 2;
    record.set_number(Field::Options, u8::from(event.no_local()) | retain);
    record.set(Field::Properties, event.properties());
    record.set(Field::Original, event.original_filter());
    record.set_number(Field::AskedAgain, event.is_asked_again());
    origin(record, event.origin(), event.source());
}

fn unsubscribe(event: &Unsubscribe<'_>, record: &mut Record, _secrets: bool) {
    record.set(Field::Topic, event.filter());
    record.set(Field::WholeFilter, event.whole_filter());
    record.set(Field::Original, event.original_filter());
    record.set_number(Field::AskedAgain, event.is_asked_again());
    origin(record, event.origin(), event.source());
}

fn disconnect(event: &Disconnect<'_>, record: &mut Record, _secrets: bool) {
    record.set_number(Field::Graceful, event.graceful());
    record.set_number(Field::Reason, event.reason_code());
    record.set_number(Field::SessionKept, event.session_kept());
    record.set(Field::Words, event.reason());
    origin(record, event.origin(), event.source());
}

fn deliver(event: &Deliver<'_>, record: &mut Record, _secrets: bool) {
    record.set(Field::Publisher, event.publisher().unwrap_or_default());
    record.set(Field::Topic, event.topic());
    record.set(Field::Payload, event.payload());
    record.set_number(Field::PayloadLen, event.payload_len());
    record.set_number(Field::QoS, event.qos());
    record.set_number(Field::Retain, event.retain());
    record.set_number(Field::Retained, event.is_retained());
    record.set(Field::Share, event.share().unwrap_or_default());
    record.set(Field::Properties, event.properties());
    origin(record, event.origin(), event.source());
}

fn dropped(event: &Dropped<'_>, record: &mut Record, _secrets: bool) {
    record.set(Field::Topic, event.topic());
    record.set(Field::Payload, event.payload());
    record.set_number(Field::PayloadLen, event.payload_len());
    record.set_number(Field::QoS, event.qos());
    record.set_number(Field::Retain, event.retain());
    record.set(Field::Properties, event.properties());
    let reason: u8 = match event.reason() {
        DropReason::QueueFull => 1,
        DropReason::Expired => 2,
        DropReason::TooLarge => 3,
        DropReason::Vetoed => 4,
        DropReason::NotTaken => 5,
        DropReason::SessionEnded => 6,
        _ => u8::MAX,
    };
    record.set_number(Field::Reason, reason);
}

fn session(event: &Session<'_>, record: &mut Record, _secrets: bool) {
    let change: u8 = match event.change() {
        SessionChange::Created => 1,
        SessionChange::Resumed => 2,
        SessionChange::TakenOver => 3,
        SessionChange::Expired => 4,
        SessionChange::Deleted => 5,
        _ => u8::MAX,
    };
    record.set_number(Field::Change, change);
    origin(record, event.origin(), event.source());
}
