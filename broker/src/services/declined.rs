//! Why a plugin does not get what it asks for.

use plugin_abi::raw;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declined {
    /// A value cannot stand in its packet, or means nothing.
    Unfit,
    /// The plugin has not got the capability.
    NotGranted,
    /// There is no room now.
    Full,
    /// Plugins' hooks have led from one message to the next too often.
    TooDeep,
    /// The broker, or this instance of the plugin, is at its end.
    Stopping,
    /// There is no such client or key.
    NotThere,
}

impl Declined {
    /// The number that plugins know it by.
    pub(crate) const fn to_raw(self) -> i32 {
        match self {
            Declined::Unfit => raw::UNFIT,
            Declined::NotGranted => raw::NOT_GRANTED,
            Declined::Full => raw::FULL,
            Declined::TooDeep => raw::TOO_DEEP,
            Declined::Stopping => raw::STOPPING,
            Declined::NotThere => raw::NOT_THERE,
        }
    }
}
