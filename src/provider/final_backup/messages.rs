//! What is said about a net.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::model::{FinalBackup, id_of, is_skipped, lets_go};
use crate::backup::{self, Backup, Doubt};
use crate::plugin::Diagnostic;
use crate::provider::services::{by_name, import_block, importable, imported_by_name, no_such_instance};
use crate::provider::times::age;

fn instance(net: &FinalBackup) -> String {
    format!("The instance {} of {}", net.instance_id.text(), net.service.text())
}

/// `, begun 2026-11-26T12:00:00Z (2 hours ago)`, as far as it is told.
fn begun(backup: &Backup, now: Timestamp) -> String {
    backup
        .begin
        .map_or(String::new(), |begin| format!(", begun {begin} ({})", age(now.duration_since(begin).unsigned_abs())))
}

/// `named`: the ids of instances that have the id for a name.
pub(super) fn not_found(net: &FinalBackup, named: &[String]) -> Diagnostic {
    let meant = by_name(named).map_or(String::new(), |meant| format!(" {meant}"));
    let undone = format!("Nothing was created.{meant}");
    let mut said = no_such_instance(net.service.text(), net.instance_id.text(), net.region.text(), &undone);
    said.detail.push_str(" A saved plan must be applied with the same ones.");
    said
}

pub(super) fn replica(net: &FinalBackup) -> Diagnostic {
    let detail = format!(
        "{} is a read replica, of which the service takes no backups. Nothing was created. Give the id of the primary instance.",
        instance(net)
    );
    Diagnostic::error("Instance takes no manual backups", detail).at("instance_id")
}

/// That it is not to be seen, and why that says nothing.
fn in_doubt(net: &FinalBackup, doubt: &Doubt) -> String {
    let why = match doubt {
        Doubt::OtherProject { seen_in, asked_in } => {
            &format!("it was last seen in the project {seen_in}, while the provider uses the project {asked_in} now")
        }
        Doubt::NotTheCallers => {
            "no other one of that service, and IAM does not confirm that this project belongs to these credentials: they may be of \
             another account, or may not ask IAM (GET /v3/auth/projects)"
        }
        // As it is with an import.
        _ => "nothing says that it was ever in the project that the provider uses",
    };
    format!("The cloud does not show the instance {} of {}, and {why}.", net.instance_id.text(), net.service.text())
}

const CHECK: &str = "Check the account, the project and the region: `terraform-provider-huaweidb doctor` shows them. If the \
                     instance is really gone, forget the resource with `terraform state rm` and its address.";

pub(super) fn unseen(net: &FinalBackup, doubt: &Doubt) -> Diagnostic {
    let state = if matches!(doubt, Doubt::OtherProject { .. } | Doubt::NotTheCallers) {
        "the resource stays in the state"
    } else {
        "what the state has stays as it is"
    };
    let detail = format!("{}\n\nNothing was sent, and {state}.\n\n{CHECK}", in_doubt(net, doubt));
    Diagnostic::error("Whether the instance still exists could not be told", detail)
}

/// That the instance of the net to be imported is not to be seen. `named`: the ids of instances that have the id for a name.
pub(super) fn not_imported(net: &FinalBackup, named: &[String]) -> Diagnostic {
    let import_id = |id: &String| format!("{}@{}", id_of(net.service.text(), id), net.region.text());
    let meant = match named {
        [] => String::new(),
        ids => imported_by_name(net.instance_id.text(), &ids.iter().map(import_id).collect::<Vec<_>>()),
    };
    let undone = format!(
        "Nothing was imported. {meant}A region other than the provider's is written after the id, with an `@` between them, or as \
         `region` of the identity."
    );
    no_such_instance(net.service.text(), net.instance_id.text(), net.region.text(), &undone)
}

const FORGET: &str = "forget it with `terraform state rm` and the resource's address";

/// What to do first, so that a destroy goes by another value of an argument. A replacement cannot bring it along: it destroys the
/// net as the state has it.
fn before(net: &FinalBackup, change: &str, replaced: bool) -> String {
    if replaced {
        let old = net.instance_id.text();
        format!(
            "apply `{change}` alone first, with `instance_id = \"{old}\"` written out, since a replacement goes by what the state has"
        )
    } else {
        format!("set `{change}` and apply before the destroy")
    }
}

pub(super) fn nothing_left(net: &FinalBackup) -> Diagnostic {
    let detail = format!(
        "{} is gone already, so no final backup could be taken. `on_missing_instance` is \"allow\", so the resource leaves the state. \
         Backups that the instance had may still be in the cloud: look with the data source `huaweidb_backups`.",
        instance(net)
    );
    Diagnostic::warning("No final backup: the instance is gone", detail).at("on_missing_instance")
}

/// What lets a net go whose instance is gone.
const LET_GO: &str = "on_missing_instance = \"allow\"";

pub(super) fn missing(net: &FinalBackup) -> Diagnostic {
    let detail = format!(
        "{} is gone already, and `on_missing_instance` is not \"allow\". The resource stays in the state.\n\nTo let it go, {}, or {FORGET}. \
         If it is being replaced because the instance is created anew, {FORGET}, or {}.",
        instance(net),
        before(net, LET_GO, false),
        before(net, LET_GO, true),
    );
    Diagnostic::error("Final backup was not taken: the instance is gone", detail).at("on_missing_instance")
}

pub(super) fn skipped(net: &FinalBackup) -> Diagnostic {
    let mut detail =
        format!("`skip` is true, so no final backup of the instance {} was taken.", net.instance_id.text());
    if let Some(id) = net.last_backup_id.as_str() {
        let _ = write!(
            detail,
            " An earlier destroy began the backup {id}. It was not awaited, is in no state any more and keeps costing money. To manage it, \
             import it as {}.",
            importable(net.service.text(), net.region.text(), net.instance_id.text(), id),
        );
    }
    Diagnostic::warning("No final backup was taken", detail).at("skip")
}

pub(super) fn taken(net: &FinalBackup, backup: &Backup, now: Timestamp) -> Diagnostic {
    let detail = format!(
        "The backup {:?} ({}) of the instance {} is COMPLETED{}. It is in no state and keeps costing money. {} To manage it:\n\n{}",
        backup.name,
        backup.id,
        net.instance_id.text(),
        begun(backup, now),
        afterwards(net.service.text()),
        import_block(net.service.text(), net.region.text(), backup),
    );
    Diagnostic::warning("Final backup was taken", detail)
}

/// What is known of manual backups after their instance is gone.
fn afterwards(service: &str) -> &'static str {
    if backup::named(service).is_some_and(|service| service.facts().outlives_instance) {
        "The service keeps manual backups when their instance is deleted."
    } else {
        "The service's pages do not say how long it keeps manual backups after their instance is deleted: look for it soon."
    }
}

pub(super) fn taken_twice(net: &FinalBackup, backup: &Backup, twin: &str) -> Diagnostic {
    let id = |id: &str| importable(net.service.text(), net.region.text(), net.instance_id.text(), id);
    let detail = format!(
        "The answer to the first request was lost, or its run was killed, so that it was sent again: {} and {twin} have the name {:?}. Delete one of them in the console, or import both as {} and {}.",
        backup.id,
        backup.name,
        id(&backup.id),
        id(twin),
    );
    Diagnostic::warning("Backup was taken twice", detail)
}

/// That an earlier destroy was told another id of the same name, which no list shows.
pub(super) fn may_be_twice(net: &FinalBackup, backup: &Backup, other: &str) -> Diagnostic {
    let import = importable(net.service.text(), net.region.text(), net.instance_id.text(), other);
    let detail = format!(
        "An earlier destroy was told the id {other} for the name {:?}, and no list shows it yet: besides {}, it may have been taken too. \
         In some minutes, look for it in the console: delete it, or import it as {import}.",
        backup.name, backup.id,
    );
    Diagnostic::warning("Backup may have been taken twice", detail)
}

/// What a plan says that destroys a net whose instance is not to be seen in the project `here`. It was last seen in `known`.
pub(super) fn planned_without_instance(
    net: &FinalBackup,
    known: Option<&str>,
    here: &str,
    replaced: bool,
) -> Diagnostic {
    if known != Some(here) {
        let doubt = known.map_or(Doubt::ProjectUnknown, |known| Doubt::OtherProject {
            seen_in: known.to_owned(),
            asked_in: here.to_owned(),
        });
        let detail = format!("{} The destroy will be refused. {CHECK}", in_doubt(net, &doubt));
        return Diagnostic::warning("Destroy will be refused: the instance was not found", detail);
    }
    let gone = format!(
        "The cloud does not show the instance {} of {} any more. If it is really gone,",
        net.instance_id.text(),
        net.service.text()
    );
    let said = if lets_go(net) {
        let detail = format!(
            "{gone} the destroy takes no backup: `on_missing_instance` is \"allow\", so the resource only leaves the state. Backups \
             that the instance had may still be in the cloud: look with the data source `huaweidb_backups`."
        );
        Diagnostic::warning("No final backup will be taken: the instance is gone", detail)
    } else {
        let detail = format!(
            "{gone} the destroy will fail: `on_missing_instance` is not \"allow\". To let the resource go, {}, or {FORGET}.",
            before(net, LET_GO, replaced)
        );
        Diagnostic::warning("Destroy will fail: the instance is gone", detail)
    };
    said.at("on_missing_instance")
}

/// What a plan says that destroys a net; with the newest completed backup, if there is one, as far as the cloud told.
pub(super) fn planned(net: &FinalBackup, newest: Option<&[Backup]>, now: Timestamp, replaced: bool) -> Diagnostic {
    if is_skipped(net) {
        let detail = format!(
            "`skip` is true, so the destroy takes no backup of the instance {}.{} To take one, {}.",
            net.instance_id.text(),
            in_words(newest, now),
            before(net, "skip = false", replaced),
        );
        return Diagnostic::warning("No final backup will be taken", detail).at("skip");
    }
    if let Some(id) = net.last_backup_id.as_str() {
        let detail = format!(
            "An earlier destroy of this resource has begun the backup {id} of the instance {}. If that runs, or has completed a short time \
             ago, the destroy takes no other one; if it failed, is gone or is old, the destroy takes another. It waits until that backup is \
             COMPLETED. If it fails, the destroy ends with an error, and nothing that this resource depends on is destroyed.{}",
            net.instance_id.text(),
            in_words(newest, now),
        );
        return Diagnostic::warning("A final backup was begun, and the destroy goes on with it", detail);
    }
    let detail = format!(
        "The destroy takes a final backup of the instance {} and waits until it is COMPLETED. If that fails, the destroy ends with an \
         error, and nothing that this resource depends on is destroyed.{}",
        net.instance_id.text(),
        in_words(newest, now),
    );
    Diagnostic::warning("A final backup will be taken", detail)
}

fn in_words(newest: Option<&[Backup]>, now: Timestamp) -> String {
    match newest {
        Some([backup, ..]) => {
            format!(" The newest completed manual backup is {:?}{}.", backup.name, begun(backup, now))
        }
        Some([]) => " There is no completed manual backup of it yet.".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Status;
    use crate::plugin::Attr;

    #[test]
    fn what_is_said_reads_well() {
        let net = FinalBackup {
            service: "dds".into(),
            instance_id: "i1in02".into(),
            region: "eu-de".into(),
            skip: Attr::Known(false),
            ..FinalBackup::default()
        };
        let kept = FinalBackup { service: "rds".into(), ..net.clone() };
        let refuses = FinalBackup { on_missing_instance: "refuse".into(), ..net.clone() };
        let skips = FinalBackup { skip: Attr::Known(true), ..net.clone() };
        let begun = FinalBackup { last_backup_id: "b1br02".into(), ..skips.clone() };
        let resumed = FinalBackup { last_backup_id: "b1br02".into(), ..net.clone() };
        let backup = Backup {
            begin: Some("2026-11-26T10:00:00Z".parse().unwrap()),
            ..Backup::sample("b1br02", "i1in02", "final-0123456789abcdef", Status::Completed)
        };
        let now = "2026-11-26T12:00:00Z".parse().unwrap();
        let said = [
            not_found(&net, &[]),
            not_found(&net, &["i7in02".to_owned()]),
            replica(&net),
            unseen(&net, &Doubt::OtherProject { seen_in: "p1".to_owned(), asked_in: "p2".to_owned() }),
            unseen(&net, &Doubt::ProjectUnknown),
            unseen(&net, &Doubt::NotTheCallers),
            planned(&net, Some(std::slice::from_ref(&backup)), now, false),
            planned(&net, Some(&[]), now, false),
            planned(&net, None, now, false),
            planned(&resumed, Some(std::slice::from_ref(&backup)), now, false),
            planned(&skips, Some(std::slice::from_ref(&backup)), now, false),
            planned_without_instance(&net, Some("p1"), "p1", false),
            planned_without_instance(&refuses, Some("p1"), "p1", false),
            planned_without_instance(&refuses, Some("p1"), "p1", true),
            planned(&skips, None, now, true),
            not_imported(&net, &["i7in02".to_owned(), "i8in02".to_owned()]),
            planned_without_instance(&net, Some("p1"), "p2", false),
            planned_without_instance(&net, None, "p2", false),
            taken(&net, &backup, now),
            taken(&kept, &Backup { begin: None, ..backup.clone() }, now),
            taken_twice(&net, &backup, "b2br02"),
            may_be_twice(&net, &backup, "b2br02"),
            skipped(&skips),
            skipped(&begun),
            nothing_left(&net),
            missing(&net),
        ];
        let page: Vec<_> =
            said.iter().map(|one| format!("{:?}: {}\n{}\n", one.severity, one.summary, one.detail)).collect();
        insta::assert_snapshot!("messages", page.join("\n"));
    }
}
