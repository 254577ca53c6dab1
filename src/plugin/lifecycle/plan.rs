//! What a plan says.

use std::collections::BTreeSet;

use super::shape::{shaped, unexpected};
use crate::plugin::erased::Hooked;
use crate::plugin::rework::{Contents, elements, rework};
use crate::plugin::schema::Compiled;
use crate::plugin::{Diagnostic, Diagnostics, Nesting, Path, Shape, Step, Type, Value, plain, timeouts};

/// A create or update plan as far as the schema alone can make it.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) planned: Value,
    /// Whether it differs from the prior state, the `timeouts` block left out of account.
    changed: bool,
}

/// Fills defaults, takes write-only values out, and, if anything changes, marks what only apply will tell.
pub(super) fn draft(compiled: &Compiled, config: &Value, prior: Option<&Value>, proposed: Value) -> Draft {
    let contents = compiled.block().into();
    let filled = rework(contents, proposed, config, false, &|attribute, value, config, nested| match (
        &attribute.default,
        attribute.write_only,
    ) {
        (_, true) => Value::Null,
        (Some(default), false) if config.is_null() => default.clone(),
        _ => match prior.filter(|_| !nested && !config.is_null()) {
            Some(prior) => plain::planned(attribute, value, prior.get(attribute.name)),
            None => value,
        },
    });
    let changed = prior.is_none_or(|prior| !same_but_timeouts(compiled, prior, &filled));
    let planned = if changed { mark_unknown(compiled, config, prior, filled, &BTreeSet::new()) } else { filled };
    Draft { planned, changed }
}

/// Everything the provider computes becomes unknown, unless it has a default, is kept, or was `decided` already.
fn mark_unknown(
    compiled: &Compiled,
    config: &Value,
    prior: Option<&Value>,
    object: Value,
    decided: &BTreeSet<&str>,
) -> Value {
    rework(compiled.block().into(), object, config, false, &|attribute, value, config, nested| {
        let computed = attribute.mode.is_computed() && config.is_null() && attribute.default.is_none();
        // A null inside a nested object says that the object is new rather than that nothing was there.
        let kept = attribute.is_kept() && prior.is_some() && !(nested && value.is_null());
        let skipped = !nested && decided.contains(attribute.name);
        if computed && !kept && !skipped { Value::UNKNOWN } else { value }
    })
}

/// A finished plan.
#[derive(Debug)]
pub(in crate::plugin) struct Planned {
    pub(in crate::plugin) state: Value,
    pub(in crate::plugin) replace: Vec<Path>,
    pub(in crate::plugin) diagnostics: Diagnostics,
}

/// Takes over what the resource's own planning changed, and lists what means a new object.
///
/// Only what the hook really changed is taken from it: a model cannot express everything a value can. A hook that
/// turns "nothing to do" into an update makes everything else computed unknown, as any other update would.
pub(super) fn finish(
    compiled: &Compiled,
    config: &Value,
    prior: Option<&Value>,
    draft: Draft,
    hooked: Hooked,
) -> Planned {
    let Hooked { before, after, replace, adopt, diagnostics, unless_replaced } = hooked;
    let touched: BTreeSet<&str> = compiled
        .block()
        .attributes
        .iter()
        .map(|attribute| attribute.name)
        .filter(|name| before.get(name) != after.get(name))
        .collect();
    let Draft { planned, changed } = draft;
    let drafted = planned.clone();
    let planned = overlay(planned, &before, after.clone());
    // Where nothing is said, nothing else may stand than what is written or what was there.
    let mut planned = rework(compiled.block().into(), planned, config, false, &|attribute, value, config, nested| {
        if !nested && plain::says_nothing(attribute, config) { drafted.get(attribute.name).clone() } else { value }
    });
    if !changed && prior.is_some_and(|prior| !same_but_timeouts(compiled, prior, &planned)) {
        planned = mark_unknown(compiled, config, prior, planned, &touched);
    }
    let mut problems = Vec::new();
    let planned = shaped(compiled.block(), planned, &mut problems);
    let mut diagnostics = diagnostics;
    diagnostics.extend(problems.into_iter().map(|problem| unexpected(problem, Diagnostic::error)));
    let replace = match prior {
        Some(prior) => {
            let mut paths = Vec::new();
            let [old, new] = [prior, &planned].map(|object| plain::plain(compiled, object.clone()));
            replaced(compiled.block().into(), &old, &new, &Path::default(), &mut paths);
            // What is not known of an object that was taken over is as it is configured.
            paths.retain(|path| {
                !adopt
                    .iter()
                    .any(|name| path.0.first() == Some(&Step::Attribute((*name).to_owned())) && old.get(name).is_null())
            });
            let more = replace.into_iter().filter(|path| !paths.contains(path)).collect::<Vec<_>>();
            paths.extend(more);
            paths
        }
        // A new object replaces nothing.
        None => Vec::new(),
    };
    if replace.is_empty() {
        diagnostics.extend(unless_replaced);
    }
    Planned { state: planned, replace, diagnostics }
}

/// `original` with what changed from `before` to `after`.
pub(super) fn overlay(original: Value, before: &Value, after: Value) -> Value {
    if *before == after {
        return original;
    }
    match (original, before, after) {
        (Value::Map(mut original), Value::Map(before), Value::Map(after)) => {
            // What the model does not name stays; what it dropped from a map is gone.
            original.retain(|key, _| after.contains_key(key) || !before.contains_key(key));
            for (key, after) in after {
                let value = match before.get(&key) {
                    Some(before) => overlay(original.remove(&key).unwrap_or_default(), before, after),
                    None => after,
                };
                original.insert(key, value);
            }
            Value::Map(original)
        }
        (Value::List(original), Value::List(before), Value::List(after))
            if original.len() == before.len() && before.len() == after.len() =>
        {
            let elements = original.into_iter().zip(before).zip(after);
            Value::List(elements.map(|((original, before), after)| overlay(original, before, after)).collect())
        }
        (_, _, after) => after,
    }
}

/// Whether nothing that the resource could see differs.
pub(super) fn same_but_timeouts(compiled: &Compiled, left: &Value, right: &Value) -> bool {
    let Type::Object(members) = compiled.value_type() else { return left == right };
    let mut members = members.iter().filter(|(name, _)| !(compiled.owns_timeouts() && *name == timeouts::BLOCK));
    let [left, right] = [left, right].map(|object| {
        let object = plain::plain(compiled, object.clone());
        plain::compared(compiled.block().into(), object)
    });
    members.all(|(name, ty)| left.get(name).means(right.get(name), ty))
}

/// The paths of arguments that differ although changing them means a new object.
fn replaced(contents: Contents<'_>, prior: &Value, planned: &Value, path: &Path, paths: &mut Vec<Path>) {
    for attribute in contents.attributes {
        let (prior, planned) = (prior.get(attribute.name), planned.get(attribute.name));
        let path = path.clone().then(attribute.name);
        if attribute.replaces {
            if !plain::alike(attribute, prior, planned) {
                paths.push(path);
            }
        } else if let Shape::Nested(nesting, children) = &attribute.shape {
            replaced_inside(*nesting, children[..].into(), prior, planned, &path, paths);
        }
    }
    for nested in contents.blocks {
        let (prior, planned) = (prior.get(nested.name), planned.get(nested.name));
        let path = path.clone().then(nested.name);
        let [left, right] = [prior, planned].map(|blocks| plain::compared_block(nested, blocks.clone()));
        if left != right {
            replaced_inside(nested.nesting, (&nested.block).into(), prior, planned, &path, paths);
        }
    }
}

fn replaced_inside(
    nesting: Nesting,
    contents: Contents<'_>,
    prior: &Value,
    planned: &Value,
    path: &Path,
    paths: &mut Vec<Path>,
) {
    if !contents.any_replaces() || prior == planned {
        return;
    }
    if prior.is_unknown() || planned.is_unknown() {
        return paths.push(path.clone());
    }
    match nesting {
        Nesting::Single | Nesting::Group => replaced(contents, prior, planned, path, paths),
        Nesting::List => {
            let count = |value: &Value| value.as_list().map_or(0, <[Value]>::len);
            for index in 0..count(prior).max(count(planned)) {
                let path = path.clone().index(i64::try_from(index).unwrap_or(i64::MAX));
                replaced(contents, prior.at(index), planned.at(index), &path, paths);
            }
        }
        Nesting::Map => {
            let keys = |value: &Value| value.as_map().map(|members| members.keys().cloned().collect::<Vec<_>>());
            let keys: BTreeSet<String> = [keys(prior), keys(planned)].into_iter().flatten().flatten().collect();
            for key in keys {
                replaced(contents, prior.get(&key), planned.get(&key), &path.clone().key(key.as_str()), paths);
            }
        }
        Nesting::Set => {
            // An element cannot be addressed, so the set is blamed if the part that matters differs.
            let part = |value: &Value| {
                let elements = value.as_list().unwrap_or_default().iter();
                Value::List(elements.map(|element| immutable_part(contents, element)).collect())
            };
            if !part(prior).means(&part(planned), &Type::set(Type::Dynamic)) {
                paths.push(path.clone());
            }
        }
    }
}

/// An object reduced to what cannot be changed in place.
fn immutable_part(contents: Contents<'_>, object: &Value) -> Value {
    let inside = |nesting, contents, value: &Value| {
        Value::List(
            elements(nesting, value).into_iter().map(|(_, element)| immutable_part(contents, element)).collect(),
        )
    };
    let attributes = contents.attributes.iter().filter_map(|attribute| {
        let value = object.get(attribute.name);
        match &attribute.shape {
            _ if attribute.replaces => Some((attribute.name, value.clone())),
            Shape::Nested(nesting, children) => Some((attribute.name, inside(*nesting, children[..].into(), value))),
            Shape::Plain(_) => None,
        }
    });
    let blocks = contents.blocks.iter();
    let blocks = blocks.map(|one| (one.name, inside(one.nesting, (&one.block).into(), object.get(one.name))));
    Value::object(attributes.chain(blocks))
}
