//! Changes in words, and answers that come later.

use plugin_abi::{
    AuthVerdict, BeforeConnect, Change, Later, Property, Publish, Subscribe, SubscriptionOptions,
    Unsubscribe, Verdict,
};

/// Changes, each `WHAT VALUE`.
pub(crate) struct Changes<'a>(pub(crate) &'a [String]);

impl Changes<'_> {
    /// Makes them; returns what the broker has not taken.
    fn each<E: std::fmt::Display>(
        &self,
        mut give: impl FnMut(&str, &str) -> Result<(), E>,
    ) -> Vec<String> {
        let untaken = |change: &String| {
            let (what, value) = change.split_once(' ').unwrap_or((change, ""));
            let error = give(what, value).err()?;
            Some(format!("{change}: {error}"))
        };
        self.0.iter().filter_map(untaken).collect()
    }

    pub(crate) fn of_publish(&self, event: &Publish<'_>) -> Vec<String> {
        self.each(|what, value| match what {
            "topic" => event.set_topic(value),
            "payload" => event.set_payload(value),
            "qos" => event.set_qos(value.parse().unwrap()),
            "retain" => event.set_retain(value == "1"),
            "kept" => event.set_kept(value == "1"),
            "remove" => event.remove_user_property(value),
            "unexpire" => event.remove_property(2),
            what => event.set_property(property(what, value)),
        })
    }

    pub(crate) fn of_subscribe(&self, event: &Subscribe<'_>) -> Vec<String> {
        self.each(|what, value| match what {
            "filter" => event.set_filter(value),
            "qos" => event.set_options(SubscriptionOptions {
                qos: value.parse().unwrap(),
                ..event.options()
            }),
            what => panic!("{what}"),
        })
    }

    pub(crate) fn of_unsubscribe(&self, event: &Unsubscribe<'_>) -> Vec<String> {
        self.each(|_, value| event.set_filter(value))
    }

    pub(crate) fn of_connect(&self, event: &BeforeConnect<'_>) -> Vec<String> {
        self.each(|what, value| match what {
            "client_id" => event.set_client_id(value),
            "username" => event.set_username(value),
            "session_expiry" => event.set_session_expiry(value.parse().unwrap()),
            "keep_alive" => event.set_keep_alive(value.parse().unwrap()),
            what => event.tell(property(what, value)),
        })
    }
}

/// Answers with changes and a verdict, separated by commas; returns what the broker says of it.
pub(crate) fn answer(mut later: Later, text: &str) -> String {
    let mut said = Ok(());
    let (changes, last) = text.rsplit_once(',').unwrap_or(("", text));
    for change in changes.split(',').filter(|change| !change.is_empty()) {
        let (what, value) = change.split_once(' ').unwrap();
        later = later.set(match what {
            "topic" => Change::Topic(value),
            "payload" => Change::Payload(value.as_bytes()),
            "qos" => Change::QoS(value.parse().unwrap()),
            "retain" => Change::Retain(value == "1"),
            "kept" => Change::Kept(value == "1"),
            "filter" => Change::Filter(value),
            "client_id" => Change::ClientId(value),
            "username" => Change::Username(value),
            what => Change::Property(property(what, value)),
        });
    }
    let mut words = last.splitn(3, ' ');
    match words.next().unwrap() {
        "continue" => said = later.complete(Verdict::Continue),
        "veto" => said = later.complete(Verdict::Veto),
        "refuse" => {
            let code = words.next().unwrap().parse().unwrap();
            let reason = words.next().unwrap_or_default().to_owned();
            said = later.complete(Verdict::refuse_with(code).reason(reason));
        }
        "done" => said = later.complete_auth(&AuthVerdict::success().username("proved")),
        "challenge" => said = later.complete_auth(&AuthVerdict::challenge("more")),
        "drop" => drop(later),
        other => panic!("{other}"),
    }
    format!("{said:?}")
}

fn property<'a>(what: &str, value: &'a str) -> Property<'a> {
    match what {
        "property" => {
            let (name, value) = value.split_once('=').unwrap();
            Property::User(name, value)
        }
        "expiry" => Property::MessageExpiry(value.parse().unwrap()),
        "content_type" => Property::ContentType(value),
        "response_information" => Property::ResponseInformation(value),
        "response_topic" => Property::ResponseTopic(value),
        what => panic!("{what}"),
    }
}
