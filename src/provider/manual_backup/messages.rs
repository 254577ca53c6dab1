//! What is said about a backup of the resource that no error is about.

use jiff::{SignedDuration, Timestamp};

use super::model::ManualBackup;
use crate::backup::{Backup, Doubt, Status};
use crate::plugin::Diagnostic;
use crate::provider::services::{importable, imported_by_name, other_service};

pub(super) fn label(state: &ManualBackup) -> String {
    let id = state.id.known().map_or("?", String::as_str);
    match state.name.known() {
        Some(name) => format!("The backup {name:?} ({id})"),
        None => format!("The backup {id}"),
    }
}

/// Its import id as a backup of that instance.
pub(super) fn import_id(state: &ManualBackup, instance_id: &str) -> String {
    importable(state.service.text(), state.region.text(), instance_id, state.id.text())
}

pub(super) fn unusable(prior: &ManualBackup, status: &Status) -> Diagnostic {
    Diagnostic::warning(
        "Backup is unusable and will be replaced",
        format!(
            "{} is {} in the cloud. The new backup will hold the data of the moment it is taken.",
            label(prior),
            status
        ),
    )
}

pub(super) fn gone(state: &ManualBackup) -> Diagnostic {
    Diagnostic::warning(
        "Backup no longer exists",
        format!(
            "{} was deleted outside of Terraform. If the configuration still asks for it, the plan takes a new one: that \
             one will hold the data of the moment it is taken, not those of the lost backup.",
            label(state)
        ),
    )
}

/// That what an earlier run began came to nothing, as far as anybody could see.
pub(super) fn never_listed(state: &ManualBackup) -> Diagnostic {
    Diagnostic::warning(
        "Backup never appeared",
        format!(
            "{} was begun by an earlier run. The cloud does not list it, and no run has seen it listed: most likely it was not taken. If \
             the configuration still asks for it, the plan takes a new one, which will hold the data of that moment.",
            label(state)
        ),
    )
}

pub(super) fn left(state: &ManualBackup) -> Diagnostic {
    Diagnostic::warning(
        "Backup was deleted by an earlier run",
        format!(
            "{} is gone: a destroy had sent its deletion and did not wait for the end. If the configuration still asks for it, the plan \
             takes a new one.",
            label(state)
        ),
    )
}

/// That a deletion which an earlier run sent has not shown its effect, and may yet.
pub(super) fn may_be_leaving(state: &ManualBackup, since: Timestamp) -> Diagnostic {
    let detail = format!(
        "{} was to be deleted: a destroy that ended at {since:.0} had sent the deletion, and did not see its end. The cloud calls it \
         COMPLETED, as some services do until a backup is gone.\n\nThe state keeps what was known before.\n\nTry again after {}: then the cloud is \
         believed, and if the backup is still there, the next destroy deletes it. To send the deletion again at once, destroy with \
         -refresh=false.",
        label(state),
        format_args!("{:.0}", since + SignedDuration::from_mins(1)),
    );
    Diagnostic::error("Backup deletion may still be running", detail)
}

pub(super) fn retained(state: &ManualBackup, is_listed: bool) -> Diagnostic {
    let until = match state.keep_last.known() {
        Some(_) => " until a rotation of its prefix deletes it (`keep_last`)",
        None => "",
    };
    Diagnostic::warning(
        "Backup is kept in the cloud",
        format!(
            "{} leaves the state, but stays in the cloud and keeps costing money{until}, because `on_destroy` is \"retain\". Delete \
             it in the console, or import it again as {}{}.",
            label(state),
            import_id(state, state.instance_id.text()),
            if is_listed { "" } else { "; if that finds nothing, look for its name" },
        ),
    )
    .at("on_destroy")
}

pub(super) fn interrupted(state: &ManualBackup) -> Diagnostic {
    Diagnostic::warning(
        "Backup is still running",
        format!(
            "Terraform was interrupted while it waited. {} goes on in the cloud and is saved in the state as {}. The next \
             apply goes on waiting for it; nothing is taken twice.",
            label(state),
            state.status.known().map_or("BUILDING", String::as_str),
        ),
    )
}

/// That it has completed although what took it did not succeed.
pub(super) fn completed_since(state: &ManualBackup) -> Diagnostic {
    Diagnostic::warning(
        "Backup has completed after all",
        format!(
            "{} is COMPLETED now; the apply that took it ended before that. If it is still marked as tainted, a plan \
             deletes it and takes another one. To keep it, run `terraform untaint` with the resource's address first.",
            label(state)
        ),
    )
}

/// That the cloud takes and deletes the imported backup by itself, if so.
pub(super) fn automatic(state: &ManualBackup, backup: &Backup) -> Option<Diagnostic> {
    let kind = backup.kind.as_deref().filter(|kind| !kind.eq_ignore_ascii_case("manual"))?;
    let detail = format!(
        "{} is of the type {kind:?}: the cloud takes and deletes such backups by itself. Only manual ones can be managed. To read \
         it, use the data source `huaweidb_backup`.",
        label(state)
    );
    Some(not_imported(detail))
}

/// That the imported backup is another instance's.
pub(super) fn another_instances(state: &ManualBackup, backup: &Backup) -> Diagnostic {
    let detail = format!(
        "{} is not a backup of the instance {}, but of {}. Nothing was changed. Import it as {}.",
        label(state),
        state.instance_id.text(),
        backup.instance_id,
        import_id(state, &backup.instance_id)
    );
    not_imported(detail).at("instance_id")
}

/// That the backup to be imported is not to be seen; `doubt` is why that proves nothing. `named` are the instances that are called
/// what is given as an instance's id.
pub(super) fn not_there(state: &ManualBackup, doubt: Option<&Doubt>, named: &[String]) -> Diagnostic {
    let (service, instance_id, id) = (state.service.text(), state.instance_id.text(), state.id.text());
    let of = if instance_id.is_empty() { String::new() } else { format!(" of the instance {instance_id}") };
    let also = if doubt == Some(&Doubt::ProjectUnknown) { ", nor that instance" } else { "" };
    let at = if instance_id.is_empty() { format!("{service}/{id}") } else { format!("{service}/{instance_id}/{id}") };
    let meant = match named {
        [] => other_service(service, instance_id),
        ids => imported_by_name(instance_id, &ids.iter().map(|id| import_id(state, id)).collect::<Vec<_>>()),
    };
    let detail = format!(
        "In {}, in the project that the provider uses, `{service}` does not show the backup {id}{of}{also}. Nothing was \
         imported.\n\n{meant}Check the service, the ids, the region and the project; `terraform-provider-huaweidb doctor` shows the \
         project. A region other than the provider's is written after the id, as in `{at}@<region>`, or as `region` of the identity.",
        state.region.text(),
    );
    not_imported(detail)
}

fn not_imported(detail: String) -> Diagnostic {
    Diagnostic::error("Backup cannot be imported", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_an_absence_reads_well() {
        let state = ManualBackup {
            id: "b1br02".into(),
            service: "dds".into(),
            name: "nightly".into(),
            ..ManualBackup::default()
        };
        let leaving = may_be_leaving(&state, "2026-11-26T12:00:00.5Z".parse().expect("a time"));
        let said = [gone(&state), never_listed(&state), left(&state), leaving];
        let page = said.map(|one| format!("{:?}: {}\n{}\n", one.severity, one.summary, one.detail)).join("\n");
        insta::assert_snapshot!("absent", page);
    }
}
