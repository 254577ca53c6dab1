//! The table of all settings in the guide about credentials, from the table that the provider itself goes by.

use std::fmt::Write as _;

use huaweidb::provider::{SETTINGS, Setting};

use super::compatibility::between;

/// The page below `docs/`.
pub(super) const PAGE: &str = "guides/credentials.md";

/// The page with its table written anew; the words around it stay.
pub(super) fn render(page: &str) -> String {
    let mut table = "| argument | environment | KooCLI | `clouds.yaml` | if nothing says it |\n\
                     | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for setting in SETTINGS {
        let Setting { argument, variables, profile, entry, otherwise, says, .. } = setting;
        let argument = argument.map_or_else(|| format!("none: {}", lowered(says)), |name| code(&[name]));
        let (variables, profile, entry) = (code(variables), code(profile.as_slice()), code(entry));
        let _ = writeln!(table, "| {argument} | {variables} | {profile} | {entry} | {otherwise} |");
    }
    between(page, ("<!-- settings -->\n", "<!-- end of settings -->"), &table)
}

fn code(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A sentence as a part of another one.
fn lowered(says: &str) -> String {
    let mut letters = says.trim_end_matches('.').chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}
