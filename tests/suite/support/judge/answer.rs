//! What was asked and what came back, as the rules see it.

use serde_json::Value;

use super::values::{Type, typed};
use crate::support::proto::tfplugin6 as tf;
use crate::support::value::{unwired, wire};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Plan,
    Apply,
    Read,
    Import,
    Upgrade,
    UpgradeIdentity,
    Move,
    Generate,
    DataSource,
    Ephemeral,
    Renew,
    Close,
    PlanAction,
    Invoke,
    Function,
    List,
    Validate,
    Schema,
}

/// A rule that hosts hold every answer to.
pub(crate) struct Rule {
    /// The rule.
    pub(crate) name: &'static str,
    /// What a person at a real CLI sees when it is broken.
    pub(crate) seen: &'static str,
    /// What breaks it.
    pub(crate) broken: fn(&Answer) -> Vec<String>,
}

/// One call with its answer, in the words of the rules. Fields that a kind of call does not have keep their default.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the protocol")]
pub(crate) struct Answer {
    pub(crate) kind: Kind,
    /// The type that was asked about.
    pub(crate) name: String,
    /// The schema of the values.
    pub(crate) block: tf::schema::Block,
    pub(crate) identity_schema: Option<tf::ResourceIdentitySchema>,
    pub(crate) diagnostics: Vec<tf::Diagnostic>,
    pub(crate) config: Value,
    /// What was there before: the prior or current state.
    pub(crate) prior: Value,
    /// What was planned, for an apply.
    pub(crate) planned: Value,
    /// The object that came back.
    pub(crate) result: Value,
    pub(crate) identity_before: Value,
    pub(crate) identity: Value,
    /// Where the answer has numbers that did not come as text.
    pub(crate) coarse: Vec<String>,
    pub(crate) replace: Vec<tf::AttributePath>,
    pub(crate) private_before: Vec<u8>,
    pub(crate) private: Vec<u8>,
    /// Whether the host keeps what a plan writes down, and sends it again before the apply.
    pub(crate) keeps_planned_private: bool,
    pub(crate) deferred: bool,
    pub(crate) deferral_allowed: bool,
    pub(crate) legacy_type_system: bool,
    /// How many objects an import returned, and of which type the first is.
    pub(crate) imported: Vec<String>,
    /// The state as an upgrade read it back from what was written down.
    pub(crate) read_back: Option<Value>,
    /// The first plan of what is planned once more right before its apply.
    pub(crate) first_plan: Option<Value>,
    /// Whether an ephemeral value that is renewed or closed was opened before.
    pub(crate) opened: bool,
    /// When an ephemeral value must be renewed, in seconds from now.
    pub(crate) renew_in: Option<f64>,
    /// The events of an action.
    pub(crate) events: Vec<Event>,
    /// The results of a list, with the most that were asked for, and whether objects were.
    pub(crate) listed: Vec<tf::list_resource::Event>,
    pub(crate) limit: i64,
    pub(crate) with_objects: bool,
    /// Everything that is offered.
    pub(crate) schemas: Vec<(String, tf::schema::Block)>,
}

/// What an action said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Progress,
    /// After the host had asked to stop.
    ProgressAfterStop,
    Completed,
}

impl Answer {
    pub(crate) fn new(kind: Kind, name: &str, diagnostics: &[tf::Diagnostic]) -> Self {
        Answer { kind, name: name.to_owned(), diagnostics: diagnostics.to_vec(), ..Answer::default() }
    }

    /// Whether it is an error. Hosts then look at little else.
    pub(crate) fn failed(&self) -> bool {
        self.diagnostics.iter().any(|one| one.severity() == tf::diagnostic::Severity::Error)
    }

    pub(crate) fn ty(&self) -> Type {
        Type::of_block(&self.block)
    }

    /// A value of this type that came with the answer. From now on it has numbers where only text was, so that whoever reads it
    /// next needs no type.
    pub(crate) fn take(&mut self, ty: &Type, value: &mut Option<tf::DynamicValue>) -> Value {
        let came = unwired(value.as_ref());
        let typed = typed(ty, &came, "", &mut self.coarse);
        if typed != came {
            *value = wire(&typed);
        }
        typed
    }

    /// The same with an object of what was asked about.
    pub(crate) fn take_object(&mut self, value: &mut Option<tf::DynamicValue>) -> Value {
        self.take(&self.ty(), value)
    }

    /// The same with its identity; null where there is none.
    pub(crate) fn take_identity(&mut self, data: &mut Option<tf::ResourceIdentityData>) -> Value {
        match (self.identity_type(), data) {
            (Some(ty), Some(data)) => self.take(&ty, &mut data.identity_data),
            (_, data) => identity(data.as_ref()),
        }
    }

    pub(crate) fn identity_type(&self) -> Option<Type> {
        let attributes = self.identity_schema.as_ref()?.identity_attributes.iter();
        Some(Type::Object(attributes.map(|one| (one.name.clone(), Type::of_bytes(&one.r#type))).collect()))
    }
}

/// The identity in an answer; null where there is none.
pub(crate) fn identity(data: Option<&tf::ResourceIdentityData>) -> Value {
    unwired(data.and_then(|data| data.identity_data.as_ref()))
}
