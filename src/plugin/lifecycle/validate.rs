//! What a configuration must satisfy.

use crate::plugin::rework::{Contents, elements};
use crate::plugin::{Attribute, Block, Check, Diagnostic, Diagnostics, Mode, Path, Shape, Step, Type, Value};

/// After so many complaints about one configuration, more would not help.
pub(super) const ENOUGH: usize = 50;

/// What Terraform does not check itself: null for a required argument, a value for a read-only one, write-only
/// arguments with a host that would store them, and the schema's own checks. Unknown values are left alone: they are
/// validated again once they are known.
pub(in crate::plugin) fn validate(block: &Block, config: &Value, write_only_allowed: bool) -> Diagnostics {
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
                self.gaps(attribute, value, ty, path);
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

    /// Complains of the nulls among the elements of lists and sets: one that was left out by mistake must not change what is
    /// asked for. In a map, a null is a key that is not there.
    fn gaps(&mut self, attribute: &Attribute, value: &Value, ty: &Type, path: &Path) {
        let (Type::List(element) | Type::Set(element), Value::List(values)) = (ty, value) else { return };
        for (index, value) in (0..).zip(values) {
            let path = if matches!(ty, Type::List(_)) { path.clone().index(index) } else { path.clone() };
            if value.is_null() {
                let detail = format!("An element of `{}` has no value. Give it one, or leave it out.", attribute.name);
                self.complain("Invalid argument value", detail, &path);
            } else {
                self.gaps(attribute, value, element, &path);
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

fn further(path: &Path, step: Option<Step>) -> Path {
    let mut path = path.clone();
    path.0.extend(step);
    path
}
