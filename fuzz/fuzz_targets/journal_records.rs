#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../src/activity/mod.rs"]
mod activity;
#[path = "../checks/journal_records.rs"]
mod check;
#[path = "../../src/journal/file/entry_codec.rs"]
mod entry_codec;
#[path = "../../src/protocol/mod.rs"]
mod protocol;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
