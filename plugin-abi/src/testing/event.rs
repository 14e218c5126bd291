//! What all events of a test have in common.

use super::{parts::Parts, rules::Check};
use crate::raw::EventPtr;

/// An event that a test has made up.
pub(super) trait Event {
    /// What crosses the border.
    type Raw: 'static;

    /// Whether the broker could send it.
    fn check(&self) -> Check;

    /// Whether it may be one that the broker could not send.
    fn is_odd(&self) -> bool;

    /// The parts by which the hook may change it.
    fn changes(&self) -> &'static [u32] {
        &[]
    }

    /// Whether a plugin behind has changed it, and this one is asked again.
    fn is_asked_again(&self) -> bool {
        false
    }

    /// Makes the raw event, which lives for the call. What the hook hands over goes to `parts`.
    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32;
}

/// The setters that events have alike.
macro_rules! setters {
    (client) => {
        /// Who it is about; a client id will do.
        pub fn client(self, client: impl Into<$crate::testing::Client>) -> Self {
            Self { client: client.into(), ..self }
        }
    };
    (odd) => {
        /// The broker could not send it, and the test knows. Without this, a hook is not called with
        /// such an event: the test panics, and the message says what is wrong with it.
        pub fn odd(self) -> Self {
            Self { odd: true, ..self }
        }
    };
    (asked_again) => {
        /// A plugin behind has changed it, and this one is asked again: it can change nothing now.
        pub fn asked_again(self) -> Self {
            Self { asked_again: true, ..self }
        }
    };
    (properties) => {
        /// Adds a user property.
        ///
        /// # Panics
        ///
        /// If name or value are longer than 65,535 bytes.
        #[track_caller]
        pub fn user_property(mut self, name: &str, value: &str) -> Self {
            $crate::testing::event::push_user_property(&mut self.properties, name, value);
            self
        }

        /// Sets the property block, as it stands in the packet behind its length. It replaces user
        /// properties that were added.
        pub fn properties(self, properties: impl AsRef<[u8]>) -> Self {
            Self { properties: properties.as_ref().to_vec(), ..self }
        }
    };
    ($first:ident $($more:ident)+) => {
        setters! { $first }
        setters! { $($more)+ }
    };
}

pub(super) use setters;

#[track_caller]
pub(super) fn push_user_property(properties: &mut Vec<u8>, name: &str, value: &str) {
    properties.push(crate::properties::USER_PROPERTY);
    for text in [name, value] {
        let Ok(length) = u16::try_from(text.len()) else {
            panic!("a user property has at most 65,535 bytes in name and value");
        };
        properties.extend(length.to_be_bytes());
        properties.extend(text.as_bytes());
    }
}
