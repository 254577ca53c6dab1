//! The only place where an error becomes a diagnostic.
//!
//! Every message follows one grammar: what did not happen (the summary); what the cloud said, with status, code and
//! request id; what exists now; what to do next.

mod about;
mod lists;
mod next;

use std::fmt::Write as _;

pub(super) use self::about::{About, Doing};
pub(super) use self::lists::{unasked, undated, unread};
pub(super) use self::next::what_next;
use self::next::{advice, how_to_keep};
use crate::backup::{self, Backup, Blamed, Doubt, Status};
use crate::cloud;
use crate::plugin::Diagnostic;

/// Settings that do not work.
pub(super) fn setup(error: &cloud::Error) -> Diagnostic {
    let next = "Nothing was changed. `terraform-provider-huaweidb doctor`, run in the same environment, shows what is used, \
                where it comes from, and whether it works.";
    Diagnostic::error("The provider cannot be configured", format!("{}\n\n{next}", brief(error)))
}

/// What a call ended with, and what to do about it, where that is known.
pub(super) fn brief(error: &cloud::Error) -> String {
    let said = sentence(&said(error));
    match advice(error) {
        Some(advice) => format!("{said}\n{advice}"),
        None => said,
    }
}

/// An error on the way, for the person at the keyboard.
pub(super) fn explain(doing: Doing, about: About<'_>, error: &backup::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(summary(doing, error), detail(doing, about, error));
    match argument(doing, about, error) {
        Some(name) => diagnostic.at(name),
        None => diagnostic,
    }
}

/// What did not happen. Constant per situation, no ids.
fn summary(doing: Doing, error: &backup::Error) -> &'static str {
    match (doing, error.end()) {
        (_, backup::Error::Cloud(cause)) if is_ours(cause) => "The cloud cannot be reached with this configuration",
        (_, backup::Error::Failed { .. }) => "Backup failed",
        (_, backup::Error::Vanished { .. }) => "Backup disappeared",
        (_, backup::Error::Doubtful { .. }) => "Whether the backup still exists could not be told",
        (_, backup::Error::Foreign { .. }) => "The cloud has another backup under this id",
        (_, backup::Error::OtherAnswer { .. }) => "The create was answered with another backup",
        (Doing::Create | Doing::Take, backup::Error::NameTaken { .. }) => "Backup was not created: the name is taken",
        (Doing::Create | Doing::Take, backup::Error::Busy { .. }) => "Backup was not created: the instance is busy",
        (Doing::Create | Doing::Take, backup::Error::Unclear { .. }) => {
            "Backup may have been created: no usable answer came"
        }
        (Doing::Create | Doing::Take, _) => "Backup was not created",
        (Doing::Wait | Doing::Follow, backup::Error::StillRunning { .. }) => "Backup was not completed in time",
        (Doing::Wait | Doing::Follow, _) => "Backup was not seen to complete",
        (Doing::Read, _) => "Backup was not read",
        (Doing::Import, _) => "Backup cannot be imported",
        (Doing::Search, _) => "Search failed",
        (Doing::Delete | Doing::Prune, backup::Error::StillRunning { .. }) => "Backup was not deleted in time",
        (Doing::Delete | Doing::Prune, _) if error.was_sent() => "Backup was not seen to be deleted",
        (Doing::Delete | Doing::Prune, _) => "Backup was not deleted",
        (Doing::Rotate, _) if error.was_sent() => "Older backup was not seen to be deleted",
        (Doing::Rotate, _) => "Older backup was not deleted",
        (Doing::Stop, _) if error.was_sent() => "Backup was not seen to stop",
        (Doing::Stop, backup::Error::StillRunning { .. }) => "Backup was not stopped in time",
        (Doing::Stop, _) => "Backup was not stopped",
        (Doing::Download, _) => "Download links were not obtained",
        (Doing::Final, backup::Error::StillRunning { .. }) => "Final backup was not completed in time",
        (Doing::Final, backup::Error::Stopped { .. }) => "Final backup is still running",
        (Doing::Final, _) => "Final backup was not taken",
    }
}

fn detail(doing: Doing, about: About<'_>, error: &backup::Error) -> String {
    let mut text = sentence(&what_happened_while(doing, error));
    for part in [what_exists(doing, about, error), what_next(doing, about, error), how_to_keep(doing, error).to_owned()]
    {
        if !part.is_empty() {
            let _ = write!(text, "\n\n{part}");
        }
    }
    text
}

/// What happened; where something was to be stopped or deleted, how far that came: it has been listed long ago.
pub(super) fn what_happened_while(doing: Doing, error: &backup::Error) -> String {
    let removes = matches!(doing, Doing::Delete | Doing::Prune | Doing::Rotate | Doing::Stop);
    match error.end() {
        backup::Error::StillRunning { last: None, cause, .. } if removes => {
            let far = match (error.was_sent(), cause) {
                (true, _) => "after the request had been sent, and before its end was seen",
                (false, Some(_)) => "before anything was done to it",
                (false, None) => "before anything was sent",
            };
            format!("{} {far}{}", expired(cause.as_deref()), met(cause.as_deref()))
        }
        end => what_happened(end),
    }
}

/// That there is no more time. After trouble, the next attempt may only have come too late.
fn expired(cause: Option<&cloud::Error>) -> &'static str {
    cause.map_or("The timeout expired", |_| "The timeout left no time for another attempt")
}

/// What the last call met, if it was trouble.
fn met(cause: Option<&cloud::Error>) -> String {
    cause.map_or(String::new(), |cause| format!("; before that, {}", said(cause)))
}

pub(super) fn what_happened(error: &backup::Error) -> String {
    match error {
        backup::Error::Cloud(cause) => said(cause),
        backup::Error::OutOfSight { cause, .. } => said(cause),
        backup::Error::Unsupported(why) => why.to_string(),
        backup::Error::NotOffered { task, cause } => {
            format!("This cloud does not offer {task}, though the service has it elsewhere: {}", said(cause))
        }
        backup::Error::Unclear { cause, candidates, again } => format!(
            "The request was sent, but no usable answer came: {}. {}{}",
            said(cause),
            again.as_ref().map_or(String::new(), |again| format!("Sent again, it was refused: {}. ", said(again))),
            if candidates.is_empty() {
                "No backup of that name is listed yet".to_owned()
            } else {
                format!("Backups of that name are there, and may be it: {}", described(candidates))
            }
        ),
        backup::Error::NameTaken { cause, existing } => format!(
            "A backup of that name exists already{}, and names are unique: {}",
            existing.as_ref().map_or(String::new(), |backup| format!(" ({}, {})", backup.id, backup.status)),
            said(cause)
        ),
        backup::Error::Busy { cause, running, .. } => format!(
            "Something else ran on the instance until the timeout expired{}: {}",
            running.as_ref().map_or(String::new(), |backup| format!(" (the backup {:?}, {})", backup.name, backup.id)),
            said(cause)
        ),
        backup::Error::Failed { reason: Some(reason), .. } => {
            format!("The cloud began the backup and ended it as FAILED. Its job says: {reason}")
        }
        backup::Error::Failed { reason: None, .. } => {
            "The cloud began the backup and ended it as FAILED; it gave no reason".to_owned()
        }
        backup::Error::JobFailed { task, reason, .. } => format!(
            "The cloud began to {task} the backup and gave up{}",
            reason.as_ref().map_or(String::new(), |reason| format!(". Its job says: {reason}"))
        ),
        backup::Error::OthersRun { others } => format!(
            "The backup still runs, and this service can only stop everything that runs on an instance. These backups \
             would be stopped too: {}",
            named(others)
        ),
        backup::Error::Doubtful { id, doubt } => {
            format!("The cloud does not show the backup {id}, {}", doubtful(doubt))
        }
        backup::Error::Foreign { meant, found } => format!(
            "Under the id {} the cloud has the backup {:?} of the instance {}, not {} of {}",
            found.id,
            found.name,
            found.instance_id,
            meant.name.as_ref().map_or("one".to_owned(), |name| format!("{name:?}")),
            meant.instance_id.as_deref().unwrap_or("this one"),
        ),
        backup::Error::OtherAnswer { answer } => format!(
            "The cloud answered the create with the backup {}{}{}, which is not what was asked for",
            answer.backup_id,
            answer.name.as_ref().map_or(String::new(), |name| format!(", {name:?}")),
            answer.instance_id.as_ref().map_or(String::new(), |id| format!(", of the instance {id}")),
        ),
        backup::Error::Vanished { id } => {
            format!("The backup {id} was begun, and the cloud does not list it, or not any more")
        }
        backup::Error::StillRunning { last: Some(backup), cause, .. } => {
            format!("{} while the status was {}{}", expired(cause.as_deref()), backup.status, met(cause.as_deref()))
        }
        backup::Error::StillRunning { last: None, cause, .. } => {
            format!("{} before the cloud had listed the backup{}", expired(cause.as_deref()), met(cause.as_deref()))
        }
        // A word that nobody knows may be why it took so long.
        backup::Error::Stopped { last: Some(backup), .. } if matches!(backup.status, Status::Other(_)) => {
            format!("The provider was asked to stop while the operation ran; the backup was {}", backup.status)
        }
        backup::Error::Stopped { .. } => "The provider was asked to stop while the operation ran".to_owned(),
        backup::Error::Sent { end, .. } => what_happened(end),
    }
}

fn what_exists(doing: Doing, about: About<'_>, error: &backup::Error) -> String {
    let id = about.id.unwrap_or("that was begun");
    match (doing, error) {
        (Doing::Stop, backup::Error::Sent { id, .. }) => {
            format!("The cloud was asked to stop the backup {id}; whether it still runs is not known.")
        }
        (Doing::Prune | Doing::Rotate, backup::Error::Sent { id, .. }) => {
            format!("A deletion of the backup {id} was sent; what became of it is not known.")
        }
        (_, backup::Error::Sent { id, .. }) => format!(
            "A deletion of the backup {id} was sent, and may be going on; the state keeps it until it is seen to be gone."
        ),
        (Doing::Create | Doing::Take, backup::Error::Unclear { candidates, .. }) if !candidates.is_empty() => {
            String::new()
        }
        (Doing::Create | Doing::Take, backup::Error::Unclear { .. }) => {
            format!(
                "A backup {:?} may still appear in the cloud. It is not in the state.",
                about.name.unwrap_or_default()
            )
        }
        (Doing::Create | Doing::Take, backup::Error::OtherAnswer { .. }) => format!(
            "Nothing was done to that backup. If {:?} was begun, it is not in the state.",
            about.name.unwrap_or_default()
        ),
        (Doing::Create | Doing::Take, _) => "This run left nothing in the cloud.".to_owned(),
        (
            Doing::Final,
            backup::Error::Stopped { id, .. }
            | backup::Error::StillRunning { id, .. }
            | backup::Error::OutOfSight { id, .. },
        ) => {
            let name = about.name.map_or(String::new(), |name| format!(" {name:?}"));
            format!("The backup{name} ({id}) goes on in the cloud, as far as is known. {FINAL_IS_HELD}")
        }
        (Doing::Final, _) => FINAL_IS_HELD.to_owned(),
        (Doing::Wait, backup::Error::Vanished { .. }) => {
            "The object stays in the state until the next refresh.".to_owned()
        }
        (Doing::Wait, backup::Error::Failed { backup: None, .. }) => {
            format!("The backup {id} was not listed meanwhile; it stays in the state until the next refresh.")
        }
        (Doing::Wait, backup::Error::Failed { .. }) => {
            format!("The failed backup {id} stays in the cloud and in the state.")
        }
        (_, backup::Error::Foreign { .. }) => "Nothing was sent, and nothing is ever done to that backup.".to_owned(),
        (Doing::Delete, backup::Error::Doubtful { .. }) => {
            "Nothing was deleted. The state keeps what was known before.".to_owned()
        }
        (Doing::Prune | Doing::Rotate, backup::Error::Doubtful { .. }) => "Nothing was deleted.".to_owned(),
        (Doing::Stop, backup::Error::Doubtful { .. }) => {
            format!("No stop was sent; whether the backup {id} runs is not known.")
        }
        (Doing::Wait, error) if error.last().is_none() => {
            format!("The backup {id} was begun, and has not been seen since; it stays in the state.")
        }
        (Doing::Wait, _) => format!("The backup {id} exists in the cloud and stays in the state."),
        (Doing::Read, _) => "The state keeps what was known before.".to_owned(),
        (Doing::Import, _) => "Nothing was imported.".to_owned(),
        (Doing::Delete, backup::Error::StillRunning { last: None, .. } | backup::Error::Stopped { last: None, .. }) => {
            format!("The backup {id} was not seen in this run, and nothing was done to it; it stays in the state.")
        }
        (Doing::Delete, _) => {
            format!("The backup {id} still exists in the cloud, as far as is known; it stays in the state.")
        }
        (Doing::Follow, backup::Error::Vanished { .. }) | (Doing::Search | Doing::Download, _) => String::new(),
        (Doing::Follow, backup::Error::Failed { backup: None, .. }) => {
            format!("The backup {id} was not listed meanwhile.")
        }
        (Doing::Follow, backup::Error::Failed { .. }) => format!("The failed backup {id} stays in the cloud."),
        (Doing::Follow, error) if error.last().is_none() => {
            format!("The backup {id} was begun, and has not been seen since. It is not in the state.")
        }
        (Doing::Follow, _) => format!("The backup {id} exists in the cloud. It is not in the state."),
        (Doing::Rotate, _) if about.id.is_none() => String::new(),
        (Doing::Prune | Doing::Rotate, _) => format!("The backup {id} still exists in the cloud, as far as is known."),
        (Doing::Stop, backup::Error::Stopped { .. } | backup::Error::Cloud(cloud::Error::Stopped { .. })) => {
            format!("No stop was sent, or it was refused: the backup {id} goes on as before.")
        }
        (Doing::Stop, _) => format!("The backup {id} goes on as before, as far as is known."),
    }
}

/// What exists where a final backup was not taken.
const FINAL_IS_HELD: &str =
    "The destroy ends here: nothing that this resource depends on is destroyed, and the resource stays in the state.";

/// What speaks against its absence.
fn doubtful(doubt: &Doubt) -> String {
    let why = match doubt {
        Doubt::OtherProject { seen_in, asked_in } => {
            return format!(
                "but it was last seen in the project {seen_in}, and the provider uses the project {asked_in} now"
            );
        }
        Doubt::ProjectUnknown => {
            "and the service does not know its instance in this project either: the credentials or the project may be the wrong ones"
        }
        Doubt::NotTheCallers => {
            "nor any instance of its service, and IAM does not confirm that this project belongs to these credentials: they \
             may be of another account, or may not ask IAM (GET /v3/auth/projects)"
        }
        Doubt::InstanceUnknown => "but whether its instance is in this project could not be told",
        Doubt::InstanceGone => {
            "and its instance is not in this project any more: the service shows backups only by their instance, but manual ones may outlive \
             it, and cost money"
        }
        Doubt::NotListedYet => "but it was begun a short time ago, and lists can lag behind",
        Doubt::JobContradicts => "but the cloud's job that takes it has not failed",
        Doubt::UnderAnotherId(shown) => {
            return format!(
                "but the backup {} ({}) on the instance has its name {:?}",
                shown.id, shown.status, shown.name
            );
        }
    };
    why.to_owned()
}

/// Whether the settings are to blame.
fn is_ours(error: &cloud::Error) -> bool {
    error.lasts() || error.is_setup()
}

/// What would be said of every service: about the credentials or the settings, not about what was asked. Equal for what means
/// the same.
pub(super) fn of_all(error: &backup::Error) -> Option<&str> {
    match error.cloud()? {
        cloud::Error::Refused { refusal, .. } if refusal.status == 401 => Some(CREDENTIALS),
        cloud::Error::Refused { product, .. } if *product == cloud::IAM.key => Some(CREDENTIALS),
        cloud::Error::Setup(why) => Some(why),
        _ => None,
    }
}

/// That they are not accepted.
const CREDENTIALS: &str = "credentials";

/// The argument to blame, if the cloud's refusal is about one.
fn argument(doing: Doing, about: About<'_>, error: &backup::Error) -> Option<&'static str> {
    match (doing, error) {
        (Doing::Create | Doing::Take, backup::Error::NameTaken { .. }) => Some("name"),
        (Doing::Create | Doing::Take, backup::Error::Busy { .. }) => Some("instance_id"),
        (Doing::Create | Doing::Take, backup::Error::Cloud(cloud::Error::Refused { refusal, .. })) => {
            backup::named(about.service)?.blamed(refusal).map(|blamed| match blamed {
                Blamed::Name => "name",
                Blamed::Description => "description",
                Blamed::Instance => "instance_id",
            })
        }
        _ => None,
    }
}

/// What the cloud said, with everything that its support will ask for.
fn said(error: &cloud::Error) -> String {
    match error {
        cloud::Error::Refused { product, call, refusal } => {
            let mut text = format!("{product} refused {call} with status {}", refusal.status);
            if !refusal.code.is_empty() {
                let _ = write!(text, ", code {}", refusal.code);
            }
            if !refusal.message.is_empty() {
                let _ = write!(text, ": {:?}", refusal.message);
            }
            if let Some(id) = &refusal.request_id {
                let _ = write!(text, " (request {id})");
            }
            text
        }
        cloud::Error::Misread { request_id: Some(id), .. } => format!("{error} (request {id})"),
        cloud::Error::DeadlinePassed { last: Some(last), .. } => {
            format!("{}; the timeout expired before it could be tried again", said(last))
        }
        cloud::Error::DeadlinePassed { call, last: None } => {
            format!("the timeout expired before {call} could be sent")
        }
        cloud::Error::Stopped { call } => {
            // Of what changes something, whatever was not refused has an error of its own.
            let was = if call.starts_with("GET ") { "answered" } else { "accepted" };
            format!("the provider was asked to stop before {call} was {was}")
        }
        other => other.to_string(),
    }
}

fn named(backups: &[Backup]) -> String {
    backups.iter().map(|backup| format!("{} ({:?})", backup.id, backup.name)).collect::<Vec<_>>().join(", ")
}

/// The same, with their descriptions: another one than was asked for speaks against a backup.
fn described(backups: &[Backup]) -> String {
    let described = |backup: &Backup| match backup.description.as_deref().unwrap_or_default() {
        "" => format!("{} ({:?})", backup.id, backup.name),
        text => format!("{} ({:?}, with the description {text:?})", backup.id, backup.name),
    };
    backups.iter().map(described).collect::<Vec<_>>().join(", ")
}

/// Ends with a full stop, begins with a capital unless a product's name comes first.
pub(super) fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let is_product = first == cloud::IAM.key || backup::named(first).is_some();
    let mut letters = text.chars();
    let text = match letters.next() {
        Some(letter) if !is_product => letter.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    };
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::backup::{BackupRef, Started, Status, Unsupported};
    use crate::cloud::Refusal;

    fn refused(status: u16, code: &str, message: &str) -> cloud::Error {
        let refusal = Refusal {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: Some("3f2a".to_owned()),
            ..Refusal::default()
        };
        cloud::Error::Refused { product: "dds", call: "POST /v3/p/backups".to_owned(), refusal: Box::new(refusal) }
    }

    fn unanswered() -> cloud::Error {
        cloud::Error::Unanswered {
            product: "dds",
            call: "POST /v3/p/backups".to_owned(),
            reason: "the connection was closed".to_owned(),
            may_be_applied: true,
            obstacle: None,
        }
    }

    fn backup(status: Status) -> Backup {
        Backup::sample("b1br02", "i1in02", "nightly", status)
    }

    #[test]
    fn what_is_missing_or_where_is_told_by_what_was_set() {
        let mut error = refused(401, "APIGW.0301", "verify security token fail");
        assert!(brief(&error).contains("`security_token` (HW_SECURITY_TOKEN) does not belong to these keys"));
        if let cloud::Error::Refused { refusal, .. } = &mut error {
            refusal.unsent_token = Some("HW_SECURITY_TOKEN".to_owned());
        }
        let said = brief(&error);
        assert!(said.contains("No security token was sent: HW_SECURITY_TOKEN is set, but it is not taken"), "{said}");
        let refusal = Box::new(Refusal { status: 404, ..Refusal::default() });
        let call = "POST /v3/auth/tokens/v3/auth/tokens".to_owned();
        let said = brief(&cloud::Error::Refused { product: cloud::IAM.key, call, refusal });
        assert!(said.contains("check `auth_url` (HW_AUTH_URL, OS_AUTH_URL)"), "{said}");
    }

    /// Every kind of error that operations on backups can end with, as it is after the call that this one makes.
    fn errors(doing: Doing) -> Vec<backup::Error> {
        let boxed = |status| Some(Box::new(backup(status)));
        let id = || "b1br02".to_owned();
        let misread = cloud::Error::Misread {
            product: "dds",
            call: "GET /v3/p/backups".to_owned(),
            reason: "the backup has no id".to_owned(),
            request_id: Some("3f2a".to_owned()),
        };
        let call = || match doing {
            Doing::Create | Doing::Take | Doing::Final => "POST /v3/p/backups".to_owned(),
            Doing::Delete | Doing::Prune | Doing::Rotate => "DELETE /v3/p/backups/b1br02".to_owned(),
            Doing::Stop => "PUT /v3/p/backups/b1br02".to_owned(),
            _ => "GET /v3/p/backups".to_owned(),
        };
        let busy = || refused(403, "DBS.200019", "Another operation is in progress.");
        let other_project = || Doubt::OtherProject { seen_in: "p1".to_owned(), asked_in: "p2".to_owned() };
        let sent = |end| backup::Error::Sent { id: id(), end: Box::new(end) };
        let out_of_sight = || backup::Error::OutOfSight {
            id: id(),
            last: boxed(Status::Building),
            cause: Box::new(refused(403, "DBS.200001", "no")),
        };
        vec![
            refused(400, "DBS.280277", "Invalid backup name.").into(),
            refused(403, "DBS.200001", "no permission").into(),
            refused(429, "APIGW.0308", "The throttling threshold has been reached").into(),
            refused(500, "", "").into(),
            unanswered().into(),
            misread.into(),
            cloud::Error::Setup("the project \"eu-de\" does not exist".to_owned()).into(),
            cloud::Error::Stopped { call: call() }.into(),
            cloud::Error::DeadlinePassed { call: call(), last: Some(Box::new(busy())) }.into(),
            cloud::Error::DeadlinePassed { call: call(), last: None }.into(),
            Unsupported("the service cannot stop a backup".to_owned()).into(),
            backup::Error::NotOffered { task: "to stop a backup", cause: refused(404, "APIGW.0101", "no such API") },
            backup::Error::Unclear { candidates: vec![backup(Status::Building)], cause: unanswered(), again: None },
            backup::Error::Unclear { candidates: Vec::new(), cause: unanswered(), again: None },
            backup::Error::Unclear {
                candidates: Vec::new(),
                cause: refused(500, "", ""),
                again: Some(Box::new(refused(400, "DBS.201201", "The name is used already."))),
            },
            backup::Error::NameTaken {
                existing: boxed(Status::Completed),
                cause: refused(409, "DBS.201204", "exists"),
            },
            backup::Error::NameTaken { existing: None, cause: refused(409, "DBS.201204", "exists") },
            backup::Error::Busy { running: boxed(Status::Building), is_this_runs: false, cause: busy() },
            backup::Error::Busy { running: boxed(Status::Building), is_this_runs: true, cause: busy() },
            backup::Error::Busy { running: None, is_this_runs: false, cause: busy() },
            backup::Error::Failed { id: id(), backup: boxed(Status::Failed), reason: Some("no space left".to_owned()) },
            backup::Error::Failed { id: id(), backup: None, reason: None },
            backup::Error::JobFailed {
                task: "delete",
                backup: Box::new(backup(Status::Completed)),
                reason: Some("storage is read-only".to_owned()),
            },
            backup::Error::OthersRun { others: vec![backup(Status::Building)] },
            backup::Error::Vanished { id: id() },
            backup::Error::Doubtful { id: id(), doubt: other_project() },
            backup::Error::Doubtful { id: id(), doubt: Doubt::ProjectUnknown },
            backup::Error::Doubtful { id: id(), doubt: Doubt::NotTheCallers },
            backup::Error::Doubtful { id: id(), doubt: Doubt::InstanceUnknown },
            backup::Error::Doubtful { id: id(), doubt: Doubt::InstanceGone },
            backup::Error::Doubtful { id: id(), doubt: Doubt::NotListedYet },
            backup::Error::Doubtful { id: id(), doubt: Doubt::JobContradicts },
            backup::Error::Foreign {
                meant: Box::new(BackupRef {
                    name: Some("nightly".to_owned()),
                    ..BackupRef::new("b1br02", Some("i2in02".to_owned()))
                }),
                found: Box::new(backup(Status::Completed)),
            },
            backup::Error::OtherAnswer { answer: Box::new(Started::from(BackupRef::from(&backup(Status::Building)))) },
            out_of_sight(),
            sent(out_of_sight()),
            backup::Error::StillRunning { id: id(), last: boxed(Status::Building), cause: None },
            backup::Error::StillRunning { id: id(), last: None, cause: None },
            sent(backup::Error::StillRunning { id: id(), last: None, cause: None }),
            sent(backup::Error::StillRunning {
                id: id(),
                last: boxed(Status::Completed),
                cause: Some(Box::new(refused(502, "", ""))),
            }),
            backup::Error::StillRunning {
                id: id(),
                last: None,
                cause: Some(Box::new(refused(429, "APIGW.0308", "too many"))),
            },
            backup::Error::Stopped { id: id(), last: boxed(Status::Building) },
            sent(backup::Error::Stopped { id: id(), last: boxed(Status::Building) }),
            sent(refused(400, "DBS.201214", "The backup does not exist.").into()),
            sent(backup::Error::Doubtful { id: id(), doubt: Doubt::InstanceUnknown }),
        ]
    }

    /// Whether an operation can end so; the others would only fill the book with what nobody reads.
    fn can_end_with(doing: Doing, error: &backup::Error) -> bool {
        use backup::Error;
        let last = doing == Doing::Final;
        let takes = matches!(doing, Doing::Create | Doing::Take);
        let waits = last || matches!(doing, Doing::Wait | Doing::Follow);
        let removes = matches!(doing, Doing::Delete | Doing::Prune | Doing::Rotate | Doing::Stop);
        match error {
            Error::Cloud(cloud::Error::Refused { refusal, .. }) if refusal.code == "DBS.280277" => takes,
            Error::Cloud(_) => !waits || last,
            Error::Unsupported(_) => !waits && doing != Doing::Delete,
            Error::NotOffered { .. } => removes || doing == Doing::Download,
            Error::Unclear { .. } | Error::NameTaken { .. } | Error::OtherAnswer { .. } => last || takes,
            Error::Busy { .. } => last || takes || matches!(doing, Doing::Delete | Doing::Prune | Doing::Rotate),
            Error::Failed { .. } | Error::Vanished { .. } => waits,
            Error::Doubtful { doubt, .. } if doubt.passes() => matches!(doing, Doing::Prune | Doing::Rotate),
            Error::Doubtful { .. } => last || removes || doing == Doing::Read,
            Error::JobFailed { .. } | Error::OthersRun { .. } | Error::Sent { .. } => removes,
            Error::OutOfSight { .. } => waits || removes,
            Error::Foreign { .. } | Error::StillRunning { .. } | Error::Stopped { .. } => {
                waits || removes || doing == Doing::Read
            }
        }
    }

    const DOINGS: [Doing; 13] = [
        Doing::Create,
        Doing::Take,
        Doing::Wait,
        Doing::Read,
        Doing::Import,
        Doing::Search,
        Doing::Delete,
        Doing::Follow,
        Doing::Prune,
        Doing::Rotate,
        Doing::Stop,
        Doing::Download,
        Doing::Final,
    ];

    fn explained(doing: Doing, error: &backup::Error) -> Diagnostic {
        let id = if matches!(doing, Doing::Create | Doing::Take) { None } else { Some("b1br02") };
        explain(doing, About { service: "dds", id, name: Some("nightly"), region: "eu-de" }, error)
    }

    #[test]
    fn every_message_reads_like_the_one_before() {
        let mut book = String::new();
        for doing in DOINGS {
            for error in errors(doing).into_iter().filter(|error| can_end_with(doing, error)) {
                let one = explained(doing, &error);
                let at = one.path.as_ref().map_or(String::new(), |path| format!(" [at {path}]"));
                let _ = writeln!(book, "## {doing:?}\nError: {}{at}\n{}\n", one.summary, one.detail);
            }
        }
        let others = backup::Error::OthersRun { others: vec![backup(Status::Building)] };
        let one = explain(
            Doing::Stop,
            About { service: "gaussdb", id: Some("b1br14"), name: None, region: "eu-de" },
            &others,
        );
        let _ = writeln!(book, "## Stop, where more runs than a list shows\nError: {}\n{}\n", one.summary, one.detail);
        let one = setup(&cloud::Error::Setup("the CA file holds no certificate in PEM form".to_owned()));
        let _ = writeln!(book, "## Configure\nError: {}\n{}\n", one.summary, one.detail);
        insta::assert_snapshot!("messages", book);
    }

    #[test]
    fn every_message_keeps_to_the_grammar() {
        for doing in DOINGS {
            for error in errors(doing) {
                let one = explained(doing, &error);
                let all = format!("{}\n{}", one.summary, one.detail);
                assert!(!one.summary.contains(|c: char| c.is_ascii_digit()) && !one.summary.ends_with('.'), "{all}");
                let prose = one.detail.split("\n\nimport {").next().unwrap_or_default();
                for part in prose.split("\n\n") {
                    assert!(part.ends_with(['.', ':', '!', '?']), "{doing:?}: {part:?} does not end:\n{all}");
                }
                if can_end_with(doing, &error) {
                    let next =
                        what_next(doing, About { service: "dds", id: None, name: None, region: "eu-de" }, &error);
                    let next = next + how_to_keep(doing, &error);
                    assert!(!next.is_empty() && one.detail.contains("\n\n"), "{doing:?}: no next step in:\n{all}");
                }
                for word in ["None", "Some(", "null", "Refused {", "..", "DeadlinePassed", "  "] {
                    assert!(!prose.contains(word), "{doing:?}: {word:?} in:\n{all}");
                }
                if let Some(refusal) = error.cloud().and_then(cloud::Error::refusal) {
                    assert!(one.detail.contains(&format!("status {}", refusal.status)), "{all}");
                    assert!(one.detail.contains(&refusal.code) && one.detail.contains("(request 3f2a)"), "{all}");
                }
            }
        }
    }
}
