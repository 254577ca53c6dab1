//! The provider's calls, made by a host that believes nothing: every answer is judged before a test goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::Value;
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};

use super::judge::{Answer, Event, Kind, Type, complaints, identity, in_state, typed};
use super::proto::tfplugin6 as tf;
use super::proto::tfplugin6::provider_client::ProviderClient;
use super::value::unwired;

/// What a host remembers between calls.
#[derive(Default)]
pub(crate) struct Memory {
    schemas: OnceCell<Schemas>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    stopped: bool,
    /// What was planned: of which type, beside which object, with which private bytes, and what.
    plans: Vec<(String, Value, Vec<u8>, Value)>,
    /// The private bytes of ephemeral values that were opened or renewed.
    opened: Vec<Option<Vec<u8>>>,
}

impl Memory {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the provider offers, as a host asks for it at first.
struct Schemas {
    all: tf::get_provider_schema::Response,
    identities: tf::get_resource_identity_schemas::Response,
}

impl Schemas {
    /// An answer about something of which the schema is known.
    fn answer(&self, kind: Kind, name: &str, diagnostics: &[tf::Diagnostic]) -> Option<Answer> {
        let schema = match kind {
            Kind::DataSource => self.all.data_source_schemas.get(name),
            Kind::Ephemeral | Kind::Renew => self.all.ephemeral_resource_schemas.get(name),
            Kind::PlanAction | Kind::Invoke => self.all.action_schemas.get(name).and_then(|one| one.schema.as_ref()),
            _ => self.all.resource_schemas.get(name),
        };
        let block = schema?.block.clone()?;
        let identity_schema = match kind {
            Kind::DataSource | Kind::Ephemeral | Kind::Renew | Kind::PlanAction | Kind::Invoke => None,
            _ => self.identities.identity_schemas.get(name).cloned(),
        };
        Some(Answer { block, identity_schema, ..Answer::new(kind, name, diagnostics) })
    }
}

/// The provider's calls. Names and requests are those of the generated client.
pub(crate) struct Checked {
    inner: ProviderClient<Channel>,
    memory: Arc<Memory>,
}

type Answered<T> = Result<Response<T>, Status>;

/// Calls whose answers are only diagnostics or descriptions.
macro_rules! passed_on {
    ($($name:ident),* $(,)?) => {
        $(pub(crate) async fn $name(&mut self, request: tf::$name::Request) -> Answered<tf::$name::Response> {
            self.inner.$name(request).await
        })*
    };
}

impl Checked {
    pub(crate) fn new(inner: ProviderClient<Channel>, memory: Arc<Memory>) -> Self {
        Checked { inner, memory }
    }

    passed_on! {
        get_metadata, get_resource_identity_schemas, get_functions, validate_provider_config,
        validate_data_resource_config, validate_ephemeral_resource_config, validate_list_resource_config,
        validate_action_config,
    }

    /// The schemas; none once the provider is gone.
    async fn schemas(&self) -> Option<&Schemas> {
        let ask = async || {
            let mut client = self.inner.clone();
            let all = client.get_provider_schema(tf::get_provider_schema::Request {}).await?.into_inner();
            let request = tf::get_resource_identity_schemas::Request {};
            let identities = client.get_resource_identity_schemas(request).await?.into_inner();
            Ok::<_, Status>(Schemas { all, identities })
        };
        self.memory.schemas.get_or_try_init(ask).await.ok()
    }

    /// Judges an answer about something that is offered. What is not has no schema to be held to.
    async fn judge(&self, kind: Kind, name: &str, diagnostics: &[tf::Diagnostic], more: impl FnOnce(&mut Answer)) {
        let Some(mut answer) = self.schemas().await.and_then(|known| known.answer(kind, name, diagnostics)) else {
            return;
        };
        more(&mut answer);
        if matches!(kind, Kind::Apply | Kind::Read) {
            answer.read_back = self.read_back(&answer).await;
        }
        pronounce(&answer);
    }

    /// What the next run reads of what is stored now.
    async fn read_back(&self, answer: &Answer) -> Option<Value> {
        let json = in_state(&answer.ty(), &answer.result).ok().filter(|state| !state.is_null())?;
        let request = tf::upgrade_resource_state::Request {
            type_name: answer.name.clone(),
            version: self.schemas().await?.all.resource_schemas[&answer.name].version,
            raw_state: Some(tf::RawState { json: json.to_string().into_bytes(), ..Default::default() }),
        };
        let read = self.inner.clone().upgrade_resource_state(request).await.ok()?.into_inner();
        Some(typed(&answer.ty(), &unwired(read.upgraded_state.as_ref()), "", &mut Vec::new()))
    }

    pub(crate) async fn get_provider_schema(
        &mut self,
        request: tf::get_provider_schema::Request,
    ) -> Answered<tf::get_provider_schema::Response> {
        let response = self.inner.get_provider_schema(request).await?;
        let all = response.get_ref();
        let mut answer = Answer::new(Kind::Schema, "", &all.diagnostics);
        let schemas =
            all.resource_schemas.iter().chain(&all.data_source_schemas).chain(&all.ephemeral_resource_schemas);
        let schemas = schemas.chain(&all.list_resource_schemas).map(|(name, schema)| (name, Some(schema)));
        let actions = all.action_schemas.iter().map(|(name, action)| (name, action.schema.as_ref()));
        let named = schemas.chain(actions).filter_map(|(name, schema)| Some((name.clone(), schema?.block.clone()?)));
        answer.schemas = named.collect();
        pronounce(&answer);
        Ok(response)
    }

    pub(crate) async fn configure_provider(
        &mut self,
        request: tf::configure_provider::Request,
    ) -> Answered<tf::configure_provider::Response> {
        self.memory.told().stopped = false;
        self.inner.configure_provider(request).await
    }

    pub(crate) async fn stop_provider(
        &mut self,
        request: tf::stop_provider::Request,
    ) -> Answered<tf::stop_provider::Response> {
        let response = self.inner.stop_provider(request).await?;
        self.memory.told().stopped = true;
        Ok(response)
    }

    pub(crate) async fn validate_resource_config(
        &mut self,
        request: tf::validate_resource_config::Request,
    ) -> Answered<tf::validate_resource_config::Response> {
        let name = request.type_name.clone();
        let response = self.inner.validate_resource_config(request).await?;
        self.judge(Kind::Validate, &name, &response.get_ref().diagnostics, |_| {}).await;
        Ok(response)
    }

    pub(crate) async fn plan_resource_change(
        &mut self,
        request: tf::plan_resource_change::Request,
    ) -> Answered<tf::plan_resource_change::Response> {
        let asked = request.clone();
        let mut response = self.inner.plan_resource_change(request).await?;
        let plan = response.get_mut();
        let name = asked.type_name.clone();
        let prior = unwired(asked.prior_state.as_ref());
        let capabilities = asked.client_capabilities.unwrap_or_default();
        self.judge(Kind::Plan, &name, &plan.diagnostics, |answer| {
            answer.result = answer.take_object(&mut plan.planned_state);
            let mut told = self.memory.told();
            let mut before = told.plans.iter().rev();
            let again = before.find(|(of, beside, private, _)| {
                let same = (of, beside, private) == (&name, &prior, &asked.planned_private);
                same && !private.is_empty()
            });
            answer.first_plan = again.map(|(.., planned)| planned.clone());
            // A plan with an error is none.
            if !answer.failed() {
                told.plans.push((name.clone(), prior.clone(), plan.planned_private.clone(), answer.result.clone()));
            }
            drop(told);
            answer.config = unwired(asked.config.as_ref());
            answer.prior = prior;
            // A destroy plans nothing; then the configuration is null too.
            if unwired(asked.proposed_new_state.as_ref()).is_null() {
                answer.config = Value::Null;
            }
            answer.identity_before = identity(asked.prior_identity.as_ref());
            answer.identity = answer.take_identity(&mut plan.planned_identity);
            answer.replace.clone_from(&plan.requires_replace);
            answer.private_before.clone_from(&asked.prior_private);
            answer.private.clone_from(&plan.planned_private);
            answer.keeps_planned_private = capabilities.store_planned_private;
            answer.deferral_allowed = capabilities.deferral_allowed;
            answer.deferred = plan.deferred.is_some();
            answer.legacy_type_system = plan.legacy_type_system;
        })
        .await;
        Ok(response)
    }

    pub(crate) async fn apply_resource_change(
        &mut self,
        request: tf::apply_resource_change::Request,
    ) -> Answered<tf::apply_resource_change::Response> {
        let asked = request.clone();
        let mut response = self.inner.apply_resource_change(request).await?;
        let applied = response.get_mut();
        self.judge(Kind::Apply, &asked.type_name, &applied.diagnostics, |answer| {
            answer.config = unwired(asked.config.as_ref());
            answer.prior = unwired(asked.prior_state.as_ref());
            answer.planned = unwired(asked.planned_state.as_ref());
            answer.result = answer.take_object(&mut applied.new_state);
            answer.identity_before = identity(asked.planned_identity.as_ref());
            answer.identity = answer.take_identity(&mut applied.new_identity);
            answer.private_before.clone_from(&asked.planned_private);
            answer.private.clone_from(&applied.private);
            answer.legacy_type_system = applied.legacy_type_system;
        })
        .await;
        Ok(response)
    }

    pub(crate) async fn read_resource(
        &mut self,
        request: tf::read_resource::Request,
    ) -> Answered<tf::read_resource::Response> {
        let asked = request.clone();
        let mut response = self.inner.read_resource(request).await?;
        let read = response.get_mut();
        self.judge(Kind::Read, &asked.type_name, &read.diagnostics, |answer| {
            answer.prior = unwired(asked.current_state.as_ref());
            answer.result = answer.take_object(&mut read.new_state);
            answer.identity_before = identity(asked.current_identity.as_ref());
            answer.identity = answer.take_identity(&mut read.new_identity);
            answer.private_before.clone_from(&asked.private);
            answer.private.clone_from(&read.private);
            answer.deferral_allowed = asked.client_capabilities.is_some_and(|client| client.deferral_allowed);
            answer.deferred = read.deferred.is_some();
        })
        .await;
        Ok(response)
    }

    pub(crate) async fn import_resource_state(
        &mut self,
        request: tf::import_resource_state::Request,
    ) -> Answered<tf::import_resource_state::Response> {
        let asked = request.clone();
        let mut response = self.inner.import_resource_state(request).await?;
        let import = response.get_mut();
        self.judge(Kind::Import, &asked.type_name, &import.diagnostics, |answer| {
            answer.imported = import.imported_resources.iter().map(|one| one.type_name.clone()).collect();
            if let Some(one) = import.imported_resources.first_mut() {
                answer.result = answer.take_object(&mut one.state);
                answer.identity = answer.take_identity(&mut one.identity);
            }
            answer.deferral_allowed = asked.client_capabilities.is_some_and(|client| client.deferral_allowed);
            answer.deferred = import.deferred.is_some();
        })
        .await;
        Ok(response)
    }

    pub(crate) async fn upgrade_resource_state(
        &mut self,
        request: tf::upgrade_resource_state::Request,
    ) -> Answered<tf::upgrade_resource_state::Response> {
        let name = request.type_name.clone();
        let mut response = self.inner.upgrade_resource_state(request).await?;
        let upgraded = response.get_mut();
        let more = |answer: &mut Answer| answer.result = answer.take_object(&mut upgraded.upgraded_state);
        self.judge(Kind::Upgrade, &name, &upgraded.diagnostics, more).await;
        Ok(response)
    }

    pub(crate) async fn upgrade_resource_identity(
        &mut self,
        request: tf::upgrade_resource_identity::Request,
    ) -> Answered<tf::upgrade_resource_identity::Response> {
        let name = request.type_name.clone();
        let mut response = self.inner.upgrade_resource_identity(request).await?;
        let upgraded = response.get_mut();
        let more = |answer: &mut Answer| answer.identity = answer.take_identity(&mut upgraded.upgraded_identity);
        self.judge(Kind::UpgradeIdentity, &name, &upgraded.diagnostics, more).await;
        Ok(response)
    }

    pub(crate) async fn move_resource_state(
        &mut self,
        request: tf::move_resource_state::Request,
    ) -> Answered<tf::move_resource_state::Response> {
        let name = request.target_type_name.clone();
        let mut response = self.inner.move_resource_state(request).await?;
        let moved = response.get_mut();
        self.judge(Kind::Move, &name, &moved.diagnostics, |answer| {
            answer.result = answer.take_object(&mut moved.target_state);
            answer.identity = answer.take_identity(&mut moved.target_identity);
        })
        .await;
        Ok(response)
    }

    pub(crate) async fn generate_resource_config(
        &mut self,
        request: tf::generate_resource_config::Request,
    ) -> Answered<tf::generate_resource_config::Response> {
        let name = request.type_name.clone();
        let mut response = self.inner.generate_resource_config(request).await?;
        let generated = response.get_mut();
        let more = |answer: &mut Answer| answer.result = answer.take_object(&mut generated.config);
        self.judge(Kind::Generate, &name, &generated.diagnostics, more).await;
        Ok(response)
    }

    pub(crate) async fn call_function(
        &mut self,
        request: tf::call_function::Request,
    ) -> Answered<tf::call_function::Response> {
        let name = request.name.clone();
        let mut response = self.inner.call_function(request).await?;
        let functions = self.schemas().await.map(|known| &known.all.functions);
        if let Some(returns) = functions.and_then(|all| all.get(&name)?.r#return.as_ref()) {
            let mut answer = Answer::new(Kind::Function, &name, &[]);
            answer.take(&Type::of_bytes(&returns.r#type), &mut response.get_mut().result);
            pronounce(&answer);
        }
        Ok(response)
    }

    pub(crate) async fn read_data_source(
        &mut self,
        request: tf::read_data_source::Request,
    ) -> Answered<tf::read_data_source::Response> {
        let asked = request.clone();
        let mut response = self.inner.read_data_source(request).await?;
        let read = response.get_mut();
        self.judge(Kind::DataSource, &asked.type_name, &read.diagnostics, |answer| {
            answer.config = unwired(asked.config.as_ref());
            answer.result = answer.take_object(&mut read.state);
            answer.deferral_allowed = asked.client_capabilities.is_some_and(|client| client.deferral_allowed);
            answer.deferred = read.deferred.is_some();
        })
        .await;
        Ok(response)
    }

    pub(crate) async fn open_ephemeral_resource(
        &mut self,
        request: tf::open_ephemeral_resource::Request,
    ) -> Answered<tf::open_ephemeral_resource::Response> {
        let asked = request.clone();
        let mut response = self.inner.open_ephemeral_resource(request).await?;
        let opened = response.get_mut();
        self.judge(Kind::Ephemeral, &asked.type_name, &opened.diagnostics, |answer| {
            answer.config = unwired(asked.config.as_ref());
            answer.result = answer.take_object(&mut opened.result);
            answer.renew_in = seconds_until(opened.renew_at.as_ref());
            answer.deferral_allowed = asked.client_capabilities.is_some_and(|client| client.deferral_allowed);
            answer.deferred = opened.deferred.is_some();
        })
        .await;
        self.memory.told().opened.push(opened.private.clone());
        Ok(response)
    }

    pub(crate) async fn renew_ephemeral_resource(
        &mut self,
        request: tf::renew_ephemeral_resource::Request,
    ) -> Answered<tf::renew_ephemeral_resource::Response> {
        let asked = request.clone();
        let response = self.inner.renew_ephemeral_resource(request).await?;
        let renewed = response.get_ref();
        let opened = self.memory.told().opened.contains(&asked.private);
        let more =
            |answer: &mut Answer| (answer.opened, answer.renew_in) = (opened, seconds_until(renewed.renew_at.as_ref()));
        self.judge(Kind::Renew, &asked.type_name, &renewed.diagnostics, more).await;
        self.memory.told().opened.push(renewed.private.clone());
        Ok(response)
    }

    pub(crate) async fn close_ephemeral_resource(
        &mut self,
        request: tf::close_ephemeral_resource::Request,
    ) -> Answered<tf::close_ephemeral_resource::Response> {
        let asked = request.clone();
        let response = self.inner.close_ephemeral_resource(request).await?;
        let opened = self.memory.told().opened.contains(&asked.private);
        let more = |answer: &mut Answer| answer.opened = opened;
        self.judge(Kind::Close, &asked.type_name, &response.get_ref().diagnostics, more).await;
        Ok(response)
    }

    pub(crate) async fn plan_action(
        &mut self,
        request: tf::plan_action::Request,
    ) -> Answered<tf::plan_action::Response> {
        let asked = request.clone();
        let response = self.inner.plan_action(request).await?;
        let planned = response.get_ref();
        self.judge(Kind::PlanAction, &asked.action_type, &planned.diagnostics, |answer| {
            answer.deferral_allowed = asked.client_capabilities.is_some_and(|client| client.deferral_allowed);
            answer.deferred = planned.deferred.is_some();
        })
        .await;
        Ok(response)
    }

    pub(crate) async fn invoke_action(&mut self, request: tf::invoke_action::Request) -> Answered<ActionEvents> {
        let name = request.action_type.clone();
        let response = self.inner.invoke_action(request).await?;
        Ok(response.map(|events| ActionEvents::new(events, name, Arc::clone(&self.memory))))
    }

    pub(crate) async fn list_resource(&mut self, request: tf::list_resource::Request) -> Answered<ListEvents> {
        let schemas = self.schemas().await;
        let answer = schemas.and_then(|known| known.answer(Kind::List, &request.type_name, &[]));
        let answer =
            answer.map(|one| Answer { limit: request.limit, with_objects: request.include_resource_object, ..one });
        let response = self.inner.list_resource(request).await?;
        Ok(response.map(|events| ListEvents { events, answer }))
    }
}

fn seconds_until(time: Option<&prost_types::Timestamp>) -> Option<f64> {
    let time = SystemTime::try_from(*time?).ok()?;
    Some(time.duration_since(SystemTime::now()).map_or(-1.0, |ahead| ahead.as_secs_f64()))
}

fn pronounce(answer: &Answer) {
    let found = complaints(answer);
    assert!(
        found.is_empty(),
        "{:?} of {:?}: no host takes this answer:\n{}",
        answer.kind,
        answer.name,
        found.join("\n")
    );
}

/// The events of an action. They are taken as they come, so that each is known to be before or after a stop.
pub(crate) struct ActionEvents {
    events: mpsc::UnboundedReceiver<(Result<tf::invoke_action::Event, Status>, Event)>,
    pump: JoinHandle<()>,
    name: String,
    seen: Vec<Event>,
}

impl ActionEvents {
    fn new(mut from: Streaming<tf::invoke_action::Event>, name: String, memory: Arc<Memory>) -> Self {
        use tf::invoke_action::event::Type;
        let (to, events) = mpsc::unbounded_channel();
        let mut on_its_way = false;
        let pump = tokio::spawn(async move {
            while let Some(event) = from.message().await.transpose() {
                let stopped = memory.told().stopped;
                let kind = match event.as_ref().ok().and_then(|event| event.r#type.as_ref()) {
                    Some(Type::Completed(_)) => Event::Completed,
                    // One may have been on its way when the stop was answered.
                    _ if stopped && on_its_way => Event::ProgressAfterStop,
                    _ => {
                        on_its_way |= stopped;
                        Event::Progress
                    }
                };
                if to.send((event, kind)).is_err() {
                    break;
                }
            }
        });
        ActionEvents { events, pump, name, seen: Vec::new() }
    }

    /// The next one.
    pub(crate) async fn message(&mut self) -> Result<Option<tf::invoke_action::Event>, Status> {
        if let Some((event, kind)) = self.events.recv().await {
            let event = event?;
            self.seen.push(kind);
            return Ok(Some(event));
        }
        let answer = Answer { events: self.seen.clone(), ..Answer::new(Kind::Invoke, &self.name, &[]) };
        pronounce(&answer);
        Ok(None)
    }
}

impl Drop for ActionEvents {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// The results of a list.
pub(crate) struct ListEvents {
    events: Streaming<tf::list_resource::Event>,
    answer: Option<Answer>,
}

impl ListEvents {
    /// The next one.
    pub(crate) async fn message(&mut self) -> Result<Option<tf::list_resource::Event>, Status> {
        let mut event = self.events.message().await?;
        if let (Some(answer), Some(event)) = (&mut self.answer, &mut event) {
            answer.take_object(&mut event.resource_object);
            answer.take_identity(&mut event.identity);
            answer.listed.push(event.clone());
        } else if let Some(answer) = &self.answer {
            pronounce(answer);
        }
        Ok(event)
    }
}
