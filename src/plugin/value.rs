//! Values as Terraform knows them, and the types that both sides derive from the schema.

use std::collections::BTreeMap;

/// A type constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Unicode text.
    String,
    /// A number of any size and precision.
    Number,
    /// True or false.
    Bool,
    /// Anything; the value carries its own type.
    Dynamic,
    /// An ordered collection of one type.
    List(Box<Type>),
    /// An unordered collection of one type, each value once.
    Set(Box<Type>),
    /// Values of one type by key.
    Map(Box<Type>),
    /// Values of different types by name; every name is present in every value.
    Object(BTreeMap<String, Type>),
    /// Values of different types by position.
    Tuple(Vec<Type>),
}

/// A value of any type.
///
/// A value does not know its type; encoding and decoding take the [`Type`] beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Not set.
    #[default]
    Null,
    /// Only apply will tell. The refinements that came with it are kept as they were received.
    Unknown(Option<Vec<u8>>),
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(String),
    /// The elements of a list, set or tuple.
    List(Vec<Value>),
    /// The members of a map or object.
    Map(BTreeMap<String, Value>),
    /// A value of type [`Type::Dynamic`] together with its own type.
    Dynamic(Box<(Type, Value)>),
}

/// A number exactly as it was written.
#[derive(Clone, Debug)]
pub enum Number {
    /// Fits a signed 64-bit integer.
    Int(i64),
    /// Exactly this binary fraction.
    Float(f64),
    /// Anything else, in decimal digits.
    Decimal(String),
}
