//! Resources.

use super::coding::{identify, is_nothing, read, recalled, stored, write};
use super::procedure::Procedure;
use super::session::Session;
use crate::plugin::erased::AnyResource;
use crate::plugin::lifecycle::{self, Applied};
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::{Diagnostic, Diagnostics, Path, Private, Provider, Source, Value, gate, plain, timeouts};

const SUMMARY: &str = "Stored state cannot be read";

/// Under what the first half of a replacement's plan notes why the object must not be deleted.
const PROTECTED: &str = "protected";

/// A later version of the provider wrote it.
fn too_new(summary: &str, what: &str, version: i64, current: i64) -> Diagnostics {
    let detail = format!(
        "The {what} has version {version}; this provider knows versions up to {current}. Nothing was changed. Use the \
         version of the provider that wrote it, or a later one."
    );
    Diagnostic::error(summary, detail).into()
}

/// Attributes of any version of a resource, in the current form.
fn restore<C>(resource: &dyn AnyResource<C>, version: i64, raw: Option<wire::RawState>) -> Result<Value, Diagnostics> {
    let raw = raw.unwrap_or_default();
    if raw.json.is_empty() && !raw.flatmap.is_empty() {
        let detail = "The state is in the form that Terraform used before version 0.12. Apply it once with \
                      Terraform 0.12 or later and a provider of that time.";
        return Err(Diagnostic::error(SUMMARY, detail).into());
    }
    let compiled = resource.compiled();
    let stored = stored(SUMMARY, &raw.json)?;
    let current = compiled.schema.version;
    let stored = match version {
        _ if version == current => stored,
        _ if version < current => resource.upgrade(version, stored)?,
        _ => return Err(too_new(SUMMARY, "state", version, current)),
    };
    lifecycle::restored(compiled, recalled(SUMMARY, stored, compiled.value_type())?)
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
        let detail =
            format!("The identity lacks {}. Add it to the `identity` of the `import` block.", missing.join(", "));
        return Err(Diagnostic::error(SUMMARY, detail).into());
    }
    resource.import_identity(client, given)
}

/// The private bytes to store with a state; what the host sent, if nothing in them changed.
fn private_of(state: &Value, private: &Private, sent: Vec<u8>) -> Vec<u8> {
    if state.is_null() { Vec::new() } else { private.write(sent) }
}

/// The identity that an apply may go by. Of what does not exist yet only the object itself can tell it.
fn planned_identity(request: &wire::apply_resource_change::Request) -> Option<wire::ResourceIdentityData> {
    request.planned_identity.clone().filter(|_| !is_nothing(request.prior_state.as_ref()))
}

impl<P: Provider> Procedure<P> for wire::validate_resource_config::Request {
    type Response = wire::validate_resource_config::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let resource = session.find(|all| &all.resources, &self.type_name)?;
        let compiled = resource.compiled();
        let config = plain::configured(compiled, read(self.config.as_ref(), compiled.value_type())?);
        let write_only = self.client_capabilities.is_some_and(|client| client.write_only_attributes_allowed);
        Ok(Self::Response { diagnostics: gate::faults(resource, &config, write_only).into_wire() })
    }
}

impl<P: Provider> Procedure<P> for wire::upgrade_resource_state::Request {
    type Response = wire::upgrade_resource_state::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let resource = session.find(|all| &all.resources, &self.type_name)?;
        let state = restore(resource, self.version, self.raw_state)?;
        let upgraded_state = write(&state, resource.compiled().value_type())?;
        if let Ok(Some(client)) = session.client_if_known()
            && !state.is_null()
        {
            resource.known(&client, plain::plain(resource.compiled(), state));
        }
        Ok(Self::Response { upgraded_state, diagnostics: Vec::new() })
    }
}

impl<P: Provider> Procedure<P> for wire::upgrade_resource_identity::Request {
    type Response = wire::upgrade_resource_identity::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        const SUMMARY: &str = "Stored identity cannot be read";
        let compiled = session.find(|all| &all.resources, &self.type_name)?.compiled();
        let (Some(ty), Some(schema)) = (compiled.identity_type(), &compiled.schema.identity) else {
            return Err(Diagnostic::error(SUMMARY, format!("{} has no identity schema.", self.type_name)).into());
        };
        if self.version > schema.version {
            return Err(too_new(SUMMARY, "identity", self.version, schema.version));
        }
        // The next read derives it anew, so what an earlier version called otherwise may be missing until then.
        let raw = self.raw_identity.unwrap_or_default();
        let identity = recalled(SUMMARY, stored(SUMMARY, &raw.json)?, &ty)?;
        let identity_data = write(&identity, &ty)?;
        let upgraded_identity = Some(wire::ResourceIdentityData { identity_data });
        Ok(Self::Response { upgraded_identity, diagnostics: Vec::new() })
    }
}

impl<P: Provider> Procedure<P> for wire::read_resource::Request {
    type Response = wire::read_resource::Response;

    fn unchanged(&self) -> Self::Response {
        Self::Response {
            new_state: self.current_state.clone(),
            private: self.private.clone(),
            new_identity: self.current_identity.clone(),
            ..Self::Response::default()
        }
    }

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let resource = session.find(|all| &all.resources, &self.type_name)?;
        let compiled = resource.compiled();
        let state = read(self.current_state.as_ref(), compiled.value_type())?;
        let client = session.client()?;
        let private = Private::read(&self.private);
        let Applied { state, private, diagnostics } =
            lifecycle::read(resource, &client, state, session.stop.request(), private).await?;
        Ok(Self::Response {
            new_state: write(&state, compiled.value_type())?,
            new_identity: identify(compiled, &state)?.or(self.current_identity),
            private: private_of(&state, &private, self.private),
            diagnostics: diagnostics.into_wire(),
            deferred: None,
        })
    }
}

impl<P: Provider> Procedure<P> for wire::plan_resource_change::Request {
    type Response = wire::plan_resource_change::Response;

    fn unchanged(&self) -> Self::Response {
        Self::Response {
            planned_state: self.prior_state.clone(),
            planned_private: self.prior_private.clone(),
            planned_identity: self.prior_identity.clone(),
            ..Self::Response::default()
        }
    }

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let resource = session.find(|all| &all.resources, &self.type_name)?;
        let ty = resource.compiled().value_type();
        let prior = Some(read(self.prior_state.as_ref(), ty)?).filter(|prior| !prior.is_null());
        let proposed = read(self.proposed_new_state.as_ref(), ty)?;
        let config = read(self.config.as_ref(), ty)?;
        let client = session.client_if_known()?;
        // An object keeps its identity for life. A new one has another than what it replaces.
        let kept = match &prior {
            Some(prior) => Some(identify(resource.compiled(), prior)?.or(self.prior_identity)),
            None => None,
        };
        let stop = session.stop.token();
        let keeps = self.client_capabilities.is_some_and(|client| client.store_planned_private);
        let mut private = Private::read(&self.prior_private);
        // A replacement's new object is planned beside what the first half of its plan noted. Notes beside an object that
        // stays are of an apply that never ended.
        let mut first_half = Some(private.take_notes()).filter(|_| prior.is_none());
        let refusal = first_half.as_mut().and_then(|notes| notes.0.remove(PROTECTED));
        let again = Some(&self.planned_private).filter(|bytes| !bytes.is_empty());
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
            plan = lifecycle::plan(resource, client.as_deref(), &config, prior, proposed, &private, &mut notes) => plan?,
            // Whatever it waits for: nothing was changed, so that nothing needs to be finished.
            () = stop.cancelled() => {
                return Err(Diagnostic::error(
                    "Plan was interrupted",
                    "The run was interrupted before the plan of this object was complete. Nothing was done to it; what the same \
                     run did to others before stays done.",
                )
                .into());
            }
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
        Ok(Self::Response {
            planned_state: write(&plan.state, ty)?,
            requires_replace: plan.replace.into_iter().map(Path::into_wire).collect(),
            planned_private: match notes {
                Some(notes) => private.with_notes(notes).write(self.prior_private),
                None => self.prior_private,
            },
            planned_identity,
            diagnostics: plan.diagnostics.into_wire(),
            legacy_type_system: false,
            deferred: None,
        })
    }
}

impl<P: Provider> Procedure<P> for wire::apply_resource_change::Request {
    type Response = wire::apply_resource_change::Response;

    fn unchanged(&self) -> Self::Response {
        Self::Response {
            new_state: self.prior_state.clone(),
            private: Private::without_notes(self.planned_private.clone()),
            new_identity: planned_identity(self),
            ..Self::Response::default()
        }
    }

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let resource = session.find(|all| &all.resources, &self.type_name)?;
        let ty = resource.compiled().value_type();
        let prior = Some(read(self.prior_state.as_ref(), ty)?).filter(|prior| !prior.is_null());
        let planned = Some(read(self.planned_state.as_ref(), ty)?).filter(|planned| !planned.is_null());
        let config = read(self.config.as_ref(), ty)?;
        let client = session.client()?;
        let planned_identity = planned_identity(&self);
        let private = Private::read(&self.planned_private);
        let Applied { state, private, mut diagnostics } =
            lifecycle::apply(resource, &client, &config, prior, planned, session.stop.request(), private).await;
        let new_state = write(&state, ty).unwrap_or_else(|more| {
            diagnostics.extend(more);
            self.prior_state
        });
        Ok(Self::Response {
            new_state,
            new_identity: identify(resource.compiled(), &state).ok().flatten().or(planned_identity),
            private: private_of(&state, &private, self.planned_private),
            diagnostics: diagnostics.into_wire(),
            legacy_type_system: false,
        })
    }
}

impl<P: Provider> Procedure<P> for wire::import_resource_state::Request {
    type Response = wire::import_resource_state::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let resource = session.find(|all| &all.resources, &self.type_name)?;
        let client = session.client()?;
        let stub = match &self.identity {
            Some(identity) => stub_of(resource, &client, identity)?,
            None => resource.import(&client, &self.id)?,
        };
        let state = lifecycle::imported(resource.compiled(), stub)?;
        let imported = wire::import_resource_state::ImportedResource {
            type_name: self.type_name,
            state: write(&state, resource.compiled().value_type())?,
            private: Private::adopted().write(Vec::new()),
            identity: identify(resource.compiled(), &state)?.or(self.identity),
        };
        Ok(Self::Response { imported_resources: vec![imported], ..Self::Response::default() })
    }
}

impl<P: Provider> Procedure<P> for wire::move_resource_state::Request {
    type Response = wire::move_resource_state::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let resource = session.find(|all| &all.resources, &self.target_type_name)?;
        let compiled = resource.compiled();
        let (state, target_private) = if self.source_type_name == self.target_type_name {
            (restore(resource, self.source_schema_version, self.source_state)?, self.source_private)
        } else {
            let source = Source {
                type_name: &self.source_type_name,
                address: &self.source_provider_address,
                version: self.source_schema_version,
                attributes: stored(SUMMARY, &self.source_state.unwrap_or_default().json)?,
                target: &self.target_type_name,
            };
            // Its private bytes mean nothing here.
            let state =
                lifecycle::moved(compiled, resource.move_from(&source)?, &timeouts::stored(&source.attributes))?;
            (state, Private::adopted().write(Vec::new()))
        };
        Ok(Self::Response {
            target_state: write(&state, compiled.value_type())?,
            target_private,
            target_identity: identify(compiled, &state)?,
            diagnostics: Vec::new(),
        })
    }
}

impl<P: Provider> Procedure<P> for wire::generate_resource_config::Request {
    type Response = wire::generate_resource_config::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let resource = session.find(|all| &all.resources, &self.type_name)?;
        let compiled = resource.compiled();
        let state = read(self.state.as_ref(), compiled.value_type())?;
        let config = lifecycle::configurable(compiled, state);
        let config = resource.configuration(compiled.without_timeouts(config))?;
        let config = lifecycle::configured(compiled, config)?;
        Ok(Self::Response { config: write(&config, compiled.value_type())?, diagnostics: Vec::new() })
    }
}
