//! What the plan of a net says: of its create, and of its destroy.

use jiff::Timestamp;

use super::model::{FinalBackup, is_skipped};
use super::{memory, messages};
use crate::backup::{self, Backups, Service, Sight};
use crate::plugin::{Attr, Diagnostics, Planning, Private};
use crate::provider::explain::unasked;
use crate::provider::{client, place};

/// Adjusts the plan of a create, and asks whether the instance is there.
pub(super) async fn create(client: &Backups, planning: &mut Planning<FinalBackup>) {
    if planning.config.region.is_null() {
        planning.planned.region = Attr::Known(client.region().to_owned());
    }
    if planning.planned.region.is_unknown() {
        return;
    }
    let client = client::regional(client, &planning.planned.region);
    match place::looked_at(&client, planning.notes.as_ref()).await {
        Ok(unasked) => planning.diagnostics.extend(unasked),
        Err(error) => return planning.diagnostics.push(error),
    }
    // Right before the apply, the create itself asks.
    if client.has_preflight() && !planning.notes.as_ref().is_some_and(place::is_noted) {
        let met = met(&client, &planning.planned, planning.notes.as_mut()).await;
        planning.diagnostics.extend(met);
    }
    if let Some(notes) = &mut planning.notes {
        place::note_region(&client, notes);
    }
}

/// What the create would meet, as far as the cloud tells.
async fn met(client: &Backups, planned: &FinalBackup, notes: Option<&mut Private>) -> Diagnostics {
    let mut said = Diagnostics::new();
    let Some((service, instance_id)) = instance(planned) else { return said };
    match client.ahead_of(service).sight(instance_id).await {
        Ok(sight) => {
            match sight {
                Some(Sight::Absent(named)) => said.push(messages::not_found(planned, &named)),
                Some(Sight::Seen(instance)) if instance.is_replica() => said.push(messages::replica(planned)),
                _ => {}
            }
            if let Some(notes) = notes {
                place::note_project(client, notes).await;
            }
        }
        Err(why) => said.extend(why.as_ref().map(unasked)),
    }
    said
}

/// What a destroy will meet, as far as the cloud tells. `replaced`: a new net comes after it.
pub(super) async fn destroy(
    client: Option<&Backups>,
    prior: &FinalBackup,
    private: &Private,
    replaced: bool,
) -> Diagnostics {
    let now = Timestamp::now();
    let (Some(client), Some((service, instance_id))) = (client, instance(prior)) else {
        return messages::planned(prior, None, now, replaced).into();
    };
    let client = client::regional(client, &prior.region);
    let mut said = Diagnostics::new();
    if !is_skipped(prior) {
        match client.ahead_of(service).sight(instance_id).await {
            Ok(Some(Sight::Absent(_))) => {
                if let Some(here) = client.project_ahead().await {
                    let known = memory::project_id(private);
                    // With a backup that was begun already, the destroy may end well all the same.
                    if known != Some(&*here) || prior.last_backup_id.as_str().is_none() {
                        return messages::planned_without_instance(prior, known, &here, replaced).into();
                    }
                }
            }
            Ok(_) => {}
            Err(why) => said.extend(why.as_ref().map(unasked)),
        }
    }
    let newest = match client.ahead_of(service).newest_completed(instance_id).await {
        Ok(newest) => Some(newest),
        Err(why) => {
            said.extend(why.as_ref().map(unasked));
            None
        }
    };
    said.push(messages::planned(prior, newest.as_ref().map(Option::as_slice), now, replaced));
    said
}

/// The instance that a net is under, if it is known.
fn instance(net: &FinalBackup) -> Option<(&'static dyn Service, &str)> {
    Some((net.service.as_str().and_then(backup::named)?, net.instance_id.as_str()?))
}
