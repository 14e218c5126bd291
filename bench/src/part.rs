//! What a client is to be and do, before it is connected.

use mqtt::QoS;

use crate::publisher::Publisher;
use crate::tracker::Tracker;

#[derive(Default)]
pub(crate) struct Part {
    pub(crate) client_id: String,
    /// The session outlives the connection.
    pub(crate) keeps_session: bool,
    pub(crate) subscription: Option<(String, QoS)>,
    pub(crate) tracker: Tracker,
    pub(crate) publisher: Option<Publisher>,
    /// It disconnects as soon as it is connected.
    pub(crate) only_visits: bool,
}

impl Part {
    pub(crate) fn publisher(prefix: &str, publisher: Publisher) -> Part {
        let client_id = format!("{prefix}-p{}", publisher.number);
        Part { client_id, publisher: Some(publisher), ..Part::default() }
    }

    pub(crate) fn subscriber(
        prefix: &str,
        number: u32,
        filter: String,
        qos: QoS,
        tracker: Tracker,
    ) -> Part {
        let client_id = format!("{prefix}-s{number}");
        Part { client_id, subscription: Some((filter, qos)), tracker, ..Part::default() }
    }
}
