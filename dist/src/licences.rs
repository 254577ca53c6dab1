//! The licence texts of everything that a binary contains, each text once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::Component;

/// One text for the archive: which package is under which licence, then the licences' words as the packages ship them.
pub fn licences(components: &[Component]) -> String {
    let mut page = "Third-party software in this program\n\nPackage, version, licence:\n\n".to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in components.iter().skip(1) {
        let _ = writeln!(page, "  {} {}: {}", one.name, one.version, one.licence);
        for text in shipped(Path::new(&one.folder)) {
            texts.entry(text).or_default().push(format!("{} {}", one.name, one.version));
        }
    }
    for (text, users) in texts {
        let _ = write!(page, "\n{}\nUsed by: {}\n\n{}\n", "=".repeat(100), users.join(", "), text.trim_end());
    }
    page
}

/// The licence files of a package.
fn shipped(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_licence =
        |name: &str| ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"].iter().any(|word| name.starts_with(word));
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .filter(|path| path.file_name().is_some_and(|name| is_licence(&name.to_string_lossy().to_uppercase())))
        .collect();
    found.sort();
    found.iter().filter_map(|path| fs::read_to_string(path).ok()).map(|text| text.replace("\r\n", "\n")).collect()
}
