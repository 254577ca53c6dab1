//! What schemas are made of, and how they are written down.

use super::check::Check;
use crate::plugin::identity::Identity;
use crate::plugin::timeouts::{self, Limited, Timeouts};
use crate::plugin::{Type, Value};

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
    /// What means the same as not configuring it, beside null and what is empty.
    pub same_as_absent: Option<Value>,
    /// Whether the order and repeats of a list's elements mean nothing.
    pub unordered: bool,
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
    /// Whether the order and repeats mean nothing although it is a list.
    pub unordered: bool,
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
        self.block(timeouts_block(timeouts, &Limited::ALL))
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
        self.block(timeouts_block(timeouts, &[Limited::Read]))
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
            same_as_absent: None,
            unordered: false,
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

    /// What means the same as not configuring it: a default that no state holds.
    #[must_use]
    pub fn same_as_absent(self, value: impl Into<Value>) -> Self {
        Self { same_as_absent: Some(value.into()), ..self }
    }

    /// Meaning, allowed values, what changing it does; in Markdown.
    #[must_use]
    pub fn describe(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// A list whose order and repeats mean nothing. Unlike a set it keeps the words of the configuration, and its elements have
    /// places.
    #[must_use]
    pub fn unordered(self) -> Self {
        Self { unordered: true, ..self }
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
    pub(in crate::plugin) fn is_kept(&self) -> bool {
        self.keeps || self.replaces
    }

    /// Whether it is one value, not objects with attributes of their own.
    pub(in crate::plugin) fn is_plain(&self) -> bool {
        matches!(self.shape, Shape::Plain(_))
    }

    /// The type of its values.
    pub fn value_type(&self) -> Type {
        match &self.shape {
            Shape::Plain(ty) => ty.clone(),
            Shape::Nested(nesting, attributes) => nesting.collection(object_of(attributes)),
        }
    }
}

impl Block {
    /// The type of its values.
    pub fn value_type(&self) -> Type {
        let attributes = self.attributes.iter().map(|one| (one.name.to_owned(), one.value_type()));
        let blocks = self.blocks.iter().map(|one| (one.name.to_owned(), one.value_type()));
        Type::Object(attributes.chain(blocks).collect())
    }
}

impl NestedBlock {
    fn new(name: &'static str, nesting: Nesting, description: impl Into<String>) -> Self {
        let block = Block { description: description.into(), ..Block::default() };
        NestedBlock { name, nesting, block, min_items: 0, max_items: 0, unordered: false }
    }

    /// A block that occurs once or not at all.
    pub fn single(name: &'static str, description: impl Into<String>) -> Self {
        Self::new(name, Nesting::Single, description)
    }

    /// A block that occurs any number of times, in order.
    pub fn list(name: &'static str, description: impl Into<String>) -> Self {
        Self::new(name, Nesting::List, description)
    }

    /// A list whose order and repeats mean nothing.
    #[must_use]
    pub fn unordered(self) -> Self {
        Self { unordered: true, ..self }
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
}

impl Nesting {
    pub(super) fn collection(self, element: Type) -> Type {
        match self {
            Nesting::Single | Nesting::Group => element,
            Nesting::List => Type::list(element),
            Nesting::Set => Type::set(element),
            Nesting::Map => Type::map(element),
        }
    }
}

/// The block that offers these operations.
fn timeouts_block(limits: Timeouts, offered: &[Limited]) -> NestedBlock {
    let block = NestedBlock::single(
        timeouts::BLOCK,
        "How long the operations may take before they are given up. Default: the limits below.",
    );
    offered.iter().fold(block, |block, &operation| {
        let name = operation.name();
        let text = format!(
            "Limit for {}, as a number with a unit, such as `\"90s\"`, `\"30m\"` or `\"1h30m\"`. \
             Default: `{}`. Changing it changes nothing in the cloud.",
            match operation {
                Limited::Update => "an update".to_owned(),
                _ => format!("a {name}"),
            },
            timeouts::written(limits.default_of(operation))
        );
        // Where nothing is written, the default counts.
        let check = |text: &str| if text.is_empty() { Ok(()) } else { timeouts::check(text) };
        block.attribute(Attribute::string(name).optional().check(check).describe(text))
    })
}

/// The type of objects with these attributes.
fn object_of(attributes: &[Attribute]) -> Type {
    Type::Object(attributes.iter().map(|one| (one.name.to_owned(), one.value_type())).collect())
}
