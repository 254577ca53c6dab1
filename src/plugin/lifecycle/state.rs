//! What an operation's result becomes in the state.

use super::shape::{complete, shaped, unexpected};
use crate::plugin::rework::rework;
use crate::plugin::schema::Compiled;
use crate::plugin::{Diagnostic, Diagnostics, Mismatch, Mode, Path, Type, Value, plain, timeouts};

/// What a successful create or update becomes in the state: what was planned stays as planned, what was unknown is
/// what came back, and nothing is unknown any more.
///
/// A result that contradicts the plan is a bug in the provider. It is reported as a warning, because an error would
/// make Terraform destroy and replace an object that is well; the next refresh shows the difference.
pub(in crate::plugin) fn applied(compiled: &Compiled, planned: &Value, result: Value) -> (Value, Diagnostics) {
    let mut problems = Vec::new();
    let mut astray = Vec::new();
    let result = shaped(compiled.block(), compiled.with_timeouts_of(planned, result), &mut problems);
    let result = plain::in_words_of(compiled, planned, plain::as_written(compiled, planned, result));
    let result = reconcile(compiled.value_type(), planned, result, &Path::default(), &mut astray);
    // Once more, for blocks that were unknown to the end.
    let state = shaped(compiled.block(), result.without_unknowns(), &mut Vec::new());
    astray.retain(|path| problems.iter().all(|problem| problem.path != *path));
    let astray = astray.into_iter().map(|path| Mismatch { path, ..Mismatch::new("differs from what was planned") });
    let warnings = astray.chain(problems).map(|problem| unexpected(problem, Diagnostic::warning));
    let mut diagnostics = Diagnostics::new();
    diagnostics.extend(warnings);
    (state, diagnostics)
}

/// The plan with the write-only values, which only the configuration has.
pub(in crate::plugin) fn with_write_only(compiled: &Compiled, config: &Value, planned: Value) -> Value {
    rework(compiled.block().into(), planned, config, false, &|attribute, value, config, _| {
        if attribute.write_only { config.clone() } else { value }
    })
}

/// What is kept of an object whose operation failed: it has every attribute of the schema, and nothing unknown.
pub(in crate::plugin) fn kept(compiled: &Compiled, timeouts_of: &Value, object: Value) -> Value {
    let object = compiled.with_timeouts_of(timeouts_of, object).without_unknowns();
    shaped(compiled.block(), object, &mut Vec::new())
}

/// What a read found, in the words of the state where it means the same.
pub(in crate::plugin) fn refreshed(compiled: &Compiled, state: &Value, found: Value) -> Result<Value, Diagnostics> {
    let found = compiled.with_timeouts_of(state, found).without_unknowns();
    let found = plain::in_words_of(compiled, state, complete(compiled, found)?);
    Ok(in_words_of(compiled.value_type(), state, found))
}

/// What a data source answers: the configuration, completed.
pub(in crate::plugin) fn answered(compiled: &Compiled, config: &Value, found: Value) -> Result<Value, Diagnostics> {
    let found = compiled.with_timeouts_of(config, found).without_unknowns();
    complete(compiled, echo(config, found))
}

/// What an import starts with: the stub, completed by defaults that only the configuration would know.
pub(in crate::plugin) fn imported(compiled: &Compiled, stub: Value) -> Result<Value, Diagnostics> {
    moved(compiled, stub, &Value::Null)
}

/// The same of a stub that was another provider's object, with the `timeouts` block that it had.
pub(in crate::plugin) fn moved(compiled: &Compiled, stub: Value, timeouts: &Value) -> Result<Value, Diagnostics> {
    let timeouts = Value::object([(timeouts::BLOCK, timeouts.clone())]);
    let stub = complete(compiled, compiled.with_timeouts_of(&timeouts, stub).without_unknowns())?;
    let own = stub.clone();
    Ok(rework(compiled.block().into(), stub, &own, false, &|attribute, value, _, _| match &attribute.default {
        Some(default) if value.is_null() => default.clone(),
        _ => value,
    }))
}

/// What of an object can and need be written into a configuration: neither what the provider computes, nor what is
/// deprecated or never stored, nor what is so by default. An empty text that the provider may choose is left to it.
pub(in crate::plugin) fn configurable(compiled: &Compiled, object: Value) -> Value {
    let own = object.clone();
    let object = compiled.with_timeouts_of(&Value::Null, object);
    rework(compiled.block().into(), object, &own, false, &|attribute, value, _, _| {
        let never = attribute.mode == Mode::Computed || attribute.deprecated.is_some() || attribute.write_only;
        let by_default =
            attribute.default.as_ref().is_some_and(|default| value.means(default, &attribute.value_type()));
        let left = attribute.mode.is_computed() && value.as_str() == Some("");
        if never || by_default || left { Value::Null } else { value }
    })
}

/// That as the resource gave it back, in full.
pub(in crate::plugin) fn configured(compiled: &Compiled, config: Value) -> Result<Value, Diagnostics> {
    complete(compiled, compiled.with_timeouts_of(&Value::Null, config).without_unknowns())
}

/// What a stored state becomes under the current schema.
pub(in crate::plugin) fn restored(compiled: &Compiled, state: Value) -> Result<Value, Diagnostics> {
    complete(compiled, state)
}

fn reconcile(ty: &Type, planned: &Value, result: Value, path: &Path, astray: &mut Vec<Path>) -> Value {
    if planned.is_unknown() {
        return result;
    }
    if planned.means(&result, ty) {
        return planned.clone();
    }
    match (ty, planned, result) {
        (Type::Object(types), Value::Map(planned), Value::Map(mut result)) => {
            for (name, ty) in types {
                let planned = planned.get(name).unwrap_or(&Value::Null);
                let value = result.remove(name).unwrap_or_default();
                let value = reconcile(ty, planned, value, &path.clone().then(name.as_str()), astray);
                result.insert(name.clone(), value);
            }
            Value::Map(result)
        }
        (Type::Map(element), Value::Map(planned), Value::Map(result))
            if planned.len() == result.len() && planned.keys().eq(result.keys()) =>
        {
            let members = result.into_iter().map(|(key, value)| {
                let value = reconcile(element, &planned[&key], value, &path.clone().key(key.as_str()), astray);
                (key, value)
            });
            Value::Map(members.collect())
        }
        (Type::List(element), Value::List(planned), Value::List(result)) if planned.len() == result.len() => {
            let elements = (0..).zip(planned).zip(result);
            let elements = elements.map(|((index, planned), value)| {
                reconcile(element, planned, value, &path.clone().index(index), astray)
            });
            Value::List(elements.collect())
        }
        // Elements with something unknown in them cannot be told apart; they may coalesce, never grow.
        (Type::Set(_), Value::List(elements), Value::List(result))
            if result.len() <= elements.len() && !planned.is_wholly_known() =>
        {
            Value::List(result)
        }
        (_, planned, _) => {
            astray.push(path.clone());
            planned.clone()
        }
    }
}

/// `found`, with the old value wherever it means the same: order of sets, spelling of numbers, types of open values.
fn in_words_of(ty: &Type, old: &Value, found: Value) -> Value {
    if found.means(old, ty) {
        return old.clone();
    }
    match (ty, old, found) {
        (Type::Object(types), Value::Map(old), Value::Map(found)) => {
            let members = found.into_iter().map(|(name, value)| {
                let value = match (types.get(&name), old.get(&name)) {
                    (Some(ty), Some(old)) => in_words_of(ty, old, value),
                    _ => value,
                };
                (name, value)
            });
            Value::Map(members.collect())
        }
        (_, _, found) => found,
    }
}

/// What is configured, and what was found where nothing is.
fn echo(config: &Value, found: Value) -> Value {
    match (config, found) {
        (Value::Null, found) => found,
        (Value::Map(config), Value::Map(mut found)) => {
            for (name, config) in config {
                let value = echo(config, found.remove(name).unwrap_or_default());
                found.insert(name.clone(), value);
            }
            Value::Map(found)
        }
        (Value::List(config), Value::List(found)) if config.len() == found.len() => {
            Value::List(config.iter().zip(found).map(|(config, found)| echo(config, found)).collect())
        }
        (config, _) => config.clone(),
    }
}
