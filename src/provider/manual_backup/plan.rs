//! What a plan says beyond the schema's rules.

use jiff::Timestamp;

use super::messages::unusable;
use super::model::{ManualBackup, about};
use super::{memory, preflight, rotation, schema};
use crate::backup::{self, Backups, Service, Standing, Status, naming};
use crate::plugin::{Attr, Diagnostic, Path, Planning, Private};
use crate::provider::client;
use crate::provider::explain::{Doing, explain};
use crate::provider::place;
use crate::provider::pruning::pruned;

/// Adjusts a create or update plan.
pub(super) async fn plan(client: Option<&Backups>, planning: &mut Planning<ManualBackup>) {
    let Some(prior) = &planning.prior else {
        return create(client, planning).await;
    };
    if planning.private.is_adopted() {
        // No service tells these, and not every service tells descriptions.
        planning.adopt.extend(["triggers", "backup_database_individually"]);
        let facts = prior.service.as_str().and_then(backup::named).map(Service::facts);
        if facts.is_some_and(|facts| !facts.tells_descriptions) {
            planning.adopt.push("description");
        }
    }
    if planning.planned.region != prior.region
        && let Some(error) =
            client.and_then(|client| elsewhere(&client::regional(client, &planning.planned.region), &planning.planned))
    {
        planning.diagnostics.push(error);
        return;
    }
    let planned = &mut planning.planned;
    if let (Some(client), Some(id)) = (client, prior.id.as_str()) {
        let client = client::regional(client, &planned.region);
        let place = [&prior.service, &prior.instance_id].map(|known| known.text().to_owned());
        let [service, instance_id] = place;
        let backup =
            Standing { place: [service, client.region().to_owned(), instance_id], name: prior.name.known().cloned() };
        if client.claims().stay(id, backup) {
            planning.unless_replaced.push(pruned(&[(id.to_owned(), prior.name.known().cloned())]));
        }
        planning.diagnostics.extend(rotation::overlap(&client, planned, Some(id)));
    }
    // A name_prefix that is new beside an old name (after an import or a move) fits if the name begins with it.
    if planned.name_prefix != prior.name_prefix {
        let fits = match (&prior.name_prefix, &planned.name_prefix, &prior.name) {
            (Attr::Null, Attr::Known(prefix), Attr::Known(name)) => name.starts_with(prefix.as_str()),
            (_, Attr::Null, _) => true, // then `name` is set, and its own change decides
            _ => false,
        };
        if !fits {
            planning.replace.push(Path::attribute("name_prefix"));
        }
    }
    let Some(status) = prior.status.known().map(|word| Status::named(word)) else {
        return;
    };
    match status {
        Status::Completed => {}
        Status::Failed | Status::Deleting => {
            planned.status = Attr::Unknown;
            planning.replace.push(Path::attribute("status"));
            planning.diagnostics.push(unusable(prior, &status));
        }
        Status::Building | Status::Other(_) => {
            if planned.wait_for_completion == Attr::Known(true) {
                resume(planned);
                if let (Some(client), Some(notes)) = (client, &mut planning.notes) {
                    let client = client::regional(client, &planned.region);
                    planning.diagnostics.extend(rotation::announced(&client, planned, None, Some(notes)).await);
                }
            }
        }
    }
}

/// Adjusts the plan of a create, and asks what that will meet.
async fn create(client: Option<&Backups>, planning: &mut Planning<ManualBackup>) {
    let unsendable = schema::unsendable(&planning.planned);
    if unsendable.has_errors() {
        return planning.diagnostics.extend(unsendable);
    }
    if planning.config.region.is_null()
        && let Some(client) = client
    {
        planning.planned.region = Attr::Known(client.region().to_owned());
    }
    // A name that turns out null is chosen in the plan that follows.
    if planning.config.name.is_null()
        && let Some(notes) = &mut planning.notes
    {
        name_ahead(&mut planning.planned, notes);
    }
    // Where the region is not known yet, there is nobody to ask.
    if let Some(client) = client.filter(|_| !planning.planned.region.is_unknown()) {
        let client = client::regional(client, &planning.planned.region);
        if let Some(error) = elsewhere(&client, &planning.planned) {
            return planning.diagnostics.push(error);
        }
        match place::looked_at(&client, planning.notes.as_ref()).await {
            Ok(unasked) => planning.diagnostics.extend(unasked),
            Err(error) => return planning.diagnostics.push(error),
        }
        let replaced = memory::id(&planning.private);
        if let Some(id) = replaced {
            client.claims().manage(id);
            client.claims().reconsider(id);
        }
        if let Some(overlap) = rotation::overlap(&client, &planning.planned, replaced) {
            return planning.diagnostics.push(preflight::with_the_way_around(overlap));
        }
        // Right before the apply, the create itself asks.
        if !client.claims().applies() && !planning.notes.as_ref().is_some_and(place::is_noted) {
            let met = preflight::met(&client, &planning.planned, replaced, planning.notes.as_mut()).await;
            let refused = met.has_errors();
            planning.diagnostics.extend(met);
            if refused {
                return;
            }
        }
        let announced = rotation::announced(&client, &planning.planned, replaced, planning.notes.as_mut()).await;
        planning.diagnostics.extend(announced);
        if let Some(notes) = &mut planning.notes {
            place::note_region(&client, notes);
        }
    }
}

/// Under what a plan notes the name that it chose.
const NAME: &str = "name";

/// Chooses the name of a prefix while planning, where the host keeps it: the apply then uses the one that was shown.
fn name_ahead(planned: &mut ManualBackup, notes: &mut Private) {
    let (Attr::Known(prefix), Attr::Unknown) = (&planned.name_prefix, &planned.name) else { return };
    let chosen = notes.0.get(NAME).filter(|name| name.strip_prefix(prefix.as_str()).is_some_and(naming::is_ending));
    let name = chosen.cloned().unwrap_or_else(|| naming::unique_name(prefix, Timestamp::now()));
    notes.0.insert(NAME.to_owned(), name.clone());
    planned.name = Attr::Known(name);
}

/// That the planned region is none of the cloud's. Told before anything is deleted for it.
fn elsewhere(client: &Backups, planned: &ManualBackup) -> Option<Diagnostic> {
    let service = planned.region.known().and(planned.service.as_str()).and_then(backup::named)?;
    let error = client.check_region(service).err()?;
    Some(explain(Doing::Create, about(planned), &error).at("region"))
}

/// A plan that goes on waiting: what the end of the backup will tell is not known yet.
fn resume(planned: &mut ManualBackup) {
    planned.status = Attr::Unknown;
    planned.instance_name = Attr::Unknown;
    planned.datastore = Attr::Unknown;
    planned.begin_time = Attr::Unknown;
    planned.end_time = Attr::Unknown;
    planned.size_bytes = Attr::Unknown;
}
