//! What there is to tell where the answer to a create was lost, or named a backup that nobody sees, or another one's.

use super::services::importable;
use crate::backup::{self, Backup, BackupRef, Backups, Certainty, NewBackup, Service, Started};
use crate::cloud::Context;
use crate::plugin::Diagnostic;

/// What a wait ended with, as the end of the create: the id of its answer is another backup's.
pub(super) fn other_answer(found: &Backup) -> backup::Error {
    backup::Error::OtherAnswer { answer: Box::new(Started::from(BackupRef::from(found))) }
}

/// Warnings about what has the name that was asked for, and did not have it before.
pub(super) async fn unanswered(
    client: &Backups,
    service: &'static dyn Service,
    context: &Context,
    want: &NewBackup,
    answered: &Started,
) -> Vec<Diagnostic> {
    let before = answered.named_before.as_deref().unwrap_or_default();
    let found = named(client, service, context, want).await.unwrap_or_default();
    let found = found.iter().filter(|found| !before.contains(&found.id));
    let is_random = want.name_origin.is_random();
    found.map(|found| has_name((service.facts().key(), client.region()), (found, is_random))).collect()
}

/// What has the name on the instance; `None` where that cannot be told.
pub(super) async fn named(
    client: &Backups,
    service: &'static dyn Service,
    context: &Context,
    want: &NewBackup,
) -> Option<Vec<Backup>> {
    let found = client.of(context, service).named(want).await;
    found.inspect_err(|error| tracing::warn!("what has the name of the backup cannot be told: {error}")).ok()
}

/// That a backup has the name that was asked for.
pub(super) fn has_name((service, region): (&str, &str), (found, is_random): (&Backup, bool)) -> Diagnostic {
    let import = importable(service, region, &found.instance_id, &found.id);
    let whose = if is_random {
        "The name is of this create alone: it is the backup that was asked for"
    } else {
        "If no state has it, it may be the one that was asked for"
    };
    let detail = format!(
        "The backup {} ({}) has the name {:?} on the instance. {whose}. Import it as {import}, or delete it, before another one is taken.",
        found.id, found.status, found.name
    );
    Diagnostic::warning("A backup has the name that was asked for", detail)
}

/// What is said of the backup that a resource keeps.
pub(super) const IN_STATE: &str = "is in the state";
/// The same of the one that an action took.
pub(super) const FOLLOWED: &str = "is the one that the action followed";

/// Warnings if a create that had an unclear moment was, or may have been, carried out twice, as far as names tell: one of our own,
/// or one that nothing had before.
pub(super) async fn twins(
    client: &Backups,
    service: &'static dyn Service,
    context: &Context,
    want: &NewBackup,
    (started, kept): (&Started, &str),
) -> Vec<Diagnostic> {
    if started.certainty == Certainty::Answered {
        return Vec::new();
    }
    let id = &*started.backup_id;
    let Some(found) = named(client, service, context, want).await else { return Vec::new() };
    let before = started.named_before.as_deref();
    let is_new = |twin: &Backup| before.is_some_and(|before| !before.contains(&twin.id));
    let is_ours = |twin: &&Backup| twin.id != id && (want.name_origin.is_random() || is_new(twin));
    let Some(own) = found.iter().find(|own| own.id == id) else {
        // A list that lacks the one that was accepted may lack the other one, too.
        let may_be = started.certainty == Certainty::AnsweredLater && !service.facts().names_are_unique;
        let listed = || found.iter().filter(is_ours).map(|twin| &*twin.id).collect::<Vec<_>>();
        return may_be.then(|| may_be_twice(want, (id, kept), &listed())).into_iter().collect();
    };
    // What was written for both of them may have been changed: so one record is compared with the other.
    let described = |backup: &Backup| backup.description.clone().unwrap_or_default();
    let tells = service.facts().tells_descriptions;
    let differs = |twin: &Backup| tells && described(own) != described(twin);
    let place = (service.facts().key(), client.region());
    let twice = |twin: &Backup| taken_twice(place, want, (id, kept), &twin.id, differs(twin));
    found.iter().filter(is_ours).map(twice).collect()
}

/// What has a name of our own is our own. A name that anybody can give says less, and another description speaks against it.
pub(super) fn taken_twice(
    (service, region): (&str, &str),
    want: &NewBackup,
    (id, kept): (&str, &str),
    twin: &str,
    differs: bool,
) -> Diagnostic {
    let begins = "The answer to the first request was lost, so that it was sent again";
    let import = importable(service, region, &want.instance_id, twin);
    let name = &want.name;
    if want.name_origin.is_random() {
        let detail = format!(
            "{begins}. Two backups have the name {name:?} now, which nothing else was given: {id} {kept}, {twin} is not. Delete that \
             one, or import it as {import}."
        );
        return Diagnostic::warning("Backup was taken twice", detail);
    }
    let whose = if differs {
        "Its description is another one: so it is somebody else's, and to be left alone.".to_owned()
    } else {
        format!(
            "Either both requests were carried out, or somebody else took a backup of that name at the same time. If no state has \
             it, yours or anybody else's, delete it, or import it as {import}."
        )
    };
    let detail =
        format!("{begins}: {id} {kept}. Since then {twin} of the same name {name:?} has appeared too. {whose}");
    Diagnostic::warning("Backup may have been taken twice", detail)
}

/// That nobody can tell yet whether both requests were carried out.
pub(super) fn may_be_twice(want: &NewBackup, (id, kept): (&str, &str), listed: &[&str]) -> Diagnostic {
    let name = &want.name;
    let listed = match listed {
        [] => String::new(),
        listed => format!(" It shows {} of that name.", listed.join(", ")),
    };
    let detail = format!(
        "The answer to the first request was lost, and no list showed its backup, so that it was sent again: {id} {kept}. The list \
         does not show that one for the moment either, so both may have been carried out.{listed} In some minutes, look at the backups of the \
         instance named {name:?}, with the data source `huaweidb_backups` or in the console: one that was taken now, has another id and \
         is in no state is then the other one."
    );
    Diagnostic::warning("Backup may have been taken twice", detail)
}
