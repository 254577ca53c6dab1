//! Who asks the cloud for a backup by its id.

use std::ops::ControlFlow;
use std::time::Duration;

use super::errand::Errand;
use super::pages;
use crate::backup::{Backup, BackupRef, Error, Filter, Verdict};

/// The pauses between looks for a new backup that is not found: so long lists may lag behind.
pub(super) const LAG: &[Duration] = &[Duration::from_millis(500), Duration::from_millis(2500), Duration::from_secs(5)];

/// Answers "where is the backup of that id?". Everybody who needs one backup comes here, so that waiters and readers of one
/// region can share what the cloud was asked. Today each question is one call.
#[derive(Clone, Debug)]
pub(super) struct Lookup(());

impl Lookup {
    pub(super) fn new() -> Self {
        Lookup(())
    }

    /// The backup; `None` only on proof: every direct question was answered "no such backup", or the complete list lacks it.
    pub(super) async fn by_id(&self, errand: Errand<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        let calls = errand.service.find(backup)?;
        if calls.is_empty() {
            return in_list(errand, backup).await;
        }
        for call in &calls {
            match errand.read(call, |reply| errand.service.listed(reply)).await {
                Ok(page) if page.items.is_empty() => {}
                Ok(page) => match page.items.into_iter().find(|item| item.id == backup.id) {
                    Some(found) => return Ok(Some(completed(found, backup))),
                    // The filter was ignored, so this page proves nothing.
                    None => return in_list(errand, backup).await,
                },
                Err(error) if errand.verdict(&error) == Some(Verdict::Gone) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

/// Searches the list. Records move between pages while others are deleted, so that a list of several pages lacks it only
/// if it lacks it twice.
async fn in_list(errand: Errand<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    // The instance is a filter only where it must be: a wrong one would hide the backup.
    let instance_id = backup.instance_id.clone().filter(|_| errand.service.facts().needs_instance);
    let filter = Filter { instance_id, ..Filter::default() };
    for _ in 0..2 {
        let mut found = None;
        let walked = pages::backups(errand, &filter, |item| {
            if item.id == backup.id {
                found = Some(item);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .await?;
        if let Some(found) = found {
            return Ok(Some(completed(found, backup)));
        }
        if walked.pages == 1 {
            break;
        }
    }
    Ok(None)
}

/// Some lists leave out what everybody knows.
fn completed(mut found: Backup, backup: &BackupRef) -> Backup {
    if let (true, Some(instance_id)) = (found.instance_id.is_empty(), &backup.instance_id) {
        found.instance_id.clone_from(instance_id);
    }
    found
}
