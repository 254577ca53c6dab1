//! The files of a release, as the registries want them.
//!
//! Pure where it can be: the same binary, lock file and sources give the same bytes, on any day and in any folder.

mod licences;
mod mirrors;
mod notes;
mod sbom;
mod site;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

pub use licences::licences;
pub use mirrors::{SOURCE, h1, mirrors};
pub use notes::notes;
pub use sbom::{Component, components, sbom};
pub use site::{broken, site};

/// The provider's name, as files are called.
pub const NAME: &str = "terraform-provider-huaweidb";

/// One platform's part of a release.
#[derive(Clone, Debug)]
pub struct Build {
    /// The version, without `v`.
    pub version: String,
    /// The operating system in the registries' word: `linux`, `darwin`, `windows`.
    pub os: String,
    /// The architecture in the registries' word: `amd64`, `arm64`.
    pub arch: String,
}

impl Build {
    /// The archive's name.
    pub fn archive_name(&self) -> String {
        format!("{NAME}_{}_{}_{}.zip", self.version, self.os, self.arch)
    }

    /// The binary's name inside the archive.
    pub fn binary_name(&self) -> String {
        let ending = if self.os == "windows" { ".exe" } else { "" };
        format!("{NAME}_v{}{ending}", self.version)
    }

    /// The bill of materials' name.
    pub fn sbom_name(&self) -> String {
        format!("{NAME}_{}_{}_{}.cdx.json", self.version, self.os, self.arch)
    }

    /// The compiler's word for the platform: what dependencies to count.
    pub fn triple(&self) -> Option<&'static str> {
        Some(match (self.os.as_str(), self.arch.as_str()) {
            ("linux", "amd64") => "x86_64-unknown-linux-musl",
            ("linux", "arm64") => "aarch64-unknown-linux-musl",
            ("darwin", "amd64") => "x86_64-apple-darwin",
            ("darwin", "arm64") => "aarch64-apple-darwin",
            ("windows", "amd64") => "x86_64-pc-windows-msvc",
            ("windows", "arm64") => "aarch64-pc-windows-msvc",
            _ => return None,
        })
    }
}

/// A file of an archive: name, content, whether it can be run.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path in the archive.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Whether it is a program.
    pub runs: bool,
}

/// An archive whose bytes depend on its entries alone: no times, no owners, always the same order.
pub fn archive(mut entries: Vec<Entry>) -> io::Result<Vec<u8>> {
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(if entry.runs { 0o755 } else { 0o644 });
        zip.start_file(entry.name, options)?;
        zip.write_all(&entry.bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes `SHA256SUMS` over all files of this version in the folder, and the manifest before it. Returns its path.
pub fn sums(folder: &Path, version: &str, manifest: &[u8]) -> io::Result<PathBuf> {
    let begin = format!("{NAME}_{version}_");
    fs::write(folder.join(format!("{begin}manifest.json")), manifest)?;
    let own = format!("{begin}SHA256SUMS");
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() && name.starts_with(&begin) && !name.starts_with(&own) {
            lines.push((name, sha256(&fs::read(&path)?)));
        }
    }
    lines.sort();
    let text = lines.iter().fold(String::new(), |mut text, (name, sum)| {
        let _ = writeln!(text, "{sum}  {name}");
        text
    });
    let path = folder.join(own);
    fs::write(&path, text)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, runs: bool) -> Entry {
        Entry { name: name.to_owned(), bytes: name.repeat(100).into_bytes(), runs }
    }

    #[test]
    fn an_archive_depends_on_its_entries_alone() {
        let one = archive(vec![entry("b", true), entry("a", false)]).unwrap();
        let other = archive(vec![entry("a", false), entry("b", true)]).unwrap();
        assert_eq!(one, other);
        assert_ne!(one, archive(vec![entry("a", true), entry("b", true)]).unwrap());
    }

    #[test]
    fn names_are_the_registries() {
        let build = |os: &str| Build { version: "1.2.3".to_owned(), os: os.to_owned(), arch: "amd64".to_owned() };
        assert_eq!(build("linux").archive_name(), "terraform-provider-huaweidb_1.2.3_linux_amd64.zip");
        assert_eq!(build("linux").binary_name(), "terraform-provider-huaweidb_v1.2.3");
        assert_eq!(build("windows").binary_name(), "terraform-provider-huaweidb_v1.2.3.exe");
        assert_eq!(build("plan9").triple(), None);
    }

    #[test]
    fn sums_are_what_sha256sum_prints() {
        // The digest of the empty text is published everywhere.
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
