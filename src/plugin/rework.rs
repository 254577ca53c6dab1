//! One rule for every attribute of an object, at every depth.

use super::{Attribute, Block, NestedBlock, Nesting, Shape, Step, Value};

/// The contents of a block or of a nested attribute.
#[derive(Clone, Copy)]
pub(super) struct Contents<'a> {
    pub(super) attributes: &'a [Attribute],
    pub(super) blocks: &'a [NestedBlock],
}

impl<'a> From<&'a Block> for Contents<'a> {
    fn from(block: &'a Block) -> Self {
        Contents { attributes: &block.attributes, blocks: &block.blocks }
    }
}

impl<'a> From<&'a [Attribute]> for Contents<'a> {
    fn from(attributes: &'a [Attribute]) -> Self {
        Contents { attributes, blocks: &[] }
    }
}

impl Contents<'_> {
    /// Whether a change somewhere inside means a new object.
    pub(super) fn any_replaces(self) -> bool {
        self.attributes.iter().any(|one| {
            one.replaces
                || matches!(&one.shape, Shape::Nested(_, children) if Contents::from(&children[..]).any_replaces())
        }) || self.blocks.iter().any(|one| Contents::from(&one.block).any_replaces())
    }
}

/// A new value for an attribute, from: the attribute, the value it has, what is configured, and whether the attribute
/// sits inside a nested object.
pub(super) type Change<'a> = &'a dyn Fn(&Attribute, Value, &Value, bool) -> Value;

/// Applies a rule to every attribute at every depth where the configuration has an object.
pub(super) fn rework(contents: Contents<'_>, object: Value, config: &Value, nested: bool, rule: Change<'_>) -> Value {
    let Value::Map(mut members) = object else { return object };
    for attribute in contents.attributes {
        let Some(member) = members.get_mut(attribute.name) else { continue };
        let config = config.get(attribute.name);
        let value = rule(attribute, std::mem::take(member), config, nested);
        *member = match &attribute.shape {
            Shape::Nested(nesting, children) if !config.is_null() && !attribute.write_only => {
                rework_elements(*nesting, children[..].into(), value, config, rule)
            }
            _ => value,
        };
    }
    for nested in contents.blocks {
        let Some(member) = members.get_mut(nested.name) else { continue };
        let config = config.get(nested.name);
        *member = rework_elements(nested.nesting, (&nested.block).into(), std::mem::take(member), config, rule);
    }
    Value::Map(members)
}

fn rework_elements(nesting: Nesting, contents: Contents<'_>, value: Value, config: &Value, rule: Change<'_>) -> Value {
    match (nesting, value) {
        (Nesting::Single | Nesting::Group, object) => rework(contents, object, config, true, rule),
        (Nesting::List, Value::List(elements)) => {
            let elements = elements.into_iter().enumerate();
            let elements = elements.map(|(index, element)| rework(contents, element, config.at(index), true, rule));
            Value::List(elements.collect())
        }
        (Nesting::Set, Value::List(elements)) => {
            let mut configured: Vec<&Value> = config.as_list().unwrap_or_default().iter().collect();
            let elements = elements.into_iter().map(|element| {
                let from = configured.iter().position(|config| fits(&element, config));
                let config = from.map_or(Value::Null, |at| configured.remove(at).clone());
                rework(contents, element, &config, true, rule)
            });
            Value::List(elements.collect())
        }
        (Nesting::Map, Value::Map(members)) => {
            let members = members.into_iter();
            let members = members.map(|(key, element)| {
                let element = rework(contents, element, config.get(&key), true, rule);
                (key, element)
            });
            Value::Map(members.collect())
        }
        (_, other) => other,
    }
}

/// Whether a set element may come from this configured one: equal wherever something is configured.
pub(super) fn fits(element: &Value, config: &Value) -> bool {
    match (element.bare(), config.bare()) {
        (_, Value::Null) => true,
        (Value::Map(members), Value::Map(config)) => {
            config.iter().all(|(name, config)| members.get(name).is_none_or(|member| fits(member, config)))
        }
        (Value::List(elements), Value::List(config)) => {
            elements.len() == config.len() && elements.iter().zip(config).all(|(element, config)| fits(element, config))
        }
        (element, config) => element == config,
    }
}

/// The objects of a nested attribute or block, each with the step that leads to it. Set elements have none.
pub(super) fn elements(nesting: Nesting, value: &Value) -> Vec<(Option<Step>, &Value)> {
    match (nesting, value.bare()) {
        (_, Value::Null | Value::Unknown(_)) => Vec::new(),
        (Nesting::List, Value::List(elements)) => {
            (0..).zip(elements).map(|(index, element)| (Some(Step::Index(index)), element)).collect()
        }
        (Nesting::Set, Value::List(elements)) => elements.iter().map(|element| (None, element)).collect(),
        (Nesting::Map, Value::Map(members)) => {
            members.iter().map(|(key, element)| (Some(Step::Key(key.clone())), element)).collect()
        }
        (_, object) => vec![(None, object)],
    }
}
