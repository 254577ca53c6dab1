//! What is said about a restore.

use crate::backup::{
    Confirmation, Error, Instance, NewRestore, RestoreError, RestorePoint, RestoreStep, Span, Unawaited, Unfit,
    Unsupported,
};
use crate::cloud;
use crate::plugin::Diagnostic;
use crate::provider::checks::{conflicting, missing};
use crate::provider::explain::{self, About, Doing, sentence, what_happened, what_next};

/// What holds as long as nothing has begun.
const UNTOUCHED: &str = "This action changed nothing.";

pub(super) fn two_points() -> Diagnostic {
    conflicting("restore_time", "Both `backup_id` and `restore_time` are set. Give exactly one of them.")
}

pub(super) fn no_point() -> Diagnostic {
    missing("backup_id", "Neither `backup_id` nor `restore_time` is set. Give exactly one of them.")
}

pub(super) fn not_confirmed() -> Diagnostic {
    let detail = "A restore overwrites whatever the target holds. Nothing was sent. If that is what you want, write \
                  `overwrite = true`.";
    Diagnostic::error("Restore was not confirmed", detail).at("overwrite")
}

pub(super) fn source_not_confirmed() -> Diagnostic {
    let detail = "The target is the source itself: what it holds now would be replaced by what it held then. Nothing was \
                  sent. If that is what you want, write `overwrite_source = true`. Take a backup first, so that it can be undone.";
    Diagnostic::error("Restore was not confirmed", detail).at("overwrite_source")
}

pub(super) fn cannot(why: &Unsupported, blamed: &'static str) -> Diagnostic {
    Diagnostic::error("The service cannot do this restore", sentence(&why.to_string())).at(blamed)
}

fn what(want: &NewRestore) -> String {
    match &want.point {
        RestorePoint::Backup(id) => format!("the backup {id}"),
        RestorePoint::Time(at) => format!("the data of {at}"),
    }
}

pub(super) fn step(title: &str, want: &NewRestore, step: RestoreStep<'_>) -> String {
    let (source, target) = (&want.source_instance_id, &want.target_instance_id);
    match step {
        RestoreStep::Asked => {
            format!("Asking {title} to restore {} of {source} into {target}, whose data are overwritten", what(want))
        }
        RestoreStep::Begun { job_id } => format!("The restore into {target} has begun: job {job_id}"),
        RestoreStep::Runs { waited, progress } => {
            format!("The restore into {target}: {} s, {}", waited.as_secs(), progress.unwrap_or("running"))
        }
        RestoreStep::TargetNotReady { waited, status } => {
            format!("The restore into {target}: {} s, the job has completed, the target is {status}", waited.as_secs())
        }
    }
}

pub(super) fn restored(want: &NewRestore) -> String {
    format!("The restore has completed: {} holds {}", want.target_instance_id, what(want))
}

pub(super) fn to_confirm(title: &str, target: &str, confirmation: &Confirmation) -> Diagnostic {
    let Confirmation { cost, call } = confirmation;
    let detail = format!(
        "{title} waits for somebody to confirm that the restored data of {target} are good. {cost}\n\nLook at the data first, then \
         confirm them in the console, or by the service's call `{call}`. This provider never does that by itself."
    );
    Diagnostic::warning("Restored data wait to be confirmed", detail)
}

pub(super) fn explain(about: About<'_>, want: &NewRestore, error: &RestoreError) -> Diagnostic {
    let target = &want.target_instance_id;
    match error {
        RestoreError::NotBegun(error) => not_begun(about, error),
        RestoreError::Unfit(unfit) => unfitting(want, unfit),
        RestoreError::Unclear { cause, target: seen } => {
            let status = seen.as_ref().map_or_else(
                || "how it was afterwards is not known".to_owned(),
                |seen| format!("when it was looked at afterwards, {}", told(seen)),
            );
            let detail = format!(
                "The request was sent, but no usable answer came: {}\n\nIt is not sent again. If the restore has begun, it \
                 overwrites the target {target}, whatever Terraform does; {status}.\n\nLook at \
                 the target in the console. Invoke the action again only if it is idle and does not hold the data.",
                sentence(&what_happened(&Error::Cloud(cause.clone()))),
            );
            Diagnostic::error("Restore may have begun: no usable answer came", detail)
        }
        RestoreError::Failed { job_id, reason } => {
            let said = reason.as_ref().map_or("It gave no reason".to_owned(), |reason| format!("It says: {reason}"));
            let detail = format!(
                "The cloud began the restore, and its job {job_id} failed. {}\n\nWhat the target {target} holds now is not known: \
                 use it only after a restore that has completed.\n\nFix the cause and invoke the action again.",
                sentence(&said),
            );
            Diagnostic::error("Restore failed", detail)
        }
        RestoreError::GoesOn { job_id, target_status, why } => {
            let is_seen = matches!(why, Unawaited::Stopped | Unawaited::Deadline(None));
            let detail = |happened: &str| goes_on(happened, (job_id, is_seen), target_status.as_deref(), target);
            match why {
                Unawaited::Stopped => {
                    let detail = detail("The provider was asked to stop while the restore ran.");
                    Diagnostic::error("Restore goes on: its end was not awaited", detail)
                }
                Unawaited::Deadline(trouble) => {
                    let met = trouble.as_ref().map_or(String::new(), |trouble| {
                        format!(" At the last look, {}", what_happened(&Error::Cloud(*trouble.clone())))
                    });
                    let expired =
                        "The timeout expired before the restore was seen to end; `timeout` may need more time.";
                    let detail = detail(&sentence(&format!("{expired}{met}")));
                    Diagnostic::error("Restore was not completed in time", detail)
                }
                Unawaited::OutOfSight(cause) => {
                    let detail = detail(&sentence(&what_happened(&Error::Cloud(*cause.clone()))));
                    Diagnostic::error("Restore was not seen to complete", detail)
                }
            }
        }
    }
}

fn goes_on(happened: &str, (job_id, is_seen): (&str, bool), target_status: Option<&str>, target: &str) -> String {
    let job = match target_status {
        None if !is_seen => {
            format!(
                "What became of it is not known: it may go on in the cloud (job {job_id}) and overwrite the target {target}."
            )
        }
        None => format!("It goes on in the cloud (job {job_id}) and overwrites the target {target}."),
        Some(status) => format!("Its job {job_id} has completed, but the target {target} was not idle yet: {status}."),
    };
    format!(
        "{happened}\n\n{job}\n\nWait until the target is idle, as the data source `huaweidb_instances` or the console shows, \
         before it is used or the action is invoked again."
    )
}

fn told(instance: &Instance) -> String {
    let word = if instance.status.is_empty() { "not told" } else { &instance.status };
    let idle = match instance.idle {
        Some(true) => ", idle",
        Some(false) => ", busy",
        None => "",
    };
    format!("its status was {word}{idle}")
}

fn not_begun(about: About<'_>, error: &Error) -> Diagnostic {
    if matches!(error, Error::Cloud(cause) if cause.is_setup()) {
        return explain::explain(Doing::Search, about, error);
    }
    let next = match error {
        Error::Unsupported(_) | Error::NotOffered { .. } => {
            "Restore into a new instance instead, with the provider that manages your instances.".to_owned()
        }
        Error::Cloud(cloud::Error::Stopped { .. }) => "Invoke the action again.".to_owned(),
        error => what_next(Doing::Search, about, error),
    };
    let unsent = if matches!(error, Error::Unsupported(_)) { "Nothing was sent. " } else { "" };
    let detail = format!("{}\n\n{unsent}{UNTOUCHED}\n\n{next}", sentence(&what_happened(error)));
    Diagnostic::error("Restore was not begun", detail)
}

fn unfitting(want: &NewRestore, unfit: &Unfit) -> Diagnostic {
    let (source, target, what) = (&want.source_instance_id, &want.target_instance_id, what(want));
    let place =
        "Check the id, the account, the project and the region: `terraform-provider-huaweidb doctor` shows them.";
    let (blamed, why, next) = match unfit {
        Unfit::NoBackup => {
            ("backup_id", format!("The cloud shows no such backup: {what} of the instance {source}."), place.to_owned())
        }
        Unfit::NotCompleted(backup) => (
            "backup_id",
            format!("Only a backup that is COMPLETED can be restored, and {what} is {}.", backup.status),
            "Wait until it is COMPLETED, or choose another one.".to_owned(),
        ),
        Unfit::OtherSource(backup) => (
            "source_instance_id",
            format!("The backup {} is of the instance {}, not of {source}.", backup.id, backup.instance_id),
            "Correct `backup_id` or `source_instance_id`.".to_owned(),
        ),
        Unfit::NoSource => (
            "source_instance_id",
            format!("The cloud does not show the instance {source} in this project."),
            place.to_owned(),
        ),
        Unfit::NoSuchTime(spans) => (
            "restore_time",
            format!("The instance {source} cannot be brought back to that time. {}", listed(spans)),
            "Choose a time inside; the data source `huaweidb_restore_times` tells those of other days.".to_owned(),
        ),
        Unfit::NoTarget => (
            "target_instance_id",
            format!("The cloud does not show the instance {target} in this project."),
            place.to_owned(),
        ),
        Unfit::Busy(instance) => (
            "target_instance_id",
            format!("Something runs on the instance {target}: {}.", told(instance)),
            "Invoke the action again when it is idle.".to_owned(),
        ),
        Unfit::Replica => (
            "target_instance_id",
            format!("The instance {target} is a read replica: it holds what its primary instance holds."),
            "Choose the primary instance.".to_owned(),
        ),
        Unfit::OtherEngine { data, target: engine } => (
            "target_instance_id",
            format!("The data are of {}, and the instance {target} runs {}.", data.kind, engine.kind),
            "Choose a target with the same engine.".to_owned(),
        ),
        Unfit::OtherMode { data, target: mode } => (
            "target_instance_id",
            format!(
                "The data are of an instance of the mode {data}, and the mode of the instance {target} is {mode}. They fit \
                 into an instance of their own mode only."
            ),
            format!("Choose a target of the mode {data}."),
        ),
        Unfit::TooSmall { needed, has } => (
            "target_instance_id",
            format!("The data need at least {needed} GiB, and the instance {target} has {has} GiB."),
            "Enlarge it, or choose a larger one.".to_owned(),
        ),
        Unfit::NotListed => (
            "target_instance_id",
            format!("The service does not list the instance {target} among those that can take {what}."),
            "Choose an instance of the same engine, version and kind that is large enough.".to_owned(),
        ),
    };
    let detail = format!("{why}\n\nNothing was sent. {UNTOUCHED}\n\n{next}");
    let diagnostic = if blamed == "target_instance_id" {
        Diagnostic::error("Restore was not begun: the target cannot take it", detail)
    } else {
        Diagnostic::error("Restore was not begun: the data cannot be used", detail)
    };
    diagnostic.at(blamed)
}

fn listed(spans: &[Span]) -> String {
    if spans.is_empty() {
        return "There is no restorable time on that day.".to_owned();
    }
    let each = spans.iter().map(|span| format!("{} to {}", span.start, span.end)).collect::<Vec<_>>();
    format!("On that day it can be brought back to: {}.", each.join(", "))
}
