//! What a value of each kind must look like, wherever it comes from. Pure.

use url::Url;

use super::table::Kind;
use crate::cloud;
use crate::plugin::{Diagnostic, Path};

/// Why this is no value of that kind, as the end of a sentence that begins with where it is from; no secret is repeated.
pub(super) fn fault(kind: Kind, value: &str) -> Option<String> {
    if let Some(why) = odd(kind, value) {
        return Some(why.to_owned());
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let may = |fits: bool, why: &str| (!fits).then(|| format!("is {value:?}; {why}"));
    match kind {
        Kind::Line | Kind::Secret | Kind::Certificates | Kind::Addresses | Kind::Any => None,
        Kind::Region => may(value.chars().all(is_name), "a region is called eu-de or cn-north-4, for example"),
        Kind::Id => may(
            value.chars().all(|c| is_name(c) || c == '_'),
            "an id consists of letters, digits, hyphens and underscores",
        ),
        Kind::Domain => may(
            value.contains('.') && value.split('.').all(|part| !part.is_empty() && part.chars().all(is_name)),
            "it must be a domain such as myhuaweicloud.com or otc.t-systems.com",
        ),
        Kind::Address => address(value).err().map(|why| format!("cannot be used: {why}")),
        Kind::Truth => may(truth(value).is_some(), "allowed are true, false, 1, 0"),
        Kind::Count { least, most, of } => {
            let number = value.parse::<i64>().ok();
            let shown = number.map_or_else(|| format!("{value:?}"), |number| number.to_string());
            let fits = number.is_some_and(|number| (least..=most).contains(&number));
            (!fits).then(|| format!("is {shown}; allowed are {least} to {most}{of}"))
        }
    }
}

/// Why a value is surely not what somebody meant: it came with what a file or a shell put around it.
pub(super) fn odd(kind: Kind, value: &str) -> Option<&'static str> {
    let quoted = |mark: char| value.len() > 1 && value.starts_with(mark) && value.ends_with(mark);
    match value {
        _ if kind == Kind::Any || kind == Kind::Certificates && value.contains("-----BEGIN") => None,
        _ if value.contains(char::REPLACEMENT_CHARACTER) => Some("holds bytes that are no text (UTF-8)"),
        _ if value.contains(['\n', '\r']) => Some("holds a line break; remove it"),
        _ if value.chars().any(char::is_control) => Some("holds a control character; remove it"),
        _ if value.trim() != value => Some("begins or ends with white space; remove it"),
        _ if quoted('"') || quoted('\'') => Some("is in quotes; remove them"),
        _ => None,
    }
}

pub(super) fn wrong(path: Path, detail: impl Into<String>) -> Diagnostic {
    Diagnostic::error("Invalid provider configuration", detail).at(path)
}

/// An address as people write it: the scheme may be missing.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&text).map_err(|why| format!("{text:?} is no address ({why})"))?;
    cloud::check_address(&url)?;
    Ok(url)
}

pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" => Some(true),
        "0" | "false" | "f" | "no" => Some(false),
        _ => None,
    }
}
