//! What a CLI offers, asked of its version in one table: `tests/data/cli-features.tsv`. The compatibility page shows it too.

use std::path::{Path, PathBuf};

use huaweidb_emulator::Emulator;

use crate::cli::Workspace;
use crate::started::program;

/// The table.
const FEATURES: &str = include_str!("../data/cli-features.tsv");

/// What every CLI offers that can use the provider at all.
pub(crate) const EVERYWHERE: &str = "everywhere";

/// A CLI to be tried.
#[derive(Debug)]
pub(crate) struct Cli {
    path: PathBuf,
    /// `terraform` or `opentofu`.
    pub(crate) name: &'static str,
    /// What it says of itself, such as `1.16.0-rc2`.
    pub(crate) version: String,
}

impl Cli {
    /// Asks a program what it is.
    pub(crate) fn at(path: &Path) -> Result<Self, String> {
        // Nobody's own settings get in, nor does a look for a newer version.
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let told = program(path, folder.path())
            .arg("version")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .output()
            .map_err(|why| format!("{} cannot be run: {why}", path.display()))?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let known = [("Terraform v", "terraform"), ("OpenTofu v", "opentofu")];
        let found = text
            .lines()
            .find_map(|line| known.into_iter().find_map(|(begin, name)| Some((name, line.strip_prefix(begin)?))));
        let (name, version) = found.ok_or(format!("{} is neither Terraform nor OpenTofu: {text}", path.display()))?;
        // A relative path would be looked for in the folder of each case.
        let path = if path.components().count() > 1 {
            path.canonicalize().map_err(|why| why.to_string())?
        } else {
            path.to_owned()
        };
        Ok(Cli { path, name, version: version.to_owned() })
    }

    /// Whether it is OpenTofu.
    pub(crate) fn is_tofu(&self) -> bool {
        self.name == "opentofu"
    }

    /// Whether its version has a feature.
    pub(crate) fn offers(&self, feature: &str) -> bool {
        let row = features().find(|row| row[0] == feature).unwrap_or_else(|| panic!("{feature:?} is in no row"));
        let since = row[if self.is_tofu() { 3 } else { 2 }];
        since != "–" && self.is_at_least(since)
    }

    /// Whether its version is this one or a later one.
    pub(crate) fn is_at_least(&self, version: &str) -> bool {
        minor(&self.version) >= minor(version)
    }

    /// An empty folder whose commands run this CLI against an emulator.
    pub(crate) fn workspace(&self, emulator: &Emulator) -> Workspace {
        Workspace::of(&self.path, emulator)
    }

    /// The same without any credentials.
    pub(crate) fn bare_workspace(&self) -> Workspace {
        Workspace::bare_of(&self.path)
    }
}

/// The rows of the table: feature, what it is, since which Terraform, since which OpenTofu, what an older one says.
pub(crate) fn features() -> impl Iterator<Item = Vec<&'static str>> {
    FEATURES.lines().skip(1).map(|line| line.split('\t').collect())
}

/// The numbers of a version, for sorting.
pub(crate) fn parts(version: &str) -> Vec<u32> {
    version.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
}

/// Features come with minor versions, and with their previews.
fn minor(version: &str) -> (u32, u32) {
    let mut parts =
        version.split('.').take(2).map(|part| part.parse().unwrap_or_else(|_| panic!("{version:?} is no version")));
    (parts.next().expect("a version has parts"), parts.next().expect("a version has two parts"))
}
