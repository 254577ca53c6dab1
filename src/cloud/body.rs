//! The body of an answer.

use std::fmt;

use bytes::Bytes;
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
    /// What is wrong with the text, and where.
    pub fn new(text: impl Into<Bytes>) -> Result<Self, serde_json::Error> {
        let text = text.into();
        if matches!(text.trim_ascii(), b"" | b"null") {
            return Ok(Body::default());
        }
        serde_json::from_slice::<IgnoredAny>(&text)?;
        Ok(Body(text))
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
    /// What does not fit.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(if self.is_empty() { b"null" } else { &self.0 })
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
