//! MQTT 3.1.1 and 5.0 without I/O and without a clock: packets, topics, delivery.
//!
//! Three types matter. [`Frame`] is one whole packet found in a buffer ([`split_frame`]); [`Packet`]
//! is what it means ([`decode`], [`Packet::encode`]); [`Outbound`] is what is owed to one client at
//! QoS 1 and 2.
//!
//! A packet has its MQTT 5 meaning here. What a 3.1.1 packet implies by its silence is filled in as
//! it is decoded, and [`Version::lower`] turns a packet into what a 3.1.1 client can be told.
//! Nothing here blocks, and nothing that a peer sends makes anything here panic.

pub mod codec;
pub mod delivery;
pub mod packet;
pub mod property;
pub mod topic;

mod properties;
mod qos;
mod reason;
mod recipient;
mod stand_in;
mod version;
mod violation;

pub use codec::{Frame, decode, split_frame};
pub use delivery::{Arrival, Inbound, Outbound, Owed, RecAnswer, Resend};
pub use packet::{
    Ack, Additions, Auth, ConnAck, Connect, Disconnect, FilterList, Packet, PacketType, Publish,
    RetainHandling, SubAck, Subscribe, Subscription, SubscriptionList, SubscriptionOptions,
    UnsubAck, Unsubscribe, Will,
};
pub use properties::{Properties, PropertyBuffer, PropertyIter};
pub use property::{Identifier, Place, Property};
pub use qos::QoS;
pub use reason::ReasonCode;
pub use recipient::{Recipient, Untold};
pub use topic::TopicError;
pub use version::{Lowered, RefusedPublish, Version};
pub use violation::{Field, Violation};
