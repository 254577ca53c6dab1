//! What SECURITY.md promises is tested: each line names its tests, and they exist.

use super::files::{read, root};

/// Whether a file holds a test of that name, written out or by a macro of the file.
fn has_test(text: &str, name: &str) -> bool {
    let is_test = |before: &str| {
        let before = before.trim_end();
        let before = before.strip_suffix("async").unwrap_or(before).trim_end();
        before.lines().last().is_some_and(|line| line.trim().starts_with("#[") && line.contains("test"))
    };
    let written = text.split_once(&format!("fn {name}()")).is_some_and(|(before, _)| is_test(before));
    written || text.contains(&format!("{name}: By::"))
}

#[test]
fn every_line_of_the_security_page_names_tests_that_exist() {
    let page = read(&root().join("SECURITY.md"));
    let table = page.split("## What is defended against whom").nth(1).expect("the page has a table");
    let rows: Vec<&str> =
        table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).skip(1).collect();
    assert!(rows.len() >= 10, "{} lines", rows.len());
    for row in rows {
        let tests = row.split('|').nth(3).expect("a third cell");
        let (mut text, mut named) = (String::new(), 0);
        for word in tests.split('`').skip(1).step_by(2) {
            if word.contains('/') {
                text = read(&root().join(word));
            } else {
                assert!(has_test(&text, word), "no test {word} for: {row}");
                named += 1;
            }
        }
        assert!(named > 0, "no test for: {row}");
    }
}
