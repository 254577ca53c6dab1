//! How a backup of the resource comes to be: its name, its beginning, its end.

use jiff::Timestamp;

use super::messages::interrupted;
use super::model::{ManualBackup, about, filled};
use super::{certainty, memory, rotation};
use crate::backup::{self, Backup, Backups, Certainty, Doubt, NameOrigin, NewBackup, Service, Started, naming};
use crate::plugin::{Attr, Diagnostics, Life};
use crate::provider::client::context;
use crate::provider::explain::{Doing, explain};
use crate::provider::unanswered::{IN_STATE, other_answer, twins, unanswered};

/// Where its name comes from. One that only a prefix tells is chosen now.
pub(super) fn named(planned: &mut ManualBackup) -> NameOrigin {
    match (&planned.name, planned.name_prefix.is_set()) {
        (Attr::Known(_), true) => NameOrigin::Planned,
        (Attr::Known(_), false) => NameOrigin::Fixed,
        _ => {
            let prefix = planned.name_prefix.text();
            planned.name = Attr::Known(naming::unique_name(prefix, Timestamp::now()));
            NameOrigin::Random
        }
    }
}

/// Begins it, or finds the one that was begun before.
pub(super) async fn begun(
    client: &Backups,
    service: &'static dyn Service,
    (planned, want): (&ManualBackup, &NewBackup),
    life: &mut Life<ManualBackup>,
) -> Result<Started, Diagnostics> {
    let others = certainty::Namesakes::of(planned);
    let started = client.of(&context(life), service).begin_telling(want, &others).await;
    life.warn(others.seen().map(|running| certainty::ran_already(planned, &running)));
    if let Err(backup::Error::OtherAnswer { answer }) = &started {
        tell_unanswered(client, service, want, answer, life).await;
    }
    started.map_err(|error| {
        let said = match &error {
            backup::Error::NameTaken { existing, .. } if want.name_origin == NameOrigin::Planned => {
                certainty::applied_before(planned, existing.as_deref())
            }
            backup::Error::NameTaken { existing: Some(holder), .. } if client.claims().is_managed(&holder.id) => {
                certainty::held_by_this_run(planned, holder)
            }
            _ => explain(Doing::Create, about(planned), &error),
        };
        said.into()
    })
}

/// Looks once at what has begun and is not awaited: the id of its answer may be another backup's, or none's where its name shows it.
pub(super) async fn looked_at(
    client: &Backups,
    service: &'static dyn Service,
    (planned, want): (&ManualBackup, &NewBackup),
    started: &Started,
    life: &mut Life<ManualBackup>,
) -> Result<Option<Backup>, Diagnostics> {
    match client.of(&context(life), service).glance(started, want.name_origin).await {
        Ok(shown) => Ok(shown),
        Err(backup::Error::Foreign { found, .. }) => {
            Err(anothers(client, service, (planned, want), (started, &found), life).await)
        }
        Err(error) => Err(explain(Doing::Wait, about(planned), &error).into()),
    }
}

/// The answer told nothing but the id of somebody else's backup: that one is none of ours.
async fn anothers(
    client: &Backups,
    service: &'static dyn Service,
    (planned, want): (&ManualBackup, &NewBackup),
    (started, found): (&Started, &Backup),
    life: &mut Life<ManualBackup>,
) -> Diagnostics {
    life.retract();
    tell_unanswered(client, service, want, started, life).await;
    explain(Doing::Create, about(planned), &other_answer(found)).into()
}

async fn tell_unanswered(
    client: &Backups,
    service: &'static dyn Service,
    want: &NewBackup,
    answered: &Started,
    life: &mut Life<ManualBackup>,
) {
    for warning in unanswered(client, service, &context(life), want, answered).await {
        life.warn(warning);
    }
}

/// Says so if it was, or may have been, taken twice.
pub(super) async fn tell_twins(
    client: &Backups,
    service: &'static dyn Service,
    want: &NewBackup,
    started: &Started,
    life: &mut Life<ManualBackup>,
) {
    for warning in twins(client, service, &context(life), want, (started, IN_STATE)).await {
        life.warn(warning);
    }
}

/// Waits until it is complete, and tells what else was found.
pub(super) async fn completed(
    client: &Backups,
    service: &'static dyn Service,
    (planned, want): (ManualBackup, &NewBackup),
    started: &Started,
    life: &mut Life<ManualBackup>,
) -> Result<ManualBackup, Diagnostics> {
    let awaited = client.of(&context(life), service).completed_by_name((started, want.name_origin), &()).await;
    if let Some(backup) = awaited.as_ref().ok().filter(|backup| backup.id != started.backup_id) {
        let project_id = client.project_id(&context(life)).await.unwrap_or_default();
        memory::begun(&mut life.private, &backup.id, &project_id);
    }
    if let Err(backup::Error::Foreign { found, .. }) = &awaited {
        return Err(anothers(client, service, (&planned, want), (started, found), life).await);
    }
    let awaited = match awaited {
        // Where the answer named one that nobody sees, its name may tell more.
        Err(unseen @ backup::Error::StillRunning { last: None, .. }) if started.certainty == Certainty::Answered => {
            let begun = started.backup();
            match client.of(&context(life), service).under_another_id(&begun).await {
                Ok(Some(shown)) => {
                    Err(backup::Error::Doubtful { id: begun.id, doubt: Doubt::UnderAnotherId(Box::new(shown)) })
                }
                _ => Err(unseen),
            }
        }
        awaited => awaited,
    };
    // Where looks fail, another one tells nothing.
    let is_out_of_sight = matches!(&awaited, Err(backup::Error::OutOfSight { .. }));
    let completed = kept(client, planned, awaited, life).await;
    if completed.is_ok() {
        memory::finished(&mut life.private);
    }
    if !is_out_of_sight {
        tell_twins(client, service, want, started, life).await;
    }
    completed
}

/// What is kept of a backup after the wait for it. That the host asks to stop is no failure: the object is saved as it is, and
/// the next apply goes on.
pub(super) async fn kept(
    client: &Backups,
    state: ManualBackup,
    awaited: Result<Backup, backup::Error>,
    life: &mut Life<ManualBackup>,
) -> Result<ManualBackup, Diagnostics> {
    match awaited {
        Ok(backup) => {
            memory::listed(&mut life.private);
            life.warn(certainty::rewritten(&state, &backup));
            let state = filled(state, &backup);
            life.checkpoint(state.clone());
            rotation::rotated(client, &state, life).await;
            Ok(state)
        }
        // Whatever depends on it goes on after this: that is the host's to say, and nobody else's.
        Err(backup::Error::Stopped { last, .. }) if life.is_stopped_by_host() => {
            let state = match last {
                Some(backup) => {
                    memory::listed(&mut life.private);
                    filled(state, &backup)
                }
                None => state,
            };
            life.warn(interrupted(&state));
            Ok(state)
        }
        Err(error) => {
            if let Some(backup) = error.last() {
                memory::listed(&mut life.private);
                life.checkpoint(filled(state.clone(), backup));
            }
            Err(explain(Doing::Wait, about(&state), &error).into())
        }
    }
}
