//! Links between the pages lead somewhere, and front matter is complete.

use std::path::Path;

use super::files::{files, read, root};

/// Anchors of a page: its headings, and what `<a id>` says.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    });
    let named = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    headings.chain(named).collect()
}

/// Targets of Markdown links outside code.
fn links(text: &str) -> Vec<String> {
    let prose = text.split("```").step_by(2).collect::<String>();
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.map(str::to_owned).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut pages: Vec<_> = files(&root().join("docs"), root()).into_iter().collect();
    for name in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md", "emulator/README.md"] {
        pages.push((name.to_owned(), root().join(name)));
    }
    let mut checked = 0;
    for (name, path) in pages.iter().filter(|(name, _)| Path::new(name).extension().is_some_and(|end| end == "md")) {
        let text = read(path);
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().expect("a folder").join(file) };
            assert!(target.exists(), "{name}: the link to {link} leads nowhere");
            if !anchor.is_empty() {
                let known = anchors(&read(&target));
                assert!(known.iter().any(|one| one == anchor), "{name}: {link} has no such anchor: {known:?}");
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} links were checked");
}

/// All code of tests, to look names up in.
fn code_of_tests() -> String {
    let all = ["src", "tests"].into_iter().flat_map(|folder| files(&root().join(folder), root()));
    let code = all.filter(|(_, path)| path.extension().is_some_and(|ending| ending == "rs"));
    code.flat_map(|(name, path)| [format!("// {name}\n"), read(&path)]).collect()
}

#[test]
fn every_cell_of_the_comparison_is_filled_and_has_its_source() {
    let guide = read(&root().join("docs/guides/migrate.md"));
    let section = guide.split("## Beside the official providers").nth(1).expect("a comparison");
    let section = section.split("\n## ").next().unwrap_or_default();
    let code = code_of_tests();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(2).collect::<Vec<_>>();
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        let cells = row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
        assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "an empty cell: {row}");
        let test = cells[2].trim_matches('`');
        let is_there = code.contains(&format!("fn {test}(")) || code.contains(&format!("/{test}\n"));
        assert!(is_there, "there is no test {test}");
        let labels = cells[3].split("][").skip(1).filter_map(|rest| rest.split(']').next()).collect::<Vec<_>>();
        assert!(!labels.is_empty(), "no source: {row}");
        for label in labels {
            assert!(section.contains(&format!("\n[{label}]: https://")), "{label} leads nowhere");
        }
    }
}

#[test]
fn the_pictures_are_one_in_two_colours_and_the_recorded_run_is_this_demo() {
    let without_colours = |name: &str| {
        let text = read(&root().join("docs/pictures").join(name));
        let mut parts = text.split('#');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |all, part| all + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
    };
    assert_eq!(without_colours("life-light.svg"), without_colours("life-dark.svg"));
    let (recorded, script) = (read(&root().join("docs/pictures/demo.txt")), read(&root().join("examples/demo.sh")));
    for step in script.lines().filter_map(|line| line.strip_prefix("say \"")) {
        let title = step.split(['$', '"']).next().unwrap_or_default();
        assert!(recorded.contains(&format!("== {title}")), "record `make demo` anew: {title:?} is not in demo.txt");
    }
    assert!(!recorded.contains('\u{1b}'), "a recorded run has no control codes");
    let readme = read(&root().join("README.md"));
    let shown = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a recorded run");
    for line in shown.lines().filter(|line| !line.is_empty()) {
        assert!(recorded.contains(line), "the README shows what is not in demo.txt: {line}");
    }
}

#[test]
fn pipelines_in_guides_are_yaml() {
    let mut seen = 0;
    for (name, path) in files(&root().join("docs/guides"), root()) {
        let text = read(&path);
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let parsed = yaml_rust2::YamlLoader::load_from_str(block).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert!(parsed[0].as_hash().is_some(), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen}");
}

#[test]
fn guides_have_front_matter() {
    let guides = files(&root().join("docs/guides"), root());
    assert!(guides.len() >= 9, "{:?}", guides.keys());
    for (name, path) in guides {
        let text = read(&path);
        let head = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        let (head, body) = head.unwrap_or_else(|| panic!("{name} has no front matter"));
        for key in ["page_title: \"", "subcategory: \"\"", "description: |-"] {
            assert!(head.contains(key), "{name}: {key}");
        }
        assert!(!head.contains("layout"), "{name}");
        assert!(body.trim_start().starts_with("# "), "{name} has no heading");
    }
}

/// The text literal that follows, white space aside.
fn literal(rest: &str) -> Option<&str> {
    rest.trim_start().strip_prefix('"')?.split('"').next()
}

/// Summaries of messages in the sources: first lines that users read.
pub(crate) fn summaries_in_code() -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    for (name, path) in files(&root().join("src"), root()) {
        let text = read(&path);
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        if path.extension().is_none_or(|ending| ending != "rs")
            || name.contains("/tests/")
            || name.ends_with("tests.rs")
        {
            continue;
        }
        let makers = [
            "Diagnostic::error(",
            "Diagnostic::warning(",
            ".error(",
            ".explained(",
            ".complain(",
            "Shelf::of(",
            "severity(",
            "SUMMARY: &str =",
        ];
        for maker in makers {
            found.extend(code.split(maker).skip(1).filter_map(literal).map(str::to_owned));
        }
        if name.ends_with("provider/explain/mod.rs") {
            let arms = code.split("fn summary(").nth(1).and_then(|rest| rest.split("\n}\n").next()).unwrap_or_default();
            // A long arm stands in braces.
            let arms = arms.split("=>").skip(1).map(|arm| arm.trim_start().trim_start_matches('{'));
            found.extend(arms.filter_map(literal).map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_summary_has_a_place_in_the_error_guide() {
    let guide = read(&root().join("docs/guides/error-codes.md"));
    let headings: std::collections::BTreeSet<&str> =
        guide.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let summaries = summaries_in_code();
    assert!(summaries.len() > 35, "{summaries:?}");
    let missing: Vec<_> = summaries.iter().filter(|one| !headings.contains(one.as_str())).collect();
    assert!(missing.is_empty(), "docs/guides/error-codes.md has no heading for: {missing:#?}");
    let unique: std::collections::BTreeSet<_> = anchors(&guide).into_iter().collect();
    assert_eq!(unique.len(), anchors(&guide).len(), "two headings have one anchor");
}
