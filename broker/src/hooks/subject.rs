//! What plugins are asked about, and how it looks to them once some of them have changed it.

use plugin_abi::raw;

use super::client::{BeforeConnect, Client, Publication, Subscription, Unsubscription};
use super::client::{flag, size};
use super::edits::Edits;
use super::origin::Origin;
use super::point::{
    OnBeforeConnect, OnBeforePublish, OnBeforeSubscribe, OnBeforeUnsubscribe, OnConnect,
    OnSocketOpen, OnWill, Point,
};
use crate::config::Limits;
use crate::plugins::AnswerHandle;

/// What the plugins that have the hook `P` are asked about.
pub(super) trait Subject<P: Point> {
    /// The parts by which they change it.
    const TAKES: &'static [u32];

    /// The properties that they may change, as the packet has them.
    fn properties(&self) -> &[u8] {
        &[]
    }

    /// Whether it can be what it has become: each change by itself can be.
    fn fits(&self, _edits: &Edits, _limits: &Limits) -> bool {
        true
    }

    /// Whose it is.
    fn client<'a>(&'a self, edits: Option<&'a Edits>) -> raw::Client<'a>;

    /// What a plugin is told. `client` is what [`Subject::client`] has returned.
    fn event<'a>(&'a self, client: &'a raw::Client<'a>, shown: Shown<'a>) -> P::Event<'a>;
}

/// What is different from one plugin to the next.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// What those before have changed.
    pub(super) edits: Option<&'a Edits>,
    pub(super) answer: AnswerHandle,
    /// It is asked again.
    pub(super) again: bool,
}

impl Shown<'_> {
    /// To plugins that only observe.
    pub(super) const OBSERVED: Shown<'static> =
        Shown { edits: None, answer: AnswerHandle::CLOSED, again: false };
}

/// Something about a client.
pub(super) struct About<'a, T> {
    pub(super) client: &'a Client<'a>,
    pub(super) what: &'a T,
}

/// A connection that was accepted.
pub(super) struct SocketOpen<'a> {
    pub(super) peer: raw::Address,
    pub(super) local: raw::Address,
    pub(super) listener: &'a str,
}

/// A session that is ready.
pub(super) struct Connect {
    pub(super) session_present: bool,
    pub(super) clean_start: bool,
}

impl Subject<OnSocketOpen> for SocketOpen<'_> {
    const TAKES: &'static [u32] = &[];

    fn client<'a>(&'a self, _edits: Option<&'a Edits>) -> raw::Client<'a> {
        let SocketOpen { peer, local, listener } = *self;
        Client { client_id: "", username: None, protocol: 0, peer, local, listener }.to_raw()
    }

    fn event<'a>(&'a self, client: &'a raw::Client<'a>, shown: Shown<'a>) -> raw::SocketOpen<'a> {
        raw::SocketOpen {
            size: size::<raw::SocketOpen<'_>>(),
            reserved: 0,
            listener: client.listener,
            peer: client.peer,
            local: client.local,
            answer_ctx: shown.answer.context,
            answer: shown.answer.function,
            origin: Origin::Client.to_raw().into(),
            asked_again: shown.again.into(),
            source: Origin::Client.source(),
        }
    }
}

impl Subject<OnBeforeConnect> for About<'_, BeforeConnect<'_>> {
    const TAKES: &'static [u32] = &[
        raw::ANSWER_USERNAME,
        raw::ANSWER_CLIENT_ID,
        raw::ANSWER_SESSION_EXPIRY,
        raw::ANSWER_KEEP_ALIVE,
        raw::ANSWER_CONNACK_PROPERTY,
    ];

    fn client<'a>(&'a self, edits: Option<&'a Edits>) -> raw::Client<'a> {
        let edited = |of: fn(&Edits) -> Option<&str>| edits.and_then(of);
        Client {
            client_id: edited(|edits| edits.client_id.as_deref()).unwrap_or(self.client.client_id),
            username: edited(|edits| edits.username.as_deref()).or(self.client.username),
            ..*self.client
        }
        .to_raw()
    }

    fn event<'a>(
        &'a self,
        client: &'a raw::Client<'a>,
        shown: Shown<'a>,
    ) -> raw::BeforeConnect<'a> {
        let BeforeConnect { will, keep_alive, session_expiry, .. } = *self.what;
        let edited = shown.edits;
        raw::BeforeConnect {
            size: size::<raw::BeforeConnect<'_>>(),
            clean_start: flag(self.what.clean_start),
            has_password: flag(self.what.password.is_some()),
            has_will: flag(will.is_some()),
            reserved: 0,
            session_expiry: edited.and_then(|it| it.session_expiry).unwrap_or(session_expiry),
            keep_alive: edited.and_then(|it| it.keep_alive).unwrap_or(keep_alive),
            reserved_too: 0,
            client: client.into(),
            password: raw::View::new(self.what.password.unwrap_or_default()),
            will_topic: raw::Text::new(will.map_or("", |will| will.topic)),
            properties: raw::View::new(self.what.properties),
            authentication_method: raw::Text::new(
                self.what.authentication_method.unwrap_or_default(),
            ),
            answer_ctx: shown.answer.context,
            answer: shown.answer.function,
            origin: Origin::Client.to_raw().into(),
            asked_again: shown.again.into(),
            source: Origin::Client.source(),
            original_client_id: raw::Text::new(self.client.client_id),
            original_username: raw::Text::new(self.client.username.unwrap_or_default()),
            will_payload: raw::View::new(will.map_or(&[], |will| will.payload)),
            will_properties: raw::View::new(will.map_or(&[], |will| will.properties)),
            will_qos: will.map_or(0, |will| will.qos.into()),
            will_retain: will.is_some_and(|will| will.retain).into(),
        }
    }
}

impl Subject<OnConnect> for About<'_, Connect> {
    const TAKES: &'static [u32] = &[];

    fn client<'a>(&'a self, _edits: Option<&'a Edits>) -> raw::Client<'a> {
        self.client.to_raw()
    }

    fn event<'a>(&'a self, client: &'a raw::Client<'a>, shown: Shown<'a>) -> raw::Connect<'a> {
        raw::Connect {
            size: size::<raw::Connect<'_>>(),
            session_present: flag(self.what.session_present),
            clean_start: flag(self.what.clean_start),
            reserved: [0; 2],
            client: client.into(),
            answer_ctx: shown.answer.context,
            answer: shown.answer.function,
            origin: Origin::Client.to_raw().into(),
            asked_again: shown.again.into(),
            source: Origin::Client.source(),
        }
    }
}

impl Subject<OnBeforeSubscribe> for About<'_, Subscription<'_>> {
    const TAKES: &'static [u32] = &[raw::ANSWER_FILTER, raw::ANSWER_OPTIONS];

    fn client<'a>(&'a self, _edits: Option<&'a Edits>) -> raw::Client<'a> {
        self.client.to_raw()
    }

    fn event<'a>(&'a self, client: &'a raw::Client<'a>, shown: Shown<'a>) -> raw::Subscribe<'a> {
        self.what.event(client, shown)
    }
}

impl Subject<OnBeforeUnsubscribe> for About<'_, Unsubscription<'_>> {
    const TAKES: &'static [u32] = &[raw::ANSWER_FILTER];

    fn client<'a>(&'a self, _edits: Option<&'a Edits>) -> raw::Client<'a> {
        self.client.to_raw()
    }

    fn event<'a>(&'a self, client: &'a raw::Client<'a>, shown: Shown<'a>) -> raw::Unsubscribe<'a> {
        self.what.event(client, shown)
    }
}

macro_rules! about_a_message {
    ($($point:ident)*) => {$(
        impl Subject<$point> for About<'_, Publication<'_>> {
            const TAKES: &'static [u32] = &[
                raw::ANSWER_TOPIC,
                raw::ANSWER_PAYLOAD,
                raw::ANSWER_QOS,
                raw::ANSWER_RETAIN,
                raw::ANSWER_KEPT,
                raw::ANSWER_SET_PROPERTY,
                raw::ANSWER_REMOVE_PROPERTY,
            ];

            fn properties(&self) -> &[u8] {
                self.what.properties
            }

            fn fits(&self, edits: &Edits, limits: &Limits) -> bool {
                self.what.fits(edits, limits)
            }

            fn client<'a>(&'a self, _edits: Option<&'a Edits>) -> raw::Client<'a> {
                self.client.to_raw()
            }

            fn event<'a>(
                &'a self,
                client: &'a raw::Client<'a>,
                shown: Shown<'a>,
            ) -> raw::Publish<'a> {
                self.what.event(client, shown)
            }
        }
    )*};
}

about_a_message! { OnBeforePublish OnWill }

impl Subscription<'_> {
    pub(super) fn event<'a>(
        &'a self,
        client: &'a raw::Client<'a>,
        shown: Shown<'a>,
    ) -> raw::Subscribe<'a> {
        let edited = |of: fn(&Edits) -> Option<&str>| shown.edits.and_then(of);
        let filter = edited(|edits| edits.filter.as_deref()).unwrap_or(self.filter);
        let options = shown.edits.and_then(|edits| edits.options).unwrap_or(self.options);
        raw::Subscribe {
            size: size::<raw::Subscribe<'_>>(),
            qos: options.qos as u8,
            no_local: flag(options.no_local),
            retain_as_published: flag(options.retain_as_published),
            retain_handling: options.retain_handling as u8,
            client: client.into(),
            filter: raw::Text::new(matched_filter(filter)),
            properties: raw::View::new(self.properties),
            whole_filter: raw::Text::new(filter),
            answer_ctx: shown.answer.context,
            answer: shown.answer.function,
            origin: self.origin.to_raw().into(),
            asked_again: shown.again.into(),
            source: self.origin.source(),
            original_filter: raw::Text::new(self.original_filter),
        }
    }
}

impl Unsubscription<'_> {
    pub(super) fn event<'a>(
        &'a self,
        client: &'a raw::Client<'a>,
        shown: Shown<'a>,
    ) -> raw::Unsubscribe<'a> {
        let filter = shown.edits.and_then(|edits| edits.filter.as_deref()).unwrap_or(self.filter);
        raw::Unsubscribe {
            size: size::<raw::Unsubscribe<'_>>(),
            reserved: 0,
            client: client.into(),
            filter: raw::Text::new(matched_filter(filter)),
            whole_filter: raw::Text::new(filter),
            answer_ctx: shown.answer.context,
            answer: shown.answer.function,
            origin: self.origin.to_raw().into(),
            asked_again: shown.again.into(),
            source: self.origin.source(),
            original_filter: raw::Text::new(self.original_filter),
        }
    }
}

impl<'a> Publication<'a> {
    #[inline]
    pub(super) fn event(self, client: &'a raw::Client<'a>, shown: Shown<'a>) -> raw::Publish<'a> {
        let seen = match shown.edits {
            None => self,
            Some(edits) => self.with(edits),
        };
        raw::Publish {
            size: size::<raw::Publish<'_>>(),
            qos: seen.qos,
            retain: flag(seen.retain),
            dup: flag(seen.dup),
            origin: seen.origin.to_raw(),
            client: client.into(),
            topic: raw::Text::new(seen.topic),
            payload: raw::View::new(seen.payload),
            properties: raw::View::new(seen.properties),
            answer_ctx: shown.answer.context,
            answer: shown.answer.function,
            asked_again: shown.again.into(),
            depth: seen.depth,
            source: seen.origin.source(),
            original_topic: raw::Text::new(seen.original_topic),
            payload_len: seen.payload.len() as u64,
        }
    }

    /// The message as it has become.
    fn with(self, edits: &'a Edits) -> Publication<'a> {
        Publication {
            topic: edits.topic.as_deref().unwrap_or(self.topic),
            payload: edits.payload.as_deref().unwrap_or(self.payload),
            properties: match &edits.properties {
                Some(block) => block.as_properties().as_bytes(),
                None => self.properties,
            },
            qos: edits.qos.map_or(self.qos, |qos| qos as u8),
            retain: edits.retain.unwrap_or(self.retain),
            ..self
        }
    }

    /// Whether a packet that the broker would take can carry what it has become.
    pub(super) fn fits(&self, edits: &Edits, limits: &Limits) -> bool {
        let Publication { topic, payload, properties, .. } = self.with(edits);
        // A header, and the lengths of topic and properties, and an identifier.
        let around = 5 + 2 + 2 + 4;
        around + topic.len() + properties.len() + payload.len() <= limits.max_packet_size as usize
    }
}

/// What messages are matched with. A plugin that knows nothing of shared subscriptions and looks at
/// filters must not be evaded by one.
fn matched_filter(filter: &str) -> &str {
    mqtt::topic::shared(filter).map_or(filter, |(_, inner)| inner)
}
