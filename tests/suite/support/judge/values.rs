//! Values as hosts judge them: of which type they are, whether a plan fits its configuration, whether a result fits its
//! plan, and how they are written into a plan's JSON and into a state file.
//!
//! Written after what Terraform 1.16 and OpenTofu 1.12 check. A value is JSON, with [`UNKNOWN`] where only apply will tell.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::support::proto::tfplugin6::schema::nested_block::NestingMode as BlockNesting;
use crate::support::proto::tfplugin6::schema::object::NestingMode as ObjectNesting;
use crate::support::proto::tfplugin6::schema::{Attribute, Block, NestedBlock, Object};
use crate::support::value::UNKNOWN;

/// A type, as a host reads it out of a schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Any,
    Text,
    Number,
    Bool,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Tuple(Vec<Type>),
    Object(BTreeMap<String, Type>),
}

impl Type {
    /// Out of the JSON of a schema.
    pub(super) fn parse(json: &Value) -> Type {
        let inner = |at: usize| Box::new(Type::parse(&json[at]));
        match (json.as_str(), json[0].as_str()) {
            (Some("string"), _) => Type::Text,
            (Some("number"), _) => Type::Number,
            (Some("bool"), _) => Type::Bool,
            (Some("dynamic"), _) => Type::Any,
            (_, Some("list")) => Type::List(inner(1)),
            (_, Some("set")) => Type::Set(inner(1)),
            (_, Some("map")) => Type::Map(inner(1)),
            (_, Some("tuple")) => Type::Tuple(json[1].as_array().expect("types").iter().map(Type::parse).collect()),
            (_, Some("object")) => {
                let members = json[1].as_object().expect("types").iter();
                Type::Object(members.map(|(name, ty)| (name.clone(), Type::parse(ty))).collect())
            }
            _ => panic!("no type: {json}"),
        }
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Type {
        Type::parse(&serde_json::from_slice(bytes).expect("a type is JSON"))
    }

    pub(crate) fn of_block(block: &Block) -> Type {
        let attributes = block.attributes.iter().map(|one| (one.name.clone(), Type::of_attribute(one)));
        let blocks = block.block_types.iter().map(|one| (one.type_name.clone(), Type::of_nested(one)));
        Type::Object(attributes.chain(blocks).collect())
    }

    fn of_attribute(attribute: &Attribute) -> Type {
        match &attribute.nested_type {
            None => Type::of_bytes(&attribute.r#type),
            Some(object) => {
                let members = object.attributes.iter().map(|one| (one.name.clone(), Type::of_attribute(one)));
                let element = Box::new(Type::Object(members.collect()));
                match object.nesting() {
                    ObjectNesting::List => Type::List(element),
                    ObjectNesting::Set => Type::Set(element),
                    ObjectNesting::Map => Type::Map(element),
                    _ => *element,
                }
            }
        }
    }

    fn of_nested(nested: &NestedBlock) -> Type {
        let element = Box::new(Type::of_block(inside(nested)));
        match nested.nesting() {
            BlockNesting::List => Type::List(element),
            BlockNesting::Set => Type::Set(element),
            BlockNesting::Map => Type::Map(element),
            _ => *element,
        }
    }
}

pub(super) fn inside(nested: &NestedBlock) -> &Block {
    nested.block.as_ref().expect("a nested block has contents")
}

/// A member of an object; null where it is missing, of which another rule complains.
fn of<'a>(members: &'a Map<String, Value>, name: &str) -> &'a Value {
    members.get(name).unwrap_or(&Value::Null)
}

/// A number, however it is spelled.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn is_unknown(value: &Value) -> bool {
    value == UNKNOWN
}

pub(super) fn wholly_known(value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.iter().all(wholly_known),
        Value::Object(members) => members.values().all(wholly_known),
        other => !is_unknown(other),
    }
}

/// Where a value is not of the type.
pub(super) fn misfits(ty: &Type, value: &Value, path: &str) -> Vec<String> {
    if value.is_null() || is_unknown(value) {
        return Vec::new();
    }
    let wrong = |wanted: &str| vec![format!("{path}: {wanted} is required, not {value}")];
    match (ty, value) {
        (Type::Any, Value::Array(typed)) if typed.len() == 2 => {
            let Some(ty) = typed[0].as_str().and_then(|text| serde_json::from_str(text).ok()) else {
                return wrong("a value with its type");
            };
            misfits(&Type::parse(&ty), &typed[1], path)
        }
        (Type::Any, _) => wrong("a value with its type"),
        (Type::Text, Value::String(_)) | (Type::Bool, Value::Bool(_)) | (Type::Number, Value::Number(_)) => Vec::new(),
        (Type::Number, Value::String(text)) if text.parse::<f64>().is_ok() => Vec::new(),
        (Type::List(element) | Type::Set(element), Value::Array(elements)) => {
            let elements = elements.iter().enumerate();
            elements.flat_map(|(index, one)| misfits(element, one, &format!("{path}[{index}]"))).collect()
        }
        (Type::Map(element), Value::Object(members)) => {
            members.iter().flat_map(|(key, one)| misfits(element, one, &format!("{path}[{key:?}]"))).collect()
        }
        (Type::Tuple(types), Value::Array(elements)) if types.len() == elements.len() => {
            let elements = types.iter().zip(elements).enumerate();
            elements.flat_map(|(index, (ty, one))| misfits(ty, one, &format!("{path}[{index}]"))).collect()
        }
        (Type::Object(types), Value::Object(members)) => {
            let missing = types.keys().filter(|name| !members.contains_key(*name));
            let surplus = members.keys().filter(|name| !types.contains_key(*name));
            let missing = missing.map(|name| format!("{path}.{name}: is missing"));
            let surplus = surplus.map(|name| format!("{path}.{name}: is not in the schema"));
            let inner = types.iter().filter_map(|(name, ty)| Some((name, ty, members.get(name)?)));
            let inner = inner.flat_map(|(name, ty, one)| misfits(ty, one, &format!("{path}.{name}")));
            missing.chain(surplus).chain(inner).collect()
        }
        (ty, _) => wrong(&format!("{ty:?}")),
    }
}

/// The value with numbers where the type has them, which come as text. Of those that do not, where.
///
/// A number that this crate's JSON cannot hold stays the text that it is.
pub(crate) fn typed(ty: &Type, value: &Value, path: &str, coarse: &mut Vec<String>) -> Value {
    match (ty, value) {
        (Type::Number, Value::String(text)) if !is_unknown(value) => {
            text.parse().map_or_else(|_| value.clone(), Value::Number)
        }
        (Type::Number, Value::Number(_)) => {
            coarse.push(format!("{path}: {value}"));
            value.clone()
        }
        (Type::Any, Value::Array(pair)) if pair.len() == 2 => {
            let ty = pair[0].as_str().and_then(|text| serde_json::from_str(text).ok());
            let inner = ty.map(|ty| typed(&Type::parse(&ty), &pair[1], path, coarse));
            json!([pair[0], inner.unwrap_or_else(|| pair[1].clone())])
        }
        (Type::List(element) | Type::Set(element), Value::Array(elements)) => {
            let elements = elements.iter().enumerate();
            elements.map(|(index, one)| typed(element, one, &format!("{path}[{index}]"), coarse)).collect()
        }
        (Type::Map(element), Value::Object(members)) => {
            let members = members.iter();
            members.map(|(key, one)| (key.clone(), typed(element, one, &format!("{path}[{key:?}]"), coarse))).collect()
        }
        (Type::Tuple(types), Value::Array(elements)) if types.len() == elements.len() => {
            let elements = types.iter().zip(elements).enumerate();
            elements.map(|(index, (ty, one))| typed(ty, one, &format!("{path}[{index}]"), coarse)).collect()
        }
        (Type::Object(types), Value::Object(members)) => {
            let one = |(name, one): (&String, &Value)| {
                let value = types.get(name).map(|ty| typed(ty, one, &format!("{path}.{name}"), coarse));
                (name.clone(), value.unwrap_or_else(|| one.clone()))
            };
            members.iter().map(one).collect()
        }
        _ => value.clone(),
    }
}

/// Whether two values are the same, whatever the order of sets and the spelling of numbers.
pub(super) fn same(ty: &Type, left: &Value, right: &Value) -> bool {
    let pairs = |element: &Type, left: &[Value], right: &[Value]| {
        left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(element, left, right))
    };
    match (ty, left, right) {
        (Type::Number, left, right) if number(left).is_some() => left == right || number(left) == number(right),
        (Type::List(element), Value::Array(left), Value::Array(right)) => pairs(element, left, right),
        (Type::Tuple(types), Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && types.iter().zip(left.iter().zip(right)).all(|(ty, (left, right))| same(ty, left, right))
        }
        (Type::Set(element), Value::Array(left), Value::Array(right)) => {
            let mut rest: Vec<&Value> = right.iter().collect();
            left.len() == right.len()
                && left.iter().all(|one| {
                    let at = rest.iter().position(|other| same(element, one, other));
                    at.map(|at| rest.remove(at)).is_some()
                })
        }
        (Type::Map(element), Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, one)| right.get(key).is_some_and(|other| same(element, one, other)))
        }
        (Type::Object(types), Value::Object(left), Value::Object(right)) => {
            types.iter().all(|(name, ty)| same(ty, of(left, name), of(right, name)))
        }
        _ => left == right,
    }
}

/// Write-only attributes that have a value.
pub(super) fn write_only_values(block: &Block, value: &Value, path: &str) -> Vec<String> {
    let Value::Object(members) = value else { return Vec::new() };
    let set_ones = |attributes: &[Attribute], members: &Map<String, Value>, path: &str| {
        let set = attributes.iter().filter(|one| one.write_only && !of(members, &one.name).is_null());
        set.map(|one| format!("{path}.{} is write-only and has a value", one.name)).collect::<Vec<_>>()
    };
    let mut found = set_ones(&block.attributes, members, path);
    for nested in &block.block_types {
        let path = format!("{path}.{}", nested.type_name);
        for element in elements(of(members, &nested.type_name), nested.nesting()) {
            found.extend(write_only_values(inside(nested), element, &path));
        }
    }
    found
}

fn elements(value: &Value, nesting: BlockNesting) -> Vec<&Value> {
    match (nesting, value) {
        (BlockNesting::Map, Value::Object(members)) => members.values().collect(),
        (_, Value::Array(elements)) => elements.iter().collect(),
        (_, object @ Value::Object(_)) => vec![object],
        _ => Vec::new(),
    }
}

// ---- A plan against the configuration ----

/// What a host calls an invalid plan.
pub(super) fn invalid_plan(block: &Block, prior: &Value, config: &Value, planned: &Value, path: &str) -> Vec<String> {
    match (config.is_null(), planned.is_null()) {
        (true, true) => return Vec::new(),
        (false, true) => return vec![format!("{path}: planned for absence but config wants existence")],
        (true, false) => return vec![format!("{path}: planned for existence but config wants absence")],
        (false, false) => {}
    }
    if is_unknown(planned) {
        return vec![format!("{path}: must not be unknown as a whole")];
    }
    let mut found = invalid_attributes(&block.attributes, prior, config, planned, path);
    for nested in &block.block_types {
        let name = &nested.type_name;
        let (prior, config, planned) = (&prior[name], &config[name], &planned[name]);
        let path = format!("{path}.{name}");
        let nesting = nested.nesting();
        if planned.is_null() && nesting != BlockNesting::Single {
            found.push(format!("{path}: must be empty to indicate no blocks, not null"));
        } else if planned == config {
        } else if is_unknown(config) {
            found.push(format!("{path}: planned value for unknown dynamic block"));
        } else if is_unknown(planned) {
            found.push(format!("{path}: planned unknown value for a block"));
        } else {
            let one = |key: &str, prior: &Value, config: &Value, planned: &Value| {
                invalid_plan(inside(nested), prior, config, planned, &format!("{path}{key}"))
            };
            match (nesting, planned, config) {
                (BlockNesting::List, Value::Array(planned), Value::Array(config)) => {
                    if planned.len() != config.len() {
                        found.push(format!("{path}: block count in plan disagrees with count in config"));
                    }
                    for (index, (planned, config)) in planned.iter().zip(config).enumerate() {
                        found.extend(one(&format!("[{index}]"), &prior[index], config, planned));
                    }
                }
                (BlockNesting::Map, Value::Object(planned), Value::Object(config)) => {
                    if !planned.keys().eq(config.keys()) {
                        found.push(format!("{path}: block keys in plan disagree with keys in config"));
                    }
                    for (key, planned) in planned {
                        found.extend(one(&format!("[{key:?}]"), &prior[key], of(config, key), planned));
                    }
                }
                (BlockNesting::Set, Value::Array(planned), _) => {
                    if planned.iter().any(is_unknown) {
                        found.push(format!("{path}: an element must not be unknown itself"));
                    }
                }
                _ => found.extend(one("", prior, config, planned)),
            }
        }
    }
    found
}

fn invalid_attributes(
    attributes: &[Attribute],
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
) -> Vec<String> {
    let one = |one: &Attribute| {
        let name = &one.name;
        invalid_attribute(one, &prior[name], &config[name], &planned[name], &format!("{path}.{name}"))
    };
    attributes.iter().flat_map(one).collect()
}

fn invalid_attribute(attribute: &Attribute, prior: &Value, config: &Value, planned: &Value, path: &str) -> Vec<String> {
    let ty = Type::of_attribute(attribute);
    if same(&ty, planned, config) || (same(&ty, planned, prior) && !prior.is_null() && !config.is_null()) {
        return Vec::new();
    }
    if attribute.write_only {
        return if planned.is_null() { vec![] } else { vec![format!("{path}: write-only and not null")] };
    }
    if attribute.computed && (!attribute.optional || config.is_null()) {
        return Vec::new();
    }
    if config.is_null() {
        return vec![format!("{path}: planned value {planned} for a non-computed attribute")];
    }
    match &attribute.nested_type {
        Some(object) => invalid_object(object, prior, config, planned, path),
        None => vec![format!("{path}: planned value {planned} does not match config value {config} nor {prior}")],
    }
}

fn invalid_object(object: &Object, prior: &Value, config: &Value, planned: &Value, path: &str) -> Vec<String> {
    if planned.is_null() {
        return vec![format!("{path}: planned for absence but config wants existence")];
    }
    if is_unknown(planned) {
        return vec![format!("{path}: planned unknown for configured value")];
    }
    let one = |key: &str, prior: &Value, config: &Value, planned: &Value| {
        invalid_attributes(&object.attributes, prior, config, planned, &format!("{path}{key}"))
    };
    match (object.nesting(), planned, config) {
        (ObjectNesting::Single, ..) => one("", prior, config, planned),
        (ObjectNesting::List, Value::Array(planned), Value::Array(config)) if planned.len() == config.len() => {
            let elements = planned.iter().zip(config).enumerate();
            let elements = elements.map(|(at, (planned, config))| one(&format!("[{at}]"), &prior[at], config, planned));
            elements.flatten().collect()
        }
        (ObjectNesting::Map, Value::Object(planned), Value::Object(config)) if planned.keys().eq(config.keys()) => {
            let elements = planned.iter();
            let elements =
                elements.map(|(key, planned)| one(&format!("[{key:?}]"), &prior[key], of(config, key), planned));
            elements.flatten().collect()
        }
        // Elements of sets cannot be told apart, so only their number is looked at.
        (ObjectNesting::Set, Value::Array(planned), Value::Array(config)) if planned.len() == config.len() => vec![],
        _ => vec![format!("{path}: count or keys in plan disagree with config")],
    }
}

// ---- A result against the plan ----

/// What a host calls an inconsistent result.
pub(super) fn inconsistent(block: &Block, planned: &Value, actual: &Value, path: &str) -> Vec<String> {
    match (planned.is_null(), actual.is_null()) {
        (true, true) => return Vec::new(),
        (true, false) => return vec![format!("{path}: was absent, but now present")],
        (false, true) => return vec![format!("{path}: was present, but now absent")],
        (false, false) => {}
    }
    let mut found = Vec::new();
    for attribute in &block.attributes {
        let name = &attribute.name;
        let path = format!("{path}.{name}");
        found.extend(differs(&Type::of_attribute(attribute), &planned[name], &actual[name], &path));
    }
    for nested in &block.block_types {
        let name = &nested.type_name;
        let path = format!("{path}.{name}");
        let (planned, actual) = (&planned[name], &actual[name]);
        let one = |key: &str, planned: &Value, actual: &Value| {
            inconsistent(inside(nested), planned, actual, &format!("{path}{key}"))
        };
        if is_unknown(planned) {
            continue;
        }
        match (nested.nesting(), planned, actual) {
            (BlockNesting::List, Value::Array(planned), Value::Array(actual)) => {
                if planned.len() != actual.len() {
                    found.push(format!("{path}: block count changed from {} to {}", planned.len(), actual.len()));
                }
                for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                    found.extend(one(&format!("[{index}]"), planned, actual));
                }
            }
            (BlockNesting::Map, Value::Object(planned), Value::Object(actual)) => {
                if !planned.keys().eq(actual.keys()) {
                    found.push(format!("{path}: block keys changed"));
                }
                for (key, planned) in planned {
                    found.extend(one(&format!("[{key:?}]"), planned, of(actual, key)));
                }
            }
            (BlockNesting::Set, Value::Array(planned), Value::Array(actual)) => {
                let fits = |planned: &Value, actual: &Value| one("", planned, actual).is_empty();
                found.extend(uncorrelated(planned, actual, &path, &fits));
            }
            _ => found.extend(one("", planned, actual)),
        }
    }
    found
}

fn differs(ty: &Type, planned: &Value, actual: &Value, path: &str) -> Vec<String> {
    if is_unknown(planned) || *ty == Type::Any && planned.is_null() && actual.is_null() {
        return Vec::new();
    }
    if planned.is_null() || actual.is_null() || is_unknown(actual) {
        return if planned == actual { vec![] } else { vec![format!("{path}: was {planned}, but now {actual}")] };
    }
    match (ty, planned, actual) {
        (Type::List(element), Value::Array(planned), Value::Array(actual)) if planned.len() == actual.len() => {
            let elements = planned.iter().zip(actual).enumerate();
            elements.flat_map(|(at, (old, new))| differs(element, old, new, &format!("{path}[{at}]"))).collect()
        }
        (Type::Map(element), Value::Object(planned), Value::Object(actual)) if planned.keys().eq(actual.keys()) => {
            planned
                .iter()
                .flat_map(|(key, old)| differs(element, old, of(actual, key), &format!("{path}[{key:?}]")))
                .collect()
        }
        (Type::Object(types), Value::Object(planned), Value::Object(actual)) => {
            let members = types.iter();
            members
                .flat_map(|(name, ty)| differs(ty, of(planned, name), of(actual, name), &format!("{path}.{name}")))
                .collect()
        }
        (Type::Set(element), Value::Array(planned), Value::Array(actual)) => {
            let fits = |planned: &Value, actual: &Value| differs(element, planned, actual, "").is_empty();
            uncorrelated(planned, actual, path, &fits)
        }
        _ if same(ty, planned, actual) => Vec::new(),
        _ => vec![format!("{path}: was {planned}, but now {actual}")],
    }
}

/// Elements of sets that nothing on the other side fits. They may coalesce, never grow.
fn uncorrelated(planned: &[Value], actual: &[Value], path: &str, fits: &dyn Fn(&Value, &Value) -> bool) -> Vec<String> {
    let lost = planned.iter().filter(|one| !actual.iter().any(|other| fits(one, other)));
    let lost = lost.map(|one| format!("{path}: planned set element {one} does not correlate with any in actual"));
    let new = actual.iter().filter(|one| !planned.iter().any(|other| fits(other, one)));
    let new = new.map(|one| format!("{path}: actual set element {one} does not correlate with any in plan"));
    let grown = (planned.len() < actual.len()).then(|| format!("{path}: length grew to {}", actual.len()));
    lost.chain(new).chain(grown).collect()
}

// ---- In writing ----

/// As the JSON of a plan has it: what is not known is left out. An identity has no such way out.
pub(super) fn in_plan(ty: &Type, value: &Value) -> Option<Value> {
    match (ty, value) {
        (_, value) if is_unknown(value) => None,
        (Type::Any, Value::Array(typed)) => Some(typed[1].clone()),
        (Type::List(element) | Type::Set(element), Value::Array(elements)) => {
            Some(elements.iter().map(|one| in_plan(element, one).unwrap_or_default()).collect())
        }
        (Type::Map(element), Value::Object(members)) => {
            Some(members.iter().filter_map(|(key, one)| Some((key.clone(), in_plan(element, one)?))).collect())
        }
        (Type::Object(types), Value::Object(members)) => {
            let members = types.iter().filter_map(|(name, ty)| Some((name.clone(), in_plan(ty, of(members, name))?)));
            Some(members.collect())
        }
        (_, value) => Some(value.clone()),
    }
}

/// As a state file has it. Nothing unknown can be written; a number too long for JSON of this crate is nothing for us.
pub(crate) fn in_state(ty: &Type, value: &Value) -> Result<Value, String> {
    match (ty, value) {
        (_, value) if is_unknown(value) => Err("value is not known".to_owned()),
        (Type::Any, Value::Array(typed)) => {
            let written: Value =
                serde_json::from_str(typed[0].as_str().unwrap_or_default()).map_err(|e| e.to_string())?;
            Ok(json!({ "type": written, "value": in_state(&Type::parse(&written), &typed[1])? }))
        }
        (Type::List(element) | Type::Set(element), Value::Array(elements)) => {
            elements.iter().map(|one| in_state(element, one)).collect()
        }
        (Type::Map(element), Value::Object(members)) => {
            members.iter().map(|(key, one)| Ok((key.clone(), in_state(element, one)?))).collect()
        }
        (Type::Tuple(types), Value::Array(elements)) => {
            types.iter().zip(elements).map(|(ty, one)| in_state(ty, one)).collect()
        }
        (Type::Number, Value::String(text)) => Ok(text.parse().map_or_else(|_| value.clone(), Value::Number)),
        (Type::Object(types), Value::Object(members)) => {
            types.iter().map(|(name, ty)| Ok((name.clone(), in_state(ty, of(members, name))?))).collect()
        }
        (_, value) => Ok(value.clone()),
    }
}
