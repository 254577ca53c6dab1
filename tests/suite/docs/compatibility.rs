//! The compatibility page: its table is what CLIs offer (`tests/data/cli-features.tsv`), and the matrix proves it.

use std::fmt::Write as _;

use super::{read, root};

/// The page below `docs/`.
pub(super) const PAGE: &str = "guides/compatibility.md";

/// A table, without its first line.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = read(&root().join("tests/data").join(name));
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// What is offered from which version on.
fn offered() -> String {
    let mut text =
        "| feature | Terraform | OpenTofu | what an older CLI sees |\n| --- | --- | --- | --- |\n".to_owned();
    for row in rows("cli-features.tsv") {
        let _ = writeln!(text, "| {} | {} | {} | {} |", row[1], row[2], row[3], row[4]);
    }
    text
}

/// The page with its table written anew; the words around it stay.
pub(super) fn render(page: &str) -> String {
    let (begin, end) = ("<!-- offered -->\n", "<!-- end of offered -->");
    let (before, rest) = page.split_once(begin).unwrap_or_else(|| panic!("{PAGE} lacks {begin}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{PAGE} lacks {end}"));
    format!("{before}{begin}\n{}\n{end}{after}", offered())
}
