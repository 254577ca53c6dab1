//! Where is the backup of that id? One call says it, or a search through lists; and what owners read for several.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::client::Client;
use super::next::{Cursor, Scope, Sweep};
use super::pages::{self, Promise};
use super::proof;
use crate::backup::{Backup, BackupRef, Error, Filter, Instance, Page, Verdict};
use crate::cloud;

/// What a service shows of an instance in this project.
pub(super) enum Shown {
    There(Box<Instance>),
    /// Other instances only.
    Others,
    /// No instance at all.
    Nothing,
}

/// The instance as the service shows it in this project: asked for by its id, then looked for in the list of all.
pub(super) async fn shown(client: Client<'_>, id: &str) -> Result<Shown, Error> {
    let mut is_it = |instance: &Instance| instance.id == id;
    let call = client.service.instance(id);
    let shown = client.read(&call, |reply| client.service.instances_read(reply)).await;
    if let Some(found) = shown.ok().and_then(|page| page.items.into_iter().find(&mut is_it)) {
        return Ok(Shown::There(Box::new(found)));
    }
    let all = client.instances(None).await?;
    let otherwise = if all.is_empty() { Shown::Nothing } else { Shown::Others };
    Ok(all.into_iter().find(is_it).map_or(otherwise, |found| Shown::There(Box::new(found))))
}

/// The instance, if the service shows it in this project.
pub(super) async fn instance(client: Client<'_>, id: &str) -> Result<Option<Instance>, Error> {
    match shown(client, id).await? {
        Shown::There(found) => Ok(Some(*found)),
        Shown::Others | Shown::Nothing => Ok(None),
    }
}

/// The list of that scope.
pub(super) fn filter(scope: &Scope) -> Filter {
    Filter { instance_id: scope.clone(), ..Filter::default() }
}

/// How many lists there are to read, one after the other.
pub(super) fn kinds(client: Client<'_>, filter: &Filter) -> usize {
    client.service.list(filter, 0, client.service.facts().page_limit).map_or(0, |calls| calls.len())
}

/// The page at the cursor; `None` if there is none.
pub(super) async fn page(
    client: Client<'_>,
    filter: &Filter,
    cursor: Cursor,
) -> Result<Option<Page<Backup>>, cloud::Error> {
    let limit = client.service.facts().page_limit;
    let Ok(calls) = client.service.list(filter, cursor.offset, limit) else { return Ok(None) };
    let Some(call) = calls.into_iter().nth(cursor.kind) else { return Ok(None) };
    client.read(&call, |reply| client.service.listed(reply)).await.map(Some)
}

/// Looks through the newest records until all who are watched have been seen, or it costs more than asking for each.
pub(super) async fn sweep(client: Client<'_>, scope: &Scope, watched: &HashSet<String>) -> Result<Sweep, Error> {
    let limit = client.service.facts().page_limit;
    let filter = filter(scope);
    let mut swept = Sweep { sent: Instant::now(), found: HashMap::new(), complete: false, pages: 0, too_many: None };
    let mut allowed = watched.len();
    for kind in 0..client.service.list(&filter, 0, limit)?.len() {
        let (mut offset, mut known, mut promise) = (0, HashSet::new(), Promise::default());
        loop {
            let Some(page) = page(client, &filter, Cursor { kind, offset, ..Cursor::default() }).await? else {
                return Ok(swept);
            };
            allowed = allowed.saturating_sub(1);
            swept.pages += 1;
            let length = page.items.len() as u64;
            // Pages overlap by one record. If that is another one now, records have moved up, and some may be missed: then
            // the next page begins further up.
            let gap = offset > 0 && page.items.first().is_none_or(|first| !known.contains(&first.id));
            let before = known.len();
            for backup in page.items {
                if !gap {
                    known.insert(backup.id.clone());
                }
                swept.found.insert(backup.id.clone(), backup);
            }
            let missing = watched.iter().filter(|id| !swept.found.contains_key(*id)).count();
            if missing == 0 {
                return Ok(swept);
            }
            if gap && allowed > 0 {
                offset = offset.saturating_sub(limit.div_ceil(2));
                continue;
            }
            let through = offset + length;
            let left = page.total.map_or(0, |total| total.saturating_sub(through).div_ceil(limit));
            if left > missing as u64 {
                swept.too_many = page.total.map(|total| total.div_ceil(limit));
                return Ok(swept);
            }
            if length == 0 || (length < limit && page.total.is_none_or(|total| through >= total)) {
                if promise.broken(through, page.total).is_some() {
                    return Ok(swept);
                }
                break;
            }
            promise = Promise { told: page.total, full: length >= limit };
            if gap || allowed == 0 || known.len() == before {
                return Ok(swept);
            }
            offset = through - 1;
        }
    }
    swept.complete = true;
    Ok(swept)
}

/// Asks for one backup by its id; `None` if every direct question was answered "no such backup", or the complete list lacks
/// it. That alone does not prove that it is gone.
pub(super) async fn by_id(client: Client<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    let calls = client.service.find(backup)?;
    if calls.is_empty() {
        return in_list(client, backup).await;
    }
    for call in &calls {
        match client.read(call, |reply| client.service.listed(reply)).await {
            Ok(page) if page.items.is_empty() => {}
            Ok(page) => match page.items.into_iter().find(|item| item.id == backup.id) {
                Some(found) => return completed(found, backup).map(Some),
                // The filter was ignored, so this page proves nothing.
                None => return in_list(client, backup).await,
            },
            Err(error) if client.verdict(&error) == Some(Verdict::Gone) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// More instances than this are not asked for one backup.
const INSTANCES_ASKED: usize = 30;

impl Client<'_> {
    /// The backup of that id of whichever of the first instances has it, where the service needs the instance to find it.
    pub async fn of_any_instance(self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        if !self.service.facts().needs_instance {
            return Ok(None);
        }
        for instance in self.instances(None).await?.into_iter().take(INSTANCES_ASKED) {
            let there = BackupRef { instance_id: Some(instance.id), ..backup.clone() };
            if let Some(found) = by_id(self, &there).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Searches the list. Records move between pages while others are deleted, so that a list of several pages lacks it only
/// if it lacks it twice.
async fn in_list(client: Client<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    searched(client, backup, scope(client, backup), 2).await
}

/// Searches the list of the backup's instance, where that is known: another question than the one by its id.
pub(super) async fn in_list_of_instance(client: Client<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    match &backup.instance_id {
        Some(instance_id) => searched(client, backup, Some(instance_id.clone()), 1).await,
        None => by_id(client, backup).await,
    }
}

async fn searched(
    client: Client<'_>,
    backup: &BackupRef,
    instance_id: Scope,
    times: usize,
) -> Result<Option<Backup>, Error> {
    let filter = Filter { instance_id, ..Filter::default() };
    for _ in 0..times {
        let (found, read) = pages::first(client, &filter, |item| item.id == backup.id).await?;
        if let Some(found) = found {
            return completed(found, backup).map(Some);
        }
        if read.pages == 1 {
            break;
        }
    }
    Ok(None)
}

/// The list a backup is in. The instance is a filter only where it must be: a wrong one would hide the backup.
pub(super) fn scope(client: Client<'_>, backup: &BackupRef) -> Scope {
    backup.instance_id.clone().filter(|_| client.service.facts().needs_instance)
}

/// Some lists leave out what everybody knows. A record of another instance is not the backup that is meant; nor is one of another
/// name, as long as only an answer gave its id.
pub(super) fn completed(mut found: Backup, backup: &BackupRef) -> Result<Backup, Error> {
    let of = |name| BackupRef { name, ..backup.clone() };
    if !proof::is_itself(&found, &of(backup.name.clone().filter(|_| backup.is_unproven()))) {
        return Err(Error::Foreign { meant: Box::new(backup.clone()), found: Box::new(found) });
    }
    if let Some(instance_id) = backup.instance_id.as_ref().filter(|_| found.instance_id.is_empty()) {
        found.instance_id.clone_from(instance_id);
    }
    Ok(found)
}
