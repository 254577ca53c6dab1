#![no_main]
//! See `src/fuzzing.rs` of the provider.

use huaweidb::fuzzing::cloud;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cloud::refusal(bytes));
