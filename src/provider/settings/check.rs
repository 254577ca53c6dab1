//! What a value of each kind must look like, wherever it comes from. Pure.

use url::Url;

use super::table::Kind;
use crate::cloud;
use crate::plugin::{Diagnostic, Path};
use crate::provider::checks::is_invisible;

/// Why this is no value of that kind, as the end of a sentence that begins with where it is from; no secret is repeated.
pub(super) fn fault(kind: Kind, value: &str) -> Option<String> {
    if let Some(why) = odd(kind, value) {
        return Some(why);
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let may = |fits: bool, why: &str| (!fits).then(|| format!("is {}; {why}", shown(value)));
    let exists = |name: &str| {
        cloud::impossible(name).map(|why| format!("is {}; no host can have it in its name: {why}", shown(name)))
    };
    match kind {
        Kind::Line | Kind::Secret | Kind::Key | Kind::Words | Kind::Names | Kind::Certificates | Kind::Addresses => {
            None
        }
        Kind::Region => may(value.chars().all(is_name), "a region is called eu-de or cn-north-4, for example")
            .or_else(|| exists(value)),
        Kind::Id => may(
            value.chars().all(|c| is_name(c) || c == '_'),
            "an id consists of letters, digits, hyphens and underscores",
        ),
        Kind::Domain => may(
            value.contains('.') && value.split('.').all(|part| !part.is_empty() && part.chars().all(is_name)),
            "it must be a domain such as myhuaweicloud.com or otc.t-systems.com",
        )
        .or_else(|| exists(value)),
        Kind::Address => address(value).err().map(|why| format!("cannot be used: {why}")),
        Kind::Truth => may(truth(value).is_some(), "allowed are true, false, yes, no, 1, 0"),
        Kind::Count { least, most, of } => {
            let shown = value.parse::<f64>().map_or_else(|_| format!("{value:?}"), |_| value.to_owned());
            let fits = value.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number));
            (!fits).then(|| format!("is {shown}; allowed are whole numbers from {least} to {most}{of}"))
        }
    }
}

/// Why a value is surely not what somebody meant: it came with what a file, a shell or a page put into it.
pub(super) fn odd(kind: Kind, value: &str) -> Option<String> {
    if kind == Kind::Certificates && value.contains("-----BEGIN") {
        return None;
    }
    if kind == Kind::Names {
        return odd(Kind::Line, &value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
    }
    let quoted = |mark: char| value.len() > 1 && value.starts_with(mark) && value.ends_with(mark);
    let said = match value {
        _ if value.contains(char::REPLACEMENT_CHARACTER) => "holds bytes that are no text (UTF-8)",
        _ if value.contains(['\n', '\r']) => "holds a line break; remove it",
        _ if value.chars().any(char::is_control) => "holds a control character; remove it",
        _ if value.trim_matches(' ') != value => "begins or ends with white space; remove it",
        _ if quoted('"') || quoted('\'') => "is in quotes; remove them",
        _ => {
            let unseen = value.chars().find(|c| is_invisible(*c));
            let unseen = unseen.map(|c| format!("holds an invisible character (U+{:04X}); remove it", u32::from(c)));
            return unseen.or_else(|| foreign(kind, value));
        }
    };
    Some(said.to_owned())
}

/// Why a value cannot be a part of a header, if it is to become one.
fn foreign(kind: Kind, value: &str) -> Option<String> {
    let (at, other) =
        value.chars().enumerate().find(|(_, c)| !c.is_ascii_graphic() && (kind == Kind::Key || *c != ' '))?;
    match kind {
        // Not even a part of it is shown.
        Kind::Key => Some(format!("holds a character that keys and tokens do not have, at position {}", at + 1)),
        Kind::Words => Some(format!("holds {other:?}, which cannot be sent; write it in ASCII")),
        _ => None,
    }
}

pub(super) fn wrong(path: Path, detail: impl Into<String>) -> Diagnostic {
    Diagnostic::error("Invalid provider configuration", detail).at(path)
}

/// A value as it may be shown where it is not what it should be: an address in the wrong place can hold a password.
fn shown(value: &str) -> String {
    value.rsplit_once('@').map_or_else(|| format!("{value:?}"), |(_, rest)| format!("{:?}", format!("***@{rest}")))
}

/// An address as people write it: the scheme may be missing.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    // The text is not repeated: what is wrong with it may be in the middle of a password.
    let url = Url::parse(&text).map_err(|why| format!("it is not an address ({why}); expected: https://host:port"))?;
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
