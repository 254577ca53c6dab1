//! The last backup: taken once, however often the destroy has to be started again.
//!
//! All backups of a net have its random digits in their names, so that a destroy which was killed before it could write anything
//! down is recognized in the cloud.

use jiff::Timestamp;

use super::attempt::{self, Next};
use super::model::{FinalBackup, about, text};
use super::{memory, messages};
use crate::backup::{
    self, Backup, BackupRef, Backups, Certainty, Filter, NameOrigin, NewBackup, Service, Started, Verdict,
};
use crate::cloud;
use crate::plugin::{Attr, Diagnostics, Life};
use crate::provider::explain::{Doing, explain};
use crate::provider::services::context;

/// Ends with a completed backup, with the word of the service that there is no such instance, or with an error. That word
/// counts only beside lists that lack the instance (`unlisted`): lists alone have been empty while it was there.
pub(super) async fn taken(
    client: &Backups,
    service: &'static dyn Service,
    net: FinalBackup,
    unlisted: bool,
    life: &mut Life<FinalBackup>,
) -> Result<Ended, Diagnostics> {
    let mut taking = Taking { client, service, digits: memory::digits(&mut life.private), net, unlisted };
    let now = Timestamp::now();
    let limit = attempt::recent(life.timeout());
    let (mut found, mut ended) = taking.found(life).await?;
    let completed = loop {
        let (started, name) = match attempt::next(&found, &taking.digits, ended, now, limit) {
            Next::Accept(backup) => break *backup,
            Next::Wait(backup) => (taking.resumed(&backup, life), backup.name),
            Next::Take(number) => {
                ended = number;
                match taking.begun(number, life).await? {
                    Some(begun) => begun,
                    None => return Ok(Ended::NoInstance),
                }
            }
        };
        let completed = taking.settled(&started, &name, life).await?;
        if started.certainty == Certainty::Answered {
            break completed;
        }
        taking.twins(&completed, life).await;
        if !attempt::is_old(&completed, now, limit) {
            break completed;
        }
        // It had the name, and is of a destroy of long ago that no list has shown before.
        found.clear();
    };
    life.warn(messages::taken(&taking.net, &completed, Timestamp::now()));
    Ok(Ended::Taken)
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With a completed backup.
    Taken,
    /// There is nothing that a backup could be taken of.
    NoInstance,
}

struct Taking<'a> {
    client: &'a Backups,
    service: &'static dyn Service,
    digits: String,
    net: FinalBackup,
    /// No list shows the instance.
    unlisted: bool,
}

impl Taking<'_> {
    fn failed(&self, name: Option<&str>, error: &backup::Error) -> Diagnostics {
        explain(Doing::Final, about(&self.net, name), error).into()
    }

    /// The backups of this net, and the number of an attempt that is known to have ended without one.
    async fn found(&mut self, life: &mut Life<FinalBackup>) -> Result<(Vec<Backup>, u32), Diagnostics> {
        let context = context(life);
        let instance_id = text(&self.net.instance_id);
        let filter =
            Filter { instance_id: Some(instance_id.to_owned()), kind: Some("manual".to_owned()), ..Filter::default() };
        let mut found = match self.client.list(&context, self.service, &filter).await {
            Ok(found) => found,
            // Some services list nothing of an instance that they do not know.
            Err(backup::Error::Cloud(error)) if self.unlisted && self.knows_no_instance(&error) => Vec::new(),
            Err(error) => return Err(self.failed(None, &error)),
        };
        found.retain(|backup| attempt::number(&backup.name, &self.digits).is_some());
        let Some(last) = self.net.last_backup_id.as_str().filter(|id| found.iter().all(|backup| backup.id != **id))
        else {
            return Ok((found, 0));
        };
        // It was begun, and the list does not show it.
        let last = memory::begun_last(&life.private, last, instance_id);
        let number = last.name.as_ref().and_then(|name| attempt::number(name, &self.digits)).unwrap_or_default();
        match self.client.find_begun(&context, self.service, &last).await {
            Ok(Some(backup)) => found.push(backup),
            Ok(None) => return Ok((found, number)),
            Err(error) => return Err(self.learned(last.name.as_deref(), &error, life)),
        }
        Ok((found, 0))
    }

    /// One that runs already.
    fn resumed(&self, backup: &Backup, life: &Life<FinalBackup>) -> Started {
        let reference = match self.net.last_backup_id.as_str() {
            Some(id) if id == backup.id => memory::begun_last(&life.private, id, text(&self.net.instance_id)),
            _ => BackupRef::from(backup),
        };
        Started::from(reference)
    }

    /// Takes one; `None` if there is no such instance.
    async fn begun(&self, number: u32, life: &Life<FinalBackup>) -> Result<Option<(Started, String)>, Diagnostics> {
        let want = NewBackup {
            instance_id: text(&self.net.instance_id).to_owned(),
            name: attempt::name(text(&self.net.name_prefix), &self.digits, number),
            description: self.net.description.known().filter(|text| !text.is_empty()).cloned(),
            name_origin: NameOrigin::Kept,
            ..NewBackup::default()
        };
        let ours = |backup: &Backup| backup.name == want.name && backup.instance_id == want.instance_id;
        match self.client.begin(&context(life), self.service, &want).await {
            // A destroy that was killed has begun it, and no list had shown it yet.
            Err(backup::Error::NameTaken { existing: Some(existing), .. }) if ours(&existing) => {
                let started = Started { certainty: Certainty::Named, ..Started::from(BackupRef::from(&*existing)) };
                Ok(Some((started, want.name)))
            }
            Ok(started) => Ok(Some((started, want.name))),
            Err(backup::Error::Cloud(error)) if self.unlisted && self.knows_no_instance(&error) => Ok(None),
            Err(error) => Err(self.failed(Some(&want.name), &error)),
        }
    }

    /// Whether a create was refused for good, as it is for an instance that does not exist.
    fn knows_no_instance(&self, error: &cloud::Error) -> bool {
        error.refusal().is_some_and(|refusal| {
            matches!(refusal.status, 400 | 404 | 409) && self.service.verdict(refusal) == Verdict::Final
        })
    }

    /// Waits for it; from here on the state names it.
    async fn settled(
        &mut self,
        started: &Started,
        name: &str,
        life: &mut Life<FinalBackup>,
    ) -> Result<Backup, Diagnostics> {
        let before = std::mem::replace(&mut self.net.last_backup_id, Attr::Known(started.backup_id.clone()));
        if before != self.net.last_backup_id {
            memory::begun(&mut life.private, started, name);
        }
        life.checkpoint(self.net.clone());
        let settled = self.client.settled(&context(life), self.service, started, &()).await;
        settled.map_err(|error| self.learned(Some(name), &error, life))
    }

    /// Why the backup that was begun is not known to have completed; what was learned of it goes into the state.
    fn learned(&mut self, name: Option<&str>, error: &backup::Error, life: &mut Life<FinalBackup>) -> Diagnostics {
        let said = self.failed(name, error);
        match error {
            // The id is somebody else's: it is none of ours.
            backup::Error::Foreign { .. } => {
                self.net.last_backup_id = Attr::Null;
                life.checkpoint(self.net.clone());
            }
            backup::Error::Stopped { last: Some(_), .. } | backup::Error::StillRunning { last: Some(_), .. } => {
                memory::listed(&mut life.private);
            }
            _ => {}
        }
        said
    }

    /// Says so if a create that had an unclear moment was carried out twice.
    async fn twins(&self, completed: &Backup, life: &mut Life<FinalBackup>) {
        let want = NewBackup {
            instance_id: text(&self.net.instance_id).to_owned(),
            name: completed.name.clone(),
            ..NewBackup::default()
        };
        match self.client.named(&context(life), self.service, &want).await {
            Ok(found) => {
                for twin in found.iter().filter(|twin| twin.id != completed.id) {
                    life.warn(messages::taken_twice(&self.net, completed, &twin.id));
                }
            }
            Err(error) => tracing::warn!("whether the backup was taken twice cannot be told: {error}"),
        }
    }
}
