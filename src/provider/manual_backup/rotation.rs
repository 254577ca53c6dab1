//! Rotation in the resource: after a new backup of a prefix has completed, older ones beyond `keep_last` are deleted.
//!
//! What is about to go is announced while planning. That a backup cannot be deleted never fails an apply: the new one is
//! what was asked for, and the next rotation tries again.

use super::model::ManualBackup;
use crate::backup::retention::{self, Candidate, Rule};
use crate::backup::{self, Backup, BackupRef, Backups, Claim, Filter, Service, Status};
use crate::cloud::Context;
use crate::plugin::{Attr, Diagnostic, Diagnostics, Life, Private};
use crate::provider::client::context;
use crate::provider::explain::{About, Doing, explain, unasked, undated};

/// Under what a plan notes the backups that it announced.
const LEAVING: &str = "leaving";

/// What of a backup's arguments rotation needs.
struct Rotation<'a> {
    service: &'static dyn Service,
    instance_id: &'a str,
    prefix: &'a str,
    keep_last: u64,
}

impl Rotation<'_> {
    fn candidate(&self, backup: &Backup) -> Candidate {
        Candidate::of(backup, self.service.facts().kept_kind)
    }
}

fn rotation(backup: &ManualBackup) -> Option<Rotation<'_>> {
    Some(Rotation {
        service: backup::named(backup.service.as_str()?)?,
        instance_id: backup.instance_id.as_str()?,
        prefix: backup.name_prefix.as_str()?,
        keep_last: u64::try_from(*backup.keep_last.known()?).ok().filter(|keep| *keep > 0)?,
    })
}

/// The instance's backups of exactly that prefix.
async fn ours(client: &Backups, context: &Context, rotation: &Rotation<'_>) -> Result<Vec<Backup>, backup::Error> {
    let filter = Filter {
        instance_id: Some(rotation.instance_id.to_owned()),
        name_prefix: Some(rotation.prefix.to_owned()),
        kind: Some("manual".to_owned()),
        ..Filter::default()
    };
    let mut found = client.of(context, rotation.service).list(&filter).await?;
    found.retain(|backup| retention::rotates(&backup.name, rotation.prefix));
    Ok(found)
}

/// What of older backups goes once a new one has completed.
fn rule(rotation: &Rotation<'_>) -> Rule {
    Rule { keep_last: Some(rotation.keep_last - 1), allow_last: true, failed: true, ..Rule::default() }
}

/// What a plan noted that the rotation will delete: ids, with what each is called. Nothing else is deleted then.
fn noted(notes: &Private) -> Option<Vec<(String, String)>> {
    serde_json::from_str(notes.0.get(LEAVING)?).ok()
}

/// What the rotation would do now.
struct Superseded {
    /// The ids of what it would delete, with what each is called.
    named: Vec<(String, String)>,
    /// A warning about what cannot be ordered.
    undated: Option<Diagnostic>,
}

/// What the rotation would delete now.
/// `replaced` goes out of the state, so that it counts as all the others.
async fn leaving(
    client: &Backups,
    rotation: &Rotation<'_>,
    replaced: Option<&str>,
) -> Result<Superseded, Option<backup::Error>> {
    let found = client.ahead().ask(|context| async move { ours(client, &context, rotation).await }).await?;
    let candidates = found.iter().map(|backup| rotation.candidate(backup)).collect::<Vec<_>>();
    let managed = |id: &str| Some(id) != replaced && client.claims().is_managed(id);
    let leaving = retention::prunable(&candidates, rule(rotation)).into_iter().filter(|id| !managed(id));
    let named = leaving.filter_map(|id| found.iter().find(|backup| backup.id == id));
    let called = |backup: &Backup| match backup.status {
        Status::Failed => format!("{:?} ({}, failed)", backup.name, backup.id),
        _ => format!("{:?} ({})", backup.name, backup.id),
    };
    let unordered = retention::undated(&candidates, rule(rotation)).filter(|id| !managed(id));
    let undated = undated(&found, unordered);
    Ok(Superseded { named: named.map(|backup| (backup.id.clone(), called(backup))).collect(), undated })
}

/// What a planned create will delete once it has completed. Without an answer of the cloud there is nothing to announce.
/// Where the host keeps what is announced, nothing else will be deleted.
pub(super) async fn announced(
    client: &Backups,
    planned: &ManualBackup,
    replaced: Option<&str>,
    mut notes: Option<&mut Private>,
) -> Diagnostics {
    let mut announced = Diagnostics::new();
    let Some(rotation) = rotation(planned) else { return announced };
    let leaving = match notes.as_deref().and_then(noted) {
        Some(agreed) => agreed,
        None => match leaving(client, &rotation, replaced).await {
            Ok(Superseded { named, undated }) => {
                announced.extend(undated);
                named
            }
            Err(why) => {
                announced.extend(why.as_ref().map(unasked));
                Vec::new()
            }
        },
    };
    if let Some(notes) = &mut notes {
        let text = serde_json::to_string(&leaving).expect("texts by text are always JSON");
        notes.0.insert(LEAVING.to_owned(), text);
    }
    if leaving.is_empty() {
        return announced;
    }
    let names = leaving.iter().map(|(_, called)| called.as_str()).collect::<Vec<_>>();
    let announcement = Diagnostic::warning(
        "Older backups will be deleted",
        format!(
            "`keep_last = {}`: once the new backup has completed, older backups of the prefix {:?} will be deleted from the cloud, {} in all. \
             That cannot be undone: {}.",
            rotation.keep_last,
            rotation.prefix,
            names.len(),
            names.join(", ")
        ),
    );
    announced.push(announcement.at("keep_last"));
    announced
}

/// That another resource's backup is, or would be, deleted by this one's rotation, or the other way round.
pub(super) fn overlap(client: &Backups, planned: &ManualBackup, of: Option<&str>) -> Option<Diagnostic> {
    let [service, instance_id] = [&planned.service, &planned.instance_id].map(Attr::as_str);
    let claim = Claim {
        place: [service?, client.region(), instance_id?].map(str::to_owned),
        name: planned.name.as_str().map(str::to_owned),
        prefix: planned.name_prefix.as_str().map(str::to_owned),
        rotates: rotation(planned).is_some(),
        // Where the name of a new one is chosen in the plan, it is a name that no other has.
        of: of.map(str::to_owned).or_else(|| planned.name.as_str().map(str::to_owned)),
    };
    let rotates = claim.rotates;
    let prefix = claim.prefix.clone();
    let other = client.claims().plan(claim)?;
    let other_name = other.name.map_or("a new one".to_owned(), |name| format!("{name:?}"));
    let prefix = prefix.filter(|_| rotates).or(other.prefix).unwrap_or_default();
    let detail = format!(
        "`keep_last` deletes older backups of exactly the prefix {prefix:?} on the instance {}. Two \
         backups of this configuration fall under that, this one and {other_name}, so that one would delete the other, which \
         Terraform manages. Nothing was changed. Give each its own `name_prefix`, or leave `keep_last` out.",
        instance_id.unwrap_or_default(),
    );
    let at = if rotates { "keep_last" } else { "name_prefix" };
    Some(Diagnostic::error("Rotation would delete a managed backup", detail).at(at))
}

/// Deletes what is beyond `keep_last`, now that `new` has completed.
pub(super) async fn rotated(client: &Backups, new: &ManualBackup, life: &mut Life<ManualBackup>) {
    let Some(rotation) = rotation(new) else { return };
    let Some(new_id) = new.id.as_str() else { return };
    let context = context(life);
    let found = match ours(client, &context, &rotation).await {
        Ok(found) => found,
        Err(error) => {
            let about = About { service: rotation.service.facts().key(), id: None, name: None, region: "" };
            let said = explain(Doing::Rotate, about, &error).detail;
            return life.warn(not_deleted(format!(
                "The new backup is complete. Which backups of the prefix {:?} are more than `keep_last` could not be told: {said}",
                rotation.prefix
            )));
        }
    };
    // Older by what the new one itself says: the list may be behind.
    let Some(begin) = new.begin_time.as_str().and_then(backup::time) else {
        return life.warn(not_deleted(format!(
            "The new backup is complete. Nothing else of the prefix {:?} was deleted: the cloud does not tell when the new one was \
             begun, so it is not known which ones are older.",
            rotation.prefix
        )));
    };
    let others = found.iter().filter(|backup| backup.id != new_id).map(|backup| rotation.candidate(backup));
    let (older, newer): (Vec<_>, Vec<_>) = others.partition(|one| one.begin.is_none_or(|begun| begun <= begin));
    let managed = |id: &str| client.claims().is_managed(id);
    let unordered = retention::undated(&older, rule(&rotation)).filter(|id| !managed(id));
    life.warn(undated(&found, unordered));
    let noted = noted(&life.notes);
    let agreed = |id: &String| noted.as_ref().is_none_or(|noted| noted.iter().any(|(noted, _)| noted == id));
    let free = |id: &String| !managed(id);
    let prunable = retention::prunable(&older, rule(&rotation)).into_iter().filter(free);
    let (leaving, unannounced): (Vec<_>, Vec<_>) = prunable.partition(agreed);
    life.warn(unannounced_now(&unannounced));
    let newer = newer.iter().filter(|one| one.completed && free(&one.id)).map(|one| &*one.id).collect::<Vec<_>>();
    let staying =
        older.iter().filter(|one| one.completed && !leaving.contains(&one.id) && !unannounced.contains(&one.id));
    let beyond =
        (1 + newer.len() + staying.count()).saturating_sub(usize::try_from(rotation.keep_last).unwrap_or(usize::MAX));
    life.warn(newer_now(&newer, beyond, new.begin_time.as_str()));
    for (gone, id) in leaving.iter().enumerate() {
        let name = found.iter().find(|backup| backup.id == *id).map(|backup| backup.name.as_str());
        let reference = BackupRef::new(&**id, Some(rotation.instance_id.to_owned()));
        match client.of(&context, rotation.service).rotate_out(&reference).await {
            Ok(()) => tracing::info!(backup_id = id, "the rotation deleted an older backup"),
            Err(error) => {
                let about = About { service: rotation.service.facts().key(), id: Some(id), name, region: "" };
                let said = explain(Doing::Rotate, about, &error);
                let ends = is_of_all(&error);
                let left = if ends { leaving.len() - gone } else { 1 };
                life.warn(kept(left, said, rotation.prefix));
                if ends {
                    return;
                }
            }
        }
    }
}

/// That what came after the plan stays, because the plan did not announce it.
fn unannounced_now(ids: &[String]) -> Option<Diagnostic> {
    let left = match ids {
        [] => return None,
        [one] => {
            format!("The backup {one} of the same prefix is left beyond `keep_last`: the plan did not announce it")
        }
        _ => format!(
            "The backups {} of the same prefix are left beyond `keep_last`: the plan did not announce them",
            ids.join(", ")
        ),
    };
    Some(not_deleted(format!(
        "The new backup is complete. {left}. The rotation of the next backup deletes what is older by then."
    )))
}

/// That so many stay beyond `keep_last` as count as newer than the new one, by the times that the service tells.
fn newer_now(newer: &[&str], beyond: usize, begin: Option<&str>) -> Option<Diagnostic> {
    let left = match *newer {
        _ if beyond == 0 => return None,
        [] => return None,
        [one] => format!("The backup {one} of the same prefix is left beyond `keep_last`"),
        _ if beyond >= newer.len() => {
            format!("The backups {} of the same prefix are left beyond `keep_last`", newer.join(", "))
        }
        _ => {
            let are = if beyond == 1 { "is" } else { "are" };
            format!("Of the backups {} of the same prefix {beyond} {are} left beyond `keep_last`", newer.join(", "))
        }
    };
    Some(not_deleted(format!(
        "The new backup is complete. {left}. By the service's times the new one began earlier, at {}. Another run may have taken one \
         since, or the service's clock may have been set back. A later rotation deletes them when they are older than those to keep.",
        begin.unwrap_or_default()
    )))
}

/// Whether the other deletions would meet the same: the apply is not held up once for each of them.
fn is_of_all(error: &backup::Error) -> bool {
    use backup::Error::{Busy, OutOfSight, StillRunning, Stopped};
    match error.end() {
        Busy { .. } | OutOfSight { .. } | StillRunning { .. } | Stopped { .. } => true,
        end => end
            .cloud()
            .is_some_and(|cause| cause.refusal().is_none_or(|refusal| refusal.status == 429 || refusal.status >= 500)),
    }
}

/// That so many were not deleted, and why the first of them was not.
fn kept(left: usize, Diagnostic { summary, detail, .. }: Diagnostic, prefix: &str) -> Diagnostic {
    let left = match left {
        1 => format!("One backup of the prefix {prefix:?} is left beyond `keep_last`: {detail}"),
        left => {
            format!("{left} backups of the prefix {prefix:?} are left beyond `keep_last`. Of the first: {detail}")
        }
    };
    Diagnostic { summary, ..not_deleted(format!("The new backup is complete. {left}")) }
}

fn not_deleted(detail: String) -> Diagnostic {
    Diagnostic::warning("Older backup was not deleted", detail).at("keep_last")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_reads_well() {
        let said = [
            newer_now(&["b1br02"], 1, Some("2026-11-28T06:08:21Z")).expect("one is left"),
            newer_now(&["b1br02", "b2br02"], 2, Some("2026-11-28T06:08:21Z")).expect("two are left"),
            newer_now(&["b1br02", "b2br02"], 1, Some("2026-11-28T06:08:21Z")).expect("one of two is left"),
            unannounced_now(&["b1br02".to_owned()]).expect("one is left"),
            unannounced_now(&["b1br02".to_owned(), "b2br02".to_owned()]).expect("two are left"),
            kept(1, not_deleted("The service answered 403.".to_owned()), "nightly-"),
            kept(3, not_deleted("The service answered 403.".to_owned()), "nightly-"),
        ];
        let page: Vec<_> =
            said.iter().map(|one| format!("{:?}: {}\n{}\n", one.severity, one.summary, one.detail)).collect();
        insta::assert_snapshot!("rotation", page.join("\n"));
        assert!(newer_now(&[], 1, None).is_none() && newer_now(&["b1br02"], 0, None).is_none());
        assert!(unannounced_now(&[]).is_none());
    }
}
