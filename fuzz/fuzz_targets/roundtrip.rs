//! What is decoded is encoded and decoded again.

#![no_main]

#[path = "../checks/roundtrip.rs"]
mod roundtrip;

libfuzzer_sys::fuzz_target!(|data: &[u8]| roundtrip::check(data));
