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
    /// Values by the setting's name, each with its key.
    pub(super) texts: BTreeMap<&'static str, (&'static str, String)>,
    /// Why its credentials are not to be had. Only who needs them hears of it.
    pub(in crate::provider) unusable: Option<Diagnostic>,
    /// Whether the file itself could not be used, so that nobody knows what it says.
    pub(super) is_broken: bool,
}

impl Kept {
    /// What is there for each setting of the table, by its key.
    pub(super) fn of(
        whose: String,
        argument: &'static str,
        keys: impl Fn(&'static Setting) -> Vec<&'static str>,
        text: impl Fn(&'static str) -> Option<String>,
    ) -> Self {
        let texts = SETTINGS.iter().filter_map(|setting| {
            let found =
                keys(setting).into_iter().find_map(|key| Some((key, text(key).filter(|text| !text.is_empty())?)));
            Some((setting.name, found?))
        });
        Kept { whose, argument, texts: texts.collect(), unusable: None, is_broken: false }
    }

    /// A file that could not be used.
    pub(super) fn broken(argument: &'static str, why: Diagnostic) -> Self {
        let whose = "a file that cannot be used".to_owned();
        Kept { whose, argument, texts: BTreeMap::new(), unusable: Some(why), is_broken: true }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|(_, text)| text.as_str())
    }
}
