//! Texts and numbers as services write them: numbers may come as texts and texts as numbers. Pure.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Error as _, MapAccess, Unexpected, Visitor};
use serde::{Deserialize as _, Deserializer};
use serde_json::Number;

/// A text, also from a number or a truth value.
pub(in crate::backup) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_any(AnyText)
}

/// A number, also from a text; an empty text is none.
pub(in crate::backup) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    from.deserialize_any(AnyNumber)
}

/// Reads a text. What does not fit is found while it is read, so that the error is where it is.
#[derive(Clone, Copy)]
struct AnyText;

impl<'de> Visitor<'de> for AnyText {
    type Value = Option<String>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Some(truth.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(Some(digits(map, &self)?))
    }
}

/// Reads a number, in the same way.
#[derive(Clone, Copy)]
struct AnyNumber;

impl<'de> Visitor<'de> for AnyNumber {
    type Value = Option<f64>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        finite(text).map(Some).ok_or_else(|| E::invalid_type(Unexpected::Str(""), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let number = finite(&digits(map, &self)?).map(Some);
        number.ok_or_else(|| A::Error::invalid_type(Unexpected::Other("number"), &self))
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A number as it is written: that is how the library hands it on.
fn digits<'de, A: MapAccess<'de>>(map: A, wanted: &dyn de::Expected) -> Result<String, A::Error> {
    let number = Number::deserialize(MapAccessDeserializer::new(map));
    number.map(|number| number.to_string()).map_err(|_| A::Error::invalid_type(Unexpected::Map, wanted))
}
