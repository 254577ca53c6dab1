//! The reference pages in `docs/` are what the schema says; they are never written by hand.
//!
//! `make docs` writes them, and a test fails while they are stale. The pages come from the reply that every CLI gets, so
//! whatever the provider offers has a page, of whichever kind it is.

mod compatibility;
mod files;
mod links;
mod messages;
mod pages;
mod security;
mod settings;

use std::collections::BTreeSet;
use std::fs;

use huaweidb::plugin::{Attribute, Block, Check, Mode, Provider, Shape};
use huaweidb::provider::HuaweiDb;

use crate::support::host::Host;
use crate::support::proto::tfplugin6 as tf;
use files::read;
pub(crate) use files::{files, root};
pub(crate) use links::summaries_in_code;
use pages::{Examples, Sources};

/// Folders below `docs/` that people write.
const BY_HAND: &[&str] = &["guides", "pictures"];

/// Every example file by its path below `examples/`.
fn examples() -> Examples {
    let folder = root().join("examples");
    files(&folder, &folder).into_iter().map(|(name, path)| (name, read(&path))).collect()
}

/// Asks the real binary, as a CLI does.
async fn sources() -> Sources {
    let host = Host::start().await;
    let schema = host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await;
    let schema = schema.expect("the provider tells its schema").into_inner();
    let identities = host.provider().get_resource_identity_schemas(tf::get_resource_identity_schemas::Request {}).await;
    // A provider without identities may answer that it does not know the question.
    let identities = identities.map(|reply| reply.into_inner().identity_schemas).unwrap_or_default();
    host.shut_down().await;
    Sources { schema, identities: identities.into_iter().collect(), examples: examples() }
}

#[tokio::test]
async fn the_reference_pages_are_what_the_schema_says() {
    let docs = root().join("docs");
    let mut wanted = pages::render(&sources().await);
    wanted.insert(compatibility::PAGE.to_owned(), compatibility::render(&read(&docs.join(compatibility::PAGE))));
    wanted.insert(settings::PAGE.to_owned(), settings::render(&read(&docs.join(settings::PAGE))));
    wanted.insert(messages::PAGE.to_owned(), messages::render());
    let is_generated = |name: &str| !BY_HAND.iter().any(|folder| name.starts_with(&format!("{folder}/")));
    let there: BTreeSet<String> = files(&docs, &docs).into_keys().filter(|name| is_generated(name)).collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        for (name, text) in &wanted {
            let path = docs.join(name);
            fs::create_dir_all(path.parent().expect("a page lies in a folder")).expect("the folder can be made");
            fs::write(path, text).expect("the page can be written");
        }
        for name in there.iter().filter(|name| !wanted.contains_key(*name)) {
            fs::remove_file(docs.join(name)).expect("an old page can be removed");
        }
        return;
    }
    for (name, text) in &wanted {
        let path = docs.join(name);
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == *text, "docs/{name} is stale or missing: run `make docs` and commit what it writes");
    }
    let unknown: Vec<_> = there.iter().filter(|name| !wanted.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "these pages describe nothing that exists: {unknown:?}; run `make docs`");
}

#[tokio::test]
async fn whatever_the_provider_offers_has_a_page_with_an_example() {
    let sources = sources().await;
    let pages = pages::render(&sources);
    assert!(pages.contains_key("index.md"));
    let offered = pages::offered(&sources.schema);
    assert!(offered.len() >= 4, "{offered:?}");
    for (kind, name) in offered {
        let page = format!("{}/{}.md", kind.folder, pages::short(&name));
        let text = pages.get(&page).unwrap_or_else(|| panic!("docs/{page} is missing"));
        assert!(text.starts_with("---\npage_title: \""), "{page}");
        assert!(text.contains("## Example Usage"), "{page}: put an example into examples/{}/{name}/", kind.folder);
    }
    for name in sources.schema.resource_schemas.keys() {
        let text = &pages[&format!("resources/{}.md", pages::short(name))];
        assert!(text.contains("## Import") && text.contains("terraform import"), "{name}");
    }
}

/// What a description must say beside the meaning.
fn complaints(at: &str, attribute: &Attribute, in_resource: bool, found: &mut Vec<String>) {
    let text = &attribute.description;
    let mut lacks = |what: String| found.push(format!("{at}: the description lacks {what}: {text:?}"));
    if !text.ends_with('.') {
        lacks("a full stop".to_owned());
    }
    for check in &attribute.checks {
        if let Check::OneOf(allowed) = check
            && !allowed.iter().all(|word| text.contains(&format!("`{word}`")))
        {
            for word in allowed.iter().filter(|word| !text.contains(&format!("`{word}`"))) {
                lacks(format!("the allowed word `{word}`"));
            }
        }
    }
    for check in &attribute.checks {
        let Check::Between(min, max) = check else { continue };
        if !text.contains(&format!("{min} to {max}")) {
            lacks(format!("the span {min} to {max}"));
        }
    }
    let optional = matches!(attribute.mode, Mode::Optional | Mode::OptionalComputed);
    let has_twin = text.contains("Give either") && !in_resource;
    if (attribute.default.is_some() || optional) && !has_twin && !text.contains("Default") {
        lacks("the default".to_owned());
    }
    let says_change = ["Chang", "chang"].iter().any(|word| text.contains(word));
    // What another argument's description says of both is enough for a nested one.
    if in_resource && attribute.mode != Mode::Computed && !at.contains('.') && !says_change {
        lacks("what changing it does".to_owned());
    }
    let nested = if let Shape::Nested(_, children) = &attribute.shape { &children[..] } else { &[] };
    for child in nested.iter().chain(&attribute.members) {
        complaints(&format!("{at}.{}", child.name), child, in_resource, found);
    }
}

fn complaints_of(block: &Block, at: &str, in_resource: bool, found: &mut Vec<String>) {
    for attribute in &block.attributes {
        let name = if at.is_empty() { attribute.name.to_owned() } else { format!("{at}.{}", attribute.name) };
        complaints(&name, attribute, in_resource, found);
    }
    for nested in &block.blocks {
        if !nested.block.description.ends_with('.') {
            found.push(format!("{}: the block's description is no sentence", nested.name));
        }
        complaints_of(&nested.block, nested.name, in_resource, found);
    }
}

#[test]
fn every_description_says_what_is_allowed_the_default_and_what_a_change_does() {
    let catalogue = HuaweiDb.catalogue();
    let mut found = Vec::new();
    complaints_of(&HuaweiDb.schema().block, "", false, &mut found);
    for (kind, _, schema) in catalogue.schemas() {
        complaints_of(&schema.block, "", kind == "resource", &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What the page about the official providers calls an argument of this one is one, and none is forgotten.
#[test]
fn arguments_of_the_official_providers_lead_to_ones_that_exist() {
    let page = read(&root().join("docs/guides/official-providers.md"));
    let block = HuaweiDb.schema().block;
    let attributes = block.attributes.iter().map(|attribute| attribute.name);
    let known: BTreeSet<&str> = attributes.chain(block.blocks.iter().map(|nested| nested.name)).collect();
    let mut named = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, there, here, ..] = cells[..] else { panic!("{row}") };
        let leads_to = if here == "the same" { there } else { here };
        let name = leads_to.trim_matches('`');
        assert!(known.contains(name) || ["not offered", "not needed"].contains(&here), "{row}");
        named.insert(name.to_owned());
    }
    let own = ["preflight"];
    let forgotten: Vec<_> = known.iter().filter(|name| !named.contains(**name) && !own.contains(name)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
