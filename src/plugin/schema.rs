//! What a block may contain: one description, from which come the wire form, the value type, validation, planning
//! rules and documentation.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::OnceLock;

use super::proto::tfplugin6 as wire;
use super::timeouts::{self, Operation, Timeouts};
use super::{Identity, Number, Type, Value, codec};

/// The schema of a resource, a data source or the provider itself.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Counts up when stored states of the previous version no longer fit. Resources only.
    pub version: i64,
    /// The attributes and blocks, the `timeouts` block included.
    pub block: Block,
    /// Limits of the operations, if they differ from the usual 20 minutes or can be configured.
    pub timeouts: Option<Timeouts>,
    /// What identifies an object outside of any state. Resources only.
    pub identity: Option<Identity>,
}

/// Attributes and nested blocks, in the order people see them.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// The nested blocks.
    pub blocks: Vec<NestedBlock>,
    /// What it is, in Markdown.
    pub description: String,
    /// Why not to use it any more, if so.
    pub deprecated: Option<String>,
}

/// One attribute.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties, as in the protocol")]
pub struct Attribute {
    /// Lower-case letters, digits, underscores.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Who sets it.
    pub mode: Mode,
    /// Meaning, allowed values, what changing it does; in Markdown.
    pub description: String,
    /// What it is when not configured.
    pub default: Option<Value>,
    /// Whether it is hidden in output.
    pub sensitive: bool,
    /// Whether it reaches the provider only from configuration and is never stored.
    pub write_only: bool,
    /// Why not to use it any more, if so.
    pub deprecated: Option<String>,
    /// Whether changing it means a new object.
    pub replaces: bool,
    /// Whether an update leaves it as it is, unless the resource's plan says otherwise.
    pub keeps: bool,
    /// What a known value must satisfy.
    pub checks: Vec<Check>,
    /// What the members of the objects mean that it holds, where only the provider fills them. The shape is plain.
    pub members: Vec<Attribute>,
}

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A value of this type.
    Plain(Type),
    /// Objects with attributes of their own. Never [`Nesting::Group`], and never where only the provider sets it: see
    /// [`Attribute::computed_object`].
    Nested(Nesting, Vec<Attribute>),
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The user must.
    Required,
    /// The user may.
    Optional,
    /// The provider does.
    Computed,
    /// The provider does unless the user did.
    OptionalComputed,
}

impl Mode {
    /// Whether the provider may choose the value.
    pub fn is_computed(self) -> bool {
        matches!(self, Mode::Computed | Mode::OptionalComputed)
    }

    /// Whether the user may choose the value.
    pub fn is_configurable(self) -> bool {
        self != Mode::Computed
    }
}

/// A block inside a block.
#[derive(Clone, Debug)]
pub struct NestedBlock {
    /// The keyword.
    pub name: &'static str,
    /// How several of them are collected.
    pub nesting: Nesting,
    /// What it contains.
    pub block: Block,
    /// At least this many; list and set only, or 1 for a single block that is required.
    pub min_items: i64,
    /// At most this many, 0 for any number; list and set only.
    pub max_items: i64,
}

/// How nested objects are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One, or none: an object or null.
    Single,
    /// Any number, in order.
    List,
    /// Any number, in no order.
    Set,
    /// Any number, each under a key of its own.
    Map,
    /// Always one, whose arguments may all be unset. Blocks only.
    Group,
}

/// What a known value must satisfy. On collections, each element is asked.
#[derive(Clone, Debug)]
pub enum Check {
    /// One of these texts.
    OneOf(Vec<String>),
    /// A text of so many characters, from the first to the second count.
    Length(usize, usize),
    /// A whole number.
    Integer,
    /// A whole number from the first to the second.
    Between(i64, i64),
    /// A text for which this has no complaint. The complaint is a clause for the user, such as "it is
    /// empty".
    Text(fn(&str) -> Result<(), String>),
    /// A value, collections as a whole, for which this has no complaint. It may hold nulls and unknowns inside.
    Any(fn(&Value) -> Result<(), String>),
}

impl Schema {
    /// An empty one of version 0. The description says what the thing is, in Markdown.
    pub fn new(description: impl Into<String>) -> Self {
        let block = Block { description: description.into(), ..Block::default() };
        Schema { version: 0, block, timeouts: None, identity: None }
    }

    /// Sets the version of stored states.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, attribute: Attribute) -> Self {
        self.block.attributes.push(attribute);
        self
    }

    /// Adds several attributes.
    #[must_use]
    pub fn attributes(mut self, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        self.block.attributes.extend(attributes);
        self
    }

    /// Adds a nested block.
    #[must_use]
    pub fn block(mut self, block: NestedBlock) -> Self {
        self.block.blocks.push(block);
        self
    }

    /// Says why not to use it any more.
    #[must_use]
    pub fn deprecated(mut self, why: impl Into<String>) -> Self {
        self.block.deprecated = Some(why.into());
        self
    }

    /// Adds the `timeouts` block of a resource: create, read, update and delete, with these defaults.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = Some(timeouts);
        self.block(timeouts.block(&Operation::ALL))
    }

    /// Says which attributes identify an object.
    #[must_use]
    pub fn identified_by(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// Adds the `timeouts` block of a data source: read only.
    #[must_use]
    pub fn read_timeout(mut self, limit: std::time::Duration) -> Self {
        let timeouts = Timeouts { read: limit, ..Timeouts::default() };
        self.timeouts = Some(timeouts);
        self.block(timeouts.block(&[Operation::Read]))
    }

    /// What Terraform or this floor would refuse about the schema. For tests; empty is good.
    ///
    /// `reserved` are names that Terraform keeps for itself at the top of this kind of block.
    pub(super) fn faults(&self, reserved: &[&str]) -> Vec<String> {
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
    /// An optional attribute of this shape.
    pub fn new(name: &'static str, shape: Shape) -> Self {
        Attribute {
            name,
            shape,
            mode: Mode::Optional,
            description: String::new(),
            default: None,
            sensitive: false,
            write_only: false,
            deprecated: None,
            replaces: false,
            keeps: false,
            checks: Vec::new(),
            members: Vec::new(),
        }
    }

    /// An optional text.
    pub fn string(name: &'static str) -> Self {
        Self::new(name, Shape::Plain(Type::String))
    }

    /// An optional truth value.
    pub fn bool(name: &'static str) -> Self {
        Self::new(name, Shape::Plain(Type::Bool))
    }

    /// An optional number of any precision.
    pub fn number(name: &'static str) -> Self {
        Self::new(name, Shape::Plain(Type::Number))
    }

    /// An optional whole number.
    pub fn integer(name: &'static str) -> Self {
        Self { checks: vec![Check::Integer], ..Self::number(name) }
    }

    /// An optional value of any type.
    pub fn dynamic(name: &'static str) -> Self {
        Self::new(name, Shape::Plain(Type::Dynamic))
    }

    /// An optional list of this type.
    pub fn list(name: &'static str, element: Type) -> Self {
        Self::new(name, Shape::Plain(Type::list(element)))
    }

    /// An optional set of this type.
    pub fn set(name: &'static str, element: Type) -> Self {
        Self::new(name, Shape::Plain(Type::set(element)))
    }

    /// An optional map of this type.
    pub fn map(name: &'static str, element: Type) -> Self {
        Self::new(name, Shape::Plain(Type::map(element)))
    }

    /// An optional object with attributes of its own.
    pub fn object(name: &'static str, attributes: impl Into<Vec<Attribute>>) -> Self {
        Self::new(name, Shape::Nested(Nesting::Single, attributes.into()))
    }

    /// An optional list of objects with attributes of their own.
    pub fn list_of(name: &'static str, attributes: impl Into<Vec<Attribute>>) -> Self {
        Self::new(name, Shape::Nested(Nesting::List, attributes.into()))
    }

    /// An optional set of objects with attributes of their own.
    pub fn set_of(name: &'static str, attributes: impl Into<Vec<Attribute>>) -> Self {
        Self::new(name, Shape::Nested(Nesting::Set, attributes.into()))
    }

    /// An optional map of objects with attributes of their own.
    pub fn map_of(name: &'static str, attributes: impl Into<Vec<Attribute>>) -> Self {
        Self::new(name, Shape::Nested(Nesting::Map, attributes.into()))
    }

    /// An object that the provider alone fills.
    ///
    /// Its type is a plain one: Terraform 1.5 and OpenTofu 1.6 to 1.10 crash while they generate configuration beside an
    /// attribute that is read-only and has a nested type. What the members mean is told in the description.
    pub fn computed_object(name: &'static str, members: impl Into<Vec<Attribute>>) -> Self {
        Self::computed_objects(name, Nesting::Single, members.into())
    }

    /// A list of such objects.
    pub fn computed_list_of(name: &'static str, members: impl Into<Vec<Attribute>>) -> Self {
        Self::computed_objects(name, Nesting::List, members.into())
    }

    fn computed_objects(name: &'static str, nesting: Nesting, members: Vec<Attribute>) -> Self {
        let ty = nesting.collection(object_of(&members));
        Self { mode: Mode::Computed, members, ..Self::new(name, Shape::Plain(ty)) }
    }

    /// The user must set it.
    #[must_use]
    pub fn required(self) -> Self {
        Self { mode: Mode::Required, ..self }
    }

    /// The user may set it.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { mode: Mode::Optional, ..self }
    }

    /// The provider sets it.
    #[must_use]
    pub fn computed(self) -> Self {
        Self { mode: Mode::Computed, ..self }
    }

    /// The provider sets it unless the user did.
    #[must_use]
    pub fn optional_computed(self) -> Self {
        Self { mode: Mode::OptionalComputed, ..self }
    }

    /// What it is when not configured. Terraform wants such an attribute optional and computed, so it becomes that.
    #[must_use]
    pub fn default(self, value: impl Into<Value>) -> Self {
        Self { default: Some(value.into()), mode: Mode::OptionalComputed, ..self }
    }

    /// Meaning, allowed values, what changing it does; in Markdown.
    #[must_use]
    pub fn describe(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// Hidden in output.
    #[must_use]
    pub fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// Reaches the provider only from configuration and is never stored.
    #[must_use]
    pub fn write_only(self) -> Self {
        Self { write_only: true, ..self }
    }

    /// Says why not to use it any more.
    #[must_use]
    pub fn deprecated(self, why: impl Into<String>) -> Self {
        Self { deprecated: Some(why.into()), ..self }
    }

    /// Changing it means a new object. If the provider computes it, an update leaves it as it is.
    #[must_use]
    pub fn replaces(self) -> Self {
        Self { replaces: true, ..self }
    }

    /// An update leaves it as it is, unless the resource's plan says otherwise.
    #[must_use]
    pub fn keeps(self) -> Self {
        Self { keeps: true, ..self }
    }

    /// Must be one of these.
    #[must_use]
    pub fn one_of<T: Into<String>>(self, allowed: impl IntoIterator<Item = T>) -> Self {
        self.must(Check::OneOf(allowed.into_iter().map(Into::into).collect()))
    }

    /// The text must have from `min` to `max` characters.
    #[must_use]
    pub fn length(self, min: usize, max: usize) -> Self {
        self.must(Check::Length(min, max))
    }

    /// The whole number must be from `min` to `max`.
    #[must_use]
    pub fn between(self, min: i64, max: i64) -> Self {
        self.must(Check::Between(min, max))
    }

    /// The text must please this function. Its complaint is a sentence for the user.
    #[must_use]
    pub fn check(self, check: fn(&str) -> Result<(), String>) -> Self {
        self.must(Check::Text(check))
    }

    /// The value must satisfy this.
    #[must_use]
    pub fn must(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Whether an update leaves it as it is when the user did not set it.
    pub(super) fn is_kept(&self) -> bool {
        self.keeps || self.replaces
    }

    /// Whether it is one value, not objects with attributes of their own.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.shape, Shape::Plain(_))
    }

    /// The type of its values.
    pub fn value_type(&self) -> Type {
        match &self.shape {
            Shape::Plain(ty) => ty.clone(),
            Shape::Nested(nesting, attributes) => nesting.collection(object_of(attributes)),
        }
    }

    /// The description with what the members mean, as a list in Markdown.
    fn full_description(&self) -> String {
        let mut text = self.description.clone();
        for member in &self.members {
            let _ = write!(text, "\n  - `{}` ", member.name);
            text.push_str(&member.full_description().replace('\n', "\n  "));
        }
        text
    }

    fn to_wire(&self) -> wire::schema::Attribute {
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

    /// The type of its values.
    pub fn value_type(&self) -> Type {
        let attributes = self.attributes.iter().map(|one| (one.name.to_owned(), one.value_type()));
        let blocks = self.blocks.iter().map(|one| (one.name.to_owned(), one.value_type()));
        Type::Object(attributes.chain(blocks).collect())
    }

    fn to_wire(&self) -> wire::schema::Block {
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
    fn new(name: &'static str, nesting: Nesting, description: impl Into<String>) -> Self {
        let block = Block { description: description.into(), ..Block::default() };
        NestedBlock { name, nesting, block, min_items: 0, max_items: 0 }
    }

    /// A block that occurs once or not at all.
    pub fn single(name: &'static str, description: impl Into<String>) -> Self {
        Self::new(name, Nesting::Single, description)
    }

    /// A block that occurs any number of times, in order.
    pub fn list(name: &'static str, description: impl Into<String>) -> Self {
        Self::new(name, Nesting::List, description)
    }

    /// A block that occurs any number of times, in no order.
    pub fn set(name: &'static str, description: impl Into<String>) -> Self {
        Self::new(name, Nesting::Set, description)
    }

    /// A block that occurs any number of times, each with a label of its own.
    pub fn map(name: &'static str, description: impl Into<String>) -> Self {
        Self::new(name, Nesting::Map, description)
    }

    /// A block that counts as present even if it is not written.
    pub fn group(name: &'static str, description: impl Into<String>) -> Self {
        Self::new(name, Nesting::Group, description)
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, attribute: Attribute) -> Self {
        self.block.attributes.push(attribute);
        self
    }

    /// Adds a block inside it.
    #[must_use]
    pub fn block(mut self, block: NestedBlock) -> Self {
        self.block.blocks.push(block);
        self
    }

    /// Must occur. Single blocks only.
    #[must_use]
    pub fn required(self) -> Self {
        Self { min_items: 1, max_items: 1, ..self }
    }

    /// Must occur so often. Lists and sets only.
    #[must_use]
    pub fn at_least(self, count: i64) -> Self {
        Self { min_items: count, ..self }
    }

    /// May occur so often. Lists and sets only.
    #[must_use]
    pub fn at_most(self, count: i64) -> Self {
        Self { max_items: count, ..self }
    }

    /// The type of its values.
    pub fn value_type(&self) -> Type {
        self.nesting.collection(self.block.value_type())
    }

    fn to_wire(&self) -> wire::schema::NestedBlock {
        wire::schema::NestedBlock {
            type_name: self.name.to_owned(),
            block: Some(self.block.to_wire()),
            nesting: self.nesting.block_to_wire().into(),
            min_items: self.min_items,
            max_items: self.max_items,
        }
    }

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

impl Nesting {
    fn collection(self, element: Type) -> Type {
        match self {
            Nesting::Single | Nesting::Group => element,
            Nesting::List => Type::list(element),
            Nesting::Set => Type::set(element),
            Nesting::Map => Type::map(element),
        }
    }

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

impl Check {
    /// What it allows, for messages and documentation; none if only a function knows.
    pub fn allowed(&self) -> Option<String> {
        match self {
            Check::OneOf(allowed) => {
                let quoted: Vec<String> = allowed.iter().map(|one| format!("\"{one}\"")).collect();
                Some(match quoted.as_slice() {
                    [all @ .., last] if !all.is_empty() => format!("one of {} or {last}", all.join(", ")),
                    _ => quoted.concat(),
                })
            }
            Check::Length(min, max) => Some(format!("{min} to {max} characters long")),
            Check::Integer => Some("a whole number".to_owned()),
            Check::Between(min, max) => Some(format!("a whole number from {min} to {max}")),
            Check::Text(_) | Check::Any(_) => None,
        }
    }

    /// Asks about one value that is neither null nor unknown nor, except for [`Check::Any`], a collection.
    ///
    /// `name` and `secret` are for the message: a secret value is not repeated.
    pub(super) fn complaint(&self, name: &str, value: &Value, secret: bool) -> Option<String> {
        let whole = |number: &Number| number.is_integer();
        let fine = match (self, value.bare()) {
            (Check::OneOf(allowed), Value::String(text)) => allowed.contains(text),
            (Check::Length(min, max), Value::String(text)) => (*min..=*max).contains(&text.chars().count()),
            (Check::Integer, Value::Number(number)) => whole(number),
            (Check::Between(min, max), Value::Number(number)) => {
                whole(number) && *number >= Number::Int(*min) && *number <= Number::Int(*max)
            }
            (Check::Text(check), Value::String(text)) => return check(text).err().map(|why| refused(name, &why)),
            (Check::Any(check), value) => return check(value).err().map(|why| refused(name, &why)),
            // The type is checked on decoding; a check for another type has nothing to say.
            _ => true,
        };
        if fine {
            return None;
        }
        let found = match value.bare() {
            Value::String(text) if !secret => {
                let start: String = text.chars().take(100).collect();
                format!(", not {start:?}{}", if start.len() < text.len() { "…" } else { "" })
            }
            Value::Number(number) if !secret => format!(", not {number}"),
            _ => String::new(),
        };
        Some(format!("`{name}` must be {}{found}.", self.allowed().unwrap_or_default()))
    }
}

/// A sentence out of the clause that a check has to say.
fn refused(name: &str, why: &str) -> String {
    format!("`{name}` is not accepted: {}.", why.trim_end_matches('.'))
}

/// What surrounds an attribute, for the rules about dynamic and write-only ones.
#[derive(Clone, Copy)]
struct Inside {
    set: bool,
    many: bool,
}

/// The type of objects with these attributes.
fn object_of(attributes: &[Attribute]) -> Type {
    Type::Object(attributes.iter().map(|one| (one.name.to_owned(), one.value_type())).collect())
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

/// A schema with what is derived from it, each made once and when first needed.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) schema: Schema,
    value_type: OnceLock<Type>,
    wire: OnceLock<wire::Schema>,
}

impl Compiled {
    pub(super) fn new(schema: Schema) -> Self {
        Compiled { schema, value_type: OnceLock::new(), wire: OnceLock::new() }
    }

    pub(super) fn block(&self) -> &Block {
        &self.schema.block
    }

    pub(super) fn value_type(&self) -> &Type {
        self.value_type.get_or_init(|| self.schema.block.value_type())
    }

    pub(super) fn wire(&self) -> &wire::Schema {
        self.wire
            .get_or_init(|| wire::Schema { version: self.schema.version, block: Some(self.schema.block.to_wire()) })
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        self.schema.timeouts.unwrap_or_default()
    }

    /// Whether the `timeouts` block is this floor's.
    pub(super) fn owns_timeouts(&self) -> bool {
        self.schema.timeouts.is_some()
    }

    /// The object as the resource sees it.
    pub(super) fn without_timeouts(&self, mut object: Value) -> Value {
        if let (true, Value::Map(members)) = (self.owns_timeouts(), &mut object) {
            members.remove(timeouts::BLOCK);
        }
        object
    }

    /// The object as Terraform sees it, the `timeouts` block taken from another version of it.
    pub(super) fn with_timeouts_of(&self, source: &Value, mut object: Value) -> Value {
        if let (true, Value::Map(members)) = (self.owns_timeouts(), &mut object) {
            members.insert(timeouts::BLOCK.to_owned(), source.get(timeouts::BLOCK).clone());
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Attribute, Check, Compiled, NestedBlock, Schema, Shape};
    use crate::plugin::{Nesting, Number, Timeouts, Type, Value};

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

    #[test]
    fn complaints_say_what_is_allowed() {
        for (check, value, complaint) in [
            (Check::OneOf(vec!["a".into()]), Value::from("a"), None),
            (Check::OneOf(vec!["a".into()]), Value::from("b"), Some(r#"`x` must be "a", not "b"."#)),
            (
                Check::OneOf(vec!["a".into(), "b".into(), "c".into()]),
                Value::from("d"),
                Some(r#"`x` must be one of "a", "b" or "c", not "d"."#),
            ),
            (Check::Length(1, 3), Value::from("äöü"), None),
            (Check::Length(1, 3), Value::from(""), Some(r#"`x` must be 1 to 3 characters long, not ""."#)),
            (Check::Integer, Value::Number(Number::parse("1e30").unwrap()), None),
            (Check::Integer, Value::Number(Number::Float(0.5)), Some("`x` must be a whole number, not 0.5.")),
            (Check::Between(1, 9), Value::from(10), Some("`x` must be a whole number from 1 to 9, not 10.")),
            (Check::Text(|_| Err("it is odd".to_owned())), Value::from("a"), Some("`x` is not accepted: it is odd.")),
            (Check::Any(|_| Err("never.".to_owned())), Value::from(true), Some("`x` is not accepted: never.")),
        ] {
            assert_eq!(check.complaint("x", &value, false).as_deref(), complaint);
        }
        let secret = Check::Length(8, 9).complaint("x", &Value::from("hush"), true);
        assert_eq!(secret.as_deref(), Some("`x` must be 8 to 9 characters long."));
        let long = Check::OneOf(vec![]).complaint("x", &Value::from("y".repeat(1000)), false).unwrap();
        assert!(long.len() < 200);
    }
}
