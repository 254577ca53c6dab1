//! One short function per call of the protocol: decode, ask `lifecycle` and the implementation, encode.
//!
//! Whatever goes wrong is a diagnostic; the only gRPC status is `Unimplemented`, for calls that nothing here needs.
//! Every call runs in a task of its own, because the server drops a handler when the host gives up on it: an
//! operation that has begun must come to its end. Panics become errors, and what is known of the object is answered.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::action::{AnyAction, Run, Teller};
use super::ephemeral::{AnyEphemeral, Lease};
use super::erased::{AnyDataSource, AnyResource, Ended, Start, caught, or_unexplained, typed};
use super::gate::{self, some};
use super::list::{AnyList, Found, Search};
use super::proto::tfplugin6 as wire;
use super::schema::Compiled;
use super::stop::Stop;
use super::timeouts::Operation;
use super::{
    Catalogue, Diagnostic, Diagnostics, Mismatch, Path, Private, Provider, Source, Type, Value, codec, function,
    lifecycle, plain,
};

/// The provider as the protocol sees it, for one host: how it is configured, and whether it is to stop.
pub(super) struct Rpc<P: Provider>(Arc<Inner<P>>);

impl<P: Provider> Clone for Rpc<P> {
    fn clone(&self) -> Self {
        Rpc(Arc::clone(&self.0))
    }
}

struct Inner<P: Provider> {
    offer: Arc<Offer<P>>,
    configured: RwLock<Configured<P::Client>>,
    stop: Stop,
}

/// What every host is offered.
struct Offer<P: Provider> {
    provider: P,
    schema: OnceLock<Compiled>,
    catalogue: OnceLock<Catalogue<P::Client>>,
}

/// How far the provider is configured.
enum Configured<C> {
    NotYet,
    /// It was, but with settings that only apply will tell.
    Unknown,
    /// It lacks something, which is told to whoever needs the client.
    Lacking(Diagnostics),
    With(Arc<C>),
}

type Answer<T> = Result<Response<T>, Status>;

impl<P: Provider> Rpc<P> {
    pub(super) fn new(provider: P, stop: Stop) -> Self {
        Rpc::serving(Arc::new(Offer { provider, schema: OnceLock::new(), catalogue: OnceLock::new() }), stop)
    }

    /// The same provider for another host: neither's configuration or stop is the other's.
    pub(super) fn for_another(&self) -> Self {
        Rpc::serving(Arc::clone(&self.0.offer), self.0.stop.below())
    }

    fn serving(offer: Arc<Offer<P>>, stop: Stop) -> Self {
        Rpc(Arc::new(Inner { offer, configured: RwLock::new(Configured::NotYet), stop }))
    }

    /// What asks this host's operations to stop.
    pub(super) fn stop(&self) -> &Stop {
        &self.0.stop
    }

    /// Runs one call in a task of its own. `failed` makes the answer from what went wrong.
    async fn answer<T, W>(
        &self,
        rpc: &'static str,
        type_name: &str,
        failed: impl FnOnce(Diagnostics) -> T + Send + 'static,
        work: impl FnOnce(Arc<Inner<P>>) -> W + Send + 'static,
    ) -> Answer<T>
    where
        T: Reports + Send + 'static,
        W: Future<Output = Result<T, Diagnostics>> + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        let type_name = type_name.to_owned();
        let (sender, receiver) = oneshot::channel();
        // Held to the end, so that the process does not end before.
        let running = inner.stop.running();
        tokio::spawn(async move {
            let begun = Instant::now();
            let answer = caught(async { work(inner).await }).await.unwrap_or_else(failed);
            let (errors, warnings) = counted(answer.diagnostics());
            tracing::debug!(
                tf_rpc = rpc,
                tf_resource_type = type_name,
                tf_req_duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                diagnostic_error_count = errors,
                diagnostic_warning_count = warnings,
                "call answered"
            );
            if sender.send(answer).is_err() {
                tracing::warn!(tf_rpc = rpc, tf_resource_type = type_name, "nobody waited for the answer");
            }
            drop(running);
        });
        // The task always answers, unless the whole runtime is being torn down.
        receiver.await.map(Response::new).map_err(|_| Status::unavailable("the provider is shutting down"))
    }
}

impl<P: Provider> Inner<P> {
    fn schema(&self) -> &Compiled {
        self.offer.schema.get_or_init(|| Compiled::new(self.offer.provider.schema()))
    }

    /// What the provider itself finds wrong with its block.
    fn own_faults(&self, config: Value) -> Result<Diagnostics, Diagnostics> {
        let settings = typed::<P::Settings>(config)?;
        Ok(self.offer.provider.validate(&settings))
    }

    fn catalogue(&self) -> &Catalogue<P::Client> {
        self.offer.catalogue.get_or_init(|| self.offer.provider.catalogue())
    }

    fn full_name(&self, name: &str) -> String {
        format!("{}_{name}", self.offer.provider.name())
    }

    fn short_name<'a>(&self, type_name: &'a str) -> Option<&'a str> {
        type_name.strip_prefix(self.offer.provider.name())?.strip_prefix('_')
    }

    fn resource(&self, type_name: &str) -> Result<&dyn AnyResource<P::Client>, Diagnostics> {
        let found = self.short_name(type_name).and_then(|name| self.catalogue().find_resource(name));
        found.ok_or_else(|| self.not_offered("Unknown resource type", "resource", type_name))
    }

    fn data_source(&self, type_name: &str) -> Result<&dyn AnyDataSource<P::Client>, Diagnostics> {
        let found = self.short_name(type_name).and_then(|name| self.catalogue().find_data_source(name));
        found.ok_or_else(|| self.not_offered("Unknown data source type", "data source", type_name))
    }

    fn action(&self, type_name: &str) -> Result<&dyn AnyAction<P::Client>, Diagnostics> {
        let found = self.short_name(type_name).and_then(|name| self.catalogue().find_action(name));
        found.ok_or_else(|| self.not_offered("Unknown action type", "action", type_name))
    }

    fn list_resource(&self, type_name: &str) -> Result<&dyn AnyList<P::Client>, Diagnostics> {
        let found = self.short_name(type_name).and_then(|name| self.catalogue().find_list_resource(name));
        found.ok_or_else(|| self.not_offered("Unknown list resource type", "list resource", type_name))
    }

    fn ephemeral_resource(&self, type_name: &str) -> Result<&dyn AnyEphemeral<P::Client>, Diagnostics> {
        let found = self.short_name(type_name).and_then(|name| self.catalogue().find_ephemeral_resource(name));
        found.ok_or_else(|| self.not_offered("Unknown ephemeral resource type", "ephemeral resource", type_name))
    }

    fn functions(&self) -> BTreeMap<String, wire::Function> {
        self.catalogue().functions().map(|(name, signature)| (name.to_owned(), signature.to_wire())).collect()
    }

    fn not_offered(&self, summary: &str, what: &str, type_name: &str) -> Diagnostics {
        let name = self.offer.provider.name();
        let start: String = type_name.chars().take(100).collect();
        let detail = format!(
            "This version of the provider `{name}` has no {what} {start:?}. A later one may: `terraform init -upgrade` looks for it."
        );
        Diagnostic::error(summary, detail).into()
    }

    /// The client, for what cannot be done without one.
    fn client(&self) -> Result<Arc<P::Client>, Diagnostics> {
        self.client_if_known()?.ok_or_else(|| {
            Diagnostic::error(
                "Provider configuration is not known yet",
                "The provider block uses a value that only apply will tell, so nothing can be read or changed with it \
                 now. Apply what that value comes from first, for example with -target, or write the value out.",
            )
            .into()
        })
    }

    /// The client, for a plan: none while the configuration is not known yet.
    fn client_if_known(&self) -> Result<Option<Arc<P::Client>>, Diagnostics> {
        match &*self.configured.read().unwrap_or_else(PoisonError::into_inner) {
            Configured::With(client) => Ok(Some(Arc::clone(client))),
            Configured::Unknown => Ok(None),
            Configured::Lacking(problems) => Err(problems.clone()),
            Configured::NotYet => Err(Diagnostic::error(
                "Provider is not configured",
                "Terraform asked for an operation before it configured the provider. Nothing was changed. Please report it, with the \
                 log that TF_LOG=DEBUG writes.",
            )
            .into()),
        }
    }

    fn start(&self, timeout: Duration, private: &[u8]) -> Start {
        Start { stop: self.stop.token(), timeout, private: Private::read(private) }
    }

    fn capabilities() -> wire::ServerCapabilities {
        wire::ServerCapabilities {
            plan_destroy: true,
            get_provider_schema_optional: true,
            move_resource_state: true,
            generate_resource_config: true,
        }
    }

    /// Attributes of any version of a resource, in the current form.
    fn restore(
        resource: &dyn AnyResource<P::Client>,
        version: i64,
        raw: Option<wire::RawState>,
    ) -> Result<Value, Diagnostics> {
        const SUMMARY: &str = "Stored state cannot be read";
        let raw = raw.unwrap_or_default();
        if raw.json.is_empty() && !raw.flatmap.is_empty() {
            let detail = "The state is in the form that Terraform used before version 0.12. Apply it once with \
                          Terraform 0.12 or later and a provider of that time.";
            return Err(Diagnostic::error(SUMMARY, detail).into());
        }
        let compiled = resource.compiled();
        let json = codec::parse(&raw.json).map_err(|error| error.explained(SUMMARY, UNREADABLE))?;
        let serde_json::Value::Object(stored) = json else {
            return Err(no_object(SUMMARY).into());
        };
        let current = compiled.schema.version;
        let stored = match version {
            _ if version == current => stored,
            _ if version < current => resource.upgrade(version, stored)?,
            _ => {
                return Err(too_new(SUMMARY, "state", version, current).into());
            }
        };
        let state =
            codec::from_stored(stored, compiled.value_type()).map_err(|error| error.explained(SUMMARY, UNREADABLE))?;
        lifecycle::restored(compiled, state)
    }
}

/// What to do about what should never be seen.
const REPORT: &str =
    "This is a bug in the provider or in Terraform. Please report it, with the log that TF_LOG=DEBUG writes.";
/// What to do about a state that makes no sense.
const UNREADABLE: &str = "Nothing was changed. Use the version of the provider that wrote it, or restore the state from a \
                          backup of its file.";

/// Reads what the host sent.
fn read(wire: Option<&wire::DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    codec::from_wire(wire, ty)
        .map_err(|mismatch| mismatch.explained("Terraform sent a value that does not fit the schema", REPORT).into())
}

/// Whether the host sent no object.
fn is_nothing(wire: Option<&wire::DynamicValue>) -> bool {
    /// Null as the encoding has it.
    const NULL: &[u8] = &[0xc0];
    wire.is_none_or(|value| value.json.is_empty() && (value.msgpack.is_empty() || value.msgpack == NULL))
}

/// Writes what the host gets.
pub(super) fn write(value: &Value, ty: &Type) -> Result<Option<wire::DynamicValue>, Diagnostics> {
    let cannot = |mismatch: Mismatch| mismatch.explained("Provider made a value that does not fit the schema", REPORT);
    Ok(Some(codec::to_wire(value, ty).map_err(cannot)?))
}

/// The identity of an object, if it has one.
fn identify(compiled: &Compiled, object: &Value) -> Result<Option<wire::ResourceIdentityData>, Diagnostics> {
    let Some((ty, identity)) = compiled.identity_type().zip(compiled.identity_of(object)) else { return Ok(None) };
    Ok(Some(wire::ResourceIdentityData { identity_data: write(&identity, &ty)? }))
}

/// The stub for an import by identity.
fn stub_of<C>(
    resource: &dyn AnyResource<C>,
    client: &C,
    identity: &wire::ResourceIdentityData,
) -> Result<Value, Diagnostics> {
    const SUMMARY: &str = "Object cannot be imported by this identity";
    let compiled = resource.compiled();
    let ty = compiled
        .identity_type()
        .ok_or_else(|| Diagnostic::error(SUMMARY, "This resource has no identity. Import it by its id."))?;
    let given = read(identity.identity_data.as_ref(), &ty)?;
    let wanted = compiled.schema.identity.iter().flat_map(|identity| &identity.attributes);
    let missing: Vec<_> = wanted
        .filter(|one| one.required && (given.get(one.name).is_null() || !given.get(one.name).is_wholly_known()))
        .map(|one| format!("`{}`", one.name))
        .collect();
    if !missing.is_empty() {
        return Err(Diagnostic::error(
            SUMMARY,
            format!("The identity lacks {}. Add it to the `identity` of the `import` block.", missing.join(", ")),
        )
        .into());
    }
    resource.import_identity(client, given)
}

/// The value as bytes for later operations on the same ephemeral value.
fn leased(lease: Lease) -> (Diagnostics, Option<prost_types::Timestamp>, Option<Vec<u8>>) {
    let (warnings, renew_at, private) = lease.finish();
    let private = private.write(Vec::new());
    (warnings, renew_at.map(Into::into), Some(private).filter(|bytes| !bytes.is_empty()))
}

fn completed(diagnostics: Diagnostics) -> wire::invoke_action::Event {
    use wire::invoke_action::event::{Completed, Type};
    let completed = Completed { diagnostics: diagnostics.into_wire() };
    wire::invoke_action::Event { r#type: Some(Type::Completed(completed)) }
}

fn progress(message: String) -> wire::invoke_action::Event {
    use wire::invoke_action::event::{Progress, Type};
    wire::invoke_action::Event { r#type: Some(Type::Progress(Progress { message })) }
}

fn is_progress(event: &wire::invoke_action::Event) -> bool {
    matches!(event.r#type, Some(wire::invoke_action::event::Type::Progress(_)))
}

/// What a host cannot take: a found object that nothing identifies.
pub(super) fn no_identity(label: &str) -> Diagnostic {
    let detail = format!("{label} was found and left out. This is a bug in the provider; please report it.");
    Diagnostic::error("Found object has no identity", detail)
}

/// What a search found, as the host gets it.
fn listed<C>(resource: &dyn AnyResource<C>, whole: bool, found: Found) -> wire::list_resource::Event {
    let noted = |diagnostics: Diagnostics| wire::list_resource::Event {
        diagnostic: diagnostics.into_wire(),
        ..wire::list_resource::Event::default()
    };
    let compiled = resource.compiled();
    let event = |label: String, object: Value| {
        let object = lifecycle::imported(compiled, object)?;
        let identity = identify(compiled, &object)?.ok_or_else(|| no_identity(&label))?;
        let resource_object = if whole { write(&object, compiled.value_type())? } else { None };
        let identity = Some(identity);
        Ok(wire::list_resource::Event { identity, display_name: label, resource_object, diagnostic: Vec::new() })
    };
    match found {
        Found::Note(diagnostics) => noted(diagnostics),
        Found::Object { label, object } => event(label, object).unwrap_or_else(noted),
    }
}

fn counted(diagnostics: &[wire::Diagnostic]) -> (usize, usize) {
    let error = i32::from(wire::diagnostic::Severity::Error);
    let errors = diagnostics.iter().filter(|one| one.severity == error).count();
    (errors, diagnostics.len() - errors)
}

/// An answer that carries diagnostics.
trait Reports {
    fn diagnostics(&self) -> &[wire::Diagnostic];
}

macro_rules! reports {
    ($($message:ident),* $(,)?) => {
        $(impl Reports for wire::$message::Response {
            fn diagnostics(&self) -> &[wire::Diagnostic] {
                &self.diagnostics
            }
        })*
    };
}

reports!(
    get_metadata,
    get_provider_schema,
    get_resource_identity_schemas,
    upgrade_resource_identity,
    validate_provider_config,
    validate_resource_config,
    validate_data_resource_config,
    upgrade_resource_state,
    configure_provider,
    read_resource,
    plan_resource_change,
    apply_resource_change,
    import_resource_state,
    move_resource_state,
    read_data_source,
    get_functions,
    generate_resource_config,
    validate_ephemeral_resource_config,
    open_ephemeral_resource,
    renew_ephemeral_resource,
    close_ephemeral_resource,
    validate_list_resource_config,
    validate_action_config,
    plan_action,
);

#[tonic::async_trait]
impl<P: Provider> wire::provider_server::Provider for Rpc<P> {
    async fn get_metadata(&self, _: Request<wire::get_metadata::Request>) -> Answer<wire::get_metadata::Response> {
        use wire::get_metadata::{
            ActionMetadata, DataSourceMetadata, EphemeralMetadata, FunctionMetadata, ListResourceMetadata,
            ResourceMetadata, Response,
        };
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        let work = async move |inner: Arc<Inner<P>>| {
            let full = |(name, _)| inner.full_name(name);
            let resources = inner.catalogue().held_resources().map(full);
            let data_sources = inner.catalogue().held_data_sources().map(|(name, _)| inner.full_name(name));
            let functions = inner.catalogue().functions().map(|(name, _)| name.to_owned());
            let ephemeral = inner.catalogue().held_ephemeral_resources().map(|(name, _)| inner.full_name(name));
            let lists = inner.catalogue().held_list_resources().map(|(name, _)| inner.full_name(name));
            let actions = inner.catalogue().held_actions().map(|(name, _)| inner.full_name(name));
            Ok(Response {
                server_capabilities: Some(Inner::<P>::capabilities()),
                resources: resources.map(|type_name| ResourceMetadata { type_name }).collect(),
                data_sources: data_sources.map(|type_name| DataSourceMetadata { type_name }).collect(),
                functions: functions.map(|name| FunctionMetadata { name }).collect(),
                ephemeral_resources: ephemeral.map(|type_name| EphemeralMetadata { type_name }).collect(),
                list_resources: lists.map(|type_name| ListResourceMetadata { type_name }).collect(),
                actions: actions.map(|type_name| ActionMetadata { type_name }).collect(),
                ..Response::default()
            })
        };
        self.answer("GetMetadata", "", failed, work).await
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Answer<wire::get_provider_schema::Response> {
        use wire::get_provider_schema::Response;
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        let work = async move |inner: Arc<Inner<P>>| {
            let catalogue = inner.catalogue();
            let resources = catalogue.held_resources();
            let data_sources = catalogue.held_data_sources();
            Ok(Response {
                provider: Some(inner.schema().wire().clone()),
                resource_schemas: resources
                    .map(|(name, one)| (inner.full_name(name), one.compiled().wire().clone()))
                    .collect(),
                data_source_schemas: data_sources
                    .map(|(name, one)| (inner.full_name(name), one.compiled().wire().clone()))
                    .collect(),
                functions: inner.functions(),
                ephemeral_resource_schemas: catalogue
                    .held_ephemeral_resources()
                    .map(|(name, one)| (inner.full_name(name), one.compiled().wire().clone()))
                    .collect(),
                list_resource_schemas: catalogue
                    .held_list_resources()
                    .map(|(name, one)| (inner.full_name(name), one.compiled().wire().clone()))
                    .collect(),
                action_schemas: catalogue
                    .held_actions()
                    .map(|(name, one)| {
                        let schema = Some(one.compiled().wire().clone());
                        (inner.full_name(name), wire::ActionSchema { schema })
                    })
                    .collect(),
                server_capabilities: Some(Inner::<P>::capabilities()),
                ..Response::default()
            })
        };
        self.answer("GetProviderSchema", "", failed, work).await
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<wire::get_resource_identity_schemas::Request>,
    ) -> Answer<wire::get_resource_identity_schemas::Response> {
        use wire::get_resource_identity_schemas::Response;
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("GetResourceIdentitySchemas", "", failed, async |inner| {
            let identities = inner.catalogue().held_resources();
            let identity_schemas = identities
                .filter_map(|(name, one)| Some((inner.full_name(name), one.compiled().identity_wire()?)))
                .collect();
            Ok(Response { identity_schemas, ..Response::default() })
        })
        .await
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<wire::upgrade_resource_identity::Request>,
    ) -> Answer<wire::upgrade_resource_identity::Response> {
        use wire::upgrade_resource_identity::Response;
        const SUMMARY: &str = "Stored identity cannot be read";
        let request = request.into_inner();
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("UpgradeResourceIdentity", &request.type_name.clone(), failed, async move |inner| {
            let compiled = inner.resource(&request.type_name)?.compiled();
            let (Some(ty), Some(schema)) = (compiled.identity_type(), &compiled.schema.identity) else {
                let detail = format!("{} has no identity schema.", request.type_name);
                return Err(Diagnostic::error(SUMMARY, detail).into());
            };
            if request.version > schema.version {
                return Err(too_new(SUMMARY, "identity", request.version, schema.version).into());
            }
            // The next read derives it anew, so what an earlier version called otherwise may be missing until then.
            let raw = request.raw_identity.unwrap_or_default();
            let json = codec::parse(&raw.json).map_err(|error| error.explained(SUMMARY, UNREADABLE))?;
            let serde_json::Value::Object(stored) = json else {
                return Err(no_object(SUMMARY).into());
            };
            let identity = codec::from_stored(stored, &ty).map_err(|error| error.explained(SUMMARY, UNREADABLE))?;
            let identity_data = write(&identity, &ty)?;
            let upgraded_identity = Some(wire::ResourceIdentityData { identity_data });
            Ok(Response { upgraded_identity, diagnostics: Vec::new() })
        })
        .await
    }

    async fn validate_provider_config(
        &self,
        request: Request<wire::validate_provider_config::Request>,
    ) -> Answer<wire::validate_provider_config::Response> {
        use wire::validate_provider_config::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire() };
        self.answer("ValidateProviderConfig", "", failed, async move |inner| {
            let schema = inner.schema();
            let config = read(request.config.as_ref(), schema.value_type())?;
            let diagnostics = gate::faults(inner.schema(), &config, true, |config| inner.own_faults(config));
            Ok(Response { diagnostics: diagnostics.into_wire() })
        })
        .await
    }

    async fn validate_resource_config(
        &self,
        request: Request<wire::validate_resource_config::Request>,
    ) -> Answer<wire::validate_resource_config::Response> {
        use wire::validate_resource_config::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire() };
        self.answer("ValidateResourceConfig", &request.type_name.clone(), failed, async move |inner| {
            let resource = inner.resource(&request.type_name)?;
            let compiled = resource.compiled();
            let config = read(request.config.as_ref(), compiled.value_type())?;
            let write_only = request.client_capabilities.is_some_and(|client| client.write_only_attributes_allowed);
            let config = plain::configured(compiled, config);
            let diagnostics = gate::faults(compiled, &config, write_only, |config| resource.validate(config));
            Ok(Response { diagnostics: diagnostics.into_wire() })
        })
        .await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<wire::validate_data_resource_config::Request>,
    ) -> Answer<wire::validate_data_resource_config::Response> {
        use wire::validate_data_resource_config::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire() };
        self.answer("ValidateDataResourceConfig", &request.type_name.clone(), failed, async move |inner| {
            let data_source = inner.data_source(&request.type_name)?;
            let compiled = data_source.compiled();
            let config = read(request.config.as_ref(), compiled.value_type())?;
            let diagnostics = gate::faults(compiled, &config, true, |config| data_source.validate(config));
            Ok(Response { diagnostics: diagnostics.into_wire() })
        })
        .await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::upgrade_resource_state::Request>,
    ) -> Answer<wire::upgrade_resource_state::Response> {
        use wire::upgrade_resource_state::Response;
        let request = request.into_inner();
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("UpgradeResourceState", &request.type_name.clone(), failed, async move |inner| {
            let resource = inner.resource(&request.type_name)?;
            let state = Inner::<P>::restore(resource, request.version, request.raw_state)?;
            let upgraded_state = write(&state, resource.compiled().value_type())?;
            if let Ok(Some(client)) = inner.client_if_known()
                && !state.is_null()
            {
                resource.known(&client, plain::plain(resource.compiled(), state));
            }
            Ok(Response { upgraded_state, diagnostics: Vec::new() })
        })
        .await
    }

    async fn configure_provider(
        &self,
        request: Request<wire::configure_provider::Request>,
    ) -> Answer<wire::configure_provider::Response> {
        use wire::configure_provider::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire() };
        self.answer("ConfigureProvider", "", failed, async move |inner| {
            let config = read(request.config.as_ref(), inner.schema().value_type())?;
            gate::check(inner.schema(), &config, |config| inner.own_faults(config))?;
            let settings = typed(some(config))?;
            let mut diagnostics = Diagnostics::new();
            let stop = inner.stop.token();
            let may_wait = inner.offer.provider.may_wait(&settings);
            let client =
                inner.offer.provider.configure(settings, &request.terraform_version, &stop, &mut diagnostics).await;
            let configured = match client {
                _ if diagnostics.has_errors() && may_wait => {
                    Configured::Lacking(std::mem::take(&mut diagnostics).without_paths())
                }
                _ if diagnostics.has_errors() => Configured::NotYet,
                Some(client) => Configured::With(Arc::new(client)),
                None => Configured::Unknown,
            };
            *inner.configured.write().unwrap_or_else(PoisonError::into_inner) = configured;
            Ok(Response { diagnostics: diagnostics.into_wire() })
        })
        .await
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Answer<wire::read_resource::Response> {
        use wire::read_resource::Response;
        let request = request.into_inner();
        let unchanged = Response {
            new_state: request.current_state.clone(),
            private: request.private.clone(),
            new_identity: request.current_identity.clone(),
            ..Response::default()
        };
        let failed = move |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..unchanged };
        self.answer("ReadResource", &request.type_name.clone(), failed, async move |inner| {
            let resource = inner.resource(&request.type_name)?;
            let compiled = resource.compiled();
            let state = read(request.current_state.as_ref(), compiled.value_type())?;
            let client = inner.client()?;
            let start = inner.start(compiled.timeouts().limit(Operation::Read, &state), &request.private);
            let Ended { result, warnings, private, .. } =
                resource.read(&client, plain::plain(compiled, state.clone()), start).await;
            let (new_state, new_identity, private) = match result {
                Ok(Some(found)) => {
                    let new_state = lifecycle::refreshed(compiled, &state, found).map_err(|e| with(&warnings, e))?;
                    let identity = identify(compiled, &new_state)?.or(request.current_identity);
                    (write(&new_state, compiled.value_type())?, identity, private.write(request.private))
                }
                Ok(None) => (write(&Value::Null, compiled.value_type())?, request.current_identity, Vec::new()),
                Err(diagnostics) => return Err(with(&warnings, diagnostics)),
            };
            Ok(Response { new_state, private, new_identity, diagnostics: warnings.into_wire(), deferred: None })
        })
        .await
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Answer<wire::plan_resource_change::Response> {
        use wire::plan_resource_change::Response;
        let request = request.into_inner();
        let unplanned = Response {
            planned_state: request.prior_state.clone(),
            planned_private: request.prior_private.clone(),
            planned_identity: request.prior_identity.clone(),
            ..Response::default()
        };
        let failed = move |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..unplanned };
        self.answer("PlanResourceChange", &request.type_name.clone(), failed, async move |inner| {
            let resource = inner.resource(&request.type_name)?;
            let ty = resource.compiled().value_type();
            let prior = Some(read(request.prior_state.as_ref(), ty)?).filter(|prior| !prior.is_null());
            let proposed = read(request.proposed_new_state.as_ref(), ty)?;
            let config = read(request.config.as_ref(), ty)?;
            let client = inner.client_if_known()?;
            // An object keeps its identity for life. A new one has another than what it replaces.
            let kept = match &prior {
                Some(prior) => Some(identify(resource.compiled(), prior)?.or(request.prior_identity)),
                None => None,
            };
            let stop = inner.stop.token();
            let keeps = request.client_capabilities.is_some_and(|client| client.store_planned_private);
            let mut private = Private::read(&request.prior_private);
            // A replacement's new object is planned beside what the first half of its plan noted. Notes beside an object that
            // stays are of an apply that never ended.
            let mut first_half = Some(private.take_notes()).filter(|_| prior.is_none());
            let refusal = first_half.as_mut().and_then(|notes| notes.0.remove(PROTECTED));
            let again = Some(&request.planned_private).filter(|bytes| !bytes.is_empty());
            let mut notes = keeps.then(|| match again {
                Some(bytes) => Private::read(bytes).take_notes(),
                None => first_half.unwrap_or_default(),
            });
            let protects = match &prior {
                Some(prior) => resource.protects(plain::plain(resource.compiled(), prior.clone())),
                None => None,
            };
            let mut plan = tokio::select! {
                biased;
                plan = plan(resource, client.as_deref(), &config, prior, proposed, &private, &mut notes) => plan?,
                // Whatever it waits for: nothing was changed, so that nothing needs to be finished.
                () = stop.cancelled() => return Err(interrupted().into()),
            };
            // What the provider replaces was judged already. Of what the CLI replaces on its own, this is all that is told.
            plan.diagnostics.extend(refusal.map(|refusal| {
                let (summary, detail) = refusal.split_once('\n').unwrap_or((&refusal, ""));
                Diagnostic::error(summary.to_owned(), detail)
            }));
            if let Some(why) = protects.filter(|_| !plan.state.is_null()) {
                let note = format!("{}\n{}", why.summary, why.detail);
                notes.get_or_insert_default().0.insert(PROTECTED.to_owned(), note);
            }
            let planned_identity = match kept {
                Some(kept) => kept,
                None => identify(resource.compiled(), &plan.state)?,
            };
            Ok(Response {
                planned_state: write(&plan.state, ty)?,
                requires_replace: plan.replace.into_iter().map(Path::into_wire).collect(),
                planned_private: match notes {
                    Some(notes) => private.with_notes(notes).write(request.prior_private),
                    None => request.prior_private,
                },
                planned_identity,
                diagnostics: plan.diagnostics.into_wire(),
                legacy_type_system: false,
                deferred: None,
            })
        })
        .await
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Answer<wire::apply_resource_change::Response> {
        use wire::apply_resource_change::Response;
        let request = request.into_inner();
        // Of what did not exist yet only the object itself can tell the identity.
        let planned_identity = request.planned_identity.filter(|_| !is_nothing(request.prior_state.as_ref()));
        let unchanged = Response {
            new_state: request.prior_state.clone(),
            private: Private::without_notes(request.planned_private.clone()),
            new_identity: planned_identity.clone(),
            ..Response::default()
        };
        let failed = move |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..unchanged };
        self.answer("ApplyResourceChange", &request.type_name.clone(), failed, async move |inner| {
            let resource = inner.resource(&request.type_name)?;
            let ty = resource.compiled().value_type();
            let prior = Some(read(request.prior_state.as_ref(), ty)?).filter(|prior| !prior.is_null());
            let planned = Some(read(request.planned_state.as_ref(), ty)?).filter(|planned| !planned.is_null());
            let config = read(request.config.as_ref(), ty)?;
            let client = inner.client()?;
            let operation = match (&prior, &planned) {
                (_, None) => Operation::Delete,
                (None, Some(_)) => Operation::Create,
                (Some(_), Some(_)) => Operation::Update,
            };
            let limits = planned.as_ref().or(prior.as_ref()).unwrap_or(&Value::Null);
            let limit = resource.compiled().timeouts().limit(operation, limits);
            let start = inner.start(limit, &request.planned_private);
            let applied = match (prior, planned) {
                (Some(prior), None) => delete(resource, &client, prior, start).await,
                (None, None) => Applied::gone(),
                (None, Some(planned)) => create(resource, &client, &config, planned, start).await,
                (Some(prior), Some(planned)) => update(resource, &client, &config, prior, planned, start).await,
            };
            let Applied { state, private, mut diagnostics } = applied;
            let new_state = write(&state, ty).unwrap_or_else(|more| {
                diagnostics.extend(more);
                request.prior_state
            });
            let private = if state.is_null() { Vec::new() } else { private.write(request.planned_private) };
            let new_identity = identify(resource.compiled(), &state).ok().flatten().or(planned_identity);
            Ok(Response {
                new_state,
                private,
                new_identity,
                diagnostics: diagnostics.into_wire(),
                legacy_type_system: false,
            })
        })
        .await
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Answer<wire::import_resource_state::Response> {
        use wire::import_resource_state::{ImportedResource, Response};
        let request = request.into_inner();
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("ImportResourceState", &request.type_name.clone(), failed, async move |inner| {
            let resource = inner.resource(&request.type_name)?;
            let client = inner.client()?;
            let stub = match &request.identity {
                Some(identity) => stub_of(resource, &client, identity)?,
                None => resource.import(&client, &request.id)?,
            };
            let state = lifecycle::imported(resource.compiled(), stub)?;
            let imported = ImportedResource {
                type_name: request.type_name,
                state: write(&state, resource.compiled().value_type())?,
                private: Private::adopted().write(Vec::new()),
                identity: identify(resource.compiled(), &state)?.or(request.identity),
            };
            Ok(Response { imported_resources: vec![imported], ..Response::default() })
        })
        .await
    }

    async fn move_resource_state(
        &self,
        request: Request<wire::move_resource_state::Request>,
    ) -> Answer<wire::move_resource_state::Response> {
        use wire::move_resource_state::Response;
        let request = request.into_inner();
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("MoveResourceState", &request.target_type_name.clone(), failed, async move |inner| {
            let resource = inner.resource(&request.target_type_name)?;
            let compiled = resource.compiled();
            let same = request.source_type_name == request.target_type_name;
            let (state, target_private) = if same {
                let state = Inner::<P>::restore(resource, request.source_schema_version, request.source_state)?;
                (state, request.source_private)
            } else {
                const SUMMARY: &str = "Stored state cannot be read";
                let raw = request.source_state.unwrap_or_default();
                let json = codec::parse(&raw.json).map_err(|error| error.explained(SUMMARY, UNREADABLE))?;
                let serde_json::Value::Object(attributes) = json else {
                    return Err(no_object(SUMMARY).into());
                };
                let source = Source {
                    type_name: &request.source_type_name,
                    address: &request.source_provider_address,
                    version: request.source_schema_version,
                    attributes,
                    target: &request.target_type_name,
                };
                // Its private bytes mean nothing here.
                (lifecycle::imported(compiled, resource.move_from(&source)?)?, Private::adopted().write(Vec::new()))
            };
            Ok(Response {
                target_state: write(&state, compiled.value_type())?,
                target_private,
                target_identity: identify(compiled, &state)?,
                diagnostics: Vec::new(),
            })
        })
        .await
    }

    async fn generate_resource_config(
        &self,
        request: Request<wire::generate_resource_config::Request>,
    ) -> Answer<wire::generate_resource_config::Response> {
        use wire::generate_resource_config::Response;
        let request = request.into_inner();
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("GenerateResourceConfig", &request.type_name.clone(), failed, async move |inner| {
            let resource = inner.resource(&request.type_name)?;
            let compiled = resource.compiled();
            let state = read(request.state.as_ref(), compiled.value_type())?;
            let config = lifecycle::configurable(compiled, state);
            let config = resource.configuration(compiled.without_timeouts(config))?;
            let config = lifecycle::configured(compiled, config)?;
            Ok(Response { config: write(&config, compiled.value_type())?, diagnostics: Vec::new() })
        })
        .await
    }

    async fn read_data_source(
        &self,
        request: Request<wire::read_data_source::Request>,
    ) -> Answer<wire::read_data_source::Response> {
        use wire::read_data_source::Response;
        let request = request.into_inner();
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("ReadDataSource", &request.type_name.clone(), failed, async move |inner| {
            let data_source = inner.data_source(&request.type_name)?;
            let compiled = data_source.compiled();
            let config = read(request.config.as_ref(), compiled.value_type())?;
            gate::check_known(compiled, &config, |config| data_source.validate(config))?;
            let client = inner.client()?;
            let start = inner.start(compiled.timeouts().limit(Operation::Read, &config), &[]);
            let Ended { result, warnings, .. } =
                data_source.read(&client, compiled.without_timeouts(config.clone()), start).await;
            let found = result.map_err(|diagnostics| with(&warnings, diagnostics))?;
            let state = lifecycle::answered(compiled, &config, found).map_err(|error| with(&warnings, error))?;
            let state = write(&state, compiled.value_type())?;
            Ok(Response { state, diagnostics: warnings.into_wire(), deferred: None })
        })
        .await
    }

    async fn get_functions(&self, _: Request<wire::get_functions::Request>) -> Answer<wire::get_functions::Response> {
        use wire::get_functions::Response;
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("GetFunctions", "", failed, async |inner| {
            Ok(Response { functions: inner.functions(), diagnostics: Vec::new() })
        })
        .await
    }

    async fn call_function(
        &self,
        request: Request<wire::call_function::Request>,
    ) -> Answer<wire::call_function::Response> {
        let request = request.into_inner();
        let Some(function) = self.0.catalogue().find_function(&request.name) else {
            let start: String = request.name.chars().take(100).collect();
            let text = format!("The provider {} has no function {start:?}.", self.0.offer.provider.name());
            let error = Some(function::FunctionError::new(text).into_wire());
            return Ok(Response::new(wire::call_function::Response { result: None, error }));
        };
        let outcome = caught(async { Ok(function::call(function, &request.arguments)) }).await;
        let outcome = outcome.unwrap_or_else(|panic| {
            let text = panic.iter().map(|one| one.detail.as_str()).collect::<Vec<_>>().join("\n");
            Err(function::FunctionError::new(text))
        });
        let (result, error) = match outcome {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error.into_wire())),
        };
        Ok(Response::new(wire::call_function::Response { result, error }))
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<wire::validate_ephemeral_resource_config::Request>,
    ) -> Answer<wire::validate_ephemeral_resource_config::Response> {
        use wire::validate_ephemeral_resource_config::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire() };
        self.answer("ValidateEphemeralResourceConfig", &request.type_name.clone(), failed, async move |inner| {
            let ephemeral = inner.ephemeral_resource(&request.type_name)?;
            let compiled = ephemeral.compiled();
            let config = read(request.config.as_ref(), compiled.value_type())?;
            let diagnostics = gate::faults(compiled, &config, true, |config| ephemeral.validate(config));
            Ok(Response { diagnostics: diagnostics.into_wire() })
        })
        .await
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<wire::open_ephemeral_resource::Request>,
    ) -> Answer<wire::open_ephemeral_resource::Response> {
        use wire::open_ephemeral_resource::Response;
        let request = request.into_inner();
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("OpenEphemeralResource", &request.type_name.clone(), failed, async move |inner| {
            let ephemeral = inner.ephemeral_resource(&request.type_name)?;
            let compiled = ephemeral.compiled();
            let config = read(request.config.as_ref(), compiled.value_type())?;
            gate::check_known(compiled, &config, |config| ephemeral.validate(config))?;
            let client = inner.client()?;
            let start = inner.start(compiled.timeouts().limit(Operation::Read, &config), &[]);
            let (result, lease) = ephemeral.open(&client, compiled.without_timeouts(config.clone()), start).await;
            let (warnings, renew_at, private) = leased(lease);
            let found = result.map_err(|diagnostics| with(&warnings, diagnostics))?;
            let result = lifecycle::answered(compiled, &config, found).map_err(|error| with(&warnings, error))?;
            let result = write(&result, compiled.value_type())?;
            Ok(Response { diagnostics: warnings.into_wire(), renew_at, result, private, deferred: None })
        })
        .await
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<wire::renew_ephemeral_resource::Request>,
    ) -> Answer<wire::renew_ephemeral_resource::Response> {
        use wire::renew_ephemeral_resource::Response;
        let request = request.into_inner();
        let unchanged = Response { private: request.private.clone(), ..Response::default() };
        let failed = move |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..unchanged };
        self.answer("RenewEphemeralResource", &request.type_name.clone(), failed, async move |inner| {
            let ephemeral = inner.ephemeral_resource(&request.type_name)?;
            let client = inner.client()?;
            let limit = ephemeral.compiled().timeouts().read;
            let start = inner.start(limit, request.private.as_deref().unwrap_or_default());
            let (result, lease) = ephemeral.renew(&client, start).await;
            let (warnings, renew_at, private) = leased(lease);
            result.map_err(|diagnostics| with(&warnings, diagnostics))?;
            Ok(Response { diagnostics: warnings.into_wire(), renew_at, private })
        })
        .await
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<wire::close_ephemeral_resource::Request>,
    ) -> Answer<wire::close_ephemeral_resource::Response> {
        use wire::close_ephemeral_resource::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire() };
        self.answer("CloseEphemeralResource", &request.type_name.clone(), failed, async move |inner| {
            let ephemeral = inner.ephemeral_resource(&request.type_name)?;
            let client = inner.client()?;
            let limit = ephemeral.compiled().timeouts().read;
            let start = inner.start(limit, request.private.as_deref().unwrap_or_default());
            let (result, lease) = ephemeral.close(&client, start).await;
            let (warnings, ..) = leased(lease);
            result.map_err(|diagnostics| with(&warnings, diagnostics))?;
            Ok(Response { diagnostics: warnings.into_wire() })
        })
        .await
    }

    async fn validate_list_resource_config(
        &self,
        request: Request<wire::validate_list_resource_config::Request>,
    ) -> Answer<wire::validate_list_resource_config::Response> {
        use wire::validate_list_resource_config::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire() };
        self.answer("ValidateListResourceConfig", &request.type_name.clone(), failed, async move |inner| {
            let list = inner.list_resource(&request.type_name)?;
            let compiled = list.compiled();
            let config = some(read(request.config.as_ref(), compiled.value_type())?);
            let diagnostics = gate::faults(compiled, &config, true, |config| list.validate(config));
            Ok(Response { diagnostics: diagnostics.into_wire() })
        })
        .await
    }

    async fn list_resource(
        &self,
        request: Request<wire::list_resource::Request>,
    ) -> Answer<BoxStream<wire::list_resource::Event>> {
        /// So many events wait for the host at most.
        const AHEAD: usize = 32;
        let request = request.into_inner();
        let inner = Arc::clone(&self.0);
        let (out, found) = mpsc::channel(AHEAD);
        let running = inner.stop.running();
        let whole = request.include_resource_object;
        let (type_name, searching) = (request.type_name.clone(), Arc::clone(&inner));
        // Reading only: when the host has had enough, the search is dropped wherever it is.
        tokio::spawn(async move {
            let inner = searching;
            let notes = out.clone();
            let work = async {
                inner.resource(&request.type_name)?;
                let list = inner.list_resource(&request.type_name)?;
                let compiled = list.compiled();
                let config = some(read(request.config.as_ref(), compiled.value_type())?);
                gate::check_known(compiled, &config, |config| list.validate(config))?;
                let client = inner.client()?;
                let search = Search {
                    out,
                    limit: u64::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(u64::MAX),
                    whole,
                    stop: inner.stop.token(),
                    deadline: tokio::time::Instant::now() + compiled.timeouts().limit(Operation::Read, &config),
                };
                list.list(&client, compiled.without_timeouts(config), search).await;
                Ok(())
            };
            if let Err(errors) = caught(work).await {
                let _ = notes.send(Found::Note(errors)).await;
            }
            drop(running);
        });
        let events = ReceiverStream::new(found).map(move |found| {
            Ok(match (inner.resource(&type_name), found) {
                (Ok(resource), found) => listed(resource, whole, found),
                (Err(_), Found::Note(diagnostics)) => {
                    wire::list_resource::Event { diagnostic: diagnostics.into_wire(), ..Default::default() }
                }
                (Err(error), Found::Object { .. }) => {
                    wire::list_resource::Event { diagnostic: error.into_wire(), ..Default::default() }
                }
            })
        });
        Ok(Response::new(Box::pin(events)))
    }

    async fn validate_action_config(
        &self,
        request: Request<wire::validate_action_config::Request>,
    ) -> Answer<wire::validate_action_config::Response> {
        use wire::validate_action_config::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire() };
        self.answer("ValidateActionConfig", &request.type_name.clone(), failed, async move |inner| {
            let action = inner.action(&request.type_name)?;
            let compiled = action.compiled();
            let config = some(read(request.config.as_ref(), compiled.value_type())?);
            let diagnostics = gate::faults(compiled, &config, true, |config| action.validate(config));
            Ok(Response { diagnostics: diagnostics.into_wire() })
        })
        .await
    }

    async fn plan_action(&self, request: Request<wire::plan_action::Request>) -> Answer<wire::plan_action::Response> {
        use wire::plan_action::Response;
        let request = request.into_inner();
        let failed =
            |diagnostics: Diagnostics| Response { diagnostics: diagnostics.into_wire(), ..Response::default() };
        self.answer("PlanAction", &request.action_type.clone(), failed, async move |inner| {
            let action = inner.action(&request.action_type)?;
            let compiled = action.compiled();
            let config = some(read(request.config.as_ref(), compiled.value_type())?);
            gate::check(compiled, &config, |config| action.validate(config))?;
            let client = inner.client_if_known()?;
            let diagnostics = action.plan(client.as_deref(), compiled.without_timeouts(config)).await;
            Ok(Response { diagnostics: diagnostics.into_wire(), deferred: None })
        })
        .await
    }

    async fn invoke_action(
        &self,
        request: Request<wire::invoke_action::Request>,
    ) -> Answer<BoxStream<wire::invoke_action::Event>> {
        let request = request.into_inner();
        let inner = Arc::clone(&self.0);
        let (out, events) = mpsc::unbounded_channel();
        let running = inner.stop.running();
        let stop = inner.stop.token();
        let told = stop.clone();
        // In a task of its own: an action that has begun comes to its end, whoever listens.
        tokio::spawn(async move {
            let begun = Instant::now();
            let messages = out.clone();
            let teller = Teller::new(move |message| {
                let _ = messages.send(Ok(progress(message)));
            });
            let work = async {
                let action = inner.action(&request.action_type)?;
                let compiled = action.compiled();
                let config = some(read(request.config.as_ref(), compiled.value_type())?);
                gate::check_known(compiled, &config, |config| action.validate(config))?;
                let client = inner.client()?;
                let run = Run::new(told, teller);
                Ok(action.invoke(&client, compiled.without_timeouts(config), run).await)
            };
            let diagnostics = caught(work).await.unwrap_or_else(|errors| errors);
            tracing::debug!(
                tf_rpc = "InvokeAction",
                tf_resource_type = request.action_type,
                tf_req_duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                failed = diagnostics.has_errors(),
                "call answered"
            );
            if out.send(Ok(completed(diagnostics))).is_err() {
                tracing::warn!(tf_rpc = "InvokeAction", "nobody waited for the end of the action");
            }
            drop(running);
        });
        // After its own stop a host expects the end and nothing else: some fall over a word that comes between.
        let events = UnboundedReceiverStream::new(events)
            .filter(move |event| !stop.is_cancelled() || !event.as_ref().is_ok_and(is_progress));
        Ok(Response::new(Box::pin(events)))
    }

    async fn stop_provider(&self, _: Request<wire::stop_provider::Request>) -> Answer<wire::stop_provider::Response> {
        self.0.stop.stop();
        Ok(Response::new(wire::stop_provider::Response::default()))
    }
}

/// What is stored could be read, but makes no sense.
fn no_object(summary: &'static str) -> Diagnostic {
    const DETAIL: &str =
        "What is stored is no object. Nothing was changed. Restore the state from a backup of its file.";
    Diagnostic::error(summary, DETAIL)
}

/// A later version of the provider wrote it.
fn too_new(summary: &'static str, what: &str, version: i64, current: i64) -> Diagnostic {
    let detail = format!(
        "The {what} has version {version}; this provider knows versions up to {current}. Nothing was changed. Use the \
         version of the provider that wrote it, or a later one."
    );
    Diagnostic::error(summary, detail)
}

fn interrupted() -> Diagnostic {
    Diagnostic::error(
        "Plan was interrupted",
        "The host asked to stop before the plan was complete. Nothing was changed.",
    )
}

/// Both, in the order they came.
fn with(warnings: &Diagnostics, more: Diagnostics) -> Diagnostics {
    let mut all = warnings.clone();
    all.extend(more);
    all
}

/// Plans a create, update or delete.
async fn plan<C: Send + Sync + 'static>(
    resource: &dyn AnyResource<C>,
    client: Option<&C>,
    config: &Value,
    prior: Option<Value>,
    proposed: Value,
    kept: &Private,
    notes: &mut Option<Private>,
) -> Result<lifecycle::Planned, Diagnostics> {
    let compiled = resource.compiled();
    if proposed.is_null() {
        let diagnostics = match prior {
            Some(prior) => resource.plan_delete(client, plain::plain(compiled, prior)).await,
            None => Diagnostics::new(),
        };
        return Ok(lifecycle::Planned { state: Value::Null, replace: Vec::new(), diagnostics });
    }
    // Terraform 1.0 to 1.3 propose the old `timeouts` block where none is configured any more, and refuse it afterwards.
    let proposed = compiled.with_timeouts_of(config, proposed);
    let draft = lifecycle::draft(compiled, config, prior.as_ref(), proposed);
    let seen = |value: &Value| plain::plain(compiled, value.clone());
    let said = compiled.without_timeouts(plain::configured(compiled, config.clone()));
    let hooked = resource.plan(client, said, prior.as_ref().map(seen), seen(&draft.planned), kept, notes).await?;
    let mut plan = lifecycle::finish(compiled, config, prior.as_ref(), draft, hooked);
    // A replacement deletes the object, and nothing else asks whether it may.
    if let Some(prior) = prior.filter(|_| !plan.replace.is_empty()) {
        let planned = plain::plain(compiled, plan.state.clone());
        let more = resource.plan_replace(client, plain::plain(compiled, prior), planned, notes).await;
        // Both may announce the same.
        for one in more {
            if !plan.diagnostics.iter().any(|said| *said == one) {
                plan.diagnostics.push(one);
            }
        }
    }
    Ok(plan)
}

/// Under what the first half of a replacement's plan notes why the object must not be deleted.
const PROTECTED: &str = "protected";

/// What an apply leaves behind.
struct Applied {
    state: Value,
    private: Private,
    diagnostics: Diagnostics,
}

impl Applied {
    fn gone() -> Self {
        Applied { state: Value::Null, private: Private::default(), diagnostics: Diagnostics::new() }
    }
}

async fn create<C: Send + Sync + 'static>(
    resource: &dyn AnyResource<C>,
    client: &C,
    config: &Value,
    planned: Value,
    start: Start,
) -> Applied {
    let compiled = resource.compiled();
    let asked = plain::plain(compiled, lifecycle::with_write_only(compiled, config, planned.clone()));
    let ended = resource.create(client, asked, start).await;
    // Before the first checkpoint nothing exists.
    concluded(compiled, &planned, &planned, Value::Null, ended)
}

async fn update<C: Send + Sync + 'static>(
    resource: &dyn AnyResource<C>,
    client: &C,
    config: &Value,
    prior: Value,
    planned: Value,
    start: Start,
) -> Applied {
    let compiled = resource.compiled();
    if lifecycle::same_but_timeouts(compiled, &prior, &planned) {
        let mut private = start.private;
        private.take_notes();
        return Applied { state: planned, private, diagnostics: Diagnostics::new() };
    }
    let asked = plain::plain(compiled, lifecycle::with_write_only(compiled, config, planned.clone()));
    let ended = resource.update(client, plain::plain(compiled, prior.clone()), asked, start).await;
    concluded(compiled, &planned, &prior, prior.clone(), ended)
}

async fn delete<C: Send + Sync + 'static>(
    resource: &dyn AnyResource<C>,
    client: &C,
    prior: Value,
    start: Start,
) -> Applied {
    let compiled = resource.compiled();
    let Ended { result, kept, warnings: mut diagnostics, private } =
        resource.delete(client, plain::plain(compiled, prior.clone()), start).await;
    match result {
        Ok(()) => Applied { diagnostics, ..Applied::gone() },
        Err(errors) => {
            diagnostics.extend(or_unexplained(errors));
            let state = kept.map_or_else(|| prior.clone(), |kept| lifecycle::kept(compiled, &prior, kept));
            Applied { state, private, diagnostics }
        }
    }
}

/// The state after a create or update. On failure that is the last checkpoint, or what was there `otherwise`; the
/// `timeouts` that count then are those of the last success.
fn concluded(
    compiled: &Compiled,
    planned: &Value,
    timeouts_on_failure: &Value,
    otherwise: Value,
    ended: Ended<Value>,
) -> Applied {
    let Ended { result, kept, warnings: mut diagnostics, private } = ended;
    let state = match result {
        Ok(result) => {
            let (state, more) = lifecycle::settled(compiled, planned, result);
            diagnostics.extend(more);
            state
        }
        Err(errors) => {
            diagnostics.extend(or_unexplained(errors));
            kept.map_or(otherwise, |kept| lifecycle::kept(compiled, timeouts_on_failure, kept))
        }
    };
    Applied { state, private, diagnostics }
}
