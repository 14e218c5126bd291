//! Which clients a setting of a plugin is about. The plugins of this repository share it, so that a
//! name, a network or a list is written alike in all of their configs.

mod name;
mod network;
mod one_or_more;
mod who;

pub use name::Name;
pub use network::Network;
pub use one_or_more::OneOrMore;
pub use who::{Facts, Who};
