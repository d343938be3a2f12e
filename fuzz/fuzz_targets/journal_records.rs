#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../src/activity/mod.rs"]
mod activity;
#[path = "../checks/journal_records.rs"]
mod check;
#[path = "../../src/protocol/mod.rs"]
mod protocol;
#[path = "../../src/journal/file/row.rs"]
mod row;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
