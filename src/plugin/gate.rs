//! The gate of every configuration: what the schema and the implementation find wrong with it.
//!
//! A host validates a configuration while much of it may be unknown, and not every host asks again once the values are
//! there. So the same is asked wherever a configuration is about to be used, and nothing is sent before.

use super::erased::Offered;
use super::{Diagnostic, Diagnostics, Severity, Value, lifecycle};

/// What is wrong with a configuration as far as its values are known: what the schema found, then what the
/// implementation says.
pub(super) fn faults(of: &dyn Offered, config: &Value, write_only_allowed: bool) -> Diagnostics {
    let mut found = lifecycle::validate(of.compiled().block(), config, write_only_allowed);
    match of.validate(of.compiled().without_timeouts(some(config.clone()))) {
        Ok(more) => found.extend(more),
        // Where the schema complains, a value may well not fit the model; saying that too would only confuse.
        Err(misfit) if !found.has_errors() => found.extend(misfit),
        Err(_) => {}
    }
    found
}

/// Lets a configuration pass that is about to be used, as far as its values are known. Warnings were said when it was
/// validated.
pub(super) fn check(of: &dyn Offered, config: &Value) -> Result<(), Diagnostics> {
    let found = faults(of, config, true);
    if !found.has_errors() {
        return Ok(());
    }
    let mut errors = Diagnostics::new();
    for error in found.iter().filter(|one| one.severity == Severity::Error) {
        errors.push(error.clone());
    }
    Err(errors)
}

/// The same where every value must be there: something is about to be done with it.
pub(super) fn check_known(of: &dyn Offered, config: &Value) -> Result<(), Diagnostics> {
    check(of, config)?;
    let mut unknown = Diagnostics::new();
    for (name, _) in config.as_map().into_iter().flatten().filter(|(_, value)| !value.is_wholly_known()) {
        let detail = format!(
            "The value of `{name}` is not known yet, but it is needed now. Nothing was sent. Apply what it comes from \
             first, then try again."
        );
        unknown.push(Diagnostic::error("Value is not known yet", detail).at(name.as_str()));
    }
    if unknown.is_empty() { Ok(()) } else { Err(unknown) }
}

/// An absent block, as one in which nothing is set.
pub(super) fn some(config: Value) -> Value {
    if config.is_null() { Value::object([("", Value::Null); 0]) } else { config }
}
