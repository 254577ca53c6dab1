//! What there is to tell where the answer to a create named a backup that nobody sees, or another one's.

use super::services::importable;
use crate::backup::{self, Backup, BackupRef, Backups, NewBackup, Service, Started};
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
    let found = named(client, service, context, want).await;
    let found = found.iter().filter(|found| !before.contains(&found.id));
    let is_random = want.name_origin.is_random();
    found.map(|found| has_name((service.facts().key(), client.region()), (found, is_random))).collect()
}

/// What has the name on the instance; nothing, where that cannot be told.
pub(super) async fn named(
    client: &Backups,
    service: &'static dyn Service,
    context: &Context,
    want: &NewBackup,
) -> Vec<Backup> {
    client.of(context, service).named(want).await.unwrap_or_else(|error| {
        tracing::warn!("what has the name of the backup cannot be told: {error}");
        Vec::new()
    })
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
