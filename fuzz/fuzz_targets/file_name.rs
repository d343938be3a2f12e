#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../checks/file_name.rs"]
mod check;
#[path = "../../src/protocol/mod.rs"]
mod protocol;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
