//! The compatibility page: what CLIs offer (`tests/data/cli-features.tsv`), and what the last runs of the matrix proved
//! (`tests/data/matrix.tsv`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::files::{read, root};

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

/// What was run: a table of cases and versions for each of the two, and when.
fn run() -> String {
    let rows = rows("matrix.tsv");
    let mut text = String::new();
    for (key, name) in [("terraform", "Terraform"), ("opentofu", "OpenTofu")] {
        let rows: Vec<&Vec<String>> = rows.iter().filter(|row| row[0] == key).collect();
        let mut versions: Vec<&str> = Vec::new();
        let mut cases: Vec<&str> = Vec::new();
        let mut results = BTreeMap::new();
        for row in &rows {
            for (list, value) in [(&mut versions, &row[1]), (&mut cases, &row[4])] {
                if !list.contains(&&**value) {
                    list.push(value);
                }
            }
            results.insert((&*row[4], &*row[1]), if row[5] == "not offered" { "–" } else { &*row[5] });
        }
        let _ = writeln!(text, "| {name} | {} |\n| ---{} |", versions.join(" | "), " | ---".repeat(versions.len()));
        for case in cases {
            let cells = versions.iter().map(|version| results.get(&(case, *version)).copied().unwrap_or("?"));
            let _ = writeln!(text, "| {case} | {} |", cells.collect::<Vec<_>>().join(" | "));
        }
        let oldest = rows.iter().map(|row| &*row[2]).min().unwrap_or("never");
        let _ = writeln!(text, "\n–: not offered by this version. ?: not run yet. No result is older than {oldest}.\n");
    }
    text.trim_end().to_owned() + "\n"
}

/// The page with its tables written anew; the words around them stay.
pub(super) fn render(page: &str) -> String {
    let page = between(page, ("<!-- offered -->\n", "<!-- end of offered -->"), &offered());
    between(&page, ("<!-- run -->\n", "<!-- end of run -->"), &run())
}

pub(super) fn between(page: &str, (begin, end): (&str, &str), text: &str) -> String {
    let (before, rest) = page.split_once(begin).unwrap_or_else(|| panic!("{PAGE} lacks {begin}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{PAGE} lacks {end}"));
    format!("{before}{begin}\n{text}\n{end}{after}")
}

#[test]
fn every_case_that_a_cli_offers_is_green() {
    for row in rows("matrix.tsv") {
        assert!(matches!(&*row[5], "ok" | "not offered"), "{row:?}");
    }
}
