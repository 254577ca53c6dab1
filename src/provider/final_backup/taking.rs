//! The final backup: taken once, however often the destroy has to be started again.
//!
//! All backups of a net have its random digits in their names, so that a destroy which was killed before it could write anything
//! down is recognized in the cloud, and so that what has the name is ours whatever id the answer to its create gave. What was
//! begun and is not to be seen is asked for again under the same name: where names are unique, the service itself says whether it
//! is there after all.

use jiff::Timestamp;

use super::attempt::{self, Moment, Next};
use super::model::{FinalBackup, about};
use super::{memory, messages};
use crate::backup::{
    self, Backup, BackupRef, Backups, Certainty, Filter, NameOrigin, NewBackup, Service, Started, Verdict,
};
use crate::cloud;
use crate::plugin::{Attr, Diagnostics, Life};
use crate::provider::client::context;
use crate::provider::explain::{Doing, explain};

/// Ends with a completed backup, with the word of the service that there is no such instance, or with an error. That word
/// counts only beside lists that lack the instance (`unlisted`): lists alone have been empty while it was there.
pub(super) async fn taken(
    client: &Backups,
    service: &'static dyn Service,
    net: FinalBackup,
    unlisted: bool,
    life: &mut Life<FinalBackup>,
) -> Result<NetOutcome, Diagnostics> {
    let digits = memory::digits(&mut life.private);
    let mut taking = Taking { client, service, digits, net, unlisted, again: None, earlier: None };
    let (now, limit) = (Timestamp::now(), attempt::recent(life.timeout()));
    let moment = Moment { now, limit, begun: memory::last(&life.private) };
    let (mut found, mut ended) = taking.found(life).await?;
    // Whether it may have been taken twice: where names are unique, only one can have it.
    let mut is_sure = service.facts().names_are_unique;
    let completed = loop {
        let (started, name) = match attempt::next(&found, &taking.digits, ended, &moment) {
            Next::Accept(backup) => break *backup,
            Next::Wait(backup) => (taking.resumed(&backup, life), backup.name),
            Next::Take(number) => {
                ended = number;
                match taking.begun(number, life).await? {
                    Opening::Started(started, name) => (started, name),
                    Opening::Blocked => continue,
                    Opening::NoInstance => return Ok(NetOutcome::NoInstance),
                }
            }
        };
        let completed = taking.completed(&started, &name, life).await?;
        if started.certainty == Certainty::Answered && started.backup_id == completed.id {
            break completed;
        }
        is_sure = false;
        if !attempt::is_old(&completed, &moment) {
            break completed;
        }
        // It had the name, and is of a destroy of long ago that no list has shown before.
        found.clear();
    };
    if !is_sure {
        taking.twins(&completed, life).await;
    }
    life.warn(messages::taken(&taking.net, &completed, Timestamp::now()));
    Ok(NetOutcome::Taken)
}

/// What became of an attempt.
enum Opening {
    Started(Started, String),
    /// Its name is taken by what no list shows.
    Blocked,
    /// There is no such instance.
    NoInstance,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetOutcome {
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
    /// The name of what an earlier destroy began, and nothing shows.
    again: Option<String>,
    /// What an earlier destroy began, where it may be there beside another one of its name.
    earlier: Option<BackupRef>,
}

impl Taking<'_> {
    fn failed(&self, name: Option<&str>, error: &backup::Error) -> Diagnostics {
        explain(Doing::Final, about(&self.net, name), error).into()
    }

    /// The backups of this net, as its instance's list shows them.
    async fn listed(&self, life: &Life<FinalBackup>) -> Result<Vec<Backup>, Diagnostics> {
        let filter = Filter {
            instance_id: Some(self.net.instance_id.text().to_owned()),
            kind: Some("manual".to_owned()),
            ..Filter::default()
        };
        let mut found = match self.client.of(&context(life), self.service).list(&filter).await {
            Ok(found) => found,
            // Some services list nothing of an instance that they do not know.
            Err(backup::Error::Cloud(error)) if self.unlisted && self.knows_no_instance(&error) => Vec::new(),
            Err(error) => return Err(self.failed(None, &error)),
        };
        found.retain(|backup| attempt::number(&backup.name, &self.digits).is_some());
        Ok(found)
    }

    /// The backups of this net, and the number of the attempt that has ended before the next one.
    async fn found(&mut self, life: &mut Life<FinalBackup>) -> Result<(Vec<Backup>, u32), Diagnostics> {
        let mut found = self.listed(life).await?;
        let Some(last) = self.net.last_backup_id.as_str() else { return Ok((found, 0)) };
        let last = memory::begun_last(&life.private, last, self.net.instance_id.text());
        let is_it = |backup: &Backup| backup.id == last.id || last.name.as_ref() == Some(&backup.name);
        self.earlier = (!self.service.facts().names_are_unique).then(|| last.clone());
        if found.iter().any(is_it) {
            return Ok((found, 0));
        }
        // It was begun, and the list shows neither its id nor its name.
        let context = context(life);
        let is_told_by_its_name = self.service.facts().names_are_unique && last.name.is_some() && !self.unlisted;
        let looked = if is_told_by_its_name {
            self.client.of(&context, self.service).find(&last).await
        } else {
            self.client.of(&context, self.service).find_begun(&last).await
        };
        match looked {
            Ok(Some(backup)) => {
                found.push(backup);
                return Ok((found, 0));
            }
            // Meanwhile it may be listed under its name.
            Ok(None) => {
                self.earlier = None;
                found = self.listed(life).await?;
            }
            Err(backup::Error::Doubtful { doubt, .. }) if is_told_by_its_name && doubt.passes() => {}
            Err(error) => return Err(self.learned(last.name.as_deref(), &error, life)),
        }
        let number = last.name.as_ref().and_then(|name| attempt::number(name, &self.digits)).unwrap_or_default();
        self.again = last.name;
        Ok((found, number.saturating_sub(1)))
    }

    /// One that runs already.
    fn resumed(&self, backup: &Backup, life: &Life<FinalBackup>) -> Started {
        let reference = match self.net.last_backup_id.as_str() {
            Some(id) if id == backup.id => memory::begun_last(&life.private, id, self.net.instance_id.text()),
            _ => BackupRef::from(backup),
        };
        Started::from(reference)
    }

    /// Takes one.
    async fn begun(&mut self, number: u32, life: &Life<FinalBackup>) -> Result<Opening, Diagnostics> {
        let again = self.again.take().filter(|name| attempt::number(name, &self.digits) == Some(number));
        let want = NewBackup {
            instance_id: self.net.instance_id.text().to_owned(),
            name: again.unwrap_or_else(|| attempt::name(self.net.name_prefix.text(), &self.digits, number)),
            description: self.net.description.known().filter(|text| !text.is_empty()).cloned(),
            name_origin: NameOrigin::Kept,
            ..NewBackup::default()
        };
        let ours = |backup: &Backup| backup.name == want.name && backup.instance_id == want.instance_id;
        match self.client.of(&context(life), self.service).begin(&want).await {
            // A destroy that was killed has begun it, and no list had shown it yet.
            Err(backup::Error::NameTaken { existing: Some(existing), .. }) if ours(&existing) => {
                let started = Started { certainty: Certainty::Named, ..Started::from(BackupRef::from(&*existing)) };
                Ok(Opening::Started(started, want.name))
            }
            Err(backup::Error::NameTaken { existing: None, .. }) => Ok(Opening::Blocked),
            Ok(started) => Ok(Opening::Started(started, want.name)),
            Err(backup::Error::Cloud(error)) if self.unlisted && self.knows_no_instance(&error) => {
                Ok(Opening::NoInstance)
            }
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
    async fn completed(
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
        let awaited =
            self.client.of(&context(life), self.service).completed_by_name((started, NameOrigin::Kept), &()).await;
        awaited.map_err(|error| self.learned(Some(name), &error, life))
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

    /// Says so if two have the name: a create that had an unclear moment, or was killed before its answer, was carried out too.
    /// What was accepted as another one of that name may not be listed yet.
    async fn twins(&self, completed: &Backup, life: &mut Life<FinalBackup>) {
        let want = NewBackup {
            instance_id: self.net.instance_id.text().to_owned(),
            name: completed.name.clone(),
            ..NewBackup::default()
        };
        match self.client.of(&context(life), self.service).named(&want).await {
            Ok(found) => {
                for twin in found.iter().filter(|twin| twin.id != completed.id) {
                    life.warn(messages::taken_twice(&self.net, completed, &twin.id));
                }
                let is_another = |earlier: &&BackupRef| {
                    let is_known = earlier.id == completed.id || found.iter().any(|twin| twin.id == earlier.id);
                    !is_known && earlier.name.as_ref() == Some(&completed.name)
                };
                if let Some(earlier) = self.earlier.as_ref().filter(is_another) {
                    life.warn(messages::may_be_twice(&self.net, completed, &earlier.id));
                }
            }
            Err(error) => tracing::warn!("whether the backup was taken twice cannot be told: {error}"),
        }
    }
}
