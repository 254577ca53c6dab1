//! Typed models over untyped values: what the [`model!`](crate::plugin::model!) macro writes, and what it rests on.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::{Attr, Diagnostic, Number, Path, Step, Type, Value};

/// All attributes and blocks of a schema as a struct of plain fields, mostly [`Attr`]s.
///
/// [`model!`](crate::plugin::model!) writes it.
pub trait Model: Field + Clone + Send + Sync + 'static {}

/// Something a [`Value`] can be turned into and back.
pub trait Field: Sized {
    /// Reads it.
    fn from_value(value: Value) -> Result<Self, Mismatch>;

    /// Writes it.
    fn into_value(self) -> Value;

    /// What kind of value that is.
    fn form() -> Form;
}

/// The kind of value that a [`Field`] takes.
#[derive(Clone, Debug)]
pub enum Form {
    /// Any value.
    Any,
    /// A value of this primitive type.
    Plain(Type),
    /// A list or a set of these.
    Each(Box<Form>),
    /// A map of these.
    Keyed(Box<Form>),
    /// An object with exactly these members.
    Members(Vec<(&'static str, Form)>),
}

impl Form {
    /// Where a schema that gives values of this type says otherwise.
    pub(super) fn misfits(&self, ty: &Type) -> Vec<String> {
        let mut found = Vec::new();
        self.compare(ty, "", &mut found);
        found
    }

    fn compare(&self, ty: &Type, path: &str, found: &mut Vec<String>) {
        let dotted = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match (self, ty) {
            (Form::Any, _) => {}
            (Form::Plain(form), ty) if form == ty => {}
            (Form::Each(form), Type::List(ty) | Type::Set(ty)) | (Form::Keyed(form), Type::Map(ty)) => {
                form.compare(ty, path, found);
            }
            (Form::Members(fields), Type::Object(members)) => {
                for (name, form) in fields {
                    match members.get(*name) {
                        Some(ty) => form.compare(ty, &dotted(name), found),
                        None => found.push(format!("{}: the model has it, the schema has not", dotted(name))),
                    }
                }
                let unread = members.keys().filter(|name| !fields.iter().any(|(field, _)| field == name));
                found.extend(unread.map(|name| format!("{}: the schema has it, the model has not", dotted(name))));
            }
            (_, ty) => found.push(format!("{path}: the model cannot hold a value of type {ty}")),
        }
    }
}

/// A value that does not have the form it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where.
    pub path: Path,
    /// What is wrong, without the value: it may be secret.
    pub message: String,
    /// Whether the value is fine but not known yet.
    pub(super) unknown: bool,
}

impl Mismatch {
    /// At the value itself; [`Mismatch::within`] adds the way to it.
    pub fn new(message: impl Into<String>) -> Self {
        Mismatch { path: Path::default(), message: message.into(), unknown: false }
    }

    /// Seen from one level further out.
    #[must_use]
    pub fn within(mut self, step: Step) -> Self {
        self.path.0.insert(0, step);
        self
    }

    fn expected(wanted: &str, found: &Value) -> Self {
        Mismatch { unknown: found.is_unknown(), ..Mismatch::new(format!("{wanted} is required, not {}", found.kind())) }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.0.is_empty() {
            out.write_str(&self.message)
        } else {
            write!(out, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for Mismatch {}

impl Mismatch {
    /// As a message to the user, under this summary, with what to do next.
    pub fn explained(self, summary: &str, next: &str) -> Diagnostic {
        let diagnostic = Diagnostic::error(summary, format!("{} {next}", self.sentence()));
        if self.path.0.is_empty() { diagnostic } else { diagnostic.at(self.path) }
    }

    /// As a sentence of its own.
    pub(super) fn sentence(&self) -> String {
        if !self.path.0.is_empty() {
            return format!("`{}`: {}.", self.path, self.message);
        }
        let mut letters = self.message.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        format!("{}.", first.chain(letters).collect::<String>())
    }
}

impl Field for Value {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        Ok(value)
    }

    fn into_value(self) -> Value {
        self
    }

    fn form() -> Form {
        Form::Any
    }
}

/// Null and unknown are states of their own. A collection with an unknown element is unknown as a whole, unless its
/// elements are [`Attr`]s themselves.
impl<T: Field> Field for Attr<T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        if value.is_null() {
            return Ok(Attr::Null);
        }
        if value.is_unknown() {
            return Ok(Attr::Unknown);
        }
        match T::from_value(value) {
            Ok(known) => Ok(Attr::Known(known)),
            Err(mismatch) if mismatch.unknown => Ok(Attr::Unknown),
            Err(mismatch) => Err(mismatch),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Attr::Null => Value::Null,
            Attr::Unknown => Value::UNKNOWN,
            Attr::Known(known) => known.into_value(),
        }
    }

    fn form() -> Form {
        T::form()
    }
}

/// The value without its type, where one is wrapped around it.
fn stripped(value: Value) -> Value {
    match value {
        Value::Dynamic(typed) => stripped(typed.1),
        plain => plain,
    }
}

impl Field for String {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match stripped(value) {
            Value::String(text) => Ok(text),
            other => Err(Mismatch::expected("a string", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::String(self)
    }

    fn form() -> Form {
        Form::Plain(Type::String)
    }
}

impl Field for SecretString {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        String::from_value(value).map(SecretString::from)
    }

    fn into_value(self) -> Value {
        Value::String(self.expose_secret().to_owned())
    }

    fn form() -> Form {
        Form::Plain(Type::String)
    }
}

impl Field for bool {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        value.as_bool().ok_or_else(|| Mismatch::expected("a bool", &value))
    }

    fn into_value(self) -> Value {
        Value::Bool(self)
    }

    fn form() -> Form {
        Form::Plain(Type::Bool)
    }
}

impl Field for Number {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match stripped(value) {
            Value::Number(number) => Ok(number),
            other => Err(Mismatch::expected("a number", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Number(self)
    }

    fn form() -> Form {
        Form::Plain(Type::Number)
    }
}

impl Field for i64 {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        Number::from_value(value)?
            .as_i64()
            .ok_or_else(|| Mismatch::new("a whole number of at most 64 bits is required"))
    }

    fn into_value(self) -> Value {
        Value::from(self)
    }

    fn form() -> Form {
        Form::Plain(Type::Number)
    }
}

impl Field for u64 {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let number = i64::from_value(value)?;
        u64::try_from(number).map_err(|_| Mismatch::new("a number of at least 0 is required"))
    }

    fn into_value(self) -> Value {
        Value::Number(Number::from(self))
    }

    fn form() -> Form {
        Form::Plain(Type::Number)
    }
}

impl Field for f64 {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        Number::from_value(value).map(|number| number.as_f64())
    }

    /// What is no number (an infinite one, say) becomes null.
    fn into_value(self) -> Value {
        Number::from_f64(self).map_or(Value::Null, Value::Number)
    }

    fn form() -> Form {
        Form::Plain(Type::Number)
    }
}

impl<T: Field> Field for Vec<T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match stripped(value) {
            Value::List(elements) => (0..)
                .zip(elements)
                .map(|(index, element)| T::from_value(element).map_err(|error| error.within(Step::Index(index))))
                .collect(),
            other => Err(Mismatch::expected("a list", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(Field::into_value).collect())
    }

    fn form() -> Form {
        Form::Each(Box::new(T::form()))
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match stripped(value) {
            Value::Map(members) => members
                .into_iter()
                .map(|(key, member)| match T::from_value(member) {
                    Ok(member) => Ok((key, member)),
                    Err(error) => Err(error.within(Step::Key(key))),
                })
                .collect(),
            other => Err(Mismatch::expected("a map", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Map(self.into_iter().map(|(key, member)| (key, member.into_value())).collect())
    }

    fn form() -> Form {
        Form::Keyed(Box::new(T::form()))
    }
}

/// The members of an object on their way into a struct. For [`model!`](crate::plugin::model!).
#[doc(hidden)]
#[derive(Debug)]
pub struct Members(BTreeMap<String, Value>);

impl Members {
    /// Of this object.
    pub fn of(value: Value) -> Result<Self, Mismatch> {
        match stripped(value) {
            Value::Map(members) => Ok(Members(members)),
            other => Err(Mismatch::expected("an object", &other)),
        }
    }

    /// Reads one; what is missing is null.
    pub fn take<T: Field>(&mut self, field: &'static str) -> Result<T, Mismatch> {
        let name = Self::name(field);
        let value = self.0.remove(name).unwrap_or_default();
        T::from_value(value).map_err(|error| error.within(Step::Attribute(name.to_owned())))
    }

    /// The attribute behind a field: `r#type` is `type`.
    pub fn name(field: &'static str) -> &'static str {
        field.strip_prefix("r#").unwrap_or(field)
    }
}

/// Writes a struct and its [`Model`]: each field is the attribute or block of the same name.
///
/// Fields are [`Attr`]s of `String`, `bool`, `i64`, `u64`, `f64`, [`Number`](crate::plugin::Number), `SecretString`,
/// [`Value`](crate::plugin::Value), of another model, or of `Vec` (list, set) and `BTreeMap<String, _>` (map) of
/// these. What the struct does not name is ignored on reading and null on writing; what is missing is null.
///
/// The struct gets `Clone`, `Debug` and `Default` (everything null).
#[doc(hidden)]
#[macro_export]
macro_rules! __model {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)*
        }

        impl $crate::plugin::Field for $name {
            fn from_value(value: $crate::plugin::Value) -> ::std::result::Result<Self, $crate::plugin::Mismatch> {
                let mut members = $crate::plugin::Members::of(value)?;
                Ok(Self { $($field: members.take(stringify!($field))?,)* })
            }

            fn into_value(self) -> $crate::plugin::Value {
                $crate::plugin::Value::object([
                    $(($crate::plugin::Members::name(stringify!($field)), $crate::plugin::Field::into_value(self.$field)),)*
                ])
            }

            fn form() -> $crate::plugin::Form {
                $crate::plugin::Form::Members(::std::vec![
                    $(($crate::plugin::Members::name(stringify!($field)), <$type as $crate::plugin::Field>::form()),)*
                ])
            }
        }

        impl $crate::plugin::Model for $name {}
    };
}

/// The macro under its proper name.
pub use __model as model;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::{ExposeSecret, SecretString};

    use crate::plugin::{Attr, Field, Number, Type, Value, model};

    model! {
        /// Every kind of field.
        struct All {
            text: Attr<String>,
            count: Attr<i64>,
            share: Attr<f64>,
            exact: Attr<Number>,
            on: Attr<bool>,
            tags: Attr<BTreeMap<String, String>>,
            labels: Attr<BTreeMap<String, Attr<String>>>,
            nested: Attr<Inner>,
            list: Attr<Vec<Inner>>,
            secret: Attr<SecretString>,
            any: Attr<Value>,
        }
    }

    model! {
        /// With a name that is a keyword.
        struct Inner {
            r#type: Attr<String>,
        }
    }

    fn inner(text: &str) -> Value {
        Value::object([("type", Value::from(text))])
    }

    #[test]
    fn a_struct_reads_and_writes_every_kind_of_field() {
        let value = Value::object([
            ("text", Value::from("a")),
            ("count", Value::from(3)),
            ("share", Value::Number(Number::parse("0.1").unwrap())),
            ("exact", Value::Number(Number::parse("123456789012345678901234567890").unwrap())),
            ("on", Value::from(true)),
            ("tags", Value::object([("k", Value::from("v"))])),
            ("labels", Value::object([("k", Value::UNKNOWN), ("n", Value::Null)])),
            ("nested", inner("x")),
            ("list", Value::List(vec![inner("y"), inner("z")])),
            ("secret", Value::from("s3cret")),
            ("any", Value::List(vec![Value::UNKNOWN])),
        ]);
        let all = All::from_value(value.clone()).unwrap();
        assert_eq!(all.text.as_str(), Some("a"));
        assert_eq!(all.count, Attr::Known(3));
        assert_eq!(all.labels.known().unwrap()["k"], Attr::Unknown);
        assert_eq!(all.nested.known().unwrap().r#type.as_str(), Some("x"));
        assert_eq!(all.secret.known().unwrap().expose_secret(), "s3cret");
        assert!(!format!("{all:?}").contains("s3cret"));
        assert_eq!(all.into_value(), value);
    }

    #[test]
    fn what_differs_from_the_schema_is_named() {
        let object = |members: &[(&str, Type)]| {
            Type::Object(members.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
        };
        let inner = || object(&[("type", Type::String)]);
        let mut members = [
            ("text", Type::String),
            ("count", Type::Number),
            ("share", Type::Number),
            ("exact", Type::Number),
            ("on", Type::Bool),
            ("tags", Type::map(Type::String)),
            ("labels", Type::map(Type::String)),
            ("nested", inner()),
            ("list", Type::set(inner())),
            ("secret", Type::String),
            ("any", Type::Dynamic),
        ];
        assert_eq!(All::form().misfits(&object(&members)), [""; 0]);
        members[1] = ("counts", Type::Number);
        members[4] = ("on", Type::String);
        members[8] = ("list", Type::list(object(&[("kind", Type::String)])));
        assert_eq!(
            All::form().misfits(&object(&members)),
            [
                "count: the model has it, the schema has not",
                "on: the model cannot hold a value of type string",
                "list.type: the model has it, the schema has not",
                "list.kind: the schema has it, the model has not",
                "counts: the schema has it, the model has not",
            ]
        );
    }

    #[test]
    fn what_is_missing_is_null_and_what_is_too_much_is_ignored() {
        let all = All::from_value(Value::object([("other", Value::from(1))])).unwrap();
        assert!(all.text.is_null() && all.nested.is_null() && all.any.is_null());
        assert_eq!(all.into_value().get("text"), &Value::Null);
    }

    #[test]
    fn an_unknown_element_makes_a_plain_collection_unknown() {
        let tags = Value::object([("a", Value::from("1")), ("b", Value::UNKNOWN)]);
        let all = All::from_value(Value::object([("tags", tags)])).unwrap();
        assert!(all.tags.is_unknown());
    }

    #[test]
    fn a_mismatch_names_the_place_but_not_the_value() {
        let list = Value::List(vec![inner("y"), Value::object([("type", Value::from(7))])]);
        let error = All::from_value(Value::object([("list", list)])).unwrap_err();
        assert_eq!(error.to_string(), "list[1].type: a string is required, not a number");
        let error = All::from_value(Value::object([("count", Value::Number(Number::Float(0.5)))])).unwrap_err();
        assert_eq!(error.to_string(), "count: a whole number of at most 64 bits is required");
    }
}
