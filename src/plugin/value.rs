//! Values as Terraform knows them, and the types that both sides derive from the schema.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

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

impl Type {
    /// A list of this type.
    pub fn list(element: Type) -> Self {
        Type::List(Box::new(element))
    }

    /// A set of this type.
    pub fn set(element: Type) -> Self {
        Type::Set(Box::new(element))
    }

    /// A map of this type.
    pub fn map(element: Type) -> Self {
        Type::Map(Box::new(element))
    }

    /// Whether a value of this type may hold values that carry their own type.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Type::Dynamic => true,
            Type::String | Type::Number | Type::Bool => false,
            Type::List(element) | Type::Set(element) | Type::Map(element) => element.has_dynamic(),
            Type::Object(members) => members.values().any(Type::has_dynamic),
            Type::Tuple(elements) => elements.iter().any(Type::has_dynamic),
        }
    }
}

/// The way a user writes it, as in `list(string)`.
impl fmt::Display for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => out.write_str("string"),
            Type::Number => out.write_str("number"),
            Type::Bool => out.write_str("bool"),
            Type::Dynamic => out.write_str("any"),
            Type::List(element) => write!(out, "list({element})"),
            Type::Set(element) => write!(out, "set({element})"),
            Type::Map(element) => write!(out, "map({element})"),
            Type::Object(_) => out.write_str("object"),
            Type::Tuple(_) => out.write_str("tuple"),
        }
    }
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

/// What is found where nothing is.
static NULL: Value = Value::Null;

impl Value {
    /// Something that only apply will tell, nothing else being known about it.
    pub const UNKNOWN: Value = Value::Unknown(None);

    /// An object or map of these members.
    pub fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Value)>) -> Self {
        Value::Map(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The member of an object or map; null if there is none, or if this is neither.
    pub fn get(&self, name: &str) -> &Value {
        self.as_map().and_then(|members| members.get(name)).unwrap_or(&NULL)
    }

    /// The element of a list, set or tuple; null if there is none, or if this is neither.
    pub fn at(&self, index: usize) -> &Value {
        self.as_list().and_then(|elements| elements.get(index)).unwrap_or(&NULL)
    }

    /// The value itself where a dynamic one is wrapped with its type.
    pub fn bare(&self) -> &Value {
        match self {
            Value::Dynamic(typed) => typed.1.bare(),
            plain => plain,
        }
    }

    /// Whether nothing is set.
    pub fn is_null(&self) -> bool {
        matches!(self.bare(), Value::Null)
    }

    /// Whether only apply will tell. Members of it are not asked.
    pub fn is_unknown(&self) -> bool {
        matches!(self.bare(), Value::Unknown(_))
    }

    /// Whether nothing is unknown, at any depth.
    pub fn is_wholly_known(&self) -> bool {
        match self.bare() {
            Value::Unknown(_) => false,
            Value::List(elements) => elements.iter().all(Value::is_wholly_known),
            Value::Map(members) => members.values().all(Value::is_wholly_known),
            _ => true,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self.bare() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.bare() {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self.bare() {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The elements of a list, set or tuple.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self.bare() {
            Value::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members of a map or object.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        match self.bare() {
            Value::Map(members) => Some(members),
            _ => None,
        }
    }

    /// The same with null wherever something was unknown, at any depth.
    #[must_use]
    pub fn without_unknowns(self) -> Self {
        match self {
            Value::Unknown(_) => Value::Null,
            Value::List(elements) => Value::List(elements.into_iter().map(Value::without_unknowns).collect()),
            Value::Map(members) => {
                Value::Map(members.into_iter().map(|(key, value)| (key, value.without_unknowns())).collect())
            }
            Value::Dynamic(typed) => {
                let (ty, value) = *typed;
                Value::Dynamic(Box::new((ty, value.without_unknowns())))
            }
            plain => plain,
        }
    }

    /// What it is, for messages. Never the value: it may be secret.
    pub(super) fn kind(&self) -> &'static str {
        match self.bare() {
            Value::Null | Value::Dynamic(_) => "nothing",
            Value::Unknown(_) => "an unknown value",
            Value::Bool(_) => "a bool",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Whether it can be encoded as this type just as it is.
    pub(super) fn is_of(&self, ty: &Type) -> bool {
        match (ty, self) {
            (_, Value::Null | Value::Unknown(_)) | (Type::String, Value::String(_)) | (Type::Bool, Value::Bool(_)) => {
                true
            }
            (Type::Number, Value::Number(number)) => number.is_sound(),
            (Type::Dynamic, Value::Dynamic(typed)) => typed.1.is_of(&typed.0),
            (Type::List(element) | Type::Set(element), Value::List(values)) => {
                values.iter().all(|value| value.is_of(element))
            }
            (Type::Tuple(types), Value::List(values)) => {
                types.len() == values.len() && types.iter().zip(values).all(|(ty, value)| value.is_of(ty))
            }
            (Type::Map(element), Value::Map(members)) => members.values().all(|value| value.is_of(element)),
            (Type::Object(types), Value::Map(members)) => {
                types.len() == members.len()
                    && types.iter().all(|(name, ty)| members.get(name).is_some_and(|value| value.is_of(ty)))
            }
            _ => false,
        }
    }

    /// Whether two values of one type mean the same: sets in any order, numbers by value, a typed null as null.
    /// Two unknown values are the same.
    pub(super) fn means(&self, other: &Value, ty: &Type) -> bool {
        match (self.bare(), other.bare()) {
            (Value::List(left), Value::List(right)) => {
                left.len() == right.len()
                    && match ty {
                        Type::Set(_) => same_elements(left, right),
                        Type::List(element) => left.iter().zip(right).all(|(l, r)| l.means(r, element)),
                        Type::Tuple(elements) => {
                            left.iter().zip(right).zip(elements).all(|((l, r), element)| l.means(r, element))
                        }
                        _ => left.iter().zip(right).all(|(l, r)| l.order(r).is_eq()),
                    }
            }
            (Value::Map(left), Value::Map(right)) => {
                left.len() == right.len()
                    && left.iter().zip(right).all(|((left_key, l), (right_key, r))| {
                        left_key == right_key
                            && match ty {
                                Type::Map(element) => l.means(r, element),
                                Type::Object(members) => members
                                    .get(left_key)
                                    .map_or_else(|| l.order(r).is_eq(), |member| l.means(r, member)),
                                _ => l.order(r).is_eq(),
                            }
                    })
            }
            (left, right) => left.order(right).is_eq(),
        }
    }

    /// The elements of a list in one order, each once.
    pub(super) fn as_set(&self) -> Value {
        let Value::List(elements) = self.bare() else { return self.clone() };
        let mut elements = elements.clone();
        elements.sort_by(Self::order);
        elements.dedup_by(|left, right| left.order(right).is_eq());
        Value::List(elements)
    }

    /// A total order, so that sets can be compared. It means nothing else.
    fn order(&self, other: &Value) -> Ordering {
        let rank = |value: &Value| match value {
            Value::Null | Value::Dynamic(_) => 0,
            Value::Unknown(_) => 1,
            Value::Bool(_) => 2,
            Value::Number(_) => 3,
            Value::String(_) => 4,
            Value::List(_) => 5,
            Value::Map(_) => 6,
        };
        match (self.bare(), other.bare()) {
            (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
            (Value::Number(left), Value::Number(right)) => left.cmp(right),
            (Value::String(left), Value::String(right)) => left.cmp(right),
            (Value::List(left), Value::List(right)) => {
                let element = || left.iter().zip(right).map(|(l, r)| l.order(r)).find(|order| order.is_ne());
                left.len().cmp(&right.len()).then_with(|| element().unwrap_or(Ordering::Equal))
            }
            (Value::Map(left), Value::Map(right)) => {
                let pairs = left.iter().zip(right);
                let member = || {
                    pairs
                        .map(|((left_key, l), (right_key, r))| left_key.cmp(right_key).then_with(|| l.order(r)))
                        .find(|order| order.is_ne())
                };
                left.len().cmp(&right.len()).then_with(|| member().unwrap_or(Ordering::Equal))
            }
            (left, right) => rank(left).cmp(&rank(right)),
        }
    }
}

/// Whether two sets hold the same, in any order.
fn same_elements(left: &[Value], right: &[Value]) -> bool {
    if left.iter().zip(right).all(|(l, r)| l.order(r).is_eq()) {
        return true;
    }
    let sorted = |elements: &[Value]| {
        let mut order: Vec<usize> = (0..elements.len()).collect();
        order.sort_by(|&l, &r| elements[l].order(&elements[r]));
        order
    };
    sorted(left).into_iter().zip(sorted(right)).all(|(l, r)| left[l].order(&right[r]).is_eq())
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(Number::Int(number))
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Value::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(elements: Vec<T>) -> Self {
        Value::List(elements.into_iter().map(Into::into).collect())
    }
}

/// A number exactly as it was written.
///
/// Equality and order go by value, however it was written: `1.0` is `1`. The value of a binary fraction is the
/// shortest decimal that reads back as it, which is also what Terraform compares.
#[derive(Clone, Debug)]
pub enum Number {
    /// Fits a signed 64-bit integer.
    Int(i64),
    /// Exactly this binary fraction; never infinite or "not a number".
    Float(f64),
    /// Anything else, in decimal digits.
    Decimal(String),
}

impl Number {
    /// Reads decimal text: digits, optionally a sign, a fraction, an exponent. Text that is a small whole number
    /// becomes [`Number::Int`]; everything else is kept digit by digit.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.strip_prefix('-').unwrap_or(text);
        let whole = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
        if let (true, Ok(number)) = (whole, text.parse()) {
            return Some(Number::Int(number));
        }
        Decimal::parse(text)?;
        Some(Number::Decimal(text.to_owned()))
    }

    /// A binary fraction; none for what is not a number or infinite.
    pub fn from_f64(number: f64) -> Option<Self> {
        number.is_finite().then_some(Number::Float(number))
    }

    /// Whether it is a number at all: a hand-made one need not be.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Number::Int(_) => true,
            Number::Float(number) => number.is_finite(),
            Number::Decimal(text) => Decimal::parse(text).is_some(),
        }
    }

    /// The whole number, if it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Number::Int(number) => Some(*number),
            Number::Float(_) | Number::Decimal(_) => self.with_decimal(Decimal::to_i64)?,
        }
    }

    /// The nearest binary fraction. May be infinite for numbers beyond its range.
    #[expect(clippy::cast_precision_loss, reason = "the nearest one is what is asked for")]
    pub fn as_f64(&self) -> f64 {
        match self {
            Number::Int(number) => *number as f64,
            Number::Float(number) => *number,
            Number::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        match self {
            Number::Int(_) => true,
            Number::Float(_) | Number::Decimal(_) => {
                self.with_decimal(|decimal| decimal.exponent >= 0).unwrap_or(false)
            }
        }
    }

    /// Looks at the digits. None if the text of a hand-made [`Number::Decimal`] is no number.
    fn with_decimal<T>(&self, look: impl FnOnce(&Decimal) -> T) -> Option<T> {
        match self {
            Number::Decimal(text) => Decimal::parse(text).map(|decimal| look(&decimal)),
            Number::Int(_) | Number::Float(_) => Decimal::parse(&self.to_string()).map(|decimal| look(&decimal)),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(number) => write!(out, "{number}"),
            // The exponent form is the shortest text that reads back as the same fraction, and never hundreds of zeros.
            Number::Float(number) if *number != 0.0 && !(1e-5..1e17).contains(&number.abs()) => {
                write!(out, "{number:e}")
            }
            // The sum makes a zero of a negative one.
            Number::Float(number) => write!(out, "{}", number + 0.0),
            Number::Decimal(text) => out.write_str(text),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Number::Int(left), Number::Int(right)) => left.cmp(right),
            (Number::Decimal(left), Number::Decimal(right)) if left == right => Ordering::Equal,
            _ => {
                let order = self.with_decimal(|left| other.with_decimal(|right| left.cmp(right)));
                // Only hand-made text that is no number gets here; text order keeps the order total.
                order.flatten().unwrap_or_else(|| self.to_string().cmp(&other.to_string()))
            }
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Number::Int(number)
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Number::Decimal(number.to_string()), Number::Int)
    }
}

/// Digits times a power of ten, in the one form that equal numbers share: no zeros at either end, zero without digits.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] | rest => (false, rest),
        };
        let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        if whole.len() + fraction.len() == 0 || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
            return None;
        }
        let mut digits: Vec<u8> = whole.iter().chain(fraction).copied().skip_while(|&digit| digit == b'0').collect();
        let mut exponent = exponent - i64::try_from(fraction.len()).ok()?;
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent += 1;
        }
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, exponent: 0 });
        }
        Some(Decimal { negative, digits, exponent })
    }

    fn to_i64(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        if self.exponent < 0 || self.exponent > 18 {
            return None;
        }
        let mut number: i128 = 0;
        for digit in &self.digits {
            number = number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        number = number.checked_mul(10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?)?;
        i64::try_from(if self.negative { -number } else { number }).ok()
    }

    /// How many digits stand before the decimal point.
    fn magnitude(&self) -> i64 {
        self.exponent.saturating_add(i64::try_from(self.digits.len()).unwrap_or(i64::MAX))
    }

    fn cmp(&self, other: &Decimal) -> Ordering {
        let sign = |decimal: &Decimal| match (decimal.digits.is_empty(), decimal.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = || self.magnitude().cmp(&other.magnitude()).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| if self.negative { size().reverse() } else { size() })
    }
}

/// An exponent far beyond any use is refused, so that sums with it cannot overflow.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let exponent: i64 = str::from_utf8(text).ok()?.parse().ok()?;
    (exponent.abs() <= 1_000_000_000).then_some(exponent)
}

/// Attributes as a state file holds them.
pub type Stored = serde_json::Map<String, serde_json::Value>;

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{Number, Type, Value};

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn numbers_compare_by_value() {
        for (left, right) in [
            (number("1.0"), Number::Int(1)),
            (number("1e3"), Number::Int(1000)),
            (number("-0"), Number::Int(0)),
            (number("0.000e9"), Number::Int(0)),
            (number("0.10"), number("1e-1")),
            (Number::Float(0.5), number("0.5")),
            (Number::Float(0.1), number("0.1")),
            (Number::Float(1e22), number("1e22")),
            (Number::Float(-2.0), Number::Int(-2)),
            (Number::Float(1e-300), number("1e-300")),
            (number("18446744073709551616"), number("18446744073709551616.0")),
            (Number::from(u64::MAX), number("18446744073709551615")),
        ] {
            assert_eq!(left, right, "{left} and {right}");
        }
    }

    #[test]
    fn numbers_are_ordered() {
        let ascending = [
            "-1e100",
            "-18446744073709551616",
            "-9223372036854775808",
            "-10",
            "-9.5",
            "-1",
            "-0.1",
            "0",
            "1e-100",
            "0.09",
            "0.1",
            "0.11",
            "1",
            "1.5",
            "9",
            "10",
            "99",
            "100",
            "9223372036854775807",
            "9223372036854775808",
            "1e30",
        ];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(number(left).cmp(&number(right)), at.cmp(&other), "{left} and {right}");
            }
        }
    }

    #[test]
    fn numbers_convert_only_without_loss() {
        for (text, expected) in [
            ("42", Some(42)),
            ("42.0", Some(42)),
            ("4.2e1", Some(42)),
            ("9223372036854775807.0", Some(i64::MAX)),
            ("-9.223372036854775808e18", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("0.5", None),
            ("1e100", None),
        ] {
            assert_eq!(number(text).as_i64(), expected, "{text}");
        }
        assert!(number("1e30").is_integer());
        assert!(!number("1.5").is_integer());
        assert!((number("0.1").as_f64() - 0.1).abs() < f64::EPSILON);
    }

    #[test]
    fn only_numbers_are_numbers() {
        for text in
            ["", "-", "+", ".", "e5", "1e", "1e+", "0x10", "1_000", "NaN", "inf", "Infinity", "1.2.3", " 1", "1 "]
        {
            assert!(Number::parse(text).is_none(), "{text:?}");
        }
        assert!(Number::parse("1e99999999999999999999").is_none(), "no exponent beyond reason");
        assert!(Number::from_f64(f64::NAN).is_none());
    }

    #[test]
    fn sets_have_no_order() {
        let left = Value::from(vec!["a", "b", "c"]);
        let right = Value::from(vec!["c", "a", "b"]);
        assert!(left.means(&right, &Type::set(Type::String)));
        assert!(!left.means(&right, &Type::list(Type::String)));
        assert!(!left.means(&Value::from(vec!["a", "b", "b"]), &Type::set(Type::String)));
    }

    #[test]
    fn a_typed_null_means_null() {
        let typed = Value::Dynamic(Box::new((Type::String, Value::Null)));
        assert!(typed.is_null());
        assert!(typed.means(&Value::Null, &Type::Dynamic));
        assert_eq!(typed.order(&Value::Null), Ordering::Equal);
    }

    #[test]
    fn unknown_is_found_at_any_depth_and_can_be_nulled() {
        let value = Value::object([("a", Value::List(vec![Value::from(1), Value::UNKNOWN])), ("b", Value::from(true))]);
        assert!(!value.is_unknown());
        assert!(!value.is_wholly_known());
        let nulled = value.without_unknowns();
        assert!(nulled.is_wholly_known());
        assert_eq!(nulled.get("a"), &Value::List(vec![Value::from(1), Value::Null]));
        assert_eq!(nulled.get("missing").at(3), &Value::Null);
    }
}
