//! Where outsiders' bytes come in: one function per kind of input, for fuzzing. Only with the feature `fuzzing`, and in
//! tests, which run every one with its corpus and some thousand mutations of it.
//!
//! Each takes any bytes, must not panic, and checks what has to hold for whatever was accepted.

pub use crate::backup::fuzz as backup;
pub use crate::cloud::fuzz as cloud;
pub use crate::plugin::fuzz as plugin;
pub use crate::provider::fuzz as provider;

/// Takes any bytes and panics where something is wrong.
pub type EntryPoint = fn(&[u8]);

/// All of them, by the names of their targets in `fuzz/`.
pub const TARGETS: &[(&str, EntryPoint)] = &[
    ("msgpack", plugin::msgpack),
    ("json", plugin::json),
    ("raw_state", plugin::raw_state),
    ("handshake", plugin::handshake),
    ("refusal", cloud::refusal),
    ("replies", backup::replies),
    ("shared_config", provider::shared_config),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;
    use std::time::Instant;

    use super::TARGETS;

    /// Inputs per target beside the corpus.
    const INPUTS: usize = 6000;

    /// Numbers that are the same every time (xorshift).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
        }

        fn byte(&mut self) -> u8 {
            u8::try_from(self.below(256)).unwrap()
        }
    }

    /// One small change.
    fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
        const TELLING: &[u8] =
            &[0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'[', b']', b'}', b',', b'0', 0xc0, 0xc6, 0xdd, 0xdf];
        let at = dice.below(bytes.len() + 1);
        match dice.below(7) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.byte()),
            2 => bytes.insert(at, TELLING[dice.below(TELLING.len())]),
            3 if at < bytes.len() => bytes[at] = TELLING[dice.below(TELLING.len())],
            4 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            5 if at < bytes.len() => _ = bytes.remove(at),
            _ => {
                let from = dice.below(other.len() + 1);
                let until = from + dice.below((other.len() - from).min(64) + 1);
                bytes.splice(at..at, other[from..until].iter().copied());
            }
        }
    }

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files.into_iter().map(|file| fs::read(file).unwrap()).collect()
    }

    #[test]
    fn no_input_is_too_much() {
        let (began, mut tried) = (Instant::now(), 0);
        for (name, entry) in TARGETS {
            let corpus = corpus(name);
            assert!(!corpus.is_empty(), "fuzz/corpus/{name} is empty");
            let try_one = |bytes: &[u8]| {
                let tried = catch_unwind(AssertUnwindSafe(|| entry(bytes)));
                assert!(tried.is_ok(), "{name} fell over {:?}", String::from_utf8_lossy(bytes));
            };
            for bytes in &corpus {
                try_one(bytes);
            }
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
            for _ in 0..INPUTS {
                let mut bytes = corpus[dice.below(corpus.len())].clone();
                let other = &corpus[dice.below(corpus.len())];
                for _ in 0..=dice.below(6) {
                    mutate(&mut bytes, other, &mut dice);
                }
                try_one(&bytes);
            }
            tried += corpus.len() + INPUTS;
        }
        let line = format!(
            "fuzz targets: {} of them, {tried} inputs, no panic; {:.0} s",
            TARGETS.len(),
            began.elapsed().as_secs_f64()
        );
        writeln!(std::io::stderr(), "{line}").unwrap();
    }

    #[test]
    fn every_target_has_its_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for (name, _) in TARGETS {
            let program = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
            assert!(program.contains("fuzz_target!") && manifest.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }
}
