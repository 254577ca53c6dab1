//! Who asks the cloud for a backup by its id.
//!
//! Everybody who needs one backup comes here, and what the cloud is asked serves all who come together:
//!
//! * A *reader* who comes alone asks by id: one call. Several at once are a walk, as Terraform's refresh is: its readers
//!   share the pages of one listing as long as that costs less than asking for each, turn a page only when somebody
//!   misses something, and take from a page what it has for whoever comes later in the same walk. A backup that is asked
//!   for twice, or that no page has, is asked for by id: absence is never believed of a page.
//! * *Watchers* look at their backups again and again. Alone, one asks by id; in company, one looks through the newest
//!   records for all.
//!
//! Our own writes drop all pages. Every call runs within the limits of whoever makes it; if those end, the next in line
//! makes it instead.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::desk::{Cursor, Desk, Next, Scope, Sweep, Told, Watcher};
use super::errand::{Errand, interruption_of};
use super::pages;
use crate::backup::{Backup, BackupRef, Error, Filter, Verdict};
use crate::cloud::{self, Call, Context};

/// The first of many who come together waits so long for the others.
const GATHER: Duration = Duration::from_millis(5);
/// Everybody in company lets the looks of all be so much rarer.
const PER_WATCHER: Duration = Duration::from_millis(125);
/// The looks of all are at least, and need not be more than, so far apart,
const BETWEEN_LOOKS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(1250)];
/// where something is deleted: that takes less time, and there are fewer looks at it.
const BETWEEN_LOOKS_FOR_ABSENCE: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(400)];

/// Answers "where is the backup of that id?". Cheap to clone; the clones know the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup(Arc<Mutex<Desks>>);

/// By region and service.
type Desks = HashMap<(String, &'static str), Arc<Desk>>;

impl Lookup {
    /// The desk where the backups of the errand's service are known.
    pub(super) fn desk(&self, errand: Errand<'_>) -> Arc<Desk> {
        let key = (errand.cloud.region().to_owned(), errand.service.facts().key());
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }

    /// The backup, as it was when the question came or within the same walk; `None` only on proof. Without details.
    pub(super) async fn read(&self, errand: Errand<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        let calls = errand.service.find(backup)?;
        let (desk, scope, since) = (self.desk(errand), scope(errand, backup), Instant::now());
        let Some(reader) = desk.read(&scope, &backup.id, since) else { return by_id(errand, backup).await };
        let found = walked(errand, &desk, &scope, backup, &calls, since).await;
        let found = match found {
            Ok(Some(found)) => completed(found, backup).map(Some),
            Ok(None) => by_id(errand, backup).await,
            Err(error) => Err(error.into()),
        };
        drop(reader);
        found
    }

    /// A place among those who watch.
    pub(super) fn watch(&self, errand: Errand<'_>, backup: &BackupRef) -> Watcher {
        self.desk(errand).watch(&scope(errand, backup), &backup.id)
    }

    /// The watched backup as it was at `since` or later. Where its deletion was accepted, a complete list that lacks it is
    /// proof enough.
    pub(super) async fn look(
        &self,
        errand: Errand<'_>,
        backup: &BackupRef,
        watcher: &Watcher,
        since: Instant,
        accepted: bool,
    ) -> Result<Option<Backup>, Error> {
        loop {
            // First of all: those who were looked for together leave one after the other.
            match watcher.told(since) {
                Told::Seen(seen) => return completed(*seen, backup).map(Some),
                Told::Absent if accepted => return Ok(None),
                Told::Absent | Told::Unseen => break,
                Told::Nothing => {}
            }
            if !watcher.in_company() || (accepted && watcher.is_too_long(Instant::now())) {
                break;
            }
            let Some(turn) = in_time(errand.context, watcher.turn().lock_owned()).await else { break };
            if !matches!(watcher.told(since), Told::Nothing) {
                continue;
            }
            if let Some(last) = watcher.looked() {
                let apart = PER_WATCHER * u32::try_from(watcher.company()).unwrap_or(u32::MAX).min(100);
                let [shortest, longest] = if accepted { BETWEEN_LOOKS_FOR_ABSENCE } else { BETWEEN_LOOKS };
                let due = last + apart.clamp(shortest, longest);
                if errand.rest(due.saturating_duration_since(Instant::now())).await.is_err() {
                    break;
                }
            }
            let swept = sweep(errand, watcher.scope(), &watcher.watched()).await;
            match swept {
                Ok(Swept { sweep, too_many }) => {
                    if let Some(pages) = too_many {
                        watcher.desk().too_long(watcher.scope(), pages);
                    }
                    watcher.desk().swept(watcher.scope(), sweep);
                }
                Err(Error::Cloud(error)) if interruption_of(&error).is_none() && !errand.is_transient(&error) => {
                    watcher.desk().unlisted(watcher.scope());
                }
                Err(error) => return Err(error),
            }
            drop(turn);
        }
        let found = by_id(errand, backup).await?;
        if let Some(found) = &found {
            watcher.desk().saw(found);
        }
        Ok(found)
    }
}

/// What the pages of this walk say; `None` if they do not.
async fn walked(
    errand: Errand<'_>,
    desk: &Desk,
    scope: &Scope,
    backup: &BackupRef,
    calls: &[Call],
    since: Instant,
) -> Result<Option<Backup>, cloud::Error> {
    let facts = errand.service.facts();
    let filter = &Filter { instance_id: scope.clone(), ..Filter::default() };
    let Ok(kinds) = errand.service.list(filter, 0, facts.page_limit).map(|calls| calls.len()) else { return Ok(None) };
    if calls.is_empty() || kinds == 0 {
        return Ok(None);
    }
    if !desk.has_pages(scope) && errand.rest(GATHER).await.is_err() {
        return Ok(None);
    }
    loop {
        let turn = match desk.next(scope, &backup.id, facts, kinds, since, Instant::now()) {
            Next::Here(backup) => return Ok(Some(*backup)),
            Next::Turn(_, _, turn) => turn,
            Next::Failed(error) => return Err(error),
            Next::ById => return Ok(None),
        };
        let Some(_turn) = in_time(errand.context, turn.lock_owned()).await else { return Ok(None) };
        // Somebody may have turned the page meanwhile.
        let (first, pages) = match desk.next(scope, &backup.id, facts, kinds, since, Instant::now()) {
            Next::Turn(first, pages, _) => (first, pages),
            Next::Here(backup) => return Ok(Some(*backup)),
            _ => continue,
        };
        let sent = Instant::now();
        let cursors = (0..pages).map(|nth| first.later(nth, facts.page_limit));
        let turned = cursors.map(|cursor| async move { (cursor, page(errand, filter, cursor).await) });
        for (cursor, page) in join_all(turned).await {
            match page {
                Ok(Some(page)) => {
                    if !desk.page(scope, cursor, page, facts, kinds, sent) {
                        return Ok(None);
                    }
                }
                Ok(None) => return Ok(None),
                Err(error) if interruption_of(&error).is_some() => return Err(error),
                Err(error) => {
                    // Trouble that passes is everybody's; a list that is refused says nothing about asking by id.
                    let shared = errand.is_transient(&error);
                    desk.failed(scope, sent, shared.then(|| error.clone()));
                    return if shared { Err(error) } else { Ok(None) };
                }
            }
        }
    }
}

async fn page(
    errand: Errand<'_>,
    filter: &Filter,
    cursor: Cursor,
) -> Result<Option<crate::backup::Page<Backup>>, cloud::Error> {
    let limit = errand.service.facts().page_limit;
    let Ok(calls) = errand.service.list(filter, cursor.offset, limit) else { return Ok(None) };
    let Some(call) = calls.into_iter().nth(cursor.kind) else { return Ok(None) };
    errand.read(&call, |reply| errand.service.listed(reply)).await.map(Some)
}

/// What a look through a list brought.
struct Swept {
    sweep: Sweep,
    /// How many pages the list has, if that was too many.
    too_many: Option<u64>,
}

/// Looks through the newest records until all who are watched have been seen, or it costs more than asking for each.
async fn sweep(errand: Errand<'_>, scope: &Scope, watched: &HashSet<String>) -> Result<Swept, Error> {
    let limit = errand.service.facts().page_limit;
    let filter = Filter { instance_id: scope.clone(), ..Filter::default() };
    let mut swept = Swept {
        sweep: Sweep { sent: Instant::now(), found: HashMap::new(), complete: false, pages: 0 },
        too_many: None,
    };
    let mut allowed = watched.len();
    for kind in 0..errand.service.list(&filter, 0, limit)?.len() {
        let (mut offset, mut known) = (0, HashSet::new());
        loop {
            let Some(page) = page(errand, &filter, Cursor { kind, offset, ..Cursor::default() }).await? else {
                return Ok(swept);
            };
            allowed = allowed.saturating_sub(1);
            swept.sweep.pages += 1;
            let length = page.items.len() as u64;
            // Pages overlap by one record. If that is another one now, records have moved up, and some may be missed: then
            // the next page begins further up.
            let gap = offset > 0 && page.items.first().is_none_or(|first| !known.contains(&first.id));
            let before = known.len();
            for backup in page.items {
                if !gap {
                    known.insert(backup.id.clone());
                }
                swept.sweep.found.insert(backup.id.clone(), backup);
            }
            let missing = watched.iter().filter(|id| !swept.sweep.found.contains_key(*id)).count();
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
                break;
            }
            if gap || allowed == 0 || known.len() == before {
                return Ok(swept);
            }
            offset = through - 1;
        }
    }
    swept.sweep.complete = true;
    Ok(swept)
}

/// Asks for one backup by its id; `None` if every direct question was answered "no such backup", or the complete list lacks
/// it. That alone does not prove that it is gone.
pub(super) async fn by_id(errand: Errand<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    let calls = errand.service.find(backup)?;
    if calls.is_empty() {
        return in_list(errand, backup).await;
    }
    for call in &calls {
        match errand.read(call, |reply| errand.service.listed(reply)).await {
            Ok(page) if page.items.is_empty() => {}
            Ok(page) => match page.items.into_iter().find(|item| item.id == backup.id) {
                Some(found) => return completed(found, backup).map(Some),
                // The filter was ignored, so this page proves nothing.
                None => return in_list(errand, backup).await,
            },
            Err(error) if errand.verdict(&error) == Some(Verdict::Gone) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Searches the list. Records move between pages while others are deleted, so that a list of several pages lacks it only
/// if it lacks it twice.
async fn in_list(errand: Errand<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    searched(errand, backup, scope(errand, backup), 2).await
}

/// Searches the list of the backup's instance, where that is known: another question than the one by its id.
pub(super) async fn in_list_of_instance(errand: Errand<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    match &backup.instance_id {
        Some(instance_id) => searched(errand, backup, Some(instance_id.clone()), 1).await,
        None => by_id(errand, backup).await,
    }
}

async fn searched(
    errand: Errand<'_>,
    backup: &BackupRef,
    instance_id: Scope,
    times: usize,
) -> Result<Option<Backup>, Error> {
    let filter = Filter { instance_id, ..Filter::default() };
    for _ in 0..times {
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
            return completed(found, backup).map(Some);
        }
        if walked.pages == 1 {
            break;
        }
    }
    Ok(None)
}

/// The list a backup is in. The instance is a filter only where it must be: a wrong one would hide the backup.
fn scope(errand: Errand<'_>, backup: &BackupRef) -> Scope {
    backup.instance_id.clone().filter(|_| errand.service.facts().needs_instance)
}

/// Some lists leave out what everybody knows. A record of another instance is not the backup that is meant.
fn completed(mut found: Backup, backup: &BackupRef) -> Result<Backup, Error> {
    match &backup.instance_id {
        Some(instance_id) if found.instance_id.is_empty() => found.instance_id.clone_from(instance_id),
        Some(instance_id) if found.instance_id != *instance_id => {
            return Err(Error::Foreign { meant: Box::new(backup.clone()), found: Box::new(found) });
        }
        _ => {}
    }
    Ok(found)
}

/// Waits for something within the limits of a context; `None` if they come first.
pub(super) async fn in_time<T>(context: &Context, what: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = context.stop.cancelled() => None,
        got = what => Some(got),
        () = sleep_until(context.deadline) => None,
    }
}
