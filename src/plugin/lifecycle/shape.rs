//! The one shape that the schema gives every object.

use std::collections::BTreeMap;

use crate::plugin::rework::Contents;
use crate::plugin::schema::Compiled;
use crate::plugin::{Block, Diagnostic, Diagnostics, Mismatch, Nesting, Path, Shape, Type, Value, codec};

/// The object with exactly the schema's members, or what is wrong with it.
pub(super) fn complete(compiled: &Compiled, object: Value) -> Result<Value, Diagnostics> {
    let mut problems = Vec::new();
    let object = shaped(compiled.block(), object, &mut problems);
    if problems.is_empty() {
        return Ok(object);
    }
    let mut diagnostics = Diagnostics::new();
    diagnostics.extend(problems.into_iter().map(|problem| unexpected(problem, Diagnostic::error)));
    Err(diagnostics)
}

pub(in crate::plugin) fn unexpected(problem: Mismatch, severity: fn(String, String) -> Diagnostic) -> Diagnostic {
    let detail = format!("{} This is a bug in the provider; please report it.", problem.sentence());
    let diagnostic = severity("Provider returned an unexpected value".to_owned(), detail);
    if problem.path.0.is_empty() { diagnostic } else { diagnostic.at(problem.path) }
}

/// The object with exactly the members of the schema, at every depth: missing ones null, absent collections of blocks
/// empty, write-only ones null. What does not fit becomes null and is listed.
pub(super) fn shaped(block: &Block, object: Value, problems: &mut Vec<Mismatch>) -> Value {
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
