//! What a provider implements, and the list of what it offers.

use std::collections::BTreeMap;
use std::future::Future;

use tokio_util::sync::CancellationToken;

use super::erased::{AnyDataSource, AnyResource, Held};
use super::{DataSource, Diagnostics, Model, Resource, Schema};

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

    /// Makes the client. Nothing is asked of a network that an operation could ask later; what cannot wait ends early
    /// when `stop` is cancelled. `None` while settings that matter are unknown, which happens during plan only, and after
    /// an error.
    fn configure(
        &self,
        settings: Self::Settings,
        terraform_version: &str,
        stop: &CancellationToken,
        diagnostics: &mut Diagnostics,
    ) -> impl Future<Output = Option<Self::Client>> + Send;

    /// The resources and data sources.
    fn catalogue(&self) -> Catalogue<Self::Client>;
}

/// Everything a provider offers, by type name without the provider's prefix.
pub struct Catalogue<C> {
    resources: BTreeMap<&'static str, Box<dyn AnyResource<C>>>,
    data_sources: BTreeMap<&'static str, Box<dyn AnyDataSource<C>>>,
}

impl<C> Default for Catalogue<C> {
    fn default() -> Self {
        Catalogue { resources: BTreeMap::new(), data_sources: BTreeMap::new() }
    }
}

impl<C: Send + Sync + 'static> Catalogue<C> {
    /// Nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a resource. `name` comes without the provider's prefix.
    #[must_use]
    pub fn resource(mut self, name: &'static str, resource: impl Resource<C>) -> Self {
        self.resources.insert(name, Box::new(Held::new(resource, Resource::schema)));
        self
    }

    /// Adds a data source. `name` comes without the provider's prefix.
    #[must_use]
    pub fn data_source(mut self, name: &'static str, data_source: impl DataSource<C>) -> Self {
        self.data_sources.insert(name, Box::new(Held::new(data_source, DataSource::schema)));
        self
    }

    /// The resources' schemas by name, for documentation.
    pub fn resources(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.resources.iter().map(|(name, one)| (*name, &one.compiled().schema))
    }

    /// The data sources' schemas by name, for documentation.
    pub fn data_sources(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.data_sources.iter().map(|(name, one)| (*name, &one.compiled().schema))
    }

    pub(super) fn held_resources(&self) -> impl Iterator<Item = (&'static str, &dyn AnyResource<C>)> {
        self.resources.iter().map(|(name, one)| (*name, one.as_ref()))
    }

    pub(super) fn held_data_sources(&self) -> impl Iterator<Item = (&'static str, &dyn AnyDataSource<C>)> {
        self.data_sources.iter().map(|(name, one)| (*name, one.as_ref()))
    }

    pub(super) fn find_resource(&self, name: &str) -> Option<&dyn AnyResource<C>> {
        self.resources.get(name).map(Box::as_ref)
    }

    pub(super) fn find_data_source(&self, name: &str) -> Option<&dyn AnyDataSource<C>> {
        self.data_sources.get(name).map(Box::as_ref)
    }
}

/// Names that Terraform keeps for itself in resource and data blocks.
const RESERVED: &[&str] = &["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"];
/// Names that Terraform keeps for itself in provider blocks.
const RESERVED_IN_PROVIDER: &[&str] = &["alias", "version"];

/// What Terraform or this floor would refuse about a provider's schemas. For tests; empty is good.
pub fn faults<P: Provider>(provider: &P) -> Vec<String> {
    let catalogue = provider.catalogue();
    let own = ("provider".to_owned(), provider.schema().faults(RESERVED_IN_PROVIDER));
    let resources = catalogue.resources().map(|(name, schema)| (format!("resource {name}"), schema.faults(RESERVED)));
    let data_sources = catalogue.data_sources().map(|(name, schema)| {
        let mut faults = schema.faults(RESERVED);
        let block_lists = schema.block.attributes.iter().filter(|one| one.replaces || one.keeps || one.write_only);
        faults.extend(block_lists.map(|one| format!("{}: a data source has no plan and no state", one.name)));
        (format!("data source {name}"), faults)
    });
    std::iter::once(own)
        .chain(resources)
        .chain(data_sources)
        .flat_map(|(whose, faults)| faults.into_iter().map(move |fault| format!("{whose}: {fault}")))
        .collect()
}
