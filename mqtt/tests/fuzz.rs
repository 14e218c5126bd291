//! A short run of the fuzz targets that need no broker: their corpus, and seeded changes of it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

#[path = "../../fuzz/checks/decode.rs"]
mod decode;
#[path = "../../fuzz/checks/mutate.rs"]
mod mutate;
#[path = "../../fuzz/checks/roundtrip.rs"]
mod roundtrip;
#[path = "../../fuzz/checks/topic.rs"]
mod topic;

#[test]
fn any_bytes_are_packets_or_violations() {
    mutate::replay("decode", 20_000, decode::check);
}

#[test]
fn what_is_decoded_survives_encoding() {
    mutate::replay("decode", 20_000, roundtrip::check);
}

#[test]
fn topics_match_as_the_slow_matcher_says() {
    mutate::replay("topic", 20_000, topic::check);
}
