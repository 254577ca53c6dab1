#![no_main]
//! See `src/fuzzing.rs` of the provider.

use huaweidb::fuzzing::provider;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| provider::shared_config(bytes));
