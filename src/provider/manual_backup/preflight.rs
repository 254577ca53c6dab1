//! What a plan says of what its creates will meet.

use super::messages::label;
use super::model::{ManualBackup, is_retained};
use crate::backup::{self, Backup, Backups, Instance, Prospect, Service, Sight};
use crate::plugin::{Attr, Diagnostic, Diagnostics, Path, Private, Severity};
use crate::provider::explain::unasked;
use crate::provider::place;
use crate::provider::services::{by_name, importable};
use crate::provider::words::series;

/// Statuses of instances of which no backup can be taken, in the services' own words, in small letters and without blanks.
const UNFIT: &[&str] = &["createfail", "createfailed", "failed", "frozen", "storagefull", "data_disk_full"];

/// What the apply of a planned create would meet, as far as the cloud tells.
/// `replaced` is the backup in whose place it comes.
pub(super) async fn met(
    client: &Backups,
    planned: &ManualBackup,
    replaced: Option<&str>,
    notes: Option<&mut Private>,
) -> Diagnostics {
    let mut said = Diagnostics::new();
    let service = planned.service.as_str().and_then(backup::named);
    let (Some(service), Some(instance_id)) = (service, planned.instance_id.as_str()) else { return said };
    // A name that is made of a prefix has never been given to anything else.
    let name = planned.name.as_str().filter(|_| !planned.name_prefix.is_set());
    let unique = name.filter(|_| service.facts().names_are_unique);
    if let Some(name) = unique.filter(|_| client.has_preflight())
        && let Some(other) = client.claims().name([service.facts().key(), client.region(), name], instance_id)
    {
        said.push(named_twice(name, &other));
    }
    let outlook = client.ahead_of(service).outlook(instance_id, name).await;
    if let (Some(notes), Some(_)) = (notes, &outlook.instance) {
        place::note_project(client, notes).await;
    }
    match &outlook.instance {
        Some(Sight::Absent(named)) => said.push(absent(client, service, instance_id, named)),
        Some(Sight::Seen(instance)) => {
            said.extend(unfit(service, instance).or_else(|| misfit(planned, instance)));
            if !said.has_errors() {
                said.extend(match &outlook.running {
                    // What becomes of it, this run has planned itself.
                    Some(backup) if client.claims().is_managed(&backup.id) => None,
                    Some(backup) => Some(running(instance, backup)),
                    None => (instance.idle == Some(false)).then(|| busy(instance)),
                });
            }
        }
        None => {}
    }
    let counts = |holder: &Backup| service.facts().names_are_unique && replaced != Some(&*holder.id);
    if let Some(holder) = outlook.holder.filter(counts) {
        said.extend(match client.prospect(&holder.id).await {
            Prospect::Leaves => Some(leaves(&holder)),
            Prospect::Forgotten => Some(forgotten(&holder)),
            // Its own plan decides what becomes of its name.
            Prospect::Stays => None,
            Prospect::NotManaged => Some(taken(service, client.region(), &holder)),
        });
    }
    let mut met = Diagnostics::new();
    met.extend(outlook.unasked.as_ref().map(unasked));
    met.extend(said.into_iter().map(with_the_way_around));
    met
}

/// What a plan of a create says; an error, with the way around it for a destroy: hosts plan what is configured before that.
pub(super) fn with_the_way_around(mut said: Diagnostic) -> Diagnostic {
    if said.severity == Severity::Error {
        said.detail
            .push_str("\n\nIf that stops a `destroy`: `terraform destroy -refresh=false` does not plan creates first.");
    }
    said
}

fn called(instance: &Instance) -> String {
    format!("The instance {:?} ({})", instance.name, instance.id)
}

fn absent(client: &Backups, service: &'static dyn Service, instance_id: &str, named: &[String]) -> Diagnostic {
    let meant = by_name(named).unwrap_or_else(|| {
        "Check `service`, the region and the project: a saved plan must be applied with the same ones. The data source \
         `huaweidb_instances` lists what is there. If the credentials may back instances up but not list them, set `preflight = false` in the provider block."
            .to_owned()
    });
    let (title, region) = (service.facts().title, client.region());
    let detail = format!("{title} shows no instance with the id {instance_id:?} in the region {region}. {meant}");
    Diagnostic::error("Instance was not found", detail).at("instance_id")
}

/// What is wrong with the instance, whatever is asked of it.
fn unfit(service: &'static dyn Service, instance: &Instance) -> Option<Diagnostic> {
    let why = if instance.is_replica() {
        "is a read replica, of which the service takes no backups. Give the id of the primary instance".to_owned()
    } else if UNFIT.contains(&&*bare(&instance.status)) {
        format!("is {:?}: {} takes no backup of it until that has changed", instance.status, service.facts().title)
    } else {
        return None;
    };
    let detail = format!("{} {why}.", called(instance));
    Some(Diagnostic::error("Instance takes no manual backups", detail).at("instance_id"))
}

/// What of the arguments does not fit the engine.
fn misfit(planned: &ManualBackup, instance: &Instance) -> Option<Diagnostic> {
    let engine = &instance.datastore.as_ref()?.kind;
    let engines = planned.service.as_str().and_then(backup::named)?.facts().choosing_engines;
    if engines.is_empty() || engines.iter().any(|one| bare(one) == bare(engine)) {
        return None;
    }
    let chooses = planned.databases.known().is_some_and(|databases| !databases.is_empty());
    let (at, remove) = if planned.backup_database_individually == Attr::Known(true) {
        (Path::attribute("backup_database_individually"), "the argument")
    } else if chooses {
        // A CLI shows the line of an argument, not that of a block.
        (Path::attribute("databases").index(0).then("name"), "the `databases` blocks")
    } else {
        return None;
    };
    let (lets, named) = (if engines.len() == 1 { "lets" } else { "let" }, series(engines, "and"));
    let detail =
        format!("{} runs {engine}. Only {named} {lets} databases be chosen: remove {remove}.", called(instance));
    Some(Diagnostic::error("Argument does not fit the engine", detail).at(at))
}

fn bare(word: &str) -> String {
    word.to_ascii_lowercase().replace([' ', '-'], "")
}

fn running(instance: &Instance, backup: &Backup) -> Diagnostic {
    let detail = format!(
        "The backup {:?} ({}) runs on it. The new one is begun when that has ended, as long as `timeouts.create` allows.",
        backup.name, backup.id
    );
    Diagnostic::warning("Instance is busy", format!("{} is busy. {detail}", called(instance))).at("instance_id")
}

fn busy(instance: &Instance) -> Diagnostic {
    let detail = format!(
        "{} is busy: something runs on it, and its status is {:?}. The backup is begun when that has ended, as long as `timeouts.create` allows.",
        called(instance),
        instance.status
    );
    Diagnostic::warning("Instance is busy", detail).at("instance_id")
}

fn leaves(holder: &Backup) -> Diagnostic {
    let detail = format!(
        "The backup {} has the name {:?}, and this run deletes it. The new one waits for that, but `create_before_destroy` and \
         `-parallelism=1` may begin the deletion only after it: then the apply says that the name is taken, and applying again takes \
         the new one. {}",
        holder.id,
        holder.name,
        moved("If the resource only has another address now, this keeps its backup")
    );
    Diagnostic::warning("Backup of the same name is deleted first", detail).at("name")
}

/// That two new backups of one run have the same name.
fn named_twice(name: &str, other: &str) -> Diagnostic {
    let detail = format!(
        "Another new backup of this run, of the instance {other}, has the name {name:?} too, and names are unique. Give each its own, \
         or `name_prefix` in its place; with `count` or `for_each`, make the key a part of it."
    );
    Diagnostic::error("Name is taken", detail).at("name")
}

/// The block that keeps the backup of a resource at its new address.
fn moved(when: &str) -> String {
    format!(
        "{when}, with the old and the new address:\n\nmoved {{\n  from = huaweidb_manual_backup.old\n  to   = \
         huaweidb_manual_backup.new\n}}"
    )
}

/// That what has the name leaves the state, and stays in the cloud.
fn forgotten(holder: &Backup) -> Diagnostic {
    let detail = format!(
        "The backup {} has the name {:?}, names are unique, and this run only forgets it, because its `on_destroy` is \"retain\": it \
         keeps its name. Choose another one, or `name_prefix` in its place. {}",
        holder.id,
        holder.name,
        moved("If the resource only has another address now, this keeps its backup")
    );
    Diagnostic::error("Name is taken", detail).at("name")
}

/// That a backup keeps the name that the one in its place is to have, if it is only forgotten.
pub(super) fn keeps_its_name(prior: &ManualBackup, planned: &ManualBackup) -> Option<Diagnostic> {
    let service = planned.service.as_str().and_then(backup::named)?;
    let name = planned.name.as_str().filter(|_| !planned.name_prefix.is_set())?;
    let same = prior.name.as_str() == Some(name) && prior.service == planned.service && prior.region == planned.region;
    if !(same && is_retained(prior) && service.facts().names_are_unique) {
        return None;
    }
    let detail = format!(
        "{} is replaced, but only forgotten, because its `on_destroy` is \"retain\": it keeps its name, and names are unique. Give the \
         new one another `name`, or `name_prefix` in its place.",
        label(prior)
    );
    Some(Diagnostic::error("Name is taken", detail).at("name"))
}

fn taken(service: &'static dyn Service, region: &str, holder: &Backup) -> Diagnostic {
    let key = service.facts().key();
    let detail = format!(
        "The backup {} ({}) of the instance {} has the name {:?} already, and names are unique. Choose another one, or \
         `name_prefix` in its place. If the resource that has it was renamed, add a `moved` block. With `create_before_destroy`, use \
         `name_prefix`. With `-parallelism=1`, plan again with a higher value: the plan of what deletes it may have come too late. If an apply \
         has deleted it since, apply again. If no state has it, and it is the one that is meant, import it as {}.",
        holder.id,
        holder.status,
        holder.instance_id,
        holder.name,
        importable(key, region, &holder.instance_id, &holder.id)
    );
    Diagnostic::error("Name is taken", detail).at("name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Datastore;

    fn instance(status: &str, engine: &str, mode: Option<&str>) -> Instance {
        Instance {
            id: "i1in03".to_owned(),
            name: "orders".to_owned(),
            status: status.to_owned(),
            idle: None,
            datastore: Some(Datastore { kind: engine.to_owned(), version: None }),
            mode: mode.map(str::to_owned),
            size_gib: None,
        }
    }

    #[test]
    fn statuses_and_replicas_that_take_no_backup_are_refused() {
        let rds = backup::named("rds").expect("a service");
        for (status, mode, fits) in [
            ("ACTIVE", Some("Ha"), true),
            ("MODIFYING INSTANCE TYPE", None, true),
            ("abnormal", None, true),
            ("", None, true),
            ("ACTIVE", Some("Replica"), false),
            ("CREATE FAIL", None, false),
            ("createfail", None, false),
            ("STORAGE FULL", None, false),
            ("data_disk_full", None, false),
            ("FROZEN", None, false),
        ] {
            assert_eq!(unfit(rds, &instance(status, "MySQL", mode)).is_none(), fits, "{status} {mode:?}");
        }
    }

    #[test]
    fn databases_one_by_one_need_an_engine_that_can_do_so() {
        for (individually, engine, fits) in [
            (Attr::Known(true), "MySQL", false),
            (Attr::Known(true), "PostgreSQL", true),
            (Attr::Known(true), "SQLServer", true),
            (Attr::Known(false), "MySQL", true),
            (Attr::Null, "MySQL", true),
        ] {
            let planned = ManualBackup {
                service: "rds".into(),
                backup_database_individually: individually,
                ..ManualBackup::default()
            };
            assert_eq!(misfit(&planned, &instance("ACTIVE", engine, None)).is_none(), fits, "{engine}");
        }
    }
}
