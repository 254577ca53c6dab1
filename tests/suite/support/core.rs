//! What Terraform's core does with one resource: it refreshes, plans, replaces, applies and destroys, and holds what it is
//! told to hold, private data included.

use std::sync::Arc;

use huaweidb_emulator::Emulator;
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use super::host::{Host, Launch};
use super::proto::tfplugin6 as tf;
use super::run::{TYPE, whole};
use super::value::{unwired, wire};

/// So many binaries start at a time.
static STARTS: Semaphore = Semaphore::const_new(3);

/// A configured provider.
pub(crate) struct Core {
    pub(crate) host: Host,
    pub(crate) schema: Arc<tf::get_provider_schema::Response>,
    /// The type of the resource.
    kind: &'static str,
}

/// What a state holds of one resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// Null if there is nothing.
    pub(crate) object: Json,
    pub(crate) private: Vec<u8>,
    pub(crate) tainted: bool,
}

/// What was said meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Said(pub(crate) Vec<tf::Diagnostic>);

impl Held {
    pub(crate) fn id(&self) -> Option<&str> {
        self.object["id"].as_str()
    }
}

impl Said {
    pub(crate) fn errors(&self) -> impl Iterator<Item = &tf::Diagnostic> {
        self.0.iter().filter(|one| one.severity == tf::diagnostic::Severity::Error as i32)
    }

    pub(crate) fn is_red(&self) -> bool {
        self.errors().next().is_some()
    }

    /// Everything, as one text.
    pub(crate) fn text(&self) -> String {
        self.0.iter().flat_map(|one| [one.summary.as_str(), "\n", &one.detail, "\n"]).collect()
    }
}

impl Core {
    /// The real binary, a few at a time, with the emulator's endpoints and keys, and these variables besides or instead.
    pub(crate) async fn launch(emulator: &Emulator, variables: &[(&str, &str)]) -> Self {
        let mut launch = Launch::secured()
            .env("HW_REGION_NAME", emulator.region())
            .env("HW_PROJECT_ID", emulator.project_id())
            .env("HW_ACCESS_KEY", emulator.access_key())
            .env("HW_SECRET_KEY", emulator.secret_key())
            .env("HW_MAX_RETRIES", "1");
        for (name, value) in variables {
            launch = launch.env(name, value);
        }
        let _turn = STARTS.acquire().await.expect("it is never closed");
        // What goes wrong is meant for the apply: a plan that asks would meet it first.
        let block = json!({ "endpoints": emulator.ready()["endpoints"], "preflight": false });
        Self::configured(launch.start().await.connect().await, &block).await
    }

    /// Whatever the host is connected to, configured so.
    pub(crate) async fn configured(host: Host, block: &Json) -> Self {
        let schema = host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await;
        let schema = Arc::new(schema.expect("an answer").into_inner());
        let request = tf::configure_provider::Request {
            config: wire(&whole(schema.provider.as_ref().expect("it has one"), block)),
            terraform_version: "1.11.4".to_owned(),
            ..Default::default()
        };
        let answer = host.provider().configure_provider(request).await.expect("an answer").into_inner();
        assert_eq!(answer.diagnostics, []);
        Core { host, schema, kind: TYPE }
    }

    /// The same for a resource of another type.
    pub(crate) fn of(self, kind: &'static str) -> Self {
        Core { kind, ..self }
    }

    fn config(&self, arguments: &Json) -> Json {
        if arguments.is_null() { Json::Null } else { whole(&self.schema.resource_schemas[self.kind], arguments) }
    }

    /// The configuration over what is computed and known already.
    fn proposed(&self, config: &Json, prior: &Json) -> Json {
        let mut proposed = config.clone();
        if !config.is_null() && !prior.is_null() {
            let block = self.schema.resource_schemas[self.kind].block.as_ref().expect("it has one");
            for attribute in block.attributes.iter().filter(|one| one.computed && config[&one.name].is_null()) {
                proposed[&attribute.name] = prior[&attribute.name].clone();
            }
        }
        proposed
    }

    /// Reads what is held. After an error it stays as it is.
    pub(crate) async fn refresh(&self, held: &mut Held) -> Said {
        if held.object.is_null() {
            return Said::default();
        }
        let request = tf::read_resource::Request {
            type_name: self.kind.to_owned(),
            current_state: wire(&held.object),
            private: held.private.clone(),
            ..Default::default()
        };
        let answer = self.host.provider().read_resource(request).await.expect("an answer").into_inner();
        let said = Said(answer.diagnostics);
        if !said.is_red() {
            held.object = unwired(answer.new_state.as_ref());
            held.private = answer.private;
            held.tainted &= !held.object.is_null();
        }
        said
    }

    async fn planned(&self, config: &Json, held: &Held) -> tf::plan_resource_change::Response {
        let request = tf::plan_resource_change::Request {
            type_name: self.kind.to_owned(),
            config: wire(config),
            prior_state: wire(&held.object),
            proposed_new_state: wire(&self.proposed(config, &held.object)),
            prior_private: held.private.clone(),
            ..Default::default()
        };
        self.host.provider().plan_resource_change(request).await.expect("an answer").into_inner()
    }

    /// Whether a plan with these arguments changes nothing, and what was said.
    pub(crate) async fn is_settled(&self, arguments: &Json, held: &Held) -> (bool, Said) {
        let plan = self.planned(&self.config(arguments), held).await;
        let same = unwired(plan.planned_state.as_ref()) == held.object && plan.requires_replace.is_empty();
        (same && !held.tainted, Said(plan.diagnostics))
    }

    async fn apply(&self, config: &Json, held: &mut Held, plan: &tf::plan_resource_change::Response) -> Said {
        let creates = held.object.is_null();
        let request = tf::apply_resource_change::Request {
            type_name: self.kind.to_owned(),
            config: wire(config),
            prior_state: wire(&held.object),
            planned_state: plan.planned_state.clone(),
            planned_private: plan.planned_private.clone(),
            ..Default::default()
        };
        let answer = self.host.provider().apply_resource_change(request).await.expect("an answer").into_inner();
        let said = Said(answer.diagnostics);
        held.object = unwired(answer.new_state.as_ref());
        held.private = answer.private;
        held.tainted = !held.object.is_null() && (held.tainted || creates && said.is_red());
        said
    }

    /// Plans and applies: creates, changes, replaces, or destroys if the arguments are null.
    pub(crate) async fn reach(&self, arguments: &Json, held: &mut Held) -> Said {
        let config = self.config(arguments);
        let mut all = Said::default();
        let mut plan = self.planned(&config, held).await;
        all.0.append(&mut plan.diagnostics);
        if all.is_red() {
            return all;
        }
        if !held.object.is_null() && !config.is_null() && (held.tainted || !plan.requires_replace.is_empty()) {
            // The new object is planned as if there were no old one; of a tainted one, what is stored beside it is left out. What
            // that plan leaves is handed to the deletion too.
            let private = if held.tainted { Vec::new() } else { plan.planned_private };
            let mut new = self.planned(&config, &Held { private, ..Held::default() }).await;
            all.0.append(&mut new.diagnostics);
            let deletion = tf::plan_resource_change::Response {
                planned_state: wire(&Json::Null),
                planned_private: new.planned_private,
                ..Default::default()
            };
            if all.is_red() {
                return all;
            }
            all.0.append(&mut self.apply(&Json::Null, held, &deletion).await.0);
            if all.is_red() || !held.object.is_null() {
                return all;
            }
            *held = Held::default();
            plan = self.planned(&config, held).await;
            all.0.append(&mut plan.diagnostics);
            if all.is_red() {
                return all;
            }
        }
        if unwired(plan.planned_state.as_ref()) != held.object {
            all.0.append(&mut self.apply(&config, held, &plan).await.0);
        }
        all
    }

    /// What `apply` does: a refresh, and if that was green, what is asked for.
    pub(crate) async fn up(&self, arguments: &Json, held: &mut Held) -> Said {
        let mut said = self.refresh(held).await;
        if !said.is_red() {
            said.0.append(&mut self.reach(arguments, held).await.0);
        }
        said
    }

    /// What `destroy` does.
    pub(crate) async fn down(&self, held: &mut Held) -> Said {
        self.up(&Json::Null, held).await
    }

    /// What `import` does.
    pub(crate) async fn import(&self, id: &str) -> (Held, Said) {
        let request = tf::import_resource_state::Request {
            type_name: self.kind.to_owned(),
            id: id.to_owned(),
            ..Default::default()
        };
        let answer = self.host.provider().import_resource_state(request).await.expect("an answer").into_inner();
        let mut said = Said(answer.diagnostics);
        let mut held = Held::default();
        if let Some(imported) = answer.imported_resources.first() {
            held.object = unwired(imported.state.as_ref());
            held.private.clone_from(&imported.private);
            said.0.append(&mut self.refresh(&mut held).await.0);
        }
        (held, said)
    }
}
