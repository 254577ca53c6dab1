//! What texts can be, whatever they are used for.

use crate::cloud;
use crate::plugin::{Attr, Diagnostic};

/// That arguments contradict each other; `at` is the one to look at.
pub(super) fn conflicting(at: &str, detail: impl Into<String>) -> Diagnostic {
    Diagnostic::error("Conflicting arguments", detail).at(at)
}

/// That an argument is needed which is not set.
pub(super) fn missing(at: &str, detail: impl Into<String>) -> Diagnostic {
    Diagnostic::error("Missing argument", detail).at(at)
}

/// What is wrong with a name and a prefix to make one of, of which exactly one is to be set.
pub(super) fn exactly_one_name(name: &Attr<String>, prefix: &Attr<String>) -> Option<Diagnostic> {
    match (name, prefix) {
        (Attr::Known(_), Attr::Known(_)) => {
            Some(conflicting("name", "Both `name` and `name_prefix` are set. Give exactly one of them."))
        }
        (Attr::Null, Attr::Null) => {
            Some(missing("name", "Neither `name` nor `name_prefix` is set. Give exactly one of them."))
        }
        _ => None,
    }
}

/// What the name of a region can be. Which regions there are depends on the cloud.
pub(super) fn check_region(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let Some(bad) = name.chars().find(|c| !fits(*c)) else {
        return match (name, cloud::impossible(name)) {
            ("", _) => Err("it is empty".to_owned()),
            (_, Some(why)) => Err(format!("no host can have it in its name: {why}")),
            (_, None) => Ok(()),
        };
    };
    let why = format!("it contains {bad:?}; the name of a region is made of letters, digits and hyphens");
    let plain = name.trim().to_ascii_lowercase();
    // The name of a project begins with that of its region.
    let likely = match plain.split_once('_') {
        Some((region, _)) if region.contains('-') => region.to_owned(),
        _ => plain.replace('_', "-"),
    };
    if !likely.starts_with(|c: char| c.is_ascii_alphanumeric()) || !likely.chars().all(fits) {
        return Err(why);
    }
    Err(format!("{why}. Perhaps {likely:?} is meant"))
}

/// What a text to search for can be: an empty one would fit nothing, or everything.
pub(super) fn check_sought(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it is empty; leave it out to search without it".to_owned());
    }
    check_given(text)
}

/// What somebody may have called something that exists. What we send ourselves has a narrower rule.
pub(super) fn check_given(name: &str) -> Result<(), String> {
    if name.trim() != name {
        return Err("it begins or ends with white space; nothing in the cloud does".to_owned());
    }
    match name.chars().find(|c| c.is_control() || is_invisible(*c)) {
        Some(bad) => Err(format!("it contains {bad:?}; no name in the cloud does")),
        None => Ok(()),
    }
}

/// The name of what is in a database: any text that shows something.
pub(super) fn check_shown(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    match name.chars().find(|c| c.is_control()) {
        Some(bad) => Err(format!("it contains {bad:?}")),
        None => Ok(()),
    }
}

/// Whether nobody sees that a character is there: spaces other than the usual one, and what Unicode lets programs ignore.
pub(super) fn is_invisible(c: char) -> bool {
    let is_space = c != ' ' && c.is_whitespace();
    is_space
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        || matches!(c, '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_apart_from_what_looks_like_them() {
        for (name, likely) in [
            (" eu-de", Some("eu-de")),
            ("eu_de", Some("eu-de")),
            ("eu-de_team1", Some("eu-de")),
            ("EU_DE", Some("eu-de")),
            ("eu de", None),
            ("_", None),
        ] {
            let why = check_region(name).unwrap_err();
            let told = why.split("Perhaps ").nth(1);
            assert_eq!(
                told.map(|told| told.trim_end_matches(" is meant").to_owned()),
                likely.map(|one| format!("{one:?}")),
                "{name}"
            );
        }
        for name in ["eu-de", "RegionOne", "cn-north-4"] {
            assert_eq!(check_region(name), Ok(()));
        }
        for name in ["", "-eu-de", &"x".repeat(64)] {
            assert!(check_region(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_that_others_gave_are_accepted() {
        for name in ["每日备份", "1st", "ab", "a b.c", &"x".repeat(300)] {
            assert_eq!(check_given(name), Ok(()), "{name}");
        }
        for name in [" a", "a ", "a\nb", "a\u{7f}b", "\u{200b}a", "a\u{feff}", "a\u{2066}b"] {
            assert!(check_given(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn nothing_empty_or_padded_is_searched_for() {
        for (text, fits) in [("a", true), ("a b", true), ("", false), (" a", false), ("a\n", false), (" ", false)] {
            assert_eq!(check_sought(text).is_ok(), fits, "{text:?}");
        }
    }
}
