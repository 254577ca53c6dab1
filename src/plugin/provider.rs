//! What a provider implements, and the list of what it offers.

use super::{Diagnostics, Model, Schema};

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// All attributes and blocks of the provider's own schema.
    type Settings: Model;
    /// What resources and data sources talk through, once configured.
    type Client: Send + Sync + 'static;

    /// The provider's type, as in `terraform-provider-<name>`.
    fn name(&self) -> &'static str;

    /// The full source address, for debug mode: `host/namespace/type`.
    fn address(&self) -> &'static str;

    /// The schema of the provider block. It must not depend on configuration, environment or time.
    fn schema(&self) -> Schema;

    /// Checks that span several arguments. Anything may be null or unknown.
    fn validate(&self, settings: &Self::Settings) -> Diagnostics {
        let _ = settings;
        Diagnostics::new()
    }

    /// Makes the client. No calls: nothing is read from a network before an operation needs it. `Ok(None)` while
    /// settings that matter are unknown, which happens during plan only.
    fn configure(
        &self,
        settings: Self::Settings,
        terraform_version: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self::Client>;

    /// The resources and data sources.
    fn catalogue(&self) -> Catalogue<Self::Client>;
}

/// Everything a provider offers, by type name without the provider's prefix.
pub struct Catalogue<C> {
    _client: std::marker::PhantomData<C>,
}
