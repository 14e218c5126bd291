//! Topic filters against a slow matcher.

#![no_main]

#[path = "../checks/topic.rs"]
mod topic;

libfuzzer_sys::fuzz_target!(|data: &[u8]| topic::check(data));
