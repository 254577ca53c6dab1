//! `docs/messages.md`: every message in one file, to be read through. It is put together from the snapshots that the tests of
//! the messages keep.

use std::fmt::Write as _;

use super::files::{files, read, root};

pub(super) const PAGE: &str = "messages.md";

/// Folders whose snapshots hold messages, and from whose point of view.
const SOURCES: &[(&str, &str)] = &[
    ("tests/suite/messages", "As a person at the CLI meets them"),
    ("src", "One by one, in every form that they can take"),
];

pub(super) fn render() -> String {
    let mut page = "---\npage_title: \"Messages\"\nsubcategory: \"\"\ndescription: |-\n  What the provider says in a run, word for word.\n---\n\n\
         # Messages\n\nWhat the provider says in a run, word for word, as its tests keep it. It is here to be read as a whole;\n\
         [error codes](guides/error-codes.md) says what each means and what to do.\n"
        .to_owned();
    for (folder, title) in SOURCES {
        let _ = write!(page, "\n## {title}\n");
        let folder = root().join(folder);
        for (name, path) in
            files(&folder, root()).iter().filter(|(_, path)| path.extension().is_some_and(|one| one == "snap"))
        {
            let text = read(path);
            let body = text.splitn(3, "---\n").nth(2).unwrap_or_default().trim_end();
            let _ = write!(page, "\n### {}\n\n````text\n{body}\n````\n", title_of(name));
        }
    }
    page
}

/// What a snapshot is called: the last two words of its path of modules, without "tests" and "messages".
fn title_of(name: &str) -> String {
    let stem = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".snap");
    let words: Vec<_> =
        stem.split("__").filter(|word| !matches!(*word, "tests" | "messages" | "book" | "suite")).collect();
    words[words.len().saturating_sub(2)..].join(": ").replace(['_', '-'], " ")
}
