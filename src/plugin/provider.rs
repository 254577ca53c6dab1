//! What a provider implements, and what would be refused about one.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use super::erased::Offered;
use super::{Attribute, Catalogue, Diagnostics, Field as _, Model, Schema};

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// All attributes and blocks of the provider's own schema.
    type Settings: Model;
    /// What resources and data sources talk through, once configured.
    type Client: Send + Sync + 'static;

    /// The provider's type, as in `terraform-provider-<name>`.
    fn name(&self) -> &'static str;

    /// The full source address, for debug mode: `host/namespace/type`.
    fn address(&self) -> &'static str;

    /// The schema of the provider block. It must not depend on configuration, environment or time.
    fn schema(&self) -> Schema;

    /// Checks that span several arguments. Anything may be null or unknown.
    fn validate(&self, settings: &Self::Settings) -> Diagnostics {
        let _ = settings;
        Diagnostics::new()
    }

    /// Makes the client. Nothing is asked of a network that an operation could ask later; what cannot wait ends early
    /// when `stop` is cancelled. `None` while settings that matter are unknown, which happens during plan only, and after
    /// an error.
    fn configure(
        &self,
        settings: Self::Settings,
        terraform_version: &str,
        stop: &CancellationToken,
        diagnostics: &mut Diagnostics,
    ) -> impl Future<Output = Option<Self::Client>> + Send;

    /// Whether what [`Self::configure`] finds wrong may wait until an operation needs the client. Some hosts configure a
    /// provider whose functions alone are used, and of which no block says anything.
    fn may_wait(&self, settings: &Self::Settings) -> bool {
        let _ = settings;
        false
    }

    /// The resources, data sources and whatever else it offers.
    fn catalogue(&self) -> Catalogue<Self::Client>;
}

/// Names that Terraform keeps for itself in resource and data blocks.
const RESERVED: &[&str] = &["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"];
/// Names that Terraform keeps for itself in provider blocks.
const RESERVED_IN_PROVIDER: &[&str] = &["alias", "version"];

/// What Terraform or this floor would refuse about a provider's schemas and models; empty is good. A debug build refuses to serve
/// anything else.
pub fn faults<P: Provider>(provider: &P) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |whose: String, faults: Vec<String>| {
        found.extend(faults.into_iter().map(|fault| format!("{whose}: {fault}")));
    };
    let schema = provider.schema();
    note("provider".to_owned(), schema.faults(RESERVED_IN_PROVIDER));
    note("provider".to_owned(), P::Settings::form().misfits(&schema.block.value_type()));
    let all = provider.catalogue();
    for (name, one) in all.resources.iter() {
        note(format!("resource {name}"), faults_of(one, RESERVED));
    }
    for (name, one) in all.data_sources.iter() {
        note(format!("data source {name}"), faults_of(one, RESERVED));
        let planned =
            one.compiled().block().attributes.iter().filter(|one| one.replaces || one.keeps || one.write_only);
        let fault = |one: &Attribute| format!("{}: a data source has no plan and no state", one.name);
        note(format!("data source {name}"), planned.map(fault).collect());
    }
    for (name, one) in all.actions.iter() {
        note(format!("action {name}"), unplanned_faults(one, &[], false));
    }
    for (name, one) in all.list_resources.iter() {
        note(format!("list resource {name}"), unplanned_faults(one, &[], false));
        let found = all.resources.get(name).map(Offered::compiled).filter(|found| found.identity_type().is_some());
        note(
            format!("list resource {name}"),
            match found {
                Some(found) => one.object_misfits(found),
                None => vec!["there is no resource of that name with an identity".to_owned()],
            },
        );
    }
    for (name, one) in all.ephemeral_resources.iter() {
        note(format!("ephemeral resource {name}"), unplanned_faults(one, RESERVED, true));
    }
    for (name, one) in all.functions.iter() {
        note(format!("function {name}"), one.signature().faults());
    }
    found
}

fn faults_of(one: &dyn Offered, reserved: &[&str]) -> Vec<String> {
    let mut faults = one.compiled().schema.faults(reserved);
    faults.extend(one.misfits());
    faults
}

/// What would be refused about something that has neither a plan nor a state.
fn unplanned_faults(one: &dyn Offered, reserved: &[&str], answers: bool) -> Vec<String> {
    let mut faults = faults_of(one, reserved);
    let schema = &one.compiled().schema;
    for one in &schema.block.attributes {
        if one.replaces || one.keeps || one.write_only || one.default.is_some() {
            faults.push(format!("{}: it has no plan and no state", one.name));
        }
        if !answers && one.mode.is_computed() {
            faults.push(format!("{}: nothing comes back, so there is nothing to compute", one.name));
        }
    }
    if schema.identity.is_some() {
        faults.push("only resources have an identity".to_owned());
    }
    faults
}
