//! What a plan says of what its creates will meet.

use super::model::ManualBackup;
use crate::backup::{self, Backup, Backups, Instance, Prospect, Service, Sight};
use crate::plugin::{Attr, Diagnostic, Diagnostics, Path, Private};
use crate::provider::explain;
use crate::provider::place;
use crate::provider::services::{by_name, import_block};

/// Statuses of instances of which no backup can be taken, in the services' own words, in small letters and without blanks.
const UNFIT: &[&str] = &["createfail", "createfailed", "failed", "frozen", "storagefull", "data_disk_full"];

/// Engines of RDS that back databases up one by one.
const ONE_BY_ONE: &[&str] = &["postgresql", "sqlserver"];

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
    let outlook = client.outlook(service, instance_id, name).await;
    said.extend(outlook.unasked.as_ref().map(unasked));
    if let (Some(notes), Some(_)) = (notes, &outlook.instance) {
        place::note_project(client, notes).await;
    }
    match &outlook.instance {
        Some(Sight::Absent(named)) => said.push(absent(client, service, instance_id, named)),
        Some(Sight::Seen(instance)) => {
            said.extend(unfit(service, instance).or_else(|| misfit(planned, instance)));
            if !said.has_errors() {
                let waits = outlook.running.as_ref().map(|backup| running(instance, backup));
                said.extend(waits.or_else(|| (instance.idle == Some(false)).then(|| busy(instance))));
            }
        }
        None => {}
    }
    if let Some(holder) = outlook.holder.filter(|holder| replaced != Some(&*holder.id)) {
        said.extend(match client.prospect(&holder.id).await {
            Prospect::Leaves => Some(leaves(&holder)),
            // Its own plan decides what becomes of its name.
            Prospect::Stays => None,
            Prospect::NotManaged => Some(taken(service, client.region(), &holder)),
        });
    }
    said
}

fn at_instance(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.at(Path::attribute("instance_id"))
}

fn label(instance: &Instance) -> String {
    format!("The instance {:?} ({})", instance.name, instance.id)
}

fn absent(client: &Backups, service: &'static dyn Service, instance_id: &str, named: &[String]) -> Diagnostic {
    let meant = by_name(named).unwrap_or_else(|| {
        "Check `service`, the region and the project: a saved plan must be applied with the same ones. The data source \
         `huaweidb_instances` lists what is there. If the credentials may use what they may not see, set `preflight = false` in the provider block."
            .to_owned()
    });
    at_instance(Diagnostic::error(
        "Instance was not found",
        format!(
            "{} shows no instance with the id {instance_id:?} in the region {}. {meant}",
            service.facts().title,
            client.region()
        ),
    ))
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
    let detail = format!("{} {why}.", label(instance));
    Some(at_instance(Diagnostic::error("Instance takes no manual backups", detail)))
}

/// What of the arguments does not fit the engine.
fn misfit(planned: &ManualBackup, instance: &Instance) -> Option<Diagnostic> {
    let engine = &instance.datastore.as_ref()?.kind;
    if planned.backup_database_individually != Attr::Known(true) || ONE_BY_ONE.contains(&&*bare(engine)) {
        return None;
    }
    let detail = format!(
        "{} is one of {engine}. Only PostgreSQL and SQL Server back databases up one by one: remove the argument.",
        label(instance)
    );
    let at = Path::attribute("backup_database_individually");
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
    at_instance(Diagnostic::warning("Instance is busy", format!("{} is busy. {detail}", label(instance))))
}

fn busy(instance: &Instance) -> Diagnostic {
    let detail = format!(
        "{} is busy: its status is {:?}. The backup is begun when that has ended, as long as `timeouts.create` allows.",
        label(instance),
        instance.status
    );
    at_instance(Diagnostic::warning("Instance is busy", detail))
}

fn leaves(holder: &Backup) -> Diagnostic {
    let detail = format!(
        "The backup {} has the name {:?}, and this run deletes it; the new one is taken after that. If the resource only has another \
         address now, this keeps its backup, with the old and the new address:\n\nmoved {{\n  from = huaweidb_manual_backup.old\n  \
         to   = huaweidb_manual_backup.new\n}}",
        holder.id, holder.name
    );
    Diagnostic::warning("Backup of the same name is deleted first", detail).at(Path::attribute("name"))
}

fn taken(service: &'static dyn Service, region: &str, holder: &Backup) -> Diagnostic {
    let key = service.facts().key();
    let detail = format!(
        "The backup {} ({}) of the instance {} has the name {:?} already, and names are unique. Choose another one, or \
         `name_prefix` in its place. If it is in the state under another address, a `moved` block keeps it. If that backup is \
         the one that is meant, import it:\n\n{}",
        holder.id,
        holder.status,
        holder.instance_id,
        holder.name,
        import_block(key, Some(region), holder)
    );
    Diagnostic::error("Name is taken", detail).at(Path::attribute("name"))
}

/// That the plan goes on without an answer; or does not, because nothing can ever be answered to these credentials.
pub(in crate::provider) fn unasked(error: &backup::Error) -> Diagnostic {
    if let Some(cause) = error.cloud()
        && cause.refusal().is_some_and(|refusal| refusal.status == 401)
    {
        return Diagnostic::error("The cloud does not accept the credentials", explain::brief(cause));
    }
    let detail = format!(
        "The plan asks what its creates will meet and what will be deleted. This time it had no answer: {}. It goes on without; \
         the apply may meet what the plan could not see. With `preflight = false` in the provider block, creates are planned \
         without asking.",
        explain::what_happened(error)
    );
    Diagnostic::warning("Plan was made without asking the cloud", detail)
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
            let planned = ManualBackup { backup_database_individually: individually, ..ManualBackup::default() };
            assert_eq!(misfit(&planned, &instance("ACTIVE", engine, None)).is_none(), fits, "{engine}");
        }
    }
}
