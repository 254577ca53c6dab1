//! The rules of the house that ARCHITECTURE.md states, held against the files.

use std::fs;
use std::path::{Path, PathBuf};

/// Each floor and what it may name below itself.
const FLOORS: &[(&str, &[&str])] =
    &[("plugin", &[]), ("cloud", &[]), ("backup", &["cloud"]), ("provider", &["plugin", "backup", "cloud"])];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file: comments and what is only tested left out.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("the file can be read");
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_floor_only_looks_down() {
    for (floor, below) in FLOORS {
        let files = rust_files(&root().join("src").join(floor));
        assert!(!files.is_empty(), "src/{floor} holds no Rust file");
        for file in files {
            let code = code(&file);
            assert!(!code.contains("crate::{"), "{}: write one `use crate::floor::…` per floor", file.display());
            for used in code.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let may = used == *floor || below.contains(&used.as_str());
                // A macro of a floor expands to paths of that floor.
                assert!(may || used.is_empty(), "{} names crate::{used}", file.display());
            }
        }
    }
}

#[test]
fn generated_protocol_types_stay_inside_the_plugin_floor() {
    for floor in ["cloud", "backup", "provider"] {
        for file in rust_files(&root().join("src").join(floor)) {
            let code = code(&file);
            assert!(!code.contains("tfplugin6") && !code.contains("prost"), "{}", file.display());
        }
    }
}

#[test]
fn only_two_places_read_the_environment() {
    let allowed = ["src/provider/settings/mod.rs", "src/plugin/handshake.rs", "src/main.rs"];
    for file in rust_files(&root().join("src")) {
        let name = file.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        let code = code(&file);
        let reads = ["env::var(", "env::var_os(", "env::vars("].iter().any(|call| code.contains(call));
        assert!(!reads || allowed.contains(&name.as_str()), "{name} reads the environment");
    }
}

#[test]
fn services_are_pure() {
    for file in rust_files(&root().join("src/backup/services")) {
        let code = code(&file);
        for word in [".await", "async ", "tokio::", "tracing::", "Instant::now", "SystemTime"] {
            assert!(!code.contains(word), "{} has `{word}`: services only translate", file.display());
        }
    }
}

#[test]
fn the_emulator_shares_no_code_with_the_provider() {
    let manifest = fs::read_to_string(root().join("emulator/Cargo.toml")).expect("the emulator has a manifest");
    assert!(!manifest.contains("terraform-provider-huaweidb") && !manifest.contains("path ="));
    for file in rust_files(&root().join("emulator/src")) {
        let text = fs::read_to_string(&file).expect("the file can be read");
        assert!(!text.contains("huaweidb::") && !text.contains("../src/"), "{}", file.display());
    }
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    let words = [["TO", "DO"], ["FIX", "ME"], ["#[ig", "nore"], ["unimple", "mented!"]].map(|halves| halves.concat());
    for folder in ["src", "emulator", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("the file can be read");
            for word in &words {
                assert!(!text.contains(word.as_str()), "{} has {word}", file.display());
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    for folder in ["src", "emulator/src", "dist/src", "bench/src"] {
        let files = rust_files(&root().join(folder)).into_iter().filter(|file| {
            let parts = file.strip_prefix(root()).expect("it is below").with_extension("");
            !parts.iter().any(|part| part == "tests")
        });
        for file in files {
            let text = fs::read_to_string(&file).expect("the file can be read");
            let lines = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().lines().count();
            assert!(lines <= 700, "{}: {lines} lines", file.display());
        }
    }
}
