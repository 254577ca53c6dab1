//! What identifies an object outside of any state: the smallest set of its attributes that finds it again.
//!
//! An identity is always read off the object itself, never asked of the host: objects that an older host wrote come
//! without one.

use super::proto::tfplugin6 as wire;
use super::schema::Compiled;
use super::{Attribute, Type, Value, codec};

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

    /// What Terraform would refuse about it, given the attributes of the resource.
    pub(super) fn faults(&self, attributes: &[Attribute]) -> Vec<String> {
        let mut faults = Vec::new();
        if self.attributes.is_empty() {
            faults.push("the identity has no attributes".to_owned());
        }
        for one in &self.attributes {
            let name = one.name;
            match attributes.iter().find(|attribute| attribute.name == name).map(Attribute::value_type) {
                None => faults.push(format!("identity: the resource has no attribute {name}")),
                Some(ty) if !fits(&ty) => {
                    faults.push(format!("identity: {name} is neither primitive nor a list of such"));
                }
                Some(_) if one.description.is_empty() => faults.push(format!("identity: {name} has no description")),
                Some(_) => {}
            }
        }
        faults
    }
}

fn fits(ty: &Type) -> bool {
    let primitive = |ty: &Type| matches!(ty, Type::String | Type::Number | Type::Bool);
    match ty {
        Type::List(element) => primitive(element),
        other => primitive(other),
    }
}

impl Compiled {
    /// The type of the resource's identities, if they have any.
    pub(super) fn identity_type(&self) -> Option<Type> {
        let identity = self.schema.identity.as_ref()?;
        let members = identity.attributes.iter().map(|one| (one.name.to_owned(), self.type_of(one.name)));
        Some(Type::Object(members.collect()))
    }

    /// The identity schema on the wire.
    pub(super) fn identity_wire(&self) -> Option<wire::ResourceIdentitySchema> {
        let identity = self.schema.identity.as_ref()?;
        let attributes = identity.attributes.iter().map(|one| wire::resource_identity_schema::IdentityAttribute {
            name: one.name.to_owned(),
            r#type: codec::type_to_json(&self.type_of(one.name)),
            required_for_import: one.required,
            optional_for_import: !one.required,
            description: one.description.clone(),
        });
        Some(wire::ResourceIdentitySchema { version: identity.version, identity_attributes: attributes.collect() })
    }

    /// The identity of an object; none while something that belongs to it is missing or not known yet: hosts can
    /// neither show nor store an identity that is known in part.
    pub(super) fn identity_of(&self, object: &Value) -> Option<Value> {
        let identity = self.schema.identity.as_ref()?;
        let whole = identity.attributes.iter().all(|one| {
            let value = object.get(one.name);
            value.is_wholly_known() && !(one.required && value.is_null())
        });
        let members = identity.attributes.iter().map(|one| (one.name, object.get(one.name).clone()));
        whole.then(|| Value::object(members))
    }

    fn type_of(&self, name: &str) -> Type {
        let attribute = self.block().attributes.iter().find(|attribute| attribute.name == name);
        attribute.map_or(Type::Dynamic, Attribute::value_type)
    }
}

#[cfg(test)]
mod tests {
    use super::Identity;
    use crate::plugin::schema::Compiled;
    use crate::plugin::{Attribute, Schema, Type, Value};

    fn schema(identity: Identity) -> Schema {
        Schema::new("Text.")
            .attribute(Attribute::string("id").computed().describe("Text."))
            .attribute(Attribute::string("place").describe("Text."))
            .attribute(Attribute::map("labels", Type::String).describe("Text."))
            .identified_by(identity)
    }

    #[test]
    fn identities_name_simple_attributes_of_the_resource() {
        for (identity, fault) in [
            (Identity::new(), "no attributes"),
            (Identity::new().required("other", "Text."), "no attribute other"),
            (Identity::new().required("labels", "Text."), "labels is neither"),
            (Identity::new().required("id", ""), "id has no description"),
        ] {
            let faults = schema(identity).faults(&[]);
            assert!(faults.iter().any(|one| one.contains(fault)), "{fault}: {faults:?}");
        }
        assert!(schema(Identity::new().required("id", "Text.")).faults(&[]).is_empty());
    }

    #[test]
    fn an_identity_is_read_off_the_object_and_never_half() {
        let compiled = Compiled::new(schema(Identity::new().required("id", "Text.").optional("place", "Text.")));
        let object = |id: Value, place: Value| Value::object([("id", id), ("place", place), ("labels", Value::Null)]);
        let identity = |id: Value, place: Value| Some(Value::object([("id", id), ("place", place)]));
        for (id, place, expected) in [
            ("a".into(), "b".into(), identity("a".into(), "b".into())),
            ("a".into(), Value::Null, identity("a".into(), Value::Null)),
            (Value::UNKNOWN, "b".into(), None),
            ("a".into(), Value::UNKNOWN, None),
            (Value::Null, "b".into(), None),
        ] {
            assert_eq!(compiled.identity_of(&object(id, place)), expected);
        }
        assert_eq!(compiled.identity_of(&Value::Null), None);
    }
}
