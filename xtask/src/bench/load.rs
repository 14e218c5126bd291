//! The loads that are put on each broker.

pub(crate) struct Load {
    /// As the page has it.
    pub(crate) name: &'static str,
    /// Of `hookmq bench`.
    pub(crate) arguments: &'static str,
    /// It takes `--duration`.
    pub(crate) lasts: bool,
    /// What it is a point of, and where.
    pub(crate) curve: Option<(&'static str, u32)>,
}

/// What the curves show against how many subscribers or pairs there are.
pub(crate) const CURVES: [(&str, &str); 2] =
    [("fan-out", "subscribers of one publisher, QoS 0"), ("pairs", "pairs, QoS 1")];

pub(crate) const LOADS: &[Load] = &[
    load("fan-out 1 to 20, QoS 0", "fan-out --subscribers 20"),
    load("fan-out 1 to 20, QoS 1", "fan-out --subscribers 20 -q 1"),
    load("pairs 100, QoS 1", "pairs --pairs 100 -q 1"),
    load("pairs 100, QoS 2, MQTT 5", "pairs --pairs 100 -q 2 --protocol 5"),
    load("fan-in 50 to 1, QoS 1", "fan-in --publishers 50 -q 1"),
    load("shared 50 to 4, QoS 1", "shared --publishers 50 --subscribers 4 -q 1 --protocol 5"),
    load("pairs 100 at 10/s, QoS 1", "pairs --pairs 100 -q 1 --rate 10"),
    Load {
        name: "connect, 64 at once",
        arguments: "connect --connections 5000",
        lasts: false,
        curve: None,
    },
    point("fan-out 1 to 1, QoS 0", "fan-out --subscribers 1", "fan-out", 1),
    point("fan-out 1 to 10, QoS 0", "fan-out --subscribers 10", "fan-out", 10),
    point("fan-out 1 to 100, QoS 0", "fan-out --subscribers 100", "fan-out", 100),
    point("fan-out 1 to 500, QoS 0", "fan-out --subscribers 500", "fan-out", 500),
    point("pairs 1, QoS 1", "pairs --pairs 1 -q 1", "pairs", 1),
    point("pairs 10, QoS 1", "pairs --pairs 10 -q 1", "pairs", 10),
    point("pairs 300, QoS 1", "pairs --pairs 300 -q 1", "pairs", 300),
];

const fn load(name: &'static str, arguments: &'static str) -> Load {
    Load { name, arguments, lasts: true, curve: None }
}

const fn point(name: &'static str, arguments: &'static str, curve: &'static str, at: u32) -> Load {
    Load { name, arguments, lasts: true, curve: Some((curve, at)) }
}
