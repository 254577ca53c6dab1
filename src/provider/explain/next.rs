//! What to do next, for whoever reads an error.

use super::about::{About, Doing};
use crate::backup::{self, Backup, Doubt, Verdict};
use crate::cloud;
use crate::provider::services::{import_block, importable};

pub(in crate::provider) fn what_next(doing: Doing, about: About<'_>, error: &backup::Error) -> String {
    let (was_sent, error) = (error.was_sent(), error.end());
    // Where the refusal is understood, its status alone would mislead: a busy instance is a 403 too.
    let understood =
        matches!(error, backup::Error::Busy { .. } | backup::Error::NameTaken { .. } | backup::Error::Unclear { .. });
    if let Some(cause) = error.cloud().filter(|_| !understood && doing != Doing::Rotate) {
        if is_busy(about.service, cause) {
            return "Something else runs on the instance. Try again when it has ended.".to_owned();
        }
        if let Some(advice) = advice(cause) {
            return advice;
        }
    }
    if matches!(doing, Doing::Create | Doing::Take)
        && let Some(next) = next_of_create(doing, about, error)
    {
        return next;
    }
    match (doing, error) {
        (Doing::Rotate, error) => next_of_rotation(about, error),
        (Doing::Final, backup::Error::Doubtful { doubt, .. }) => {
            format!("{} Then destroy again. {WITHOUT_FINAL}", next_in_doubt(doing, doubt, about))
        }
        (Doing::Final, error) => next_of_final(error),
        (_, backup::Error::Doubtful { doubt, .. }) => next_in_doubt(doing, doubt, about),
        (Doing::Stop, backup::Error::Foreign { found, .. }) => {
            format!("Check the arguments: that backup is one of the instance {}.", found.instance_id)
        }
        (_, backup::Error::Foreign { found, .. }) => next_to(about, found),
        (Doing::Wait, backup::Error::Failed { .. }) => {
            "Fix the cause and apply again: Terraform replaces the failed backup by a new one.".to_owned()
        }
        (Doing::Wait, backup::Error::Vanished { .. }) => {
            "Somebody or something deleted it. Apply again to take a new one.".to_owned()
        }
        (Doing::Wait, _) => String::new(),
        (Doing::Delete, backup::Error::OthersRun { .. }) => {
            "Destroy again when the others have ended, or stop them in the console.".to_owned()
        }
        (Doing::Delete, backup::Error::StillRunning { last, .. }) => next_of_late(!was_sent && last.is_none()),
        (Doing::Delete, backup::Error::Busy { .. }) => next_of_late(false),
        (Doing::Delete, backup::Error::Stopped { .. }) => "Destroy again to go on.".to_owned(),
        (Doing::Follow, backup::Error::Failed { .. }) => {
            "Fix the cause and invoke the action again; delete the failed backup.".to_owned()
        }
        (Doing::Follow, backup::Error::Vanished { .. }) => {
            "Somebody or something deleted it. Invoke the action again to take a new one.".to_owned()
        }
        (Doing::Follow, backup::Error::StillRunning { .. }) => {
            "Look at it with the data source `huaweidb_backup` before another one is taken; `timeout` may need more time."
                .to_owned()
        }
        (Doing::Follow, _) => LOOK_FIRST.to_owned(),
        (Doing::Prune, backup::Error::OthersRun { .. }) => {
            "It is tried again next time, when the others have ended.".to_owned()
        }
        (Doing::Stop, backup::Error::OthersRun { .. }) => {
            let unseen = backup::named(about.service).and_then(|service| service.facts().stops_unseen);
            let also = unseen.map_or(String::new(), |what| format!(" That also ends {what}."));
            format!("To stop them all, give `instance_id` and `all_on_instance = true` instead.{also}")
        }
        (Doing::Stop, backup::Error::StillRunning { .. }) => {
            "Invoke the action again; `timeout` may need more time.".to_owned()
        }
        (_, backup::Error::Cloud(cause)) if cause.is_setup() => {
            "Check the provider block and the environment: `terraform-provider-huaweidb doctor` shows what is used, where \
             it comes from, and whether it works."
                .to_owned()
        }
        (_, backup::Error::Cloud(_) | backup::Error::OutOfSight { .. }) if error.cloud().is_some_and(is_trouble) => {
            UNWELL.to_owned()
        }
        (Doing::Prune, backup::Error::StillRunning { cause: Some(cause), .. }) if is_trouble(cause) => {
            UNWELL.to_owned()
        }
        (_, backup::Error::Unsupported(_) | backup::Error::NotOffered { .. }) => next_without(doing, about),
        (
            Doing::Prune,
            backup::Error::StillRunning { .. } | backup::Error::Cloud(cloud::Error::DeadlinePassed { .. }),
        ) => "The next run goes on; the limit (`timeouts`, in an action `timeout`) may be too short.".to_owned(),
        (Doing::Prune, _) => "The next run tries again.".to_owned(),
        (_, backup::Error::Stopped { .. } | backup::Error::Cloud(cloud::Error::Stopped { .. })) => {
            "Run it again to go on.".to_owned()
        }
        (
            _,
            backup::Error::StillRunning { .. }
            | backup::Error::Cloud(cloud::Error::DeadlinePassed { .. }),
        ) => "Try again; the limit (`timeouts`, in an action `timeout`) may be too short.".to_owned(),
        (Doing::Delete, _) if was_sent && error.cloud().is_some_and(is_refused) => {
            format!("Destroy again to go on, with `-refresh=false` where the refresh is refused too. {FORGET}")
        }
        (Doing::Delete, _) if was_sent => "Destroy again to go on.".to_owned(),
        (Doing::Stop, _) if was_sent => "Look at the backup before it is stopped again.".to_owned(),
        // Of an instance that is gone some services say so whatever they are asked about its backups.
        (Doing::Read | Doing::Delete, backup::Error::Cloud(cause)) if is_refused(cause) => {
            format!("Alone that proves nothing about the backup. Fix what the message names, then try again. {FORGET}")
        }
        _ => "Fix what the message names, then try again.".to_owned(),
    }
}

/// What to do about a destroy that took too long; of what it never saw, whether it is there is not known.
fn next_of_late(is_unseen: bool) -> String {
    let forget = if is_unseen { format!(" {FORGET}") } else { String::new() };
    format!("Destroy again to go on. For more time, raise `timeouts.delete` and apply first.{forget}")
}

/// What to do where the service cannot do it.
fn next_without(doing: Doing, about: About<'_>) -> String {
    match doing {
        Doing::Stop => "Wait until it ends by itself; if nobody needs it, delete it then.".to_owned(),
        Doing::Delete | Doing::Prune => format!("Delete it in the console of {}.", about.service),
        _ => "Leave it out for this service.".to_owned(),
    }
}

/// Whether the service itself refused what was asked, as it does where an instance or a backup is not there.
fn is_refused(error: &cloud::Error) -> bool {
    error.refusal().is_some_and(|refusal| matches!(refusal.status, 400 | 404))
}

/// What to do about a backup that may go on.
const LOOK_FIRST: &str = "Look at it with the data source `huaweidb_backup` before another one is taken.";

/// What to do where the cloud itself has trouble.
const UNWELL: &str =
    "Try again. If it happens again, ask the cloud's support, and name the request id if there is one.";

/// What becomes of what a rotation did not delete: an apply without a new backup has no rotation.
fn next_of_rotation(about: About<'_>, error: &backup::Error) -> String {
    const NEXT: &str = "The rotation of the next backup of this prefix deletes what is still there; until there is one, applying again \
                        deletes nothing.";
    // What passes by itself has passed by then.
    let passes = |cause: &cloud::Error| {
        is_busy(about.service, cause) || cause.refusal().is_some_and(|refusal| refusal.status == 429)
    };
    let advice = error.cloud().filter(|cause| !passes(cause)).and_then(advice);
    advice.map_or(NEXT.to_owned(), |advice| format!("{advice} {NEXT}"))
}

/// How to destroy without a final backup.
const WITHOUT_FINAL: &str = "To destroy without a final backup, set `skip = true` and apply first; if the resource is being replaced, apply that \
                             alone, with the old `instance_id` written out, or forget the resource with `terraform state rm`.";

/// What to do about a final backup that was not taken.
fn next_of_final(error: &backup::Error) -> String {
    match error {
        backup::Error::StillRunning { .. } => {
            "Destroy again: it goes on with the same backup. For more time, raise `timeouts.delete` and apply first: a destroy has the \
             limit that was applied last."
                .to_owned()
        }
        backup::Error::Stopped { .. } | backup::Error::OutOfSight { .. } => {
            "Destroy again: it goes on with the same backup.".to_owned()
        }
        backup::Error::Failed { .. } | backup::Error::Vanished { .. } => {
            format!("Fix the cause and destroy again: that takes another backup. {WITHOUT_FINAL}")
        }
        backup::Error::Unclear { .. } => {
            "Destroy again: if the backup was begun after all, it is found by its name, and none is taken twice.".to_owned()
        }
        backup::Error::Foreign { .. } => {
            format!("Destroy again: the backup that was begun is found by its name, and none is taken twice. {WITHOUT_FINAL}")
        }
        _ => format!("Destroy again. {WITHOUT_FINAL}"),
    }
}

/// What to do where a create came to nothing, where that is not the same for everything.
fn next_of_create(doing: Doing, about: About<'_>, error: &backup::Error) -> Option<String> {
    // An apply does not repeat an action.
    let (again, limit) = match doing {
        Doing::Take => ("Invoke the action again", "timeout"),
        _ => ("Apply again", "timeouts.create"),
    };
    Some(match error {
        backup::Error::NameTaken { existing: Some(backup), .. } if doing == Doing::Take => format!(
            "Choose another `name`, or use `name_prefix`. That backup is imported as {}.",
            importable(about.service, about.region, &backup.instance_id, &backup.id)
        ),
        // It may be one that the same run is about to delete: nobody is told to import it at once.
        backup::Error::NameTaken { existing: Some(backup), .. } => format!(
            "Choose another `name`, or use `name_prefix`. If this run has just deleted that backup, apply again. If the resource that \
             has it was renamed, add a `moved` block. With `create_before_destroy`, use `name_prefix`. If no state has it, and it is the \
             one you want, import it as {}.",
            importable(about.service, about.region, &backup.instance_id, &backup.id)
        ),
        backup::Error::NameTaken { existing: None, .. } => {
            "Choose another `name`, or use `name_prefix`, which never collides.".to_owned()
        }
        backup::Error::Busy { running: Some(backup), is_this_runs: false, .. } => format!(
            "{again} when it has ended, raise `{limit}`, or, if the running backup is the one you want, bring it under \
             management, with its resource's address as `to`:\n\n{}",
            import_block(about.service, about.region, backup)
        ),
        // Nobody is told to take over what another part of the run takes.
        backup::Error::Busy { .. } => {
            format!("{again} when the instance is idle, or raise `{limit}`.")
        }
        backup::Error::Unclear { candidates, .. } => match candidates.first() {
            Some(backup) => format!(
                "Look at the backups in the console, and leave alone what another state has. If one is what was asked for, bring it under \
                 management, with its resource's address as `to`:\n\n{}",
                import_block(about.service, about.region, backup)
            ),
            None => "Look for it before another one is taken, with the data source `huaweidb_backups` and this `name`, or in the \
                     console."
                .to_owned(),
        },
        backup::Error::OtherAnswer { .. } => OTHER_ANSWER.to_owned(),
        backup::Error::Cloud(cloud::Error::Stopped { .. }) => format!("{again} to take the backup."),
        _ => return None,
    })
}

/// What to do lest a backup that exists is replaced, because its create did not succeed.
pub(super) fn how_to_keep(doing: Doing, error: &backup::Error) -> &'static str {
    use backup::Error::{Doubtful, Failed, Foreign, Vanished};
    if doing != Doing::Wait || matches!(error, Doubtful { .. } | Failed { .. } | Vanished { .. } | Foreign { .. }) {
        return "";
    }
    "If it was just being created, Terraform marks it as tainted and would replace it. To keep it and go on waiting, run \
     `terraform untaint` with the resource's address and apply again; `timeouts.create` may need more time."
}

const OTHER_ANSWER: &str = "Look at the backups of the instance with the data source `huaweidb_backups`, and tell the cloud's support, before another one \
     is taken.";

/// What to do where the cloud has another backup.
fn next_to(about: About<'_>, found: &Backup) -> String {
    format!(
        "If the state is wrong, forget it there with `terraform state rm` and the resource's address. The backup that the cloud \
         has is imported as {}.",
        importable(about.service, about.region, &found.instance_id, &found.id)
    )
}

/// What to do about a backup whose absence cannot be proven.
const FORGET: &str = "If the backup is really gone, forget it with `terraform state rm` and the resource's address.";

fn next_in_doubt(doing: Doing, doubt: &Doubt, about: About<'_>) -> String {
    // What only looks has nothing to forget, and an action has no address.
    let has_state = matches!(doing, Doing::Read | Doing::Delete | Doing::Wait);
    let next = match doubt {
        Doubt::OtherProject { .. } | Doubt::ProjectUnknown | Doubt::NotTheCallers | Doubt::InstanceUnknown => {
            "Check the account, the project and the region: `terraform-provider-huaweidb doctor` shows them.".to_owned()
        }
        Doubt::InstanceGone if has_state => format!(
            "To delete it, run `terraform destroy -refresh=false` with `-target` and the resource's address: then it is deleted by its id. \
             Look for it in the console of {}.",
            about.service
        ),
        Doubt::InstanceGone => format!("Look for it in the console of {}.", about.service),
        Doubt::UnderAnotherId(shown) => {
            return format!(
                "The answer to its create may have given a wrong id. Where nothing else can have the name, the next run with a refresh takes the \
                 other one in its place by itself. Else, if the other one is what was asked for, run `terraform state rm` with \
                 the resource's address, then import it as {}.",
                importable(about.service, about.region, &shown.instance_id, &shown.id)
            );
        }
        Doubt::NotListedYet | Doubt::JobContradicts => {
            format!("Try again in some minutes, or look for it in the console of {}.", about.service)
        }
    };
    if has_state { format!("{next} {FORGET}") } else { next }
}

/// Whether the cloud said that the instance does something else.
fn is_busy(service: &str, error: &cloud::Error) -> bool {
    match error {
        // A gateway that throttles knows nothing of the instance.
        cloud::Error::Refused { refusal, .. } if !refusal.stopped_at_gateway() => {
            backup::named(service).is_some_and(|service| service.verdict(refusal) == Verdict::Busy)
        }
        cloud::Error::DeadlinePassed { last: Some(last), .. } => is_busy(service, last),
        _ => false,
    }
}

/// Whether the cloud itself seems to be unwell.
fn is_trouble(error: &cloud::Error) -> bool {
    match error {
        cloud::Error::Refused { refusal, .. } => refusal.status >= 500,
        cloud::Error::Unanswered { .. } | cloud::Error::Misread { .. } => true,
        cloud::Error::DeadlinePassed { last, .. } => last.as_deref().is_some_and(is_trouble),
        cloud::Error::Setup(_) | cloud::Error::NoProject(_) | cloud::Error::Stopped { .. } => false,
    }
}

/// What to do about refusals that have one well-known cause.
pub(super) fn advice(error: &cloud::Error) -> Option<String> {
    let (product, call, refusal) = match error {
        cloud::Error::Refused { product, call, refusal } => (*product, call, refusal),
        cloud::Error::Unanswered { obstacle: Some(obstacle), .. } => return Some(obstacle.advice.clone()),
        cloud::Error::DeadlinePassed { last: Some(last), .. } => return advice(last),
        _ => return None,
    };
    if let Some(from) = &refusal.unsent_token {
        return Some(format!(
            "No security token was sent: {from} is set, but it is not taken with keys of another place. If the keys are temporary, \
             set their security token in the same place; else check them, and remove it."
        ));
    }
    if product == cloud::IAM.key && refusal.status == 404 {
        return Some(
            "There is no IAM at this address, or something is wrong behind its host: check `auth_url` (HW_AUTH_URL, OS_AUTH_URL), \
             which ends with the host or with `/v3`, and `iam` in `endpoints`."
                .to_owned(),
        );
    }
    if let Some(known) = cloud::advice(refusal) {
        return Some(known.to_owned());
    }
    match refusal.status {
        403 if call.ends_with("/securitytokens") || call.ends_with("/agencies/assume") => Some(
            "The agency could not be assumed. Check `agency_name` and the account in `assume_role`, whether the agency is for \
             the account that signs in, and whether its user may act for agencies (Agent Operator)."
                .to_owned(),
        ),
        403 if error.is_refused_on_the_way() => Some(
            "The refusal has no code of the cloud: something on the way, such as a proxy, may have refused it. Check what stands \
             between, such as `HTTPS_PROXY`; if it was the cloud, check the IAM permissions of the user or agency."
                .to_owned(),
        ),
        403 => Some(
            "The credentials are valid, but may not do this: check the IAM permissions of the user or agency."
                .to_owned(),
        ),
        429 => Some("The cloud throttles the calls. Try again later, or lower `-parallelism`.".to_owned()),
        _ => None,
    }
}
