//! The rules of an object's life, from the schema alone: what a configuration must satisfy, what a plan says, and
//! what an operation's result becomes in the state.
//!
//! Pure: nothing here waits, asks anybody or looks at a clock. The rules are those that Terraform checks after every
//! answer, so a resource that leaves everything to them cannot be called inconsistent.

use std::collections::{BTreeMap, BTreeSet};

use super::erased::Hooked;
use super::rework::{Contents, rework};
use super::schema::Compiled;
use super::{
    Attribute, Block, Check, Diagnostic, Diagnostics, Mismatch, Mode, Nesting, Path, Shape, Step, Type, Value, codec,
    plain, timeouts,
};

/// After so many complaints about one configuration, more would not help.
const ENOUGH: usize = 50;

// ---- Validation ----

/// What Terraform does not check itself: null for a required argument, a value for a read-only one, write-only
/// arguments with a host that would store them, and the schema's own checks. Unknown values are left alone: they are
/// validated again once they are known.
pub(super) fn validate(block: &Block, config: &Value, write_only_allowed: bool) -> Diagnostics {
    let mut validation = Validation { write_only_allowed, diagnostics: Diagnostics::new() };
    validation.object(block.into(), config, &Path::default());
    validation.diagnostics
}

struct Validation {
    write_only_allowed: bool,
    diagnostics: Diagnostics,
}

impl Validation {
    fn complain(&mut self, summary: &str, detail: impl Into<String>, path: &Path) {
        if self.diagnostics.len() < ENOUGH {
            self.diagnostics.push(Diagnostic::error(summary, detail).at(path.clone()));
        }
    }

    fn object(&mut self, contents: Contents<'_>, value: &Value, path: &Path) {
        if value.is_unknown() || self.diagnostics.len() >= ENOUGH {
            return;
        }
        for attribute in contents.attributes {
            self.attribute(attribute, value.get(attribute.name), &path.clone().then(attribute.name));
        }
        for nested in contents.blocks {
            let path = path.clone().then(nested.name);
            for (step, element) in elements(nested.nesting, value.get(nested.name)) {
                if !element.is_null() {
                    self.object((&nested.block).into(), element, &further(&path, step));
                }
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &Value, path: &Path) {
        let name = attribute.name;
        if value.is_unknown() {
            return;
        }
        if value.is_null() {
            if attribute.mode == Mode::Required {
                self.complain(
                    "Missing required argument",
                    format!("`{name}` is required, but has no value here. Set it."),
                    path,
                );
            }
            return;
        }
        if attribute.mode == Mode::Computed {
            let detail = format!("`{name}` is read-only: the provider sets it. Remove it from the configuration.");
            return self.complain("Read-only argument is set", detail, path);
        }
        if attribute.write_only && !self.write_only_allowed {
            let detail =
                format!("`{name}` is write-only. That needs Terraform 1.11 or OpenTofu 1.11, or a later version.");
            return self.complain("Write-only argument is not supported", detail, path);
        }
        match &attribute.shape {
            Shape::Nested(nesting, children) => {
                for (step, element) in elements(*nesting, value) {
                    if !element.is_null() {
                        self.object(children[..].into(), element, &further(path, step));
                    }
                }
            }
            Shape::Plain(ty) => {
                let found_so_far = self.diagnostics.len();
                for check in &attribute.checks {
                    if self.diagnostics.len() > found_so_far {
                        break; // one complaint about a value is enough
                    }
                    match check {
                        Check::Any(_) => self.ask(check, attribute, value, path),
                        _ => self.leaves(check, attribute, value, ty, path),
                    }
                }
            }
        }
    }

    /// Asks a check about each known leaf of a value.
    fn leaves(&mut self, check: &Check, attribute: &Attribute, value: &Value, ty: &Type, path: &Path) {
        match (ty, value) {
            (Type::List(element), Value::List(values)) => {
                for (index, value) in (0..).zip(values) {
                    self.leaves(check, attribute, value, element, &path.clone().index(index));
                }
            }
            (Type::Set(element), Value::List(values)) => {
                for value in values {
                    self.leaves(check, attribute, value, element, path);
                }
            }
            (Type::Map(element), Value::Map(members)) => {
                for (key, value) in members {
                    self.leaves(check, attribute, value, element, &path.clone().key(key.as_str()));
                }
            }
            _ => self.ask(check, attribute, value, path),
        }
    }

    fn ask(&mut self, check: &Check, attribute: &Attribute, value: &Value, path: &Path) {
        if value.is_null() || value.is_unknown() {
            return;
        }
        let secret = attribute.sensitive || attribute.write_only;
        if let Some(complaint) = check.complaint(attribute.name, value, secret) {
            self.complain("Invalid argument value", complaint, path);
        }
    }
}

/// The objects of a nested attribute or block, each with the step that leads to it. Set elements have none.
fn elements(nesting: Nesting, value: &Value) -> Vec<(Option<Step>, &Value)> {
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

fn further(path: &Path, step: Option<Step>) -> Path {
    let mut path = path.clone();
    path.0.extend(step);
    path
}

// ---- Planning ----

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

/// Everything the provider computes becomes unknown, unless it has a default, is kept, or was `settled` already.
fn mark_unknown(
    compiled: &Compiled,
    config: &Value,
    prior: Option<&Value>,
    object: Value,
    settled: &BTreeSet<&str>,
) -> Value {
    rework(compiled.block().into(), object, config, false, &|attribute, value, config, nested| {
        let computed = attribute.mode.is_computed() && config.is_null() && attribute.default.is_none();
        // A null inside a nested object says that the object is new rather than that nothing was there.
        let kept = attribute.is_kept() && prior.is_some() && !(nested && value.is_null());
        let skipped = !nested && settled.contains(attribute.name);
        if computed && !kept && !skipped { Value::UNKNOWN } else { value }
    })
}

/// A finished plan.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) state: Value,
    pub(super) replace: Vec<Path>,
    pub(super) diagnostics: Diagnostics,
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
    let Hooked { before, after, replace, adopt, diagnostics } = hooked;
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
    Planned { state: planned, replace, diagnostics }
}

/// `original` with what changed from `before` to `after`.
fn overlay(original: Value, before: &Value, after: Value) -> Value {
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
    let [left, right] = [left, right].map(|object| plain::plain(compiled, object.clone()));
    members.all(|(name, ty)| left.get(name).means(right.get(name), ty))
}

/// The paths of arguments that differ although changing them means a new object.
fn replaced(contents: Contents<'_>, prior: &Value, planned: &Value, path: &Path, paths: &mut Vec<Path>) {
    for attribute in contents.attributes {
        let (prior, planned) = (prior.get(attribute.name), planned.get(attribute.name));
        let path = path.clone().then(attribute.name);
        if attribute.replaces {
            if !prior.means(planned, &attribute.value_type()) {
                paths.push(path);
            }
        } else if let Shape::Nested(nesting, children) = &attribute.shape {
            replaced_inside(*nesting, children[..].into(), prior, planned, &path, paths);
        }
    }
    for nested in contents.blocks {
        let (prior, planned) = (prior.get(nested.name), planned.get(nested.name));
        let path = path.clone().then(nested.name);
        replaced_inside(nested.nesting, (&nested.block).into(), prior, planned, &path, paths);
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

// ---- Results ----

/// What a successful create or update becomes in the state: what was planned stays as planned, what was unknown is
/// what came back, and nothing is unknown any more.
///
/// A result that contradicts the plan is a bug in the provider. It is reported as a warning, because an error would
/// make Terraform destroy and replace an object that is well; the next refresh shows the difference.
pub(super) fn settled(compiled: &Compiled, planned: &Value, result: Value) -> (Value, Diagnostics) {
    let mut problems = Vec::new();
    let mut astray = Vec::new();
    let result = shaped(compiled.block(), compiled.with_timeouts_of(planned, result), &mut problems);
    let result = plain::in_words_of(compiled, planned, plain::as_written(compiled, planned, result));
    let result = settle(compiled.value_type(), planned, result, &Path::default(), &mut astray);
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
pub(super) fn with_write_only(compiled: &Compiled, config: &Value, planned: Value) -> Value {
    rework(compiled.block().into(), planned, config, false, &|attribute, value, config, _| {
        if attribute.write_only { config.clone() } else { value }
    })
}

/// What is kept of an object whose operation failed: it has every attribute of the schema, and nothing unknown.
pub(super) fn kept(compiled: &Compiled, timeouts_of: &Value, object: Value) -> Value {
    let object = compiled.with_timeouts_of(timeouts_of, object).without_unknowns();
    shaped(compiled.block(), object, &mut Vec::new())
}

/// What a read found, in the words of the state where it means the same.
pub(super) fn refreshed(compiled: &Compiled, state: &Value, found: Value) -> Result<Value, Diagnostics> {
    let found = compiled.with_timeouts_of(state, found).without_unknowns();
    let found = plain::in_words_of(compiled, state, complete(compiled, found)?);
    Ok(in_words_of(compiled.value_type(), state, found))
}

/// What a data source answers: the configuration, completed.
pub(super) fn answered(compiled: &Compiled, config: &Value, found: Value) -> Result<Value, Diagnostics> {
    let found = compiled.with_timeouts_of(config, found).without_unknowns();
    complete(compiled, echo(config, found))
}

/// What an import starts with: the stub, completed by defaults that only the configuration would know.
pub(super) fn imported(compiled: &Compiled, stub: Value) -> Result<Value, Diagnostics> {
    let stub = complete(compiled, compiled.with_timeouts_of(&Value::Null, stub).without_unknowns())?;
    let own = stub.clone();
    Ok(rework(compiled.block().into(), stub, &own, false, &|attribute, value, _, _| match &attribute.default {
        Some(default) if value.is_null() => default.clone(),
        _ => value,
    }))
}

/// What of an object can and need be written into a configuration: neither what the provider computes, nor what is
/// deprecated or never stored, nor what is so by default. An empty text that the provider may choose is left to it.
pub(super) fn configurable(compiled: &Compiled, object: Value) -> Value {
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
pub(super) fn configured(compiled: &Compiled, config: Value) -> Result<Value, Diagnostics> {
    complete(compiled, compiled.with_timeouts_of(&Value::Null, config).without_unknowns())
}

/// What a stored state becomes under the current schema.
pub(super) fn restored(compiled: &Compiled, state: Value) -> Result<Value, Diagnostics> {
    complete(compiled, state)
}

/// The object with exactly the schema's members, or what is wrong with it.
fn complete(compiled: &Compiled, object: Value) -> Result<Value, Diagnostics> {
    let mut problems = Vec::new();
    let object = shaped(compiled.block(), object, &mut problems);
    if problems.is_empty() {
        return Ok(object);
    }
    let mut diagnostics = Diagnostics::new();
    diagnostics.extend(problems.into_iter().map(|problem| unexpected(problem, Diagnostic::error)));
    Err(diagnostics)
}

pub(super) fn unexpected(problem: Mismatch, severity: fn(String, String) -> Diagnostic) -> Diagnostic {
    let detail = format!("{} This is a bug in the provider; please report it.", problem.sentence());
    let diagnostic = severity("Provider returned an unexpected value".to_owned(), detail);
    if problem.path.0.is_empty() { diagnostic } else { diagnostic.at(problem.path) }
}

fn settle(ty: &Type, planned: &Value, result: Value, path: &Path, astray: &mut Vec<Path>) -> Value {
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
                let value = settle(ty, planned, value, &path.clone().then(name.as_str()), astray);
                result.insert(name.clone(), value);
            }
            Value::Map(result)
        }
        (Type::Map(element), Value::Map(planned), Value::Map(result))
            if planned.len() == result.len() && planned.keys().eq(result.keys()) =>
        {
            let members = result.into_iter().map(|(key, value)| {
                let value = settle(element, &planned[&key], value, &path.clone().key(key.as_str()), astray);
                (key, value)
            });
            Value::Map(members.collect())
        }
        (Type::List(element), Value::List(planned), Value::List(result)) if planned.len() == result.len() => {
            let elements = (0..).zip(planned).zip(result);
            let elements = elements
                .map(|((index, planned), value)| settle(element, planned, value, &path.clone().index(index), astray));
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

/// The object with exactly the members of the schema, at every depth: missing ones null, absent collections of blocks
/// empty, write-only ones null. What does not fit becomes null and is listed.
fn shaped(block: &Block, object: Value, problems: &mut Vec<Mismatch>) -> Value {
    let mut shaping = Shaping { problems };
    let object = if object.is_null() { Value::Map(BTreeMap::new()) } else { object };
    shaping.object(block.into(), object, &Path::default())
}

struct Shaping<'a> {
    problems: &'a mut Vec<Mismatch>,
}

impl Shaping<'_> {
    fn misfit(&mut self, wanted: &str, found: &Value, path: &Path) -> Value {
        let message = format!("{wanted} is required, not {}", found.kind());
        self.problems.push(Mismatch { path: path.clone(), ..Mismatch::new(message) });
        Value::Null
    }

    fn object(&mut self, contents: Contents<'_>, object: Value, path: &Path) -> Value {
        let mut members = match object {
            Value::Map(members) => members,
            Value::Null | Value::Unknown(_) => return object,
            other => return self.misfit("an object", &other, path),
        };
        let mut whole = BTreeMap::new();
        for attribute in contents.attributes {
            let value = members.remove(attribute.name).unwrap_or_default();
            let path = path.clone().then(attribute.name);
            let value = match &attribute.shape {
                _ if attribute.write_only => Value::Null,
                Shape::Plain(ty) => self.plain(ty, value, &path),
                Shape::Nested(nesting, children) => self.nested(*nesting, children[..].into(), value, &path),
            };
            whole.insert(attribute.name.to_owned(), value);
        }
        for nested in contents.blocks {
            let value = members.remove(nested.name).unwrap_or_default();
            let contents = (&nested.block).into();
            let path = path.clone().then(nested.name);
            let value = self.nested(nested.nesting, contents, value, &path);
            // Blocks that are not there are an empty collection, never null.
            let value = match (nested.nesting, value) {
                (Nesting::List | Nesting::Set, Value::Null) => Value::List(Vec::new()),
                (Nesting::Map, Value::Null) => Value::Map(BTreeMap::new()),
                (Nesting::Group, Value::Null) => self.object(contents, Value::Map(BTreeMap::new()), &path),
                (_, value) => value,
            };
            whole.insert(nested.name.to_owned(), value);
        }
        for (name, value) in members {
            if !value.is_null() {
                let message = "is not in the schema";
                self.problems.push(Mismatch { path: path.clone().then(name), ..Mismatch::new(message) });
            }
        }
        Value::Map(whole)
    }

    fn nested(&mut self, nesting: Nesting, contents: Contents<'_>, value: Value, path: &Path) -> Value {
        match (nesting, value) {
            (_, empty @ (Value::Null | Value::Unknown(_))) => empty,
            (Nesting::Single | Nesting::Group, object) => self.object(contents, object, path),
            (Nesting::List | Nesting::Set, Value::List(elements)) => {
                let elements = (0..).zip(elements).map(|(index, element)| {
                    let path = if nesting == Nesting::Set { path.clone() } else { path.clone().index(index) };
                    self.object(contents, element, &path)
                });
                Value::List(elements.collect())
            }
            (Nesting::Map, Value::Map(members)) => {
                let members = members.into_iter().map(|(key, element)| {
                    let element = self.object(contents, element, &path.clone().key(key.as_str()));
                    (key, element)
                });
                Value::Map(members.collect())
            }
            (Nesting::Map, other) => self.misfit("a map of objects", &other, path),
            (_, other) => self.misfit("a list of objects", &other, path),
        }
    }

    fn plain(&mut self, ty: &Type, value: Value, path: &Path) -> Value {
        if value.is_of(ty) {
            return value;
        }
        match (ty, value) {
            (_, empty @ (Value::Null | Value::Unknown(_))) => empty,
            (Type::Dynamic, value) if codec::encode(&value, ty).is_ok() => value,
            (ty, Value::Dynamic(typed)) => self.plain(ty, typed.1, path),
            (Type::List(element), Value::List(elements)) => {
                let elements = (0..).zip(elements);
                let elements = elements.map(|(index, one)| self.plain(element, one, &path.clone().index(index)));
                Value::List(elements.collect())
            }
            (Type::Set(element), Value::List(elements)) => {
                Value::List(elements.into_iter().map(|one| self.plain(element, one, path)).collect())
            }
            (Type::Tuple(types), Value::List(elements)) if types.len() == elements.len() => {
                let elements = (0..).zip(types.iter().zip(elements));
                let elements = elements.map(|(index, (ty, one))| self.plain(ty, one, &path.clone().index(index)));
                Value::List(elements.collect())
            }
            (Type::Map(element), Value::Map(members)) => {
                let members = members.into_iter().map(|(key, one)| {
                    let one = self.plain(element, one, &path.clone().key(key.as_str()));
                    (key, one)
                });
                Value::Map(members.collect())
            }
            (Type::Object(types), Value::Map(mut members)) => {
                let whole = types.iter().map(|(name, ty)| {
                    let one = members.remove(name).unwrap_or_default();
                    (name.clone(), self.plain(ty, one, &path.clone().then(name.as_str())))
                });
                Value::Map(whole.collect())
            }
            (ty, other) => self.misfit(&ty.to_string(), &other, path),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::super::rework::fits;
    use super::{
        ENOUGH, answered, draft, finish, imported, kept, overlay, refreshed, same_but_timeouts, settled, validate,
        with_write_only,
    };
    use crate::plugin::codec;
    use crate::plugin::codec::tests::any_value;
    use crate::plugin::erased::Hooked;
    use crate::plugin::schema::Compiled;
    use crate::plugin::{Attribute, Diagnostics, NestedBlock, Path, Schema, Timeouts, Type, Value};

    /// A value written as JSON, with a word for what is unknown.
    fn value(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(truth) => Value::from(*truth),
            Json::Number(number) => Value::from(number.as_i64().unwrap()),
            Json::String(text) if text == "?" => Value::UNKNOWN,
            Json::String(text) => Value::from(text.as_str()),
            Json::Array(elements) => Value::List(elements.iter().map(value).collect()),
            Json::Object(members) => Value::object(members.iter().map(|(name, one)| (name.as_str(), value(one)))),
        }
    }

    fn compiled() -> Compiled {
        Compiled::new(
            Schema::new("A thing.")
                .attribute(Attribute::string("name").required().replaces())
                .attribute(Attribute::string("mode").default("soft"))
                .attribute(Attribute::string("zone").optional_computed().replaces())
                .attribute(Attribute::string("id").computed().keeps())
                .attribute(Attribute::string("time").computed())
                .attribute(Attribute::string("secret").write_only())
                .attribute(Attribute::set("tags", Type::String))
                .attribute(Attribute::dynamic("any"))
                .attribute(Attribute::set_of(
                    "ports",
                    [
                        Attribute::integer("number").required(),
                        Attribute::string("comment").default("none"),
                        Attribute::string("link").computed().keeps(),
                    ],
                ))
                .block(
                    NestedBlock::list("rule", "A rule.")
                        .attribute(Attribute::integer("port").required())
                        .attribute(Attribute::string("note").optional_computed()),
                )
                .timeouts(Timeouts::default()),
        )
    }

    fn thing(members: &Json) -> Value {
        let mut object = json!({
            "name": "n", "mode": null, "zone": null, "id": null, "time": null, "secret": null, "tags": null,
            "any": null, "ports": null, "rule": [], "timeouts": null,
        });
        for (name, member) in members.as_object().unwrap() {
            object[name] = member.clone();
        }
        value(&object)
    }

    /// Plans with a hook that makes these changes.
    #[track_caller]
    fn plan(config: &Json, prior: Option<&Json>, proposed: &Json, hook: &Json) -> (Value, Vec<String>) {
        let compiled = compiled();
        let (config, prior) = (thing(config), prior.map(thing));
        let draft = draft(&compiled, &config, prior.as_ref(), thing(proposed));
        let before = compiled.without_timeouts(draft.planned.clone());
        let Value::Map(mut members) = before.clone() else { panic!("an object") };
        members.extend(hook.as_object().unwrap().iter().map(|(name, member)| (name.clone(), value(member))));
        let hooked = Hooked {
            before,
            after: Value::Map(members),
            replace: Vec::new(),
            adopt: Vec::new(),
            diagnostics: Diagnostics::new(),
        };
        let planned = finish(&compiled, &config, prior.as_ref(), draft, hooked);
        assert!(planned.diagnostics.is_empty(), "{:?}", planned.diagnostics);
        (planned.state, planned.replace.iter().map(Path::to_string).collect())
    }

    #[test]
    fn plans() {
        let state = json!({ "mode": "soft", "zone": "z", "id": "i", "time": "t" });
        let none = json!({});
        for (what, config, prior, proposed, hook, expected, replaced) in [
            (
                "a create",
                json!({}),
                None,
                json!({}),
                &none,
                json!({ "mode": "soft", "zone": "?", "id": "?", "time": "?" }),
                vec![],
            ),
            ("nothing to do", json!({}), Some(&state), state.clone(), &none, state.clone(), vec![]),
            (
                "only the limits",
                json!({ "timeouts": { "create": "1h", "read": null, "update": null, "delete": null } }),
                Some(&state),
                json!({ "mode": "soft", "zone": "z", "id": "i", "time": "t", "timeouts": { "create": "1h", "read": null, "update": null, "delete": null } }),
                &none,
                json!({ "mode": "soft", "zone": "z", "id": "i", "time": "t", "timeouts": { "create": "1h", "read": null, "update": null, "delete": null } }),
                vec![],
            ),
            (
                "an update opens what is not kept",
                json!({ "mode": "hard" }),
                Some(&state),
                json!({ "mode": "hard", "zone": "z", "id": "i", "time": "t" }),
                &none,
                json!({ "mode": "hard", "zone": "z", "id": "i", "time": "?" }),
                vec![],
            ),
            (
                "an immutable argument taken out stays what it was",
                json!({ "tags": ["a"] }),
                Some(&state),
                json!({ "mode": "soft", "zone": "z", "id": "i", "time": "t", "tags": ["a"] }),
                &none,
                json!({ "mode": "soft", "zone": "z", "id": "i", "time": "?", "tags": ["a"] }),
                vec![],
            ),
            (
                "another name",
                json!({ "name": "m" }),
                Some(&state),
                json!({ "name": "m", "mode": "soft", "zone": "z", "id": "i", "time": "t" }),
                &none,
                json!({ "name": "m", "mode": "soft", "zone": "z", "id": "i", "time": "?" }),
                vec!["name"],
            ),
            (
                "a hook that finds something to do opens the rest",
                json!({}),
                Some(&state),
                state.clone(),
                &json!({ "id": "?" }),
                json!({ "mode": "soft", "zone": "z", "id": "?", "time": "?" }),
                vec![],
            ),
            (
                "a hook's own value is not opened again",
                json!({}),
                Some(&state),
                state.clone(),
                &json!({ "time": "soon" }),
                json!({ "mode": "soft", "zone": "z", "id": "i", "time": "soon" }),
                vec![],
            ),
            (
                "a hook that moves the object replaces it",
                json!({}),
                Some(&state),
                state.clone(),
                &json!({ "zone": "y" }),
                json!({ "mode": "soft", "zone": "y", "id": "i", "time": "?" }),
                vec!["zone"],
            ),
            (
                "set elements find what was configured for them",
                json!({ "ports": [{ "number": 2, "comment": "two", "link": null }, { "number": 1, "comment": null, "link": null }] }),
                Some(&state),
                json!({
                    "mode": "soft", "zone": "z", "id": "i", "time": "t",
                    "ports": [{ "number": 1, "comment": null, "link": "l1" }, { "number": 2, "comment": "two", "link": null }],
                }),
                &none,
                json!({
                    "mode": "soft", "zone": "z", "id": "i", "time": "?",
                    "ports": [{ "number": 1, "comment": "none", "link": "l1" }, { "number": 2, "comment": "two", "link": "?" }],
                }),
                vec![],
            ),
        ] {
            let (planned, replace) = plan(&config, prior, &proposed, hook);
            assert_eq!(
                (planned, replace),
                (thing(&expected), replaced.into_iter().map(str::to_owned).collect()),
                "{what}"
            );
        }
    }

    #[test]
    fn a_model_that_says_nothing_of_a_member_leaves_it_alone() {
        let refined = Value::Unknown(Some(vec![0x81, 1, 0xc2]));
        let original =
            Value::object([("a", refined.clone()), ("hidden", Value::from(1)), ("list", value(&json!([1, 2])))]);
        let before = value(&json!({ "a": "?", "list": [1, 2] }));
        let after = value(&json!({ "a": "?", "list": [1, 3] }));
        let expected = Value::object([("a", refined), ("hidden", Value::from(1)), ("list", value(&json!([1, 3])))]);
        assert_eq!(overlay(original, &before, after), expected);
        let dropped =
            overlay(value(&json!({ "k": 1, "l": 2 })), &value(&json!({ "k": 1, "l": 2 })), value(&json!({ "l": 2 })));
        assert_eq!(dropped, value(&json!({ "l": 2 })));
    }

    #[test]
    fn set_elements_fit_what_is_configured() {
        for (element, config, expected) in [
            (json!({ "a": 1, "b": "x" }), json!({ "a": 1, "b": null }), true),
            (json!({ "a": 2, "b": "x" }), json!({ "a": 1, "b": null }), false),
            (json!({ "a": { "b": [1, 2] } }), json!({ "a": { "b": [1, null] } }), true),
            (json!({ "a": [1] }), json!({ "a": [1, 2] }), false),
            (json!({ "a": "?" }), json!({ "a": "?" }), true),
        ] {
            assert_eq!(fits(&value(&element), &value(&config)), expected, "{element} {config}");
        }
    }

    #[test]
    fn results() {
        let compiled = compiled();
        let planned =
            json!({ "mode": "soft", "id": "?", "time": "?", "tags": ["b", "a"], "rule": [{ "port": 1, "note": "?" }] });
        for (what, result, state, complaints) in [
            (
                "as planned",
                json!({ "name": "n", "mode": "soft", "id": "i", "time": "t", "tags": ["a", "b"], "rule": [{ "port": 1, "note": "x" }] }),
                json!({ "mode": "soft", "id": "i", "time": "t", "tags": ["b", "a"], "rule": [{ "port": 1, "note": "x" }] }),
                vec![],
            ),
            (
                "left open, kept secret",
                json!({ "name": "n", "mode": "soft", "id": "?", "tags": ["a", "b"], "rule": [{ "port": 1, "note": "?" }], "secret": "s" }),
                json!({ "mode": "soft", "tags": ["b", "a"], "rule": [{ "port": 1, "note": null }] }),
                vec![],
            ),
            (
                "against the plan",
                json!({ "name": "N", "mode": "soft", "id": "i", "tags": ["a"], "rule": [] }),
                json!({ "mode": "soft", "id": "i", "tags": ["b", "a"], "rule": [{ "port": 1, "note": null }] }),
                vec!["name", "rule", "tags"],
            ),
            (
                "not of the schema",
                json!({ "name": "n", "mode": "soft", "id": 7, "extra": 1, "tags": ["a", "b"], "rule": [{ "port": 1, "note": 1 }] }),
                json!({ "mode": "soft", "tags": ["b", "a"], "rule": [{ "port": 1, "note": null }] }),
                vec!["id", "rule[0].note", "extra"],
            ),
        ] {
            let (found, diagnostics) = settled(&compiled, &thing(&planned), value(&result));
            assert_eq!(found, thing(&state), "{what}");
            let paths: Vec<String> = diagnostics.iter().map(|one| one.path.as_ref().unwrap().to_string()).collect();
            assert_eq!(paths, complaints, "{what}");
            assert!(!diagnostics.has_errors(), "an error would have a good object replaced");
        }
    }

    #[test]
    fn sets_with_something_unknown_may_coalesce() {
        let compiled = compiled();
        let port = |number: i64, link: &str| json!({ "number": number, "comment": "none", "link": link });
        let planned = thing(&json!({ "ports": [port(1, "?"), port(2, "?")] }));
        let result = thing(&json!({ "ports": [port(2, "b"), port(1, "a")] }));
        let (state, diagnostics) = settled(&compiled, &planned, result.clone());
        assert_eq!((state, diagnostics.is_empty()), (result, true));
    }

    #[test]
    fn a_checkpoint_becomes_a_whole_object() {
        let compiled = compiled();
        let limits = json!({ "create": "1h", "read": null, "update": null, "delete": null });
        let state = kept(
            &compiled,
            &thing(&json!({ "timeouts": limits })),
            value(&json!({ "name": "n", "id": "i", "time": "?", "rule": "?", "secret": "s" })),
        );
        assert_eq!(state, thing(&json!({ "id": "i", "timeouts": limits })));
    }

    #[test]
    fn a_read_keeps_the_words_of_the_state() {
        let compiled = compiled();
        let typed = Value::Dynamic(Box::new((Type::String, Value::from("x"))));
        let Value::Map(mut members) = thing(&json!({ "tags": ["a", "b"], "id": "i" })) else { panic!("an object") };
        members.insert("any".to_owned(), typed.clone());
        let state = Value::Map(members);
        let found = value(&json!({ "name": "n", "tags": ["b", "a"], "id": "j", "any": "x", "rule": null }));
        let read = refreshed(&compiled, &state, found).unwrap();
        assert_eq!(read.get("any"), &typed);
        assert_eq!(read.get("tags"), state.get("tags"));
        assert_eq!(read.get("id"), &Value::from("j"));
        assert_eq!(read.get("rule"), &Value::List(Vec::new()));
        let wrong = refreshed(&compiled, &state, value(&json!({ "name": ["n"] }))).unwrap_err();
        assert!(wrong.has_errors(), "what cannot be read must not become null in the state");
    }

    #[test]
    fn an_import_starts_with_defaults_and_a_data_source_echoes() {
        let compiled = compiled();
        let stub = imported(&compiled, value(&json!({ "name": "n", "id": "i" }))).unwrap();
        assert_eq!(stub, thing(&json!({ "mode": "soft", "id": "i" })));
        let config = thing(&json!({ "mode": "hard", "rule": [{ "port": 1, "note": null }] }));
        let found = value(&json!({ "name": "other", "id": "i", "mode": null, "rule": [{ "port": 2, "note": "x" }] }));
        let expected = thing(&json!({ "mode": "hard", "id": "i", "rule": [{ "port": 1, "note": "x" }] }));
        assert_eq!(answered(&compiled, &config, found).unwrap(), expected);
    }

    #[test]
    fn write_only_values_come_from_the_configuration_alone() {
        let compiled = compiled();
        let config = thing(&json!({ "secret": "s" }));
        let drafted = draft(&compiled, &config, None, config.clone()).planned;
        assert_eq!(drafted.get("secret"), &Value::Null);
        assert_eq!(with_write_only(&compiled, &config, drafted).get("secret"), &Value::from("s"));
    }

    #[test]
    fn limits_alone_are_no_change() {
        let compiled = compiled();
        let limits = json!({ "create": "1h", "read": null, "update": null, "delete": null });
        let (left, right) = (thing(&json!({ "tags": ["a", "b"] })), json!({ "tags": ["b", "a"], "timeouts": limits }));
        assert!(same_but_timeouts(&compiled, &left, &thing(&right)));
        assert!(!same_but_timeouts(&compiled, &left, &thing(&json!({}))));
    }

    #[test]
    fn complaints_come_to_an_end() {
        let rules: Vec<Json> = (0..10_000).map(|_| json!({ "port": null, "note": null })).collect();
        let diagnostics = validate(compiled().block(), &thing(&json!({ "rule": rules })), true);
        assert_eq!(diagnostics.len(), ENOUGH);
    }

    fn any_thing() -> impl Strategy<Value = Value> {
        any_value(compiled().value_type().clone())
    }

    proptest! {
        /// Whatever a host sends, the answer can be encoded, is the same each time, and ends in a state that is known.
        #[test]
        fn no_input_breaks_a_plan_or_a_result(
            config in any_thing(), prior in any_thing(), proposed in any_thing(), result in any_thing()
        ) {
            let compiled = compiled();
            let prior = (!prior.is_null()).then_some(prior);
            let plan = || {
                let draft = draft(&compiled, &config, prior.as_ref(), proposed.clone());
                let before = compiled.without_timeouts(draft.planned.clone());
                let after = compiled.without_timeouts(result.clone());
                let hooked = Hooked { before, after, replace: Vec::new(), adopt: Vec::new(), diagnostics: Diagnostics::new() };
                finish(&compiled, &config, prior.as_ref(), draft, hooked)
            };
            let planned = plan();
            prop_assert_eq!(&planned.state, &plan().state);
            prop_assert!(codec::encode(&planned.state, compiled.value_type()).is_ok());
            let (as_planned, diagnostics) = settled(&compiled, &planned.state, planned.state.clone());
            prop_assert!(diagnostics.is_empty(), "{diagnostics:?}");
            for state in [as_planned, settled(&compiled, &planned.state, result.clone()).0] {
                prop_assert!(state.is_wholly_known());
                prop_assert!(codec::encode(&state, compiled.value_type()).is_ok());
                prop_assert!(state.is_null() || !state.get("rule").is_null(), "blocks are empty, not null");
            }
            validate(compiled.block(), &config, false);
        }
    }
}
