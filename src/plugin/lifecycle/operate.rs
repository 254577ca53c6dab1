//! The operations themselves: each asks the resource and holds its answer against the rules. They know no protocol.

use super::plan::{Planned, draft, finish, same_but_timeouts};
use super::state::{self, applied, refreshed, with_write_only};
use crate::plugin::erased::{AnyResource, Ended, Start, or_unexplained};
use crate::plugin::schema::Compiled;
use crate::plugin::stop::StopRequest;
use crate::plugin::timeouts::Limited;
use crate::plugin::{Diagnostics, Private, Value, plain};

/// Plans a create, update or delete.
pub(in crate::plugin) async fn plan<C: Send + Sync + 'static>(
    resource: &dyn AnyResource<C>,
    client: Option<&C>,
    config: &Value,
    prior: Option<Value>,
    proposed: Value,
    kept: &Private,
    notes: &mut Option<Private>,
) -> Result<Planned, Diagnostics> {
    let compiled = resource.compiled();
    if proposed.is_null() {
        let diagnostics = match prior {
            Some(prior) => resource.plan_delete(client, plain::plain(compiled, prior), kept).await,
            None => Diagnostics::new(),
        };
        return Ok(Planned { state: Value::Null, replace: Vec::new(), diagnostics });
    }
    // Terraform 1.0 to 1.3 propose the old `timeouts` block where none is configured any more, and refuse it afterwards.
    let proposed = compiled.with_timeouts_of(config, proposed);
    let draft = draft(compiled, config, prior.as_ref(), proposed);
    let seen = |value: &Value| plain::plain(compiled, value.clone());
    let said = compiled.without_timeouts(plain::configured(compiled, config.clone()));
    let hooked = resource.plan(client, said, prior.as_ref().map(seen), seen(&draft.planned), kept, notes).await?;
    let mut plan = finish(compiled, config, prior.as_ref(), draft, hooked);
    // A replacement deletes the object, and nothing else asks whether it may.
    if let Some(prior) = prior.filter(|_| !plan.replace.is_empty()) {
        let planned = plain::plain(compiled, plan.state.clone());
        let more = resource.plan_replace(client, plain::plain(compiled, prior), planned, kept, notes).await;
        // Both may announce the same.
        for one in more {
            if !plan.diagnostics.iter().any(|said| *said == one) {
                plan.diagnostics.push(one);
            }
        }
    }
    Ok(plan)
}

/// What an operation leaves behind: nothing, if the state is null.
pub(in crate::plugin) struct Applied {
    pub(in crate::plugin) state: Value,
    pub(in crate::plugin) private: Private,
    pub(in crate::plugin) diagnostics: Diagnostics,
}

impl Applied {
    fn gone() -> Self {
        Applied { state: Value::Null, private: Private::default(), diagnostics: Diagnostics::new() }
    }
}

/// Looks how an object is.
pub(in crate::plugin) async fn read<C: Send + Sync + 'static>(
    resource: &dyn AnyResource<C>,
    client: &C,
    state: Value,
    stop: StopRequest,
    private: Private,
) -> Result<Applied, Diagnostics> {
    let compiled = resource.compiled();
    let start = Start { stop, timeout: compiled.timeouts().limit(Limited::Read, &state), private };
    let Ended { result, warnings, private, .. } =
        resource.read(client, plain::plain(compiled, state.clone()), start).await;
    match result.and_then(|found| found.map(|found| refreshed(compiled, &state, found)).transpose()) {
        Ok(Some(state)) => Ok(Applied { state, private, diagnostics: warnings }),
        Ok(None) => Ok(Applied { diagnostics: warnings, ..Applied::gone() }),
        Err(errors) => Err(warnings.and(errors)),
    }
}

/// Creates, updates or deletes an object, as it was planned.
pub(in crate::plugin) async fn apply<C: Send + Sync + 'static>(
    resource: &dyn AnyResource<C>,
    client: &C,
    config: &Value,
    prior: Option<Value>,
    planned: Option<Value>,
    stop: StopRequest,
    private: Private,
) -> Applied {
    let start = |operation, limits: &Value| Start {
        stop,
        timeout: resource.compiled().timeouts().limit(operation, limits),
        private,
    };
    match (prior, planned) {
        (None, None) => Applied::gone(),
        (Some(prior), None) => {
            let start = start(Limited::Delete, &prior);
            delete(resource, client, prior, start).await
        }
        (None, Some(planned)) => {
            let start = start(Limited::Create, &planned);
            create(resource, client, config, planned, start).await
        }
        (Some(prior), Some(planned)) => {
            let start = start(Limited::Update, &planned);
            update(resource, client, config, prior, planned, start).await
        }
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
    let asked = plain::plain(compiled, with_write_only(compiled, config, planned.clone()));
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
    if same_but_timeouts(compiled, &prior, &planned) {
        let mut private = start.private;
        private.take_notes();
        return Applied { state: planned, private, diagnostics: Diagnostics::new() };
    }
    let asked = plain::plain(compiled, with_write_only(compiled, config, planned.clone()));
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
            let state = kept.map_or_else(|| prior.clone(), |kept| state::kept(compiled, &prior, kept));
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
            let (state, more) = applied(compiled, planned, result);
            diagnostics.extend(more);
            state
        }
        Err(errors) => {
            diagnostics.extend(or_unexplained(errors));
            kept.map_or(otherwise, |kept| state::kept(compiled, timeouts_on_failure, kept))
        }
    };
    Applied { state, private, diagnostics }
}
