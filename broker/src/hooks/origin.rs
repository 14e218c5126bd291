//! Who has brought an event about.

use plugin_abi::raw;

/// Where a message comes from, or who has brought about what an event tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A client.
    Client,
    /// The message is a client's will.
    Will,
    /// The plugin of this name.
    Plugin(&'a str),
    /// The broker itself.
    Broker,
}

impl<'a> Origin<'a> {
    pub(super) const fn to_raw(self) -> u8 {
        match self {
            Origin::Client => raw::ORIGIN_CLIENT,
            Origin::Will => raw::ORIGIN_WILL,
            Origin::Plugin(_) => raw::ORIGIN_PLUGIN,
            Origin::Broker => raw::ORIGIN_BROKER,
        }
    }

    /// The name of the plugin, where it is one.
    pub(super) const fn source(self) -> raw::Text<'a> {
        match self {
            Origin::Plugin(name) => raw::Text::new(name),
            _ => raw::Text::new(""),
        }
    }
}
