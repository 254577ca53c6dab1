//! Schemas on the wire.

use std::fmt::Write as _;

use super::parts::{Attribute, Block, Mode, NestedBlock, Nesting, Shape};
use crate::plugin::codec;
use crate::plugin::proto::tfplugin6 as wire;

impl Attribute {
    /// The description with what the members mean, as a list in Markdown.
    fn full_description(&self) -> String {
        let mut text = self.description.clone();
        for member in &self.members {
            let _ = write!(text, "\n  - `{}` ", member.name);
            text.push_str(&member.full_description().replace('\n', "\n  "));
        }
        text
    }

    pub(super) fn to_wire(&self) -> wire::schema::Attribute {
        let (r#type, nested_type) = match &self.shape {
            Shape::Plain(ty) => (codec::type_to_json(ty), None),
            Shape::Nested(nesting, attributes) => {
                let attributes = attributes.iter().map(Attribute::to_wire).collect();
                let nesting = nesting.attribute_to_wire().into();
                (Vec::new(), Some(wire::schema::Object { attributes, nesting, ..Default::default() }))
            }
        };
        wire::schema::Attribute {
            name: self.name.to_owned(),
            r#type,
            nested_type,
            description: self.full_description(),
            description_kind: wire::StringKind::Markdown.into(),
            required: self.mode == Mode::Required,
            optional: matches!(self.mode, Mode::Optional | Mode::OptionalComputed),
            computed: self.mode.is_computed(),
            sensitive: self.sensitive,
            write_only: self.write_only,
            deprecated: self.deprecated.is_some(),
            deprecation_message: self.deprecated.clone().unwrap_or_default(),
        }
    }
}

impl Block {
    pub(super) fn to_wire(&self) -> wire::schema::Block {
        wire::schema::Block {
            version: 0,
            attributes: self.attributes.iter().map(Attribute::to_wire).collect(),
            block_types: self.blocks.iter().map(NestedBlock::to_wire).collect(),
            description: self.description.clone(),
            description_kind: wire::StringKind::Markdown.into(),
            deprecated: self.deprecated.is_some(),
            deprecation_message: self.deprecated.clone().unwrap_or_default(),
            computed: false,
        }
    }
}

impl NestedBlock {
    pub(super) fn to_wire(&self) -> wire::schema::NestedBlock {
        wire::schema::NestedBlock {
            type_name: self.name.to_owned(),
            block: Some(self.block.to_wire()),
            nesting: self.nesting.block_to_wire().into(),
            min_items: self.min_items,
            max_items: self.max_items,
        }
    }
}

impl Nesting {
    fn block_to_wire(self) -> wire::schema::nested_block::NestingMode {
        use wire::schema::nested_block::NestingMode;
        match self {
            Nesting::Single => NestingMode::Single,
            Nesting::List => NestingMode::List,
            Nesting::Set => NestingMode::Set,
            Nesting::Map => NestingMode::Map,
            Nesting::Group => NestingMode::Group,
        }
    }

    fn attribute_to_wire(self) -> wire::schema::object::NestingMode {
        use wire::schema::object::NestingMode;
        match self {
            Nesting::Single | Nesting::Group => NestingMode::Single,
            Nesting::List => NestingMode::List,
            Nesting::Set => NestingMode::Set,
            Nesting::Map => NestingMode::Map,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Attribute;
    use crate::plugin::schema::Compiled;
    use crate::plugin::{Schema, Type};

    fn described(attribute: Attribute) -> Attribute {
        attribute.describe("Text.")
    }

    fn with(attribute: Attribute) -> Schema {
        Schema::new("Text.").attribute(described(attribute))
    }

    #[test]
    fn the_wire_form_has_either_a_type_or_nested_attributes() {
        let schema = with(Attribute::list_of("a", [described(Attribute::integer("b").default(1))]))
            .attribute(described(Attribute::map("c", Type::String).required().sensitive().deprecated("Use a.")))
            .read_timeout(Duration::from_mins(1));
        let compiled = Compiled::new(schema);
        let block = compiled.wire().block.clone().unwrap();
        let [a, c] = block.attributes.as_slice() else { panic!("{block:?}") };
        assert!(a.r#type.is_empty());
        let nested = a.nested_type.as_ref().unwrap();
        assert_eq!(nested.nesting, 2);
        let b = &nested.attributes[0];
        assert_eq!((b.required, b.optional, b.computed, b.r#type.as_slice()), (false, true, true, &b"\"number\""[..]));
        assert_eq!((c.r#type.as_slice(), c.sensitive, c.deprecated), (&br#"["map","string"]"#[..], true, true));
        assert_eq!(c.deprecation_message, "Use a.");
        let timeouts = &block.block_types[0];
        assert_eq!((timeouts.nesting, timeouts.min_items, timeouts.max_items), (1, 0, 0));
        assert_eq!(timeouts.block.as_ref().unwrap().attributes.len(), 1);
        assert!(timeouts.block.as_ref().unwrap().attributes[0].description.contains("Default: `1m`."));
    }

    #[test]
    fn what_only_the_provider_fills_has_a_plain_type_and_a_full_description() {
        let engine = described(Attribute::computed_object("engine", [described(Attribute::string("type").computed())]));
        let size = Attribute::integer("size").computed().describe("How many.");
        let schema = with(Attribute::computed_list_of("found", [size, engine]));
        let block = schema.block.to_wire();
        let [found] = block.attributes.as_slice() else { panic!("{block:?}") };
        assert!(found.computed && !found.optional && found.nested_type.is_none());
        let ty = br#"["list",["object",{"engine":["object",{"type":"string"}],"size":"number"}]]"#;
        assert_eq!(found.r#type, ty);
        assert_eq!(found.description, "Text.\n  - `size` How many.\n  - `engine` Text.\n    - `type` Text.");
    }
}
