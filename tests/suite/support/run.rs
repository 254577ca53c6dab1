//! A running provider under the hand-written host, with its cloud: the requests of a newer CLI, one by one.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use huaweidb_emulator::{BackupRow, Emulator, NewBackups, Options};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::checked::{ActionEvents, ListEvents};
use super::host::{Host, Launch};
use super::proto::tfplugin6 as tf;
use super::value::{unwired, wire};

pub(crate) const TYPE: &str = "huaweidb_manual_backup";

/// Asks for a plan of the resource.
pub(crate) fn plan_request(config: &Value, prior: &Value, proposed: &Value) -> tf::plan_resource_change::Request {
    tf::plan_resource_change::Request {
        type_name: TYPE.to_owned(),
        config: wire(config),
        prior_state: wire(prior),
        proposed_new_state: wire(proposed),
        ..Default::default()
    }
}

/// Asks for that plan to be carried out.
pub(crate) fn apply_request(config: &Value, prior: &Value, planned: &Value) -> tf::apply_resource_change::Request {
    tf::apply_resource_change::Request {
        type_name: TYPE.to_owned(),
        config: wire(config),
        prior_state: wire(prior),
        planned_state: wire(planned),
        ..Default::default()
    }
}

/// A running provider and its cloud.
pub(crate) struct Run {
    pub(crate) emulator: Emulator,
    pub(crate) host: Host,
    pub(crate) schema: tf::get_provider_schema::Response,
}

impl Run {
    pub(crate) async fn unconfigured(backup_seconds: f64) -> Self {
        Self::launched(Launch::secured(), backup_seconds).await
    }

    async fn launched(launch: Launch, backup_seconds: f64) -> Self {
        let emulator = Emulator::start(Options::with_backups_of(backup_seconds)).await.unwrap();
        let launch = launch
            .env("HW_REGION_NAME", emulator.region())
            .env("HW_PROJECT_ID", emulator.project_id())
            .env("HW_ACCESS_KEY", emulator.access_key())
            .env("HW_SECRET_KEY", emulator.secret_key())
            .env("HW_MAX_RETRIES", "1");
        let host = launch.start().await.connect().await;
        let schema = host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await.unwrap();
        Run { host, emulator, schema: schema.into_inner() }
    }

    pub(crate) async fn start(backup_seconds: f64) -> Self {
        let run = Self::unconfigured(backup_seconds).await;
        run.configure().await;
        run
    }

    /// One that logs what goes on.
    pub(crate) async fn logging(backup_seconds: f64) -> Self {
        let launch = Launch::secured().env("TF_LOG_PROVIDER", "INFO");
        let run = Self::launched(launch, backup_seconds).await;
        run.configure().await;
        run
    }

    /// What comes of a create that has little time: it is tried again where that was over before it was sent.
    pub(crate) async fn once_sent<T>(&self, create: impl AsyncFn() -> T) -> T {
        for _ in 0..20 {
            self.emulator.clear_journal();
            let came = create().await;
            if self.emulator.journal().iter().any(|call| call.operation == "create") {
                return came;
            }
        }
        panic!("it is never sent");
    }

    /// As at the beginning of each walk of a CLI.
    pub(crate) async fn configure(&self) {
        self.configure_with(&json!({})).await;
    }

    /// The same with these settings.
    pub(crate) async fn configure_with(&self, settings: &Value) {
        self.configure_by("1.16.0", settings).await;
    }

    /// The same by a host of that version.
    pub(crate) async fn configure_by(&self, terraform_version: &str, settings: &Value) {
        let endpoints = self.emulator.ready()["endpoints"].clone();
        let settings = over(&json!({ "endpoints": endpoints }), settings);
        let request = tf::configure_provider::Request {
            config: wire(&whole(self.schema.provider.as_ref().unwrap(), &settings)),
            terraform_version: terraform_version.to_owned(),
            ..Default::default()
        };
        let answer = self.host.provider().configure_provider(request).await.unwrap().into_inner();
        assert_eq!(answer.diagnostics, []);
    }

    pub(crate) fn dds(&self) -> String {
        self.emulator.instance("dds")
    }

    pub(crate) fn backups(&self, count: usize, prefix: &str) -> Vec<BackupRow> {
        let instance_id = self.dds();
        let name_prefix = prefix.to_owned();
        let wanted = NewBackups { instance_id, name_prefix, count, seconds_apart: 60.0, ..NewBackups::default() };
        self.emulator.add_backups(&wanted)
    }

    /// A whole object of the resource with these arguments.
    pub(crate) fn object(&self, arguments: &Value) -> Value {
        whole(&self.schema.resource_schemas[TYPE], arguments)
    }

    pub(crate) async fn read(&self, state: &Value) -> tf::read_resource::Response {
        let request =
            tf::read_resource::Request { type_name: TYPE.to_owned(), current_state: wire(state), ..Default::default() };
        self.host.provider().read_resource(request).await.unwrap().into_inner()
    }

    pub(crate) async fn import(&self, id: &str, identity: Option<Value>) -> tf::import_resource_state::Response {
        let request = tf::import_resource_state::Request {
            type_name: TYPE.to_owned(),
            id: id.to_owned(),
            identity: identity.map(|identity| tf::ResourceIdentityData { identity_data: wire(&identity) }),
            ..Default::default()
        };
        self.host.provider().import_resource_state(request).await.unwrap().into_inner()
    }

    pub(crate) async fn plan(
        &self,
        config: &Value,
        prior: &Value,
        proposed: &Value,
    ) -> tf::plan_resource_change::Response {
        for _ in 0..3 {
            let answers = self.emulator.faults().is_empty();
            let request = plan_request(config, prior, proposed);
            let plan = self.host.provider().plan_resource_change(request).await.unwrap().into_inner();
            let unasked = plan.diagnostics.iter().any(|one| one.summary == "Plan was made without asking the cloud");
            if !(answers && unasked) {
                return plan;
            }
            // Plans have ten seconds for what they ask, and this machine took longer.
            self.configure().await;
        }
        panic!("a cloud that answers has no answer for a plan");
    }

    pub(crate) async fn apply(
        &self,
        config: &Value,
        prior: &Value,
        planned: &Value,
    ) -> tf::apply_resource_change::Response {
        let request = apply_request(config, prior, planned);
        self.host.provider().apply_resource_change(request).await.unwrap().into_inner()
    }

    pub(crate) async fn move_from(
        &self,
        provider: &str,
        type_name: &str,
        json: &Value,
    ) -> tf::move_resource_state::Response {
        let request = tf::move_resource_state::Request {
            source_provider_address: provider.to_owned(),
            source_type_name: type_name.to_owned(),
            source_state: Some(tf::RawState { json: json.to_string().into_bytes(), ..Default::default() }),
            target_type_name: TYPE.to_owned(),
            source_private: b"theirs".to_vec(),
            ..Default::default()
        };
        self.host.provider().move_resource_state(request).await.unwrap().into_inner()
    }

    pub(crate) fn action(&self, name: &str, arguments: &Value) -> Value {
        whole(self.schema.action_schemas[name].schema.as_ref().unwrap(), arguments)
    }

    /// Validates, plans and invokes an action: its progress, then the summaries of its errors.
    pub(crate) async fn invoke(&self, name: &str, arguments: &Value) -> (Vec<String>, Vec<String>) {
        let (progress, said) = self.invoke_and_say(name, arguments).await;
        (progress, summaries(&said))
    }

    /// The same, with everything that is said at the end.
    pub(crate) async fn invoke_and_say(&self, name: &str, arguments: &Value) -> (Vec<String>, Vec<tf::Diagnostic>) {
        let config = self.action(name, arguments);
        let said = self.validate_action(name, arguments).await;
        assert_eq!(summaries(&said), [""; 0]);
        let request =
            tf::plan_action::Request { action_type: name.to_owned(), config: wire(&config), ..Default::default() };
        let planned = self.host.provider().plan_action(request).await.unwrap().into_inner();
        assert_eq!(summaries(&planned.diagnostics), [""; 0]);
        assert_eq!(planned.deferred, None);
        let request =
            tf::invoke_action::Request { action_type: name.to_owned(), config: wire(&config), ..Default::default() };
        ended(self.host.provider().invoke_action(request).await.unwrap().into_inner()).await
    }

    pub(crate) async fn validate_action(&self, name: &str, arguments: &Value) -> Vec<tf::Diagnostic> {
        let config = wire(&self.action(name, arguments));
        let request = tf::validate_action_config::Request { type_name: name.to_owned(), config };
        self.host.provider().validate_action_config(request).await.unwrap().into_inner().diagnostics
    }

    pub(crate) async fn list(
        &self,
        arguments: &Value,
        limit: i64,
        whole_objects: bool,
    ) -> Vec<tf::list_resource::Event> {
        let config = whole(&self.schema.list_resource_schemas[TYPE], arguments);
        let request = tf::list_resource::Request {
            type_name: TYPE.to_owned(),
            config: wire(&config),
            include_resource_object: whole_objects,
            limit,
        };
        let events = self.host.provider().list_resource(request).await.unwrap().into_inner();
        all_of(events).await
    }

    /// The same, and the provider is asked to stop as soon as so many pages were asked for.
    pub(crate) async fn list_until_stopped(
        &self,
        arguments: &Value,
        whole_objects: bool,
        pages: usize,
    ) -> Vec<tf::list_resource::Event> {
        self.emulator.clear_journal();
        let request = tf::list_resource::Request {
            type_name: TYPE.to_owned(),
            config: wire(&whole(&self.schema.list_resource_schemas[TYPE], arguments)),
            include_resource_object: whole_objects,
            limit: 10_000,
        };
        let events = self.host.provider().list_resource(request).await.unwrap().into_inner();
        let stopped = async {
            while self.emulator.journal().iter().filter(|call| call.operation == "list").count() < pages {
                sleep(Duration::from_millis(5)).await;
            }
            self.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
        };
        tokio::join!(all_of(events), stopped).0
    }

    pub(crate) async fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, (String, Option<i64>)> {
        let arguments = arguments.iter().map(|argument| wire(argument).unwrap()).collect();
        let request = tf::call_function::Request { name: name.to_owned(), arguments };
        let answer = self.host.provider().call_function(request).await.unwrap().into_inner();
        match answer.error {
            Some(error) => Err((error.text, error.function_argument)),
            None => Ok(unwired(answer.result.as_ref())),
        }
    }

    pub(crate) async fn open(&self, arguments: &Value) -> tf::open_ephemeral_resource::Response {
        let name = "huaweidb_backup_download";
        let config = whole(&self.schema.ephemeral_resource_schemas[name], arguments);
        let request = tf::open_ephemeral_resource::Request {
            type_name: name.to_owned(),
            config: wire(&config),
            ..Default::default()
        };
        self.host.provider().open_ephemeral_resource(request).await.unwrap().into_inner()
    }
}

async fn all_of(mut events: ListEvents) -> Vec<tf::list_resource::Event> {
    let mut all = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        all.push(event);
    }
    all
}

/// Reads an action's events to the end of the stream, and checks that exactly one end comes, and last.
pub(crate) async fn ended(mut events: ActionEvents) -> (Vec<String>, Vec<tf::Diagnostic>) {
    use tf::invoke_action::event::Type;
    let mut progress = Vec::new();
    let mut end = None;
    while let Some(event) = events.message().await.unwrap() {
        assert!(end.is_none(), "nothing comes after the end: {event:?}");
        match event.r#type.expect("one of the two") {
            Type::Progress(one) => progress.push(one.message),
            Type::Completed(one) => end = Some(one.diagnostics),
        }
    }
    (progress, end.expect("an end"))
}

/// An object with every attribute and block of the schema: these arguments, and nothing where none is given.
pub(crate) fn whole(schema: &tf::Schema, arguments: &Value) -> Value {
    let block = schema.block.as_ref().unwrap();
    let mut object = Map::new();
    for attribute in &block.attributes {
        object.insert(attribute.name.clone(), Value::Null);
    }
    for nested in &block.block_types {
        let single = nested.nesting == tf::schema::nested_block::NestingMode::Single as i32;
        object.insert(nested.type_name.clone(), if single { Value::Null } else { json!([]) });
    }
    for (name, value) in arguments.as_object().unwrap() {
        *object.get_mut(name).unwrap_or_else(|| panic!("{name} is in the schema")) = value.clone();
    }
    Value::Object(object)
}

pub(crate) fn over(object: &Value, arguments: &Value) -> Value {
    let mut object = object.clone();
    for (name, value) in arguments.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

pub(crate) fn summaries(diagnostics: &[tf::Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(|one| one.summary.clone()).collect()
}

pub(crate) fn identity(data: Option<&tf::ResourceIdentityData>) -> Value {
    unwired(data.and_then(|data| data.identity_data.as_ref()))
}
