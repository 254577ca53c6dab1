//! An operation on one backup or instance: it asks for itself through its client, and shares with others through their
//! owner. Here is what most operations need: is it there, or is it proven to be gone?

use std::ops::Deref;

use jiff::Timestamp;
use tokio::time::Instant;

use super::client::{Client, interruption_of};
use super::lookup::{self, Shown, completed, filter, kinds, scope};
use super::next::{Answer, Question, Scope};
use super::pace;
use super::poller::{Pollers, Seat};
use super::proof::{self, Absence, Gone, InstanceKnown};
use super::queue::Queues;
use crate::backup::{Backup, BackupRef, Claims, Doubt, Error, Instance};
use crate::cloud::{self, Call, Reply};

/// What is done about the backups of one service, within the limits of one operation: a client, and what it shares with
/// others.
#[derive(Clone, Copy)]
pub struct Operation<'a> {
    pub(super) client: Client<'a>,
    pub(super) pollers: &'a Pollers,
    pub(super) queues: &'a Queues,
    pub(super) claims: &'a Claims,
}

impl<'a> Deref for Operation<'a> {
    type Target = Client<'a>;

    fn deref(&self) -> &Client<'a> {
        &self.client
    }
}

impl Operation<'_> {
    /// Looks for one backup, details included. `None` only on proof that it is gone; [`Error::Doubtful`] where it is not to be
    /// seen, and that proves nothing.
    ///
    /// Those who look at the same time, as a refresh does, share listings: an answer may then be as old as that refresh,
    /// but never older than a write of ours. Asked again, the cloud is asked again.
    pub async fn find(self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        let Some(found) = self.there(backup).await? else { return Ok(None) };
        let Some(call) = self.service.details(&found) else { return Ok(Some(found)) };
        Ok(Some(self.read(&call, |reply| self.service.detailed(found.clone(), reply)).await?))
    }

    /// The same without details.
    pub(super) async fn there(&self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        self.there_by_name(backup, false).await
    }

    /// The same. Of what was begun and no list has shown, an id proves nothing alone: what has its name speaks too. It speaks against
    /// what is called gone; and, where it `may_wait`, against what lists may only be late to show.
    pub(super) async fn there_by_name(&self, backup: &BackupRef, may_wait: bool) -> Result<Option<Backup>, Error> {
        let found = self.under_its_id(backup).await;
        let (strays, is_gone) = match &found {
            Ok(None) => (true, true),
            Err(Error::Foreign { .. }) => (backup.is_known_by_name(), false),
            Err(Error::Doubtful { doubt, .. }) => (doubt.passes() && (may_wait || backup.is_known_by_name()), false),
            _ => (false, false),
        };
        if !strays || !backup.is_unproven() {
            return found;
        }
        match self.under_another_id(backup).await {
            Ok(Some(shown)) => {
                Err(Error::Doubtful { id: backup.id.clone(), doubt: Doubt::UnderAnotherId(Box::new(shown)) })
            }
            Err(error) if is_gone => Err(error),
            // Lists may be late to show it.
            Ok(None) if matches!(found, Err(Error::Foreign { .. })) && !is_old(backup) => {
                Err(Error::Doubtful { id: backup.id.clone(), doubt: Doubt::NotListedYet })
            }
            Ok(None) | Err(_) => found,
        }
    }

    async fn under_its_id(&self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        let found = match self.read_shared(backup).await {
            Ok(None) => self.absent(backup).await,
            found => found,
        };
        // Where only its instance shows a backup, the question is refused once that is gone.
        if let Err(Error::Cloud(error)) = &found
            && error.refusal().is_some_and(|refusal| matches!(refusal.status, 400 | 404))
            && self.service.facts().needs_instance
        {
            let absence = self.absence(backup).await?;
            if let (InstanceKnown::OnlyViewGone, Gone::Doubtful(doubt)) = (absence.instance, proof::gone(&absence)) {
                return Err(Error::Doubtful { id: backup.id.clone(), doubt });
            }
        }
        found
    }

    /// What is known of a backup that is not shown, before anything more is asked about it.
    async fn absence(&self, backup: &BackupRef) -> Result<Absence, Error> {
        Ok(Absence {
            looks: 0,
            seen_in: backup.project_id.clone(),
            asked_in: self.cloud.project_id(self.context).await?,
            instance: self.knows(backup.instance_id.as_deref()).await?,
            ended: backup.begun.is_none(),
            job: None,
            listed: backup.begun.as_ref().is_some_and(|begun| begun.listed),
            old: is_old(backup),
        })
    }

    /// Asks everything that an absence needs to be believed, after a look by id that did not show the backup.
    async fn absent(&self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        let mut absence = self.absence(backup).await?;
        loop {
            if let Some(job_id) = backup.begun.as_ref().and_then(|begun| begun.job_id.as_deref()) {
                absence.job = self.job(job_id).await.map(|job| job.status);
            }
            if let Some(found) = lookup::in_list_of_instance(self.client, backup).await? {
                return Ok(Some(found));
            }
            absence.looks += 1;
            match proof::gone(&absence) {
                Gone::Proven => return Ok(None),
                Gone::Doubtful(doubt) => return Err(Error::Doubtful { id: backup.id.clone(), doubt }),
                Gone::LookAgain => self.rest(pace::BEFORE_ABSENCE_IS_BELIEVED).await.map_err(|end| end.of(backup))?,
            }
            if let Some(found) = lookup::by_id(self.client, backup).await? {
                return Ok(Some(found));
            }
        }
    }

    /// Whether the service knows the instance in this project.
    async fn knows(&self, instance_id: Option<&str>) -> Result<InstanceKnown, Error> {
        let Some(id) = instance_id else { return Ok(InstanceKnown::Yes) };
        match lookup::shown(self.client, id).await {
            Ok(shown) => Ok(match self.known(&shown).await {
                InstanceKnown::Unlisted if self.service.facts().needs_instance => InstanceKnown::OnlyViewGone,
                known => known,
            }),
            Err(Error::Cloud(error)) if interruption_of(&error).is_some() => Err(error.into()),
            Err(_) => Ok(InstanceKnown::Unasked),
        }
    }

    /// What that says of the instance. Some clouds answer keys of another account as if the project were empty: only then IAM
    /// is asked too.
    async fn known(&self, shown: &Shown) -> InstanceKnown {
        match shown {
            Shown::There(_) => InstanceKnown::Yes,
            Shown::Nothing if !self.cloud.is_callers_project(self.context).await => InstanceKnown::NothingListed,
            Shown::Others | Shown::Nothing => InstanceKnown::Unlisted,
        }
    }

    /// One instance. `None` only on proof that it is gone from the project in which it was last seen; [`Error::Doubtful`] where
    /// it is not to be seen, and that proves nothing.
    pub async fn instance(self, id: &str, project_id: Option<&str>) -> Result<Option<Instance>, Error> {
        let mut absence = Absence {
            looks: 0,
            seen_in: project_id.map(str::to_owned),
            asked_in: self.cloud.project_id(self.context).await?,
            instance: InstanceKnown::Unlisted,
            ended: true,
            job: None,
            listed: true,
            old: true,
        };
        loop {
            let shown = lookup::shown(self.client, id).await?;
            absence.instance = self.known(&shown).await;
            if let Shown::There(found) = shown {
                return Ok(Some(*found));
            }
            absence.looks += 1;
            match proof::gone(&absence) {
                Gone::Proven => return Ok(None),
                Gone::Doubtful(doubt) => return Err(Error::Doubtful { id: id.to_owned(), doubt }),
                // At a stop or the deadline the next look says so.
                Gone::LookAgain => drop(self.rest(pace::BEFORE_ABSENCE_IS_BELIEVED).await),
            }
        }
    }

    /// Sends what changes something in the cloud: what was seen before does not count any more, and what is seen while
    /// the cloud is at it does not count afterwards.
    pub(super) async fn change(&self, call: &Call) -> Result<Reply, cloud::Error> {
        let wrote = || self.pollers.wrote(self.cloud.region(), self.service.facts().key());
        wrote();
        let reply = self.send(call).await;
        wrote();
        reply
    }

    /// The backup, as it was when the question came or within the same walk; `None` is no proof. Without details.
    pub(super) async fn read_shared(&self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        let (scope, id) = (scope(self.client, backup), backup.id.clone());
        let kinds = kinds(self.client, &filter(&scope));
        if self.service.find(backup)?.is_empty() || kinds == 0 {
            return lookup::by_id(self.client, backup).await;
        }
        let seat = self.pollers.come(self.client, None);
        let question = Question::Read { scope, id, since: Instant::now(), kinds };
        match seat.ask(self.context, question).await {
            Ok(Answer::Seen(found)) => completed(*found, backup).map(Some),
            Ok(Answer::Failed(error)) => Err(error.into()),
            // Without time this only says so.
            Ok(Answer::Alone | Answer::Absent | Answer::Accepted) | Err(_) => lookup::by_id(self.client, backup).await,
        }
    }

    /// A seat among those who watch.
    pub(super) fn watch(&self, backup: &BackupRef) -> (Seat, Scope) {
        let scope = scope(self.client, backup);
        (self.pollers.come(self.client, Some((scope.clone(), backup.id.clone()))), scope)
    }
}

/// Whether a backup was begun so long ago that lists cannot lag behind it any more.
fn is_old(backup: &BackupRef) -> bool {
    let age = |begun| Timestamp::now().duration_since(begun).unsigned_abs();
    backup.begun.as_ref().and_then(|begun| begun.at).is_none_or(|begun| age(begun) > pace::LISTS_LAG_AT_MOST)
}
