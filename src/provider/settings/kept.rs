//! What a file keeps about how to sign in and where, whatever kind of file it is.

use std::collections::BTreeMap;

use super::table::{SETTINGS, Setting};
use crate::plugin::Diagnostic;

/// What one profile or entry says. There is no `Debug`: some of it is secret.
#[derive(Clone)]
pub(in crate::provider) struct Kept {
    /// It, in words that follow "of": `the profile "ci" of /home/me/.hcloud/config.json`.
    pub(super) whose: String,
    /// The argument that names it.
    pub(super) argument: &'static str,
    /// What it says, by the setting's name.
    pub(super) texts: BTreeMap<&'static str, Said>,
    /// What it says of addresses beside the public ones, which are not used here.
    pub(super) unheard: Option<Said>,
    /// Whether it lists several regions and says of none that it is meant.
    pub(super) has_regions: bool,
    /// Why its credentials are not to be had. Only who needs them hears of it.
    pub(in crate::provider) unusable: Option<Diagnostic>,
    /// Whether the file itself could not be used, so that nobody knows what it says.
    pub(super) is_broken: bool,
}

/// A text in a file, and where it is. There is no `Debug`: it may be secret.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) key: &'static str,
    /// The part of a file that has the key, in words that follow "of".
    pub(super) whose: String,
    pub(super) text: String,
}

impl Kept {
    /// What is there for each setting of the table, by its key.
    pub(super) fn of(
        whose: String,
        argument: &'static str,
        keys: impl Fn(&'static Setting) -> Vec<&'static str>,
        said: impl Fn(&'static str) -> Result<Option<Said>, Diagnostic>,
    ) -> Result<Self, Diagnostic> {
        let texts = SETTINGS.iter().filter_map(|setting| {
            let found = keys(setting).into_iter().find_map(|key| said(key).transpose())?;
            Some(found.map(|said| (setting.name, said)))
        });
        let texts = texts.collect::<Result<_, _>>()?;
        Ok(Kept { whose, argument, texts, unheard: None, has_regions: false, unusable: None, is_broken: false })
    }

    /// A file that could not be used.
    pub(super) fn broken(argument: &'static str, why: Diagnostic) -> Self {
        let whose = format!("a file that cannot be used ({})", why.detail.trim_end_matches('.'));
        let texts = BTreeMap::new();
        Kept { whose, argument, texts, unheard: None, has_regions: false, unusable: Some(why), is_broken: true }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|said| said.text.as_str())
    }
}

/// Why what is there under a key is no text, which `what` says.
pub(super) fn no_text(key: &str, whose: &str, what: &str) -> String {
    let quotes = if what == NUMBER || what == TRUTH { ": put it in quotes" } else { "" };
    format!("`{key}` of {whose} is {what}, not a string{quotes}.")
}

/// What files hold instead of texts.
pub(super) const NUMBER: &str = "a number";
pub(super) const TRUTH: &str = "true or false";
pub(super) const LIST: &str = "a list";
pub(super) const MAP: &str = "a map";
