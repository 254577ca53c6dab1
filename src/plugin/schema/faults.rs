//! What Terraform or this floor would refuse about a schema.

use std::collections::BTreeSet;

use super::check::Check;
use super::parts::{Attribute, Block, Mode, NestedBlock, Nesting, Schema, Shape};
use crate::plugin::identity::Identity;
use crate::plugin::{Type, Value, codec};

impl Schema {
    /// What Terraform or this floor would refuse about the schema. For tests; empty is good.
    ///
    /// `reserved` are names that Terraform keeps for itself at the top of this kind of block.
    pub(in crate::plugin) fn faults(&self, reserved: &[&str]) -> Vec<String> {
        let mut faults = Vec::new();
        if self.version < 0 {
            faults.push("the version is negative".to_owned());
        }
        for name in reserved {
            if self.block.names().any(|used| used == *name) {
                faults.push(format!("{name} is a name Terraform keeps for itself"));
            }
        }
        self.block.find_faults("", Inside { set: false, many: false }, &mut faults);
        faults.extend(self.identity.iter().flat_map(|identity| identity.faults(&self.block.attributes)));
        faults
    }
}

impl Attribute {
    fn find_faults(&self, path: &str, inside: Inside, faults: &mut Vec<String>) {
        let mut fault = |what: &str| faults.push(format!("{path}: {what}"));
        if self.description.is_empty() {
            fault("has no description");
        }
        if self.default.is_some() && self.mode != Mode::OptionalComputed {
            fault("has a default but is not optional and computed");
        }
        let fits = |default: &Value| default.is_wholly_known() && codec::encode(default, &self.value_type()).is_ok();
        if self.default.as_ref().is_some_and(|default| !fits(default)) {
            fault("has a default that does not fit its type");
        }
        if self.same_as_absent.as_ref().is_some_and(|value| !fits(value) || self.mode != Mode::Optional) {
            fault("has a value that is the same as none, but does not fit its type, or is not simply optional");
        }
        if self.keeps && !self.mode.is_computed() {
            fault("keeps its value but is not computed");
        }
        if self.replaces && self.mode == Mode::Computed {
            fault("is read-only, so nobody can change it: replaces() has no meaning");
        }
        if self.write_only && (self.mode.is_computed() || inside.set) {
            fault("is write-only, so it must neither be computed nor sit inside a set");
        }
        if self.checks.iter().any(|check| !matches!(check, Check::Integer)) && self.mode == Mode::Computed {
            fault("is read-only, so there is nothing to check");
        }
        match &self.shape {
            Shape::Plain(ty) => {
                if set_of_dynamic(ty) || (inside.set && ty.has_dynamic()) {
                    fault("has values of any type inside a set");
                }
                if self.checks.iter().any(|check| !check.fits(ty)) {
                    fault("has a check for values of another type, which would never be asked");
                }
                if inside.many && ty.has_dynamic() {
                    fault("has values of any type inside a repeated block: use a nested attribute");
                }
            }
            Shape::Nested(nesting, attributes) => {
                if *nesting == Nesting::Group {
                    fault("is a nested attribute, which cannot be a group");
                }
                if self.mode == Mode::Computed {
                    fault("is read-only and has a nested type, at which some hosts crash: use a computed object");
                }
                if !self.checks.is_empty() {
                    fault("has checks, which are asked about plain values only: put them on its attributes");
                }
                if attributes.is_empty() {
                    fault("has no attributes");
                }
                repeated(attributes.iter().map(|child| child.name), path, faults);
                let inside = Inside { set: inside.set || *nesting == Nesting::Set, ..inside };
                for child in attributes {
                    child.find_faults(&format!("{path}.{}", child.name), inside, faults);
                }
            }
        }
        if !self.members.is_empty() && self.mode != Mode::Computed {
            faults.push(format!("{path}: is a computed object, so nobody can set it"));
        }
        repeated(self.members.iter().map(|member| member.name), path, faults);
        for member in &self.members {
            let path = format!("{path}.{}", member.name);
            if member.mode != Mode::Computed || member.keeps || member.sensitive || member.deprecated.is_some() {
                faults.push(format!("{path}: is part of a computed object, which has such properties as a whole only"));
            }
            member.find_faults(&path, inside, faults);
        }
        if !is_name(self.name) {
            faults.push(format!("{path}: a name has lower-case letters, digits and underscores only"));
        }
    }
}

impl Block {
    /// Names of the attributes, then of the blocks.
    fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.attributes.iter().map(|one| one.name).chain(self.blocks.iter().map(|one| one.name))
    }

    fn find_faults(&self, path: &str, inside: Inside, faults: &mut Vec<String>) {
        let dotted = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if self.description.is_empty() {
            faults.push(format!("{path}: has no description"));
        }
        repeated(self.names(), path, faults);
        for attribute in &self.attributes {
            attribute.find_faults(&dotted(attribute.name), inside, faults);
        }
        for nested in &self.blocks {
            nested.find_faults(&dotted(nested.name), inside, faults);
        }
    }
}

impl NestedBlock {
    fn find_faults(&self, path: &str, inside: Inside, faults: &mut Vec<String>) {
        let (min, max) = (self.min_items, self.max_items);
        let counts_fit = match self.nesting {
            Nesting::Single => (min, max) == (0, 0) || (min, max) == (1, 1),
            Nesting::List | Nesting::Set => min >= 0 && max >= 0 && (max == 0 || min <= max),
            Nesting::Map | Nesting::Group => (min, max) == (0, 0),
        };
        if !counts_fit {
            faults.push(format!("{path}: cannot occur from {min} to {max} times"));
        }
        if !is_name(self.name) {
            faults.push(format!("{path}: a name has lower-case letters, digits and underscores only"));
        }
        let many = matches!(self.nesting, Nesting::List | Nesting::Set | Nesting::Map);
        let inside = Inside { set: inside.set || self.nesting == Nesting::Set, many: inside.many || many };
        self.block.find_faults(path, inside, faults);
    }
}

impl Identity {
    /// What Terraform would refuse about it, given the attributes of the resource.
    fn faults(&self, attributes: &[Attribute]) -> Vec<String> {
        let mut faults = Vec::new();
        if self.attributes.is_empty() {
            faults.push("the identity has no attributes".to_owned());
        }
        for one in &self.attributes {
            let name = one.name;
            match attributes.iter().find(|attribute| attribute.name == name).map(Attribute::value_type) {
                None => faults.push(format!("identity: the resource has no attribute {name}")),
                Some(ty) if !may_identify(&ty) => {
                    faults.push(format!("identity: {name} is neither primitive nor a list of such"));
                }
                Some(_) if one.description.is_empty() => faults.push(format!("identity: {name} has no description")),
                Some(_) => {}
            }
        }
        faults
    }
}

fn may_identify(ty: &Type) -> bool {
    let primitive = |ty: &Type| matches!(ty, Type::String | Type::Number | Type::Bool);
    match ty {
        Type::List(element) => primitive(element),
        other => primitive(other),
    }
}

/// What surrounds an attribute, for the rules about dynamic and write-only ones.
#[derive(Clone, Copy)]
struct Inside {
    set: bool,
    many: bool,
}

fn set_of_dynamic(ty: &Type) -> bool {
    match ty {
        Type::Set(element) => element.has_dynamic() || set_of_dynamic(element),
        Type::List(element) | Type::Map(element) => set_of_dynamic(element),
        Type::Object(members) => members.values().any(set_of_dynamic),
        Type::Tuple(elements) => elements.iter().any(set_of_dynamic),
        Type::String | Type::Number | Type::Bool | Type::Dynamic => false,
    }
}

fn repeated(names: impl Iterator<Item = &'static str>, path: &str, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            faults.push(format!("{path}: {name} occurs twice"));
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{Attribute, Check, NestedBlock, Schema, Shape};
    use crate::plugin::{Identity, Nesting, Timeouts, Type, Value};

    fn described(attribute: Attribute) -> Attribute {
        attribute.describe("Text.")
    }

    fn with(attribute: Attribute) -> Schema {
        Schema::new("Text.").attribute(described(attribute))
    }

    fn with_block(block: NestedBlock) -> Schema {
        Schema::new("Text.").block(block)
    }

    #[test]
    fn every_rule_about_schemas_is_checked() {
        let child = || described(Attribute::string("a"));
        let dynamic = || described(Attribute::dynamic("a"));
        for (schema, fault) in [
            (with(Attribute::string("a").required().default("x").required()), "default but is not"),
            (with(Attribute::string("a").default(1)), "does not fit its type"),
            (with(Attribute::string("a").default(Value::UNKNOWN)), "does not fit its type"),
            (with(Attribute::string("a").keeps()), "is not computed"),
            (with(Attribute::string("a").computed().replaces()), "read-only"),
            (with(Attribute::string("a").computed().length(1, 2)), "nothing to check"),
            (with(Attribute::string("a").between(1, 2)), "of another type"),
            (with(Attribute::list("a", Type::Number).length(1, 2)), "of another type"),
            (with(Attribute::string("a").computed().write_only()), "write-only"),
            (with(Attribute::set_of("a", [described(Attribute::string("b").write_only())])), "write-only"),
            (with(Attribute::set("a", Type::Dynamic)), "inside a set"),
            (with(Attribute::list("a", Type::set(Type::Dynamic))), "inside a set"),
            (with(Attribute::set_of("a", [dynamic()])), "inside a set"),
            (with(Attribute::object("a", [child()]).computed()), "use a computed object"),
            (
                with(Attribute::object("a", [described(Attribute::map_of("b", [child()])).computed()])),
                "a.b: is read-only",
            ),
            (with(Attribute::computed_object("a", [child().computed()]).optional()), "nobody can set it"),
            (with(Attribute::computed_object("a", [child()])), "as a whole only"),
            (with(Attribute::computed_object("a", [child().computed().sensitive()])), "as a whole only"),
            (with(Attribute::computed_object("a", [Attribute::string("b").computed()])), "a.b: has no description"),
            (with(Attribute::computed_list_of("a", [child().computed(), child().computed()])), "occurs twice"),
            (with(Attribute::string("Name")), "lower-case"),
            (with(Attribute::string("1a")), "lower-case"),
            (with(Attribute::string("count")), "keeps for itself"),
            (with(Attribute::object("a", [])), "no attributes"),
            (with(Attribute::list_of("a", [child()]).must(Check::Any(|_| Ok(())))), "plain values only"),
            (with(Attribute::object("a", [child(), child()])), "occurs twice"),
            (with(Attribute::new("a", Shape::Nested(Nesting::Group, vec![child()]))), "group"),
            (Schema::new("Text.").attribute(Attribute::string("a")), "no description"),
            (Schema::new(""), "no description"),
            (Schema::new("Text.").version(-1), "negative"),
            (with(Attribute::string("a")).block(NestedBlock::list("a", "Text.")), "occurs twice"),
            (with_block(NestedBlock::list("a", "Text.").attribute(dynamic())), "nested attribute"),
            (with_block(NestedBlock::list("a", "Text.").at_least(2).at_most(1)), "cannot occur"),
            (with_block(NestedBlock::map("a", "Text.").at_least(1)), "cannot occur"),
            (with_block(NestedBlock::single("a", "Text.").at_least(1)), "cannot occur"),
            (with_block(NestedBlock::list("a-b", "Text.")), "lower-case"),
        ] {
            let faults = schema.faults(&["count"]);
            assert!(faults.iter().any(|one| one.contains(fault)), "{fault}: {faults:?}");
        }
        let sound = with(Attribute::object("a", [child(), described(Attribute::dynamic("b"))]))
            .attribute(described(Attribute::computed_list_of("c", [child().computed()])))
            .block(NestedBlock::single("b", "Text.").required().attribute(dynamic()))
            .timeouts(Timeouts::default());
        assert_eq!(sound.faults(&["count"]), Vec::<String>::new());
    }

    fn identified(identity: Identity) -> Schema {
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
            let faults = identified(identity).faults(&[]);
            assert!(faults.iter().any(|one| one.contains(fault)), "{fault}: {faults:?}");
        }
        assert!(identified(Identity::new().required("id", "Text.")).faults(&[]).is_empty());
    }
}
