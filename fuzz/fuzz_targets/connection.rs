//! Whole connections to a broker in this process.

#![no_main]

#[path = "../checks/connection.rs"]
mod connection;

libfuzzer_sys::fuzz_target!(|data: &[u8]| connection::check(data));
