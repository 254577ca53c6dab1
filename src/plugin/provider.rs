//! What a provider implements, and the list of what it offers.

use std::collections::BTreeMap;
use std::future::Future;

use tokio_util::sync::CancellationToken;

use super::action::AnyAction;
use super::ephemeral::AnyEphemeral;
use super::erased::{AnyDataSource, AnyResource, Held};
use super::list::AnyList;
use super::{
    Action, DataSource, Diagnostics, EphemeralResource, Function, ListResource, Model, Resource, Schema, Signature,
};

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

    /// Whether what [`Self::configure`] finds wrong may wait until an operation needs the client. Some hosts configure a
    /// provider whose functions alone are used, and of which no block says anything.
    fn may_wait(&self, settings: &Self::Settings) -> bool {
        let _ = settings;
        false
    }

    /// The resources, data sources and whatever else it offers.
    fn catalogue(&self) -> Catalogue<Self::Client>;
}

/// Everything a provider offers, by type name without the provider's prefix.
pub struct Catalogue<C> {
    resources: BTreeMap<&'static str, Box<dyn AnyResource<C>>>,
    data_sources: BTreeMap<&'static str, Box<dyn AnyDataSource<C>>>,
    actions: BTreeMap<&'static str, Box<dyn AnyAction<C>>>,
    list_resources: BTreeMap<&'static str, Box<dyn AnyList<C>>>,
    ephemeral_resources: BTreeMap<&'static str, Box<dyn AnyEphemeral<C>>>,
    functions: BTreeMap<&'static str, Box<dyn Function>>,
}

impl<C> Default for Catalogue<C> {
    fn default() -> Self {
        Catalogue {
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            actions: BTreeMap::new(),
            list_resources: BTreeMap::new(),
            ephemeral_resources: BTreeMap::new(),
            functions: BTreeMap::new(),
        }
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

    /// Adds an action. `name` comes without the provider's prefix.
    #[must_use]
    pub fn action(mut self, name: &'static str, action: impl Action<C>) -> Self {
        self.actions.insert(name, Box::new(Held::new(action, Action::schema)));
        self
    }

    /// Adds the search for objects of the resource of that name. `name` comes without the provider's prefix.
    #[must_use]
    pub fn list_resource(mut self, name: &'static str, list: impl ListResource<C>) -> Self {
        self.list_resources.insert(name, Box::new(Held::new(list, ListResource::schema)));
        self
    }

    /// Adds an ephemeral resource. `name` comes without the provider's prefix.
    #[must_use]
    pub fn ephemeral_resource(mut self, name: &'static str, ephemeral: impl EphemeralResource<C>) -> Self {
        self.ephemeral_resources.insert(name, Box::new(Held::new(ephemeral, EphemeralResource::schema)));
        self
    }

    /// Adds a function. Functions have no prefix.
    #[must_use]
    pub fn function(mut self, name: &'static str, function: impl Function) -> Self {
        self.functions.insert(name, Box::new(function));
        self
    }

    /// The actions' schemas by name, for documentation.
    pub fn actions(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.actions.iter().map(|(name, one)| (*name, &one.compiled().schema))
    }

    /// The list resources' schemas by name, for documentation.
    pub fn list_resources(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.list_resources.iter().map(|(name, one)| (*name, &one.compiled().schema))
    }

    /// The ephemeral resources' schemas by name, for documentation.
    pub fn ephemeral_resources(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.ephemeral_resources.iter().map(|(name, one)| (*name, &one.compiled().schema))
    }

    /// The functions' signatures by name, for documentation.
    pub fn functions(&self) -> impl Iterator<Item = (&'static str, Signature)> {
        self.functions.iter().map(|(name, one)| (*name, one.signature()))
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

    pub(super) fn held_actions(&self) -> impl Iterator<Item = (&'static str, &dyn AnyAction<C>)> {
        self.actions.iter().map(|(name, one)| (*name, one.as_ref()))
    }

    pub(super) fn held_list_resources(&self) -> impl Iterator<Item = (&'static str, &dyn AnyList<C>)> {
        self.list_resources.iter().map(|(name, one)| (*name, one.as_ref()))
    }

    pub(super) fn held_ephemeral_resources(&self) -> impl Iterator<Item = (&'static str, &dyn AnyEphemeral<C>)> {
        self.ephemeral_resources.iter().map(|(name, one)| (*name, one.as_ref()))
    }

    pub(super) fn find_action(&self, name: &str) -> Option<&dyn AnyAction<C>> {
        self.actions.get(name).map(Box::as_ref)
    }

    pub(super) fn find_list_resource(&self, name: &str) -> Option<&dyn AnyList<C>> {
        self.list_resources.get(name).map(Box::as_ref)
    }

    pub(super) fn find_ephemeral_resource(&self, name: &str) -> Option<&dyn AnyEphemeral<C>> {
        self.ephemeral_resources.get(name).map(Box::as_ref)
    }

    pub(super) fn find_function(&self, name: &str) -> Option<&dyn Function> {
        self.functions.get(name).map(Box::as_ref)
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
    let actions = catalogue.actions().map(|(name, schema)| ("action", name, schema));
    let lists = catalogue.list_resources().map(|(name, schema)| ("list resource", name, schema));
    let ephemerals = catalogue.ephemeral_resources().map(|(name, schema)| ("ephemeral resource", name, schema));
    let unplanned = actions.chain(lists).chain(ephemerals).map(|(what, name, schema)| {
        let reserved: &[&str] = if what == "ephemeral resource" { RESERVED } else { &[] };
        (format!("{what} {name}"), unplanned_faults(what, schema, reserved))
    });
    let listed = catalogue.list_resources().map(|(name, _)| {
        let identity = catalogue.find_resource(name).and_then(|resource| resource.compiled().identity_type());
        let fault = identity.is_none().then(|| "there is no resource of that name with an identity".to_owned());
        (format!("list resource {name}"), fault.into_iter().collect())
    });
    let functions = catalogue.functions().map(|(name, signature)| (format!("function {name}"), signature.faults()));
    std::iter::once(own)
        .chain(resources)
        .chain(data_sources)
        .chain(unplanned)
        .chain(listed)
        .chain(functions)
        .flat_map(|(whose, faults)| faults.into_iter().map(move |fault| format!("{whose}: {fault}")))
        .collect()
}

/// What would be refused about a schema of something that has neither a plan nor a state.
fn unplanned_faults(what: &str, schema: &Schema, reserved: &[&str]) -> Vec<String> {
    let mut faults = schema.faults(reserved);
    for one in &schema.block.attributes {
        if one.replaces || one.keeps || one.write_only || one.default.is_some() {
            faults.push(format!("{}: it has no plan and no state", one.name));
        }
        if what != "ephemeral resource" && one.mode.is_computed() {
            faults.push(format!("{}: nothing comes back, so there is nothing to compute", one.name));
        }
    }
    if schema.identity.is_some() {
        faults.push("only resources have an identity".to_owned());
    }
    faults
}
