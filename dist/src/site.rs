//! The documents as pages of a static site: what mdBook needs to render them, and a check of what it wrote.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

const BOOK: &str = r#"[book]
title = "terraform-provider-huaweidb"
language = "en"
src = "src"

[build]
build-dir = "html"
create-missing = false

[output.html]
default-theme = "light"
preferred-dark-theme = "navy"
no-section-label = true
"#;

/// Guides that come before the others.
const FIRST: &[&str] = &["getting-started", "backup-before-migration", "restore"];

/// The folders of the reference, with their headings.
const REFERENCE: &[(&str, &str)] = &[
    ("resources", "Resources"),
    ("data-sources", "Data sources"),
    ("ephemeral-resources", "Ephemeral resources"),
    ("list-resources", "List resources"),
    ("actions", "Actions"),
    ("functions", "Functions"),
];

/// Pages about the project itself.
const PROJECT: &[&str] = &["CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md", "emulator/README.md"];

/// Writes the sources of the site: every page where it lies in the checkout, without the front matter that registries want.
pub fn site(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let src = folder.join("src");
    let mut summary = String::from("# Summary\n\n[Overview](README.md)\n");
    page(root, &src, "README.md")?;
    summary.push_str("\n# Guides\n\n");
    let rank =
        |name: &String| FIRST.iter().position(|first| name.strip_suffix(".md") == Some(*first)).unwrap_or(FIRST.len());
    let mut guides = pages(&root.join("docs/guides"))?;
    guides.sort_by_key(|name| (rank(name), name.clone()));
    for name in guides {
        listed(root, &src, &format!("docs/guides/{name}"), &mut summary)?;
    }
    summary.push_str("\n# Reference\n\n");
    listed(root, &src, "docs/index.md", &mut summary)?;
    listed(root, &src, "docs/messages.md", &mut summary)?;
    for (kind, heading) in REFERENCE {
        let _ = writeln!(summary, "\n# {heading}\n");
        for name in pages(&root.join("docs").join(kind))? {
            listed(root, &src, &format!("docs/{kind}/{name}"), &mut summary)?;
        }
    }
    summary.push_str("\n# The project\n\n");
    for name in PROJECT {
        listed(root, &src, name, &mut summary)?;
    }
    fs::write(src.join("SUMMARY.md"), summary)?;
    copied(&root.join("docs/pictures"), &src.join("docs/pictures"))?;
    copied(&root.join("examples"), &src.join("examples"))?;
    fs::copy(root.join("LICENSE"), src.join("LICENSE"))?;
    fs::write(folder.join("book.toml"), BOOK)
}

/// The pages in a folder, in order.
fn pages(folder: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    names.retain(|name| Path::new(name).extension().is_some_and(|ending| ending == "md"));
    names.sort();
    Ok(names)
}

/// Copies a page and answers its title.
fn page(root: &Path, src: &Path, name: &str) -> io::Result<String> {
    let text = fs::read_to_string(root.join(name))?;
    let (front, body) = match text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) {
        Some((front, body)) => (front, body),
        None => ("", text.as_str()),
    };
    let titled = front.lines().find_map(|line| line.strip_prefix("page_title: "));
    let title = titled.map(|title| title.trim_matches('"').trim_end_matches(" - huaweidb"));
    let heading = body.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(name);
    let target = src.join(name);
    fs::create_dir_all(target.parent().unwrap_or(src))?;
    // mdBook makes an index of a README, but leaves links to it as they are.
    fs::write(target, body.trim_start().replace("/README.md", "/index.md"))?;
    Ok(title.unwrap_or(heading).to_owned())
}

fn listed(root: &Path, src: &Path, name: &str, summary: &mut String) -> io::Result<()> {
    let title = page(root, src, name)?;
    let _ = writeln!(summary, "- [{title}]({name})");
    Ok(())
}

fn copied(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copied(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Which links of the pages in a folder lead nowhere, and how many there are.
pub fn broken(folder: &Path) -> io::Result<(usize, Vec<String>)> {
    let (mut checked, mut wrong) = (0, Vec::new());
    let mut left = vec![folder.to_owned()];
    while let Some(place) = left.pop() {
        for entry in fs::read_dir(&place)? {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|ending| ending == "html") {
                let text = fs::read_to_string(&path)?;
                for link in links(&text) {
                    checked += 1;
                    if !leads_somewhere(folder, &path, &text, &link)? {
                        wrong.push(format!("{}: {link}", path.display()));
                    }
                }
            }
        }
    }
    wrong.sort();
    Ok((checked, wrong))
}

/// The addresses in a page that stay on the site.
fn links(text: &str) -> BTreeSet<String> {
    let marks = ["href=\"", "src=\"", "srcset=\""];
    let all = marks.iter().flat_map(|mark| text.split(mark).skip(1).filter_map(|rest| rest.split('"').next()));
    let away = |link: &&str| !link.contains("://") && !link.starts_with("mailto:") && !link.starts_with("data:");
    all.filter(away).filter(|link| !link.is_empty()).map(str::to_owned).collect()
}

fn leads_somewhere(folder: &Path, page: &Path, text: &str, link: &str) -> io::Result<bool> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { page.to_owned() } else { resolved(page.parent().unwrap_or(folder), file) };
    let target = if target.is_dir() { target.join("index.html") } else { target };
    if !target.is_file() || !target.starts_with(folder) {
        return Ok(false);
    }
    if anchor.is_empty() {
        return Ok(true);
    }
    let there = if target == page { text.to_owned() } else { fs::read_to_string(&target)? };
    Ok(there.contains(&format!("id=\"{anchor}\"")))
}

/// A path without steps back.
fn resolved(from: &Path, link: &str) -> PathBuf {
    let mut path = from.to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let folder = std::env::temp_dir().join(format!("huaweidb-site-{}", std::process::id()));
        fs::create_dir_all(folder.join("docs")).unwrap();
        fs::write(folder.join("index.html"), r#"<a href="docs/a.html#here">a</a> <a href="https://example.com">b</a>"#)
            .unwrap();
        let page = r##"<h1 id="here"></h1><a href="../index.html">a</a><a href="#gone">b</a><img src="no.svg"><a href="../../x.html">"##;
        fs::write(folder.join("docs/a.html"), page).unwrap();
        let (checked, wrong) = broken(&folder).unwrap();
        let at = folder.join("docs/a.html").display().to_string();
        assert_eq!(wrong, ["#gone", "../../x.html", "no.svg"].map(|link| format!("{at}: {link}")));
        assert_eq!(checked, 5);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn every_page_is_on_the_site_without_its_front_matter() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = std::env::temp_dir().join(format!("huaweidb-book-{}", std::process::id()));
        site(root, &folder).unwrap();
        let summary = fs::read_to_string(folder.join("src/SUMMARY.md")).unwrap();
        assert!(summary.contains("- [huaweidb_manual_backup Resource](docs/resources/manual_backup.md)"), "{summary}");
        for kind in
            fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
        {
            for name in pages(&kind).unwrap() {
                let path = format!("docs/{}/{name}", kind.file_name().unwrap().to_string_lossy());
                assert!(summary.contains(&format!("({path})")), "{path} is not on the site");
                assert!(fs::read_to_string(folder.join("src").join(&path)).unwrap().starts_with("# "), "{path}");
            }
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
