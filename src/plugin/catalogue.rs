//! What a provider offers.

use std::collections::BTreeMap;

use super::action::AnyAction;
use super::ephemeral::AnyEphemeral;
use super::erased::{AnyDataSource, AnyResource, Held, Offered};
use super::list::AnyList;
use super::proto::tfplugin6 as wire;
use super::{Action, DataSource, EphemeralResource, Function, ListResource, Resource, Schema};

/// Things of one kind, each under a name of its own.
pub(super) struct Shelf<T: ?Sized> {
    pub(super) kind: &'static str,
    /// What is said first where a name is not on it.
    pub(super) unknown: &'static str,
    things: BTreeMap<&'static str, Box<T>>,
}

impl<T: ?Sized> Shelf<T> {
    fn of(unknown: &'static str, kind: &'static str) -> Self {
        Shelf { kind, unknown, things: BTreeMap::new() }
    }

    fn add(&mut self, name: &'static str, thing: Box<T>) {
        let before = self.things.insert(name, thing);
        assert!(before.is_none(), "two {}s are named {name}", self.kind);
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.things.get(name).map(Box::as_ref)
    }

    /// All of it, each with the kind that it has in common.
    fn each<'a>(
        &'a self,
        one: impl Fn(&'a T) -> &'a dyn Offered,
    ) -> impl Iterator<Item = (&'static str, &'static str, &'a dyn Offered)> {
        self.iter().map(move |(name, thing)| (self.kind, name, one(thing)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &T)> {
        self.things.iter().map(|(name, thing)| (*name, thing.as_ref()))
    }
}

/// Everything a provider offers, by type name without the provider's prefix. No two things of a kind have one name.
pub struct Catalogue<C> {
    pub(super) resources: Shelf<dyn AnyResource<C>>,
    pub(super) data_sources: Shelf<dyn AnyDataSource<C>>,
    pub(super) actions: Shelf<dyn AnyAction<C>>,
    pub(super) list_resources: Shelf<dyn AnyList<C>>,
    pub(super) ephemeral_resources: Shelf<dyn AnyEphemeral<C>>,
    pub(super) functions: Shelf<dyn Function>,
}

impl<C> Default for Catalogue<C> {
    fn default() -> Self {
        Catalogue {
            resources: Shelf::of("Unknown resource type", "resource"),
            data_sources: Shelf::of("Unknown data source type", "data source"),
            actions: Shelf::of("Unknown action type", "action"),
            list_resources: Shelf::of("Unknown list resource type", "list resource"),
            ephemeral_resources: Shelf::of("Unknown ephemeral resource type", "ephemeral resource"),
            functions: Shelf { kind: "function", unknown: "Unknown function", things: BTreeMap::new() },
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
        self.resources.add(name, Box::new(Held::new(resource, Resource::schema, Resource::validate)));
        self
    }

    /// Adds a data source. `name` comes without the provider's prefix.
    #[must_use]
    pub fn data_source(mut self, name: &'static str, data_source: impl DataSource<C>) -> Self {
        self.data_sources.add(name, Box::new(Held::new(data_source, DataSource::schema, DataSource::validate)));
        self
    }

    /// Adds an action. `name` comes without the provider's prefix.
    #[must_use]
    pub fn action(mut self, name: &'static str, action: impl Action<C>) -> Self {
        self.actions.add(name, Box::new(Held::new(action, Action::schema, Action::validate)));
        self
    }

    /// Adds the search for objects of the resource of that name. `name` comes without the provider's prefix.
    #[must_use]
    pub fn list_resource(mut self, name: &'static str, list: impl ListResource<C>) -> Self {
        self.list_resources.add(name, Box::new(Held::new(list, ListResource::schema, ListResource::validate)));
        self
    }

    /// Adds an ephemeral resource. `name` comes without the provider's prefix.
    #[must_use]
    pub fn ephemeral_resource(mut self, name: &'static str, ephemeral: impl EphemeralResource<C>) -> Self {
        let held = Held::new(ephemeral, EphemeralResource::schema, EphemeralResource::validate);
        self.ephemeral_resources.add(name, Box::new(held));
        self
    }

    /// Adds a function. Functions have no prefix.
    #[must_use]
    pub fn function(mut self, name: &'static str, function: impl Function) -> Self {
        self.functions.add(name, Box::new(function));
        self
    }

    /// The schemas of all but functions, each with the kind and the name of what it belongs to, for documentation.
    pub fn schemas(&self) -> impl Iterator<Item = (&'static str, &'static str, &Schema)> {
        self.offered().map(|(kind, name, one)| (kind, name, &one.compiled().schema))
    }

    /// All that has a schema, each with its kind and name.
    pub(super) fn offered(&self) -> impl Iterator<Item = (&'static str, &'static str, &dyn Offered)> {
        let Catalogue { resources, data_sources, actions, list_resources, ephemeral_resources, functions: _ } = self;
        let others = data_sources.each(|one| one as &dyn Offered).chain(actions.each(|one| one));
        let others = others.chain(list_resources.each(|one| one)).chain(ephemeral_resources.each(|one| one));
        resources.each(|one| one as &dyn Offered).chain(others)
    }

    pub(super) fn functions_on_the_wire(&self) -> BTreeMap<String, wire::Function> {
        self.functions.iter().map(|(name, one)| (name.to_owned(), one.signature().to_wire())).collect()
    }
}
