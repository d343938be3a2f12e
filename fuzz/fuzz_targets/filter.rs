#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../checks/filter.rs"]
mod check;
#[path = "../../src/activity/mod.rs"]
mod activity;
#[path = "../../src/protocol/mod.rs"]
mod protocol;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
