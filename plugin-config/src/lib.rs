//! What the configs of the plugins of this repository have in common, so that names, networks, lists,
//! sizes and times are written alike in all of them.

mod name;
mod network;
mod one_or_more;
mod placeholder;
mod quantity;
mod who;

pub use name::Name;
pub use network::Network;
pub use one_or_more::OneOrMore;
pub use placeholder::fits_topic;
pub use quantity::{Period, Rate, Size};
pub use who::{Facts, Who};
