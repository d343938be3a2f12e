#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../checks/settings.rs"]
mod check;
#[path = "../../src/protocol/mod.rs"]
mod protocol;
#[path = "../../src/settings/mod.rs"]
mod settings;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
