//! Functions: pure computation, offline, without any configuration. Terraform compares the results of equal calls, so
//! they must not depend on time or chance either.

use super::diagnostics::bearable;
use super::proto::tfplugin6 as wire;
use super::{Type, Value, codec};

/// A function.
pub trait Function: Send + Sync + 'static {
    /// What it takes and gives.
    fn signature(&self) -> Signature;

    /// Computes the result. There are as many arguments as parameters, each of its type; nothing is unknown.
    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError>;
}

/// What a function takes and gives.
#[derive(Clone, Debug)]
pub struct Signature {
    /// One line.
    pub summary: String,
    /// What it does, in Markdown.
    pub description: String,
    /// The parameters, in order.
    pub parameters: Vec<Parameter>,
    /// The type of the result.
    pub returns: Type,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, for people.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it means, in Markdown.
    pub description: String,
}

/// Why a function has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// A sentence for the user.
    pub text: String,
    /// The argument to blame, counted from 0.
    pub argument: Option<usize>,
}

impl FunctionError {
    /// Nothing special is to blame.
    pub fn new(text: impl Into<String>) -> Self {
        FunctionError { text: text.into(), argument: None }
    }

    /// This argument is to blame, counted from 0.
    pub fn at(argument: usize, text: impl Into<String>) -> Self {
        FunctionError { text: text.into(), argument: Some(argument) }
    }

    /// The CLI quotes the text in a sentence of its own and ends that with a full stop.
    pub(super) fn into_wire(self) -> wire::FunctionError {
        let function_argument = self.argument.and_then(|index| i64::try_from(index).ok());
        let mut text = self.text;
        if text.ends_with('.') {
            text.pop();
        }
        wire::FunctionError { text: bearable(&text), function_argument }
    }
}

impl Signature {
    /// A function without parameters so far.
    pub fn new(summary: impl Into<String>, description: impl Into<String>, returns: Type) -> Self {
        Signature { summary: summary.into(), description: description.into(), parameters: Vec::new(), returns }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, name: &'static str, ty: Type, description: impl Into<String>) -> Self {
        self.parameters.push(Parameter { name, ty, nullable: false, description: description.into() });
        self
    }

    /// Adds a parameter that may be null.
    #[must_use]
    pub fn nullable(mut self, name: &'static str, ty: Type, description: impl Into<String>) -> Self {
        self.parameters.push(Parameter { name, ty, nullable: true, description: description.into() });
        self
    }

    pub(super) fn to_wire(&self) -> wire::Function {
        let parameters = self.parameters.iter().map(|one| wire::function::Parameter {
            name: one.name.to_owned(),
            r#type: codec::type_to_json(&one.ty),
            allow_null_value: one.nullable,
            allow_unknown_values: false,
            description: one.description.clone(),
            description_kind: wire::StringKind::Markdown.into(),
        });
        wire::Function {
            parameters: parameters.collect(),
            variadic_parameter: None,
            r#return: Some(wire::function::Return { r#type: codec::type_to_json(&self.returns) }),
            summary: self.summary.clone(),
            description: self.description.clone(),
            description_kind: wire::StringKind::Markdown.into(),
            deprecation_message: String::new(),
        }
    }

    /// What Terraform or this floor would refuse about it. For tests; empty is good.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.summary.is_empty() || self.description.is_empty() {
            faults.push("has no summary or no description".to_owned());
        }
        for (index, one) in self.parameters.iter().enumerate() {
            if one.description.is_empty() {
                faults.push(format!("{} has no description", one.name));
            }
            if self.parameters[..index].iter().any(|other| other.name == one.name) {
                faults.push(format!("{} is there twice", one.name));
            }
        }
        faults
    }
}

/// Calls a function the way the protocol asks for it.
pub(super) fn call(
    function: &dyn Function,
    arguments: &[wire::DynamicValue],
) -> Result<wire::DynamicValue, FunctionError> {
    let signature = function.signature();
    let (given, wanted) = (arguments.len(), signature.parameters.len());
    if given != wanted {
        return Err(FunctionError::new(format!("The function takes {wanted} arguments, not {given}.")));
    }
    let mut values = Vec::with_capacity(given);
    for (index, (parameter, argument)) in signature.parameters.iter().zip(arguments).enumerate() {
        let value = codec::from_wire(Some(argument), &parameter.ty)
            .map_err(|mismatch| FunctionError::at(index, format!("`{}`: {mismatch}.", parameter.name)))?;
        if value.is_null() && !parameter.nullable {
            return Err(FunctionError::at(index, format!("`{}` must have a value.", parameter.name)));
        }
        values.push(value);
    }
    // Hosts leave out calls with unknown arguments. One that does not gets what it would have taken.
    let result = if values.iter().all(Value::is_wholly_known) { function.call(&values)? } else { Value::UNKNOWN };
    codec::to_wire(&result, &signature.returns).map_err(|mismatch| {
        FunctionError::new(format!(
            "The function made an unexpected result: {mismatch}. This is a bug in the provider."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_stop_at_the_end_is_the_clis() {
        for (text, sent) in [("One. Two.", "One. Two"), ("none", "none"), ("", "")] {
            assert_eq!(FunctionError::at(1, text).into_wire().text, sent);
        }
    }
}
