//! The provider block: its schema and its values, both by the table.

use std::collections::BTreeMap;
use std::fmt;

use super::check::{fault, wrong};
use super::table::{Kind, SETTINGS, Setting, endpoint_keys};
use crate::plugin::{
    Attribute, Diagnostics, Field, Form, Members, Mismatch, Model, NestedBlock, Path, Schema, Type, Value,
};

/// The block in which what belongs to an agency stands.
const ROLE: &str = "assume_role";

/// The provider block as it was written.
#[derive(Clone, Default)]
pub struct ProviderBlock(BTreeMap<&'static str, Value>);

/// Nothing of what it holds: some of it is secret.
impl fmt::Debug for ProviderBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderBlock").finish_non_exhaustive()
    }
}

impl Model for ProviderBlock {}

impl Field for ProviderBlock {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let mut members = Members::of(value)?;
        let outer = outer().map(|setting| setting.name).chain([ROLE]);
        outer.map(|name| Ok((name, members.take(name)?))).collect::<Result<_, _>>().map(ProviderBlock)
    }

    fn into_value(self) -> Value {
        Value::object(self.0)
    }

    fn form() -> Form {
        let form = |setting: &Setting| match setting.kind {
            Kind::Truth => Form::Plain(Type::Bool),
            Kind::Count { .. } => Form::Plain(Type::Number),
            Kind::Addresses => Form::Keyed(Box::new(Form::Plain(Type::String))),
            _ => Form::Plain(Type::String),
        };
        let role = Form::Members(of_role().map(|(name, setting)| (name, form(setting))).collect());
        Form::Members(outer().map(|setting| (setting.name, form(setting))).chain([(ROLE, role)]).collect())
    }
}

/// The arguments of the block itself.
fn outer() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.argument.is_some_and(|name| !name.contains('.')))
}

/// The arguments of `assume_role`, by their names there.
fn of_role() -> impl Iterator<Item = (&'static str, &'static Setting)> {
    SETTINGS.iter().filter_map(|setting| Some((setting.argument?.strip_prefix(ROLE)?.strip_prefix('.')?, setting)))
}

impl ProviderBlock {
    /// The block with a value more.
    #[must_use]
    pub(in crate::provider) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    /// What is written there, if it is known; what is empty is not set.
    pub(in crate::provider) fn text(&self, argument: &str) -> Option<String> {
        let value = match argument.split_once('.') {
            Some((block, name)) => self.0.get(block)?.get(name),
            None => self.0.get(argument)?,
        };
        let text = match value.bare() {
            Value::String(text) => text.clone(),
            Value::Bool(truth) => truth.to_string(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// The addresses that are written in it, by service.
    pub(in crate::provider) fn endpoints(&self) -> impl Iterator<Item = (&str, &str)> {
        let members = self.0.get("endpoints").and_then(Value::as_map).into_iter().flatten();
        members.filter_map(|(key, value)| Some((key.as_str(), value.as_str().filter(|text| !text.is_empty())?)))
    }

    /// Whether the block `assume_role` is written.
    pub(super) fn has_role(&self) -> bool {
        self.0.get(ROLE).is_some_and(|role| role.as_map().is_some())
    }

    /// Whether anything in it is only known at apply.
    pub(in crate::provider) fn has_unknown(&self) -> bool {
        !self.0.values().all(Value::is_wholly_known)
    }

    /// Whether nothing is written in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.values().all(|value| value.is_null() || value.as_list().is_some_and(<[Value]>::is_empty))
    }
}

/// The schema of the provider block.
pub(in crate::provider) fn schema() -> Schema {
    let attribute = |name: &'static str, setting: &Setting| {
        let attribute = match setting.kind {
            Kind::Truth => Attribute::bool(name),
            // That it must be a whole number is said with its bounds.
            Kind::Count { .. } => Attribute::number(name),
            Kind::Addresses => Attribute::map(name, Type::String),
            _ => Attribute::string(name),
        };
        let attribute = attribute.optional().describe(setting.description());
        if matches!(setting.kind, Kind::Secret | Kind::Key) { attribute.sensitive() } else { attribute }
    };
    let role = of_role().fold(
        NestedBlock::single(
            ROLE,
            "An agency of another account to act for. Its temporary keys are fetched on first use and renewed. Default: none, \
             unless the variables below are set.",
        ),
        |block, (name, setting)| block.attribute(attribute(name, setting)),
    );
    let schema = Schema::new(
        "Takes, watches, finds and deletes manual database backups on Huawei Cloud and Open Telekom Cloud. Every \
         argument may be left out and given by an environment variable; an argument wins over `HW_*`, and `HW_*` over \
         `OS_*`; after them come a profile of KooCLI or an entry of `clouds.yaml`. Nothing is called before an operation needs it.",
    );
    outer().fold(schema, |schema, setting| schema.attribute(attribute(setting.name, setting))).block(role)
}

/// Where an argument is.
pub(super) fn path(argument: &str) -> Path {
    match argument.split_once('.') {
        Some((block, name)) => Path::attribute(block).then(name),
        None => Path::attribute(argument),
    }
}

/// Checks what can be checked without the environment. Unknown values pass.
pub(in crate::provider) fn validate(block: &ProviderBlock) -> Diagnostics {
    let mut found = Diagnostics::new();
    for setting in SETTINGS {
        let Some((argument, text)) = setting.argument.and_then(|name| Some((name, block.text(name)?))) else {
            continue;
        };
        // A word without a dot is an entry of `clouds.yaml`.
        let kind = if setting.kind == Kind::Domain && !text.contains('.') { Kind::Line } else { setting.kind };
        if let Some(why) = fault(kind, &text) {
            found.push(wrong(path(argument), format!("`{argument}` {why}.")));
        }
    }
    for (key, url) in block.endpoints() {
        let at = Path::attribute("endpoints").key(key);
        if endpoint_keys().all(|known| known != key) {
            let keys = endpoint_keys().collect::<Vec<_>>().join(", ");
            found.push(wrong(at, format!("There is no service {key:?}. Allowed are: {keys}.")));
        } else if let Some(why) = fault(Kind::Address, url) {
            found.push(wrong(at, format!("The address of {key:?} {why}.")));
        }
    }
    found
}
