//! What identifies an object outside of any state: the smallest set of its attributes that finds it again.
//!
//! An identity is always read off the object itself, never asked of the host: objects that an older host wrote come
//! without one.

/// The attributes of a resource that identify an object. They have the types that the resource's schema gives them,
/// and an object keeps their values for life.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Counts up when stored identities of the previous version no longer fit.
    pub version: i64,
    /// The attributes.
    pub attributes: Vec<IdentityAttribute>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct IdentityAttribute {
    /// The name of an attribute of the resource.
    pub name: &'static str,
    /// Whether an import by identity must give it; otherwise it may.
    pub required: bool,
    /// What it is, in Markdown.
    pub description: String,
}

impl Identity {
    /// Nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an attribute that an import must give.
    #[must_use]
    pub fn required(self, name: &'static str, description: impl Into<String>) -> Self {
        self.with(IdentityAttribute { name, required: true, description: description.into() })
    }

    /// Adds an attribute that an import may leave to the provider.
    #[must_use]
    pub fn optional(self, name: &'static str, description: impl Into<String>) -> Self {
        self.with(IdentityAttribute { name, required: false, description: description.into() })
    }

    fn with(mut self, attribute: IdentityAttribute) -> Self {
        self.attributes.push(attribute);
        self
    }
}
