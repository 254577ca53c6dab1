//! The rules of the house that ARCHITECTURE.md states, held against the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::names::{self, Crate};

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
    without_tests(&fs::read_to_string(file).expect("the file can be read"))
}

/// The same of a text.
fn without_tests(text: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    production(text).into_iter().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// Its lines without those of tests. A module of tests in its own braces may stand anywhere; one that is only named has a file of
/// its own.
fn production(text: &str) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let begins = |next: &&str| next.trim_start().starts_with("mod ") && next.ends_with('{');
        if line.trim() == "#[cfg(test)]" && lines.next_if(begins).is_some() {
            let end = line.replace("#[cfg(test)]", "}");
            lines.find(|line| *line == end).expect("it is formatted");
        } else {
            kept.push(line);
        }
    }
    kept
}

#[test]
fn what_follows_a_module_of_tests_is_seen() {
    let text = "a\n#[cfg(test)]\nmod tests {\n    b\n}\n// c\nmod unix {\n    d\n    #[cfg(test)]\n    mod tests {\n        e\n    }\n}\n";
    assert_eq!(without_tests(text), "a\nmod unix {\n    d\n}");
    assert_eq!(without_tests("#[cfg(test)]\nmod tests;\na"), "#[cfg(test)]\nmod tests;\na");
}

/// The floor of a file in `src/`; none for those beside the floors.
fn floor_of(file: &str) -> Option<&str> {
    file.split_once('/').map(|(floor, _)| floor)
}

#[test]
fn every_floor_only_looks_down() {
    let all = Crate::of(&root().join("src"));
    let dependencies = all.dependencies();
    for (floor, below) in FLOORS {
        let files = dependencies.iter().filter(|(file, _)| floor_of(file) == Some(floor));
        assert!(files.clone().count() > 3, "src/{floor} holds hardly a file");
        for (file, names) in files {
            for named in names {
                let other = floor_of(named).unwrap_or_default();
                assert!(other == *floor || below.contains(&other), "src/{file} names what is in src/{named}");
            }
        }
    }
    for file in rust_files(&root().join("src")) {
        assert!(!code(&file).contains("crate::{"), "{}: write one `use crate::floor::…` per floor", file.display());
    }
}

#[test]
fn no_files_depend_on_each_other_in_a_circle() {
    let mut found = Vec::new();
    for folder in
        ["src", "emulator/src", "bench/src", "dist/src", "emulator/tests/emulator", "tests/matrix", "tests/suite"]
    {
        let all = Crate::of(&root().join(folder));
        let dependencies = all.dependencies();
        assert!(dependencies.len() > 3 && dependencies.values().any(|files| !files.is_empty()), "{folder} is not read");
        found.extend(names::circles(&dependencies).into_iter().map(|circle| circle.join(" → ")));
    }
    assert_eq!(found, [""; 0], "files that depend on each other cannot be understood one after the other");
}

/// What the rule above sees of three files: what is said of the first one is what it depends on.
#[test]
fn dependencies_are_read_from_names() {
    let depends = |child: &str, parent: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
        write("lib.rs", &format!("mod child;\nmod other;\n{parent}"));
        write("other.rs", "pub struct There; pub fn made() {}");
        write("child.rs", child);
        let all = Crate::of(folder.path());
        let dependencies = all.dependencies();
        ["child.rs", "lib.rs"].map(|file| dependencies[file].iter().copied().collect::<Vec<_>>().join(" "))
    };
    for (child, parent, expected) in [
        ("", "", ["", ""]),
        ("use super::Here;", "struct Here;", ["lib.rs", ""]),
        ("fn f(here: super::Here) {}", "struct Here;", ["lib.rs", ""]),
        ("fn f() { println!(\"{}\", super::HERE) }", "const HERE: u8 = 1;", ["lib.rs", ""]),
        // A re-export is followed, and is no dependency of the file that has it.
        ("use super::There;", "pub use other::There;", ["other.rs", ""]),
        ("use crate::{There as Then};", "pub use other::{made, There};", ["other.rs", ""]),
        ("use super::*; fn f(_: There) {}", "pub use self::other::*;", ["other.rs", ""]),
        ("", "pub use other::There; fn f(_: There) {}", ["", "other.rs"]),
        ("use super::other; fn f() { other::made() }", "", ["other.rs", ""]),
        ("use super::other::{self, There}; fn f() { other::made() }", "", ["other.rs", ""]),
        ("fn f() -> impl Copy + use<> {} use super::There;", "pub use other::There;", ["other.rs", ""]),
        // What is brought from elsewhere is none.
        ("use elsewhere::*; fn f() { made() }", "pub use other::made;", ["", ""]),
        ("#[path = \"there.rs\"] mod away; fn f() { away::made() }", "pub use other::made;", ["", ""]),
        // Modules alone, methods, new names and tests are none.
        ("use super::other;", "", ["", ""]),
        (
            "fn f(x: u8) { x.made() }",
            "pub use other::made; fn f(x: u8) { x.made() } mod deep { fn made() {} }",
            ["", ""],
        ),
        ("#[cfg(test)] mod tests { use super::super::There; }", "pub use other::There;", ["", ""]),
        ("// super::There\n/// [`super::There`]\nfn f() { \"super::There\"; }", "pub use other::There;", ["", ""]),
    ] {
        assert_eq!(depends(child, parent), expected, "{child} / {parent}");
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

/// What a file's code asks of the process's surroundings: all that it takes from `std::env`, and calls of `tempfile` that do.
fn surroundings(code: &str) -> BTreeSet<&str> {
    let word =
        |rest: &'_ str| rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
    let taken = code.match_indices("env::").map(|(at, found)| &code[at + found.len()..]);
    // What comes in braces cannot be told apart here, so it counts.
    let taken = taken.map(|rest| if rest.starts_with(['{', '*']) { &rest[..1] } else { &rest[..word(rest)] });
    let calls = ["tempdir()", "tempfile()", "TempDir::new()", "NamedTempFile::new()", "path::absolute("];
    taken.chain(calls.into_iter().filter(|call| code.contains(call))).collect()
}

#[test]
fn only_few_places_look_at_what_surrounds_the_process() {
    for (code, asks) in [
        ("let dir = std::env::temp_dir();", "temp_dir"),
        ("use std::env::current_dir;", "current_dir"),
        ("use std::env::{self, args};", "{"),
        ("use std::{env, fs};\nlet home = env::home_dir();", "home_dir"),
        ("let dir = tempfile::tempdir();", "tempdir()"),
        ("let name = env!(\"CARGO_PKG_NAME\"); use std::env; variable(\"HOME\")", ""),
    ] {
        assert_eq!(surroundings(code).into_iter().collect::<String>(), asks, "{code}");
    }
    for file in rust_files(&root().join("src")) {
        let name = file.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        let may = match name.as_str() {
            "src/provider/settings/surroundings.rs" | "src/plugin/handshake.rs" => "var_os",
            "src/main.rs" => "args_os",
            // A relative path that somebody gave begins where the process was started.
            "src/plugin/listen.rs" => "path::absolute(",
            _ => "",
        };
        assert_eq!(surroundings(&code(&file)).into_iter().collect::<String>(), may, "{name}");
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

/// The words of declarations. A `type` inside something else is what a trait asks for.
const DECLARES: &[&str] = &["struct ", "enum ", "trait ", "union ", "type "];

/// The type that a line declares, also inside a function.
fn declared(line: &str) -> Option<&str> {
    let words = if line.starts_with(' ') { &DECLARES[..4] } else { DECLARES };
    let line = line.trim_start();
    let line = line
        .strip_prefix("pub ")
        .or_else(|| line.strip_prefix("pub(")?.split_once(") ").map(|(_, rest)| rest))
        .unwrap_or(line);
    let named = words.iter().find_map(|word| line.strip_prefix(word))?;
    named.split(|letter: char| !letter.is_alphanumeric()).next().filter(|name| !name.is_empty())
}

#[test]
fn no_type_name_has_two_owners() {
    assert_eq!(declared("pub(in crate::backup) struct Page<T> {"), Some("Page"));
    assert_eq!(declared("type Answer = u8;"), Some("Answer"));
    assert_eq!(declared("    struct Local;"), Some("Local"));
    assert_eq!(declared("    type Response = u8;"), None);
    for folder in ["src", "emulator/src"] {
        let mut owners = std::collections::BTreeMap::<String, Vec<String>>::new();
        for file in rust_files(&root().join(folder)) {
            for name in code(&file).lines().filter_map(declared) {
                owners.entry(name.to_owned()).or_default().push(file.display().to_string());
            }
        }
        assert!(owners.len() > 50, "{folder} declares hardly a type");
        // An error is named after its module (`cloud::Error`), as everywhere in Rust.
        owners.remove("Error");
        owners.retain(|_, files| files.len() > 1);
        assert!(owners.is_empty(), "one word for two ideas: {owners:#?}");
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
            let lines = production(&text).len();
            assert!(lines <= 700, "{}: {lines} lines", file.display());
        }
    }
}
