#![no_main]
//! See `src/fuzzing.rs` of the provider.

use huaweidb::fuzzing::backup;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backup::replies(bytes));
