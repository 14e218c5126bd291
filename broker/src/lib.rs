//! An MQTT broker.
