//! What single values must satisfy.

use crate::plugin::{Number, Type, Value};

/// What a known value must satisfy. On collections, each element is asked.
#[derive(Clone, Debug)]
pub enum Check {
    /// One of these texts.
    OneOf(Vec<String>),
    /// A text of so many characters, from the first to the second count.
    Length(usize, usize),
    /// A whole number.
    Integer,
    /// A whole number from the first to the second.
    Between(i64, i64),
    /// A text for which this has no complaint. The complaint is a clause for the user, such as "it is
    /// empty".
    Text(fn(&str) -> Result<(), String>),
    /// A value, collections as a whole, for which this has no complaint. It may hold nulls and unknowns inside.
    Any(fn(&Value) -> Result<(), String>),
}

impl Check {
    /// What it allows, for messages and documentation; none if only a function knows.
    pub fn allowed(&self) -> Option<String> {
        match self {
            Check::OneOf(allowed) => {
                let quoted: Vec<String> = allowed.iter().map(|one| format!("\"{one}\"")).collect();
                Some(match quoted.as_slice() {
                    [first, last] => format!("{first} or {last}"),
                    [all @ .., last] if !all.is_empty() => format!("one of {} or {last}", all.join(", ")),
                    _ => quoted.concat(),
                })
            }
            Check::Length(min, max) => Some(format!("{min} to {max} characters long")),
            Check::Integer => Some("a whole number".to_owned()),
            Check::Between(min, max) => Some(format!("a whole number from {min} to {max}")),
            Check::Text(_) | Check::Any(_) => None,
        }
    }

    /// Whether it has anything to say about values of that type, or about what collections of it hold.
    pub(in crate::plugin) fn fits(&self, ty: &Type) -> bool {
        match (self, ty) {
            (Check::Any(_), _) | (_, Type::Dynamic) => true,
            (_, Type::List(element) | Type::Set(element) | Type::Map(element)) => self.fits(element),
            (Check::OneOf(_) | Check::Length(..) | Check::Text(_), ty) => *ty == Type::String,
            (Check::Integer | Check::Between(..), ty) => *ty == Type::Number,
        }
    }

    /// Asks about one value that is neither null nor unknown nor, except for [`Check::Any`], a collection.
    ///
    /// `name` and `secret` are for the message: a secret value is not repeated.
    pub(in crate::plugin) fn complaint(&self, name: &str, value: &Value, secret: bool) -> Option<String> {
        let whole = |number: &Number| number.is_integer();
        let fine = match (self, value.bare()) {
            (Check::OneOf(allowed), Value::String(text)) => allowed.contains(text),
            (Check::Length(min, max), Value::String(text)) => (*min..=*max).contains(&text.chars().count()),
            (Check::Integer, Value::Number(number)) => whole(number),
            (Check::Between(min, max), Value::Number(number)) => {
                whole(number) && *number >= Number::Int(*min) && *number <= Number::Int(*max)
            }
            (Check::Text(check), Value::String(text)) => return check(text).err().map(|why| refused(name, &why)),
            (Check::Any(check), value) => return check(value).err().map(|why| refused(name, &why)),
            // The type is checked on decoding; a check for another type has nothing to say.
            _ => true,
        };
        if fine {
            return None;
        }
        let found = match value.bare() {
            Value::String(text) if !secret => {
                let start: String = text.chars().take(100).collect();
                format!(", not {start:?}{}", if start.len() < text.len() { "…" } else { "" })
            }
            Value::Number(number) if !secret => format!(", not {number}"),
            _ => String::new(),
        };
        Some(format!("`{name}` must be {}{found}.", self.allowed().unwrap_or_default()))
    }
}

/// A sentence out of the clause that a check has to say.
fn refused(name: &str, why: &str) -> String {
    format!("`{name}` is not accepted: {}.", why.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::Check;
    use crate::plugin::{Number, Value};

    #[test]
    fn complaints_say_what_is_allowed() {
        for (check, value, complaint) in [
            (Check::OneOf(vec!["a".into()]), Value::from("a"), None),
            (Check::OneOf(vec!["a".into()]), Value::from("b"), Some(r#"`x` must be "a", not "b"."#)),
            (Check::OneOf(vec!["a".into(), "b".into()]), Value::from("c"), Some(r#"`x` must be "a" or "b", not "c"."#)),
            (
                Check::OneOf(vec!["a".into(), "b".into(), "c".into()]),
                Value::from("d"),
                Some(r#"`x` must be one of "a", "b" or "c", not "d"."#),
            ),
            (Check::Length(1, 3), Value::from("äöü"), None),
            (Check::Length(1, 3), Value::from(""), Some(r#"`x` must be 1 to 3 characters long, not ""."#)),
            (Check::Integer, Value::Number(Number::parse("1e30").unwrap()), None),
            (Check::Integer, Value::Number(Number::Float(0.5)), Some("`x` must be a whole number, not 0.5.")),
            (Check::Between(1, 9), Value::from(10), Some("`x` must be a whole number from 1 to 9, not 10.")),
            (Check::Text(|_| Err("it is odd".to_owned())), Value::from("a"), Some("`x` is not accepted: it is odd.")),
            (Check::Any(|_| Err("never.".to_owned())), Value::from(true), Some("`x` is not accepted: never.")),
        ] {
            assert_eq!(check.complaint("x", &value, false).as_deref(), complaint);
        }
        let secret = Check::Length(8, 9).complaint("x", &Value::from("hush"), true);
        assert_eq!(secret.as_deref(), Some("`x` must be 8 to 9 characters long."));
        let long = Check::OneOf(vec![]).complaint("x", &Value::from("y".repeat(1000)), false).unwrap();
        assert!(long.len() < 200);
    }
}
