//! The body of an answer.

use std::fmt;

use hyper::body::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

/// JSON text that is well-formed, and is read when it is known into what: a tree of a long list would take ten times its
/// room.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body(Bytes);

impl Body {
    /// A text, if it is JSON. White space alone, and `null`, are an empty body.
    ///
    /// # Errors
    /// Where it stops being JSON.
    pub fn new(text: impl Into<Bytes>) -> Result<Self, String> {
        let text = text.into();
        if matches!(text.trim_ascii(), b"" | b"null") {
            return Ok(Body::default());
        }
        match serde_json::from_slice::<IgnoredAny>(&text) {
            Ok(_) => Ok(Body(text)),
            Err(error) => {
                Err(format!("it breaks off or goes wrong in line {}, column {}", error.line(), error.column()))
            }
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is a JSON object.
    pub fn is_object(&self) -> bool {
        self.0.trim_ascii_start().first() == Some(&b'{')
    }

    /// Reads it as a `T`.
    ///
    /// # Errors
    /// What does not fit, in words that come after the name of the whole.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, String> {
        let text: &[u8] = if self.is_empty() { b"null" } else { &self.0 };
        serde_json::from_slice(text).map_err(|error| misfit(&error, text))
    }

    /// It as a tree; null if it is empty or makes no sense. For what is small.
    pub fn json(&self) -> Json {
        self.read().unwrap_or_default()
    }
}

impl From<Json> for Body {
    fn from(json: Json) -> Self {
        if json.is_null() { Body::default() } else { Body(json.to_string().into()) }
    }
}

/// Only its length: there may be secrets in it.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

/// What a serde error calls a value that is there, or what it expected, and what people call it.
const KINDS: [(&[&str], &str); 6] = [
    (&["null", "unit"], "null"),
    (&["bool", "a bool"], "true or false"),
    (
        &[
            "integer",
            "floating point",
            "number",
            "a number",
            "i8",
            "i16",
            "i32",
            "i64",
            "u8",
            "u16",
            "u32",
            "u64",
            "f32",
            "f64",
        ],
        "a number",
    ),
    (&["string", "a string", "char", "a char"], "a string"),
    (&["sequence", "a sequence", "tuple", "a tuple"], "a list"),
    (&["map", "a map", "struct"], "an object"),
];

/// Why a text does not fit. The only place that looks at serde's own words: they quote what they found, and a gateway may have
/// put a secret there. So no word of theirs is repeated; what is said comes from a table, and names come from our own types.
fn misfit(error: &serde_json::Error, text: &[u8]) -> String {
    let said = error.to_string();
    let named = |before: &str| said.strip_prefix(before)?.split_once('`').map(|(name, _)| name);
    if let Some(name) = named("missing field `") {
        return format!("`{name}` is missing");
    }
    if let Some(name) = named("duplicate field `") {
        return format!("`{name}` is there twice");
    }
    let kind = |words: &str| {
        KINDS.iter().find(|(known, _)| known.iter().any(|one| words.starts_with(one))).map(|(_, kind)| *kind)
    };
    let there = ["invalid type: ", "invalid value: "].iter().find_map(|begin| kind(said.strip_prefix(begin)?));
    // What was found comes before it, and may hold the same words.
    let wanted = said.rsplit_once(", expected ").and_then(|(_, wanted)| kind(wanted));
    let what = field(text, error).map_or_else(|| "it".to_owned(), |name| format!("`{name}`"));
    match (there, wanted) {
        (Some(there), Some(wanted)) if there != wanted => format!("{what} is {there}, not {wanted}"),
        (_, Some(wanted)) => format!("{what} is not {wanted} of the form that is documented"),
        (_, None) => format!("{what} has another form than documented"),
    }
}

/// The field that was read when an error came up: a name that is known here, since of the others nothing is read.
fn field<'a>(text: &'a [u8], error: &serde_json::Error) -> Option<&'a str> {
    let line = text.split_inclusive(|byte| *byte == b'\n').take(error.line().checked_sub(1)?);
    let end = line.map(<[u8]>::len).sum::<usize>() + error.column();
    let text = text.get(..end.min(text.len()))?;
    let mut inside: Vec<Option<&[u8]>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => inside.push(None),
            b'}' | b']' => {
                inside.pop();
            }
            b'"' => {
                let begun = at;
                while let Some(byte) = text.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
                let name = text.get(begun..at)?;
                at += 1;
                let is_name = text.get(at..).is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b':'));
                if let Some(innermost) = inside.last_mut().filter(|_| is_name) {
                    *innermost = Some(name);
                }
            }
            _ => {}
        }
    }
    inside.into_iter().rev().flatten().next().and_then(|name| std::str::from_utf8(name).ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What every kind of misfit is put into.
    const SECRET: &str = "MIISecret, expected a map of `x`";

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Engine {
        kind: Option<String>,
        size: Option<u32>,
        on: Option<bool>,
        which: Option<Which>,
        more: Option<BTreeMap<String, f64>>,
        parts: Option<Vec<Engine>>,
    }

    #[derive(Debug, Deserialize)]
    enum Which {
        One,
    }

    fn said(text: &str) -> String {
        Body::new(text.to_owned()).unwrap().read::<Engine>().unwrap_err()
    }

    #[test]
    fn what_does_not_fit_is_told_without_any_value_and_without_names_of_types() {
        let odd = format!("{SECRET:?}");
        for (text, expected) in [
            (r#"{"kind": "a", "parts": SECRET}"#, "`parts` is a string, not a list"),
            (r#"{"size": SECRET}"#, "`size` is a string, not a number"),
            (r#"{"on": SECRET}"#, "`on` is a string, not true or false"),
            (r#"{"which": SECRET}"#, "`which` has another form than documented"),
            (r#"{"parts": [{"size": 1}, SECRET]}"#, "`parts` is a string, not an object"),
            (r#"{"parts": [{"more": {}}, {"more": SECRET}]}"#, "`more` is a string, not an object"),
            ("{\n\"ignored\": {SECRET: \"\\\"\"},\n \"kind\": [SECRET]}", "`kind` is a list, not a string"),
            (r#"{"kind": {"a": SECRET}}"#, "`kind` is an object, not a string"),
            (r#"{"kind": 47114711}"#, "`kind` is a number, not a string"),
            (r#"{"size": -47114711}"#, "`size` is not a number of the form that is documented"),
            (r#"{"parts": true, "kind": SECRET}"#, "`parts` is true or false, not a list"),
            (r#"{"kind": SECRET, "kind": SECRET}"#, "`kind` is there twice"),
            ("SECRET", "it is a string, not an object"),
            ("", "it is null, not an object"),
        ] {
            assert_eq!(said(&text.replace("SECRET", &odd)), expected, "{text}");
        }
        let broken = Body::new(format!("{{\"kind\": {SECRET}")).unwrap_err();
        assert!(broken.ends_with("line 1, column 10") && !broken.contains("MII"), "{broken}");
    }
}
