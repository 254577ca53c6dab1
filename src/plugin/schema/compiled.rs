//! A schema with what follows from it.

use std::sync::OnceLock;

use super::parts::{Attribute, Block, Schema, Shape};
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::timeouts::{self, Timeouts};
use crate::plugin::{Type, Value, codec};

/// A schema with what is derived from it, each made once and when first needed.
#[derive(Debug)]
pub(in crate::plugin) struct Compiled {
    pub(in crate::plugin) schema: Schema,
    value_type: OnceLock<Type>,
    wire: OnceLock<wire::Schema>,
}

impl Compiled {
    pub(in crate::plugin) fn new(schema: Schema) -> Self {
        Compiled { schema, value_type: OnceLock::new(), wire: OnceLock::new() }
    }

    pub(in crate::plugin) fn block(&self) -> &Block {
        &self.schema.block
    }

    pub(in crate::plugin) fn value_type(&self) -> &Type {
        self.value_type.get_or_init(|| self.schema.block.value_type())
    }

    pub(in crate::plugin) fn wire(&self) -> &wire::Schema {
        self.wire
            .get_or_init(|| wire::Schema { version: self.schema.version, block: Some(self.schema.block.to_wire()) })
    }

    pub(in crate::plugin) fn timeouts(&self) -> Timeouts {
        self.schema.timeouts.unwrap_or_default()
    }

    /// The type of what a model holds: without the `timeouts` block, if that is this floor's.
    pub(in crate::plugin) fn model_type(&self) -> Type {
        let mut ty = self.value_type().clone();
        if let (true, Type::Object(members)) = (self.owns_timeouts(), &mut ty) {
            members.remove(timeouts::BLOCK);
        }
        ty
    }

    /// Whether the `timeouts` block is this floor's.
    pub(in crate::plugin) fn owns_timeouts(&self) -> bool {
        self.schema.timeouts.is_some()
    }

    /// The object as the resource sees it.
    pub(in crate::plugin) fn without_timeouts(&self, mut object: Value) -> Value {
        if let (true, Value::Map(members)) = (self.owns_timeouts(), &mut object) {
            members.remove(timeouts::BLOCK);
        }
        object
    }

    /// The object as Terraform sees it, the `timeouts` block taken from another version of it.
    pub(in crate::plugin) fn with_timeouts_of(&self, source: &Value, mut object: Value) -> Value {
        if let (true, Value::Map(members)) = (self.owns_timeouts(), &mut object) {
            members.insert(timeouts::BLOCK.to_owned(), source.get(timeouts::BLOCK).clone());
        }
        object
    }
}

impl Block {
    /// Where a message about this may point. Hosts show the lines of the configuration that it points at, and whatever is
    /// written there: so never at an argument that holds a secret, but at the block around it.
    pub(in crate::plugin) fn shown(&self, mut path: wire::AttributePath) -> wire::AttributePath {
        use wire::attribute_path::step::Selector;
        let mut block = self;
        for at in 0..path.steps.len() {
            // The place of one block among several.
            let Some(Selector::AttributeName(name)) = &path.steps[at].selector else { continue };
            if let Some(nested) = block.blocks.iter().find(|nested| nested.name == name) {
                block = &nested.block;
                continue;
            }
            if block.attributes.iter().any(|one| one.name == name && hides(one)) {
                path.steps.truncate(at);
            }
            break;
        }
        path
    }
}

/// Whether an argument is a secret, or has one in it.
fn hides(attribute: &Attribute) -> bool {
    let within = match &attribute.shape {
        Shape::Nested(_, children) => children.iter().any(hides),
        Shape::Plain(_) => false,
    };
    attribute.sensitive || attribute.write_only || within
}

/// An identity is always read off the object itself, never asked of the host: objects that an older host wrote come
/// without one.
impl Compiled {
    /// The type of the resource's identities, if they have any.
    pub(in crate::plugin) fn identity_type(&self) -> Option<Type> {
        let identity = self.schema.identity.as_ref()?;
        let members = identity.attributes.iter().map(|one| (one.name.to_owned(), self.type_of(one.name)));
        Some(Type::Object(members.collect()))
    }

    /// The identity schema on the wire.
    pub(in crate::plugin) fn identity_wire(&self) -> Option<wire::ResourceIdentitySchema> {
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
    pub(in crate::plugin) fn identity_of(&self, object: &Value) -> Option<Value> {
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
    use super::Compiled;
    use crate::plugin::{Attribute, Identity, NestedBlock, Path, Schema, Type, Value};

    fn schema(identity: Identity) -> Schema {
        Schema::new("Text.")
            .attribute(Attribute::string("id").computed().describe("Text."))
            .attribute(Attribute::string("place").describe("Text."))
            .attribute(Attribute::map("labels", Type::String).describe("Text."))
            .identified_by(identity)
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

    #[test]
    fn no_message_points_at_a_secret_or_into_one() {
        let secret = || Attribute::string("secret").sensitive();
        let plain = || Attribute::string("plain");
        let block = Schema::new("Text.")
            .attributes([secret(), plain(), Attribute::string("once").write_only()])
            .attributes([Attribute::list_of("rows", [secret(), plain()]), Attribute::object("open", [plain()])])
            .block(NestedBlock::list("part", "Text.").attribute(secret()).attribute(plain()))
            .block;
        let top = Path::attribute;
        for (path, shown) in [
            (top("secret"), ""),
            (top("secret").key("a"), ""),
            (top("once"), ""),
            (top("plain"), "plain"),
            (top("rows"), ""),
            (top("rows").index(0).then("plain"), ""),
            (top("open").then("plain"), "open.plain"),
            (top("part").index(1).then("secret"), "part[1]"),
            (top("part").index(1).then("plain"), "part[1].plain"),
            (top("unknown").then("x"), "unknown.x"),
            (Path::default(), ""),
        ] {
            let kept = block.shown(path.clone().into_wire()).steps.len();
            assert_eq!(Path(path.0[..kept].to_vec()).to_string(), shown, "{path}");
        }
    }
}
