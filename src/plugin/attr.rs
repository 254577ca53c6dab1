//! Terraform's three-valued attribute.

/// One attribute of a model: set, not set, or not known before apply.
///
/// Null and unknown are states of their own, not empty values, and every `match` has to say what it does with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Attr<T> {
    /// Not set.
    #[default]
    Null,
    /// Set to something that only apply will tell.
    Unknown,
    /// Set to this.
    Known(T),
}

impl<T> Attr<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Attr::Known(value) => Some(value),
            Attr::Null | Attr::Unknown => None,
        }
    }

    /// The value, if it is known, by value.
    pub fn into_known(self) -> Option<T> {
        match self {
            Attr::Known(value) => Some(value),
            Attr::Null | Attr::Unknown => None,
        }
    }

    /// Whether nothing is set.
    pub fn is_null(&self) -> bool {
        matches!(self, Attr::Null)
    }

    /// Whether only apply will tell the value.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Attr::Unknown)
    }

    /// Whether a value is there to be read.
    pub fn is_known(&self) -> bool {
        matches!(self, Attr::Known(_))
    }

    /// Whether something is set, be it known yet or not. What rules such as "exactly one of" ask.
    pub fn is_set(&self) -> bool {
        !self.is_null()
    }

    /// The same state around a reference.
    pub fn as_ref(&self) -> Attr<&T> {
        match self {
            Attr::Null => Attr::Null,
            Attr::Unknown => Attr::Unknown,
            Attr::Known(value) => Attr::Known(value),
        }
    }

    /// This, or the other where this is not set.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_null() { other } else { self }
    }

    /// Changes the known value, if there is one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Attr::Null => Attr::Null,
            Attr::Unknown => Attr::Unknown,
            Attr::Known(value) => Attr::Known(change(value)),
        }
    }
}

impl Attr<String> {
    /// The text, if it is known.
    pub fn as_str(&self) -> Option<&str> {
        self.known().map(String::as_str)
    }

    /// The text; an empty one where none is known.
    pub fn text(&self) -> &str {
        self.as_str().unwrap_or_default()
    }
}

impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Attr::Null, Attr::Known)
    }
}

impl From<&str> for Attr<String> {
    fn from(text: &str) -> Self {
        Attr::Known(text.to_owned())
    }
}

impl From<String> for Attr<String> {
    fn from(text: String) -> Self {
        Attr::Known(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Attr;

    #[test]
    fn three_states_stay_apart() {
        for (attr, known, null, unknown, set) in [
            (Attr::Null, None, true, false, false),
            (Attr::Unknown, None, false, true, true),
            (Attr::Known(3), Some(3), false, false, true),
        ] {
            assert_eq!(attr.known(), known.as_ref());
            assert_eq!((attr.is_null(), attr.is_unknown(), attr.is_set()), (null, unknown, set));
            assert_eq!(attr.as_ref().map(|value| value + 1).into_known(), known.map(|value| value + 1));
        }
        for (attr, other) in
            [(Attr::Null, Attr::Known(2)), (Attr::Unknown, Attr::Unknown), (Attr::Known(1), Attr::Known(1))]
        {
            assert_eq!(attr.or(Attr::Known(2)), other);
        }
        assert_eq!(Attr::from(Some(1)), Attr::Known(1));
        assert_eq!(Attr::<i64>::from(None), Attr::Null);
        assert_eq!(Attr::from("a").as_str(), Some("a"));
        assert_eq!([Attr::from("a"), Attr::Unknown, Attr::Null].map(|attr| attr.text().to_owned()), ["a", "", ""]);
    }
}
