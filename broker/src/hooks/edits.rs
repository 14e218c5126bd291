//! What plugins have changed of an event, and how two changes become one.

use mqtt::{Properties, Property, PropertyBuffer, Publish, QoS, SubscriptionOptions};

/// What an event has in place of what it came with. Each value can stand in its packet, and is within
/// the limits of the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// The topic name.
    pub topic: Option<Box<str>>,
    /// The payload.
    pub payload: Option<Box<[u8]>>,
    /// The QoS to deliver with; how the sender is answered does not change.
    pub qos: Option<QoS>,
    /// Whether the message is to be retained.
    pub retain: Option<bool>,
    /// Whether the store is told of the message, as far as it would be.
    pub kept: Option<bool>,
    /// All properties of the message.
    pub properties: Option<PropertyBuffer>,
    /// The topic filter, with `$share/` and name if it is shared.
    pub filter: Option<Box<str>>,
    /// The options of the subscription.
    pub options: Option<SubscriptionOptions>,
    /// The client identifier.
    pub client_id: Option<Box<str>>,
    /// The user name.
    pub username: Option<Box<str>>,
    /// Seconds that the session outlives the connection.
    pub session_expiry: Option<u32>,
    /// Seconds.
    pub keep_alive: Option<u16>,
    /// What CONNACK says besides.
    pub connack: Option<PropertyBuffer>,
}

impl Edits {
    /// Adds changes that come later; returns whether what is decided by is another now.
    pub(super) fn add(&mut self, later: Edits) -> bool {
        let Edits { topic, payload, qos, retain, kept, properties, .. } = later;
        let Edits {
            filter, options, client_id, username, session_expiry, keep_alive, connack, ..
        } = later;
        let mut decisive = put(&mut self.topic, topic);
        decisive |= put(&mut self.filter, filter);
        decisive |= put(&mut self.client_id, client_id);
        decisive |= put(&mut self.username, username);
        put(&mut self.payload, payload);
        put(&mut self.qos, qos);
        put(&mut self.retain, retain);
        put(&mut self.kept, kept);
        put(&mut self.properties, properties);
        put(&mut self.options, options);
        put(&mut self.session_expiry, session_expiry);
        put(&mut self.keep_alive, keep_alive);
        put(&mut self.connack, connack);
        decisive
    }

    /// The message as it has become.
    pub(crate) fn publish<'a>(&'a self, publish: &Publish<'a>) -> Publish<'a> {
        Publish {
            qos: self.qos.unwrap_or(publish.qos),
            retain: self.retain.unwrap_or(publish.retain),
            topic: self.topic.as_deref().unwrap_or(publish.topic),
            properties: self
                .properties
                .as_ref()
                .map_or(publish.properties, PropertyBuffer::as_properties),
            payload: self.payload.as_deref().unwrap_or(publish.payload),
            ..*publish
        }
    }
}

fn put<T>(place: &mut Option<T>, later: Option<T>) -> bool {
    let is_there = later.is_some();
    if is_there {
        *place = later;
    }
    is_there
}

/// The block with a property in it: a user property is added, another replaces that of its kind.
pub(super) fn with_property(block: Properties<'_>, property: Property<'_>) -> PropertyBuffer {
    let repeats = matches!(property, Property::UserProperty(..));
    let mut changed = PropertyBuffer::new();
    block.filtered(|other| repeats || other.identifier() != property.identifier(), &mut changed);
    changed.push(property);
    changed
}

/// The block without a property; of user properties without all of a name.
pub(super) fn without_property(
    block: Properties<'_>,
    identifier: mqtt::Identifier,
    user_property: &str,
) -> PropertyBuffer {
    let mut changed = PropertyBuffer::new();
    let keep = |property: &Property<'_>| match property {
        Property::UserProperty(name, _) if identifier == property.identifier() => {
            *name != user_property
        }
        other => identifier != other.identifier(),
    };
    block.filtered(keep, &mut changed);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    use mqtt::Identifier;

    fn block(properties: &[Property<'_>]) -> PropertyBuffer {
        let mut block = PropertyBuffer::new();
        assert!(properties.iter().all(|property| block.push(*property)));
        block
    }

    #[test]
    fn what_comes_later_counts() {
        let mut edits = Edits { qos: Some(QoS::AtLeastOnce), ..Edits::default() };
        assert!(!edits.add(Edits { retain: Some(true), ..Edits::default() }));
        assert!(edits.add(Edits {
            qos: Some(QoS::AtMostOnce),
            topic: Some("a".into()),
            ..Edits::default()
        }));
        let (qos, retain) = (Some(QoS::AtMostOnce), Some(true));
        assert_eq!(edits, Edits { qos, retain, topic: Some("a".into()), ..Edits::default() });
    }

    #[test]
    fn a_user_property_is_added_and_another_replaced() {
        use Property::{ContentType, UserProperty};
        let before = block(&[ContentType("a"), UserProperty("n", "1"), UserProperty("m", "2")]);
        let before = before.as_properties();
        let after = with_property(before, ContentType("b"));
        assert_eq!(
            after,
            block(&[UserProperty("n", "1"), UserProperty("m", "2"), ContentType("b")])
        );
        let after = with_property(before, UserProperty("n", "3"));
        assert_eq!(after.as_properties().iter().count(), 4);
        let after = without_property(before, Identifier::UserProperty, "n");
        assert_eq!(after, block(&[ContentType("a"), UserProperty("m", "2")]));
        let after = without_property(before, Identifier::ContentType, "");
        assert_eq!(after, block(&[UserProperty("n", "1"), UserProperty("m", "2")]));
    }
}
