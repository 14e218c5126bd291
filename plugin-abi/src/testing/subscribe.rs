//! What clients subscribe to and unsubscribe from, as a test makes it up.

use super::{
    Client,
    client::size,
    event::{Event, setters},
    parts::{self, Parts},
    rules::{self, Check, ensure, matched_filter},
};
use crate::raw::{self, EventPtr};

/// A filter of a SUBSCRIBE packet.
#[derive(Clone, Debug)]
pub struct Subscribe {
    client: Client,
    filter: String,
    qos: u8,
    no_local: bool,
    retain_as_published: bool,
    retain_handling: u8,
    properties: Vec<u8>,
    asked_again: bool,
    odd: bool,
}

impl Subscribe {
    /// This filter, with QoS 0 and no options, by the client `client`. Of a shared subscription it is the
    /// whole one: `$share/workers/jobs/#`.
    pub fn to(filter: impl Into<String>) -> Self {
        Subscribe {
            client: Client::default(),
            filter: filter.into(),
            qos: 0,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
            properties: Vec::new(),
            asked_again: false,
            odd: false,
        }
    }

    /// 0, 1 or 2.
    pub fn qos(self, qos: u8) -> Self {
        Subscribe { qos, ..self }
    }

    /// Whether the client does not want its own messages back.
    pub fn no_local(self, no_local: bool) -> Self {
        Subscribe { no_local, ..self }
    }

    /// Whether forwarded messages keep their retain flag.
    pub fn retain_as_published(self, retain_as_published: bool) -> Self {
        Subscribe { retain_as_published, ..self }
    }

    /// 0, 1 or 2.
    pub fn retain_handling(self, retain_handling: u8) -> Self {
        Subscribe { retain_handling, ..self }
    }

    setters! { client properties asked_again odd }
}

impl Event for Subscribe {
    type Raw = raw::Subscribe<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        rules::topic_filter(&self.filter)?;
        rules::qos(self.qos)?;
        ensure(self.retain_handling <= 2, || {
            format!("there is no retain handling {}", self.retain_handling)
        })?;
        let is_shared = matched_filter(&self.filter) != self.filter;
        ensure(!(is_shared && self.no_local), || "a shared subscription has no no_local".into())?;
        rules::properties(&self.properties, &self.client)
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn changes(&self) -> &'static [u32] {
        &[raw::ANSWER_FILTER, raw::ANSWER_OPTIONS]
    }

    fn is_asked_again(&self) -> bool {
        self.asked_again
    }

    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Subscribe {
            size: size::<raw::Subscribe<'_>>(),
            qos: self.qos,
            no_local: self.no_local.into(),
            retain_as_published: self.retain_as_published.into(),
            retain_handling: self.retain_handling,
            client: (&client).into(),
            filter: raw::Text::new(matched_filter(&self.filter)),
            properties: raw::View::new(&self.properties),
            whole_filter: raw::Text::new(&self.filter),
            answer_ctx: parts.context(),
            answer: parts::take,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: self.asked_again.into(),
            source: raw::Text::new(""),
            original_filter: raw::Text::new(&self.filter),
        };
        call(EventPtr::from(&event).cast())
    }
}

/// A filter of an UNSUBSCRIBE packet.
#[derive(Clone, Debug)]
pub struct Unsubscribe {
    client: Client,
    filter: String,
    asked_again: bool,
    odd: bool,
}

impl Unsubscribe {
    /// This filter, by the client `client`. Of a shared subscription it is the whole one.
    pub fn from(filter: impl Into<String>) -> Self {
        Unsubscribe {
            client: Client::default(),
            filter: filter.into(),
            asked_again: false,
            odd: false,
        }
    }

    setters! { client asked_again odd }
}

impl Event for Unsubscribe {
    type Raw = raw::Unsubscribe<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        rules::topic_filter(&self.filter)
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn changes(&self) -> &'static [u32] {
        &[raw::ANSWER_FILTER]
    }

    fn is_asked_again(&self) -> bool {
        self.asked_again
    }

    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Unsubscribe {
            size: size::<raw::Unsubscribe<'_>>(),
            reserved: 0,
            client: (&client).into(),
            filter: raw::Text::new(matched_filter(&self.filter)),
            whole_filter: raw::Text::new(&self.filter),
            answer_ctx: parts.context(),
            answer: parts::take,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: self.asked_again.into(),
            source: raw::Text::new(""),
            original_filter: raw::Text::new(&self.filter),
        };
        call(EventPtr::from(&event).cast())
    }
}
