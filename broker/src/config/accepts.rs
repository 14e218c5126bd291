//! What is within the limits of names, filters and properties, whoever it comes from.

use mqtt::Properties;

use super::Limits;

impl Limits {
    /// Whether a topic name is within the limits, and one that can be published to: none that begins
    /// with `$` is.
    pub(crate) fn accepts_topic(&self, topic: &str) -> bool {
        self.has_room_for(topic) && !topic.is_empty() && !topic.starts_with('$')
    }

    /// Whether a topic filter is well formed and within the limits. [MQTT-4.7.1-1] [MQTT-4.7.1-2]
    pub(crate) fn accepts_filter(&self, filter: &str) -> bool {
        self.has_room_for(filter) && mqtt::topic::check_topic_filter(filter).is_ok()
    }

    /// Whether no more user properties are among `properties` than the limits allow.
    #[inline]
    pub(crate) fn accepts_properties(&self, properties: Properties<'_>) -> bool {
        let Limits { max_user_properties, max_user_property_bytes, .. } = *self;
        // Each takes five bytes at least, so that few blocks have to be walked.
        let block = properties.as_bytes().len();
        if block / 5 <= max_user_properties && block <= max_user_property_bytes {
            return true;
        }
        let sizes = properties.user_properties().map(|(name, value)| name.len() + value.len());
        let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        count <= max_user_properties && bytes <= max_user_property_bytes
    }

    fn has_room_for(&self, topic: &str) -> bool {
        topic.len() <= self.max_topic_length
            && topic.bytes().filter(|byte| *byte == b'/').count() < self.max_topic_levels
    }
}
