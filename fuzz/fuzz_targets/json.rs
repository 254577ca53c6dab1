#![no_main]
//! See `src/fuzzing.rs` of the provider.

use huaweidb::fuzzing::plugin;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plugin::json(bytes));
