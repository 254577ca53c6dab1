//! What is known right now about one service's backups in one region, and who wants to know it: tables without IO.
//!
//! Two kinds of people come to a desk. *Readers* walk through many backups, once each, and may be told what a page of the
//! same walk says. *Watchers* look at one backup again and again, and are told nothing older than their question. Those
//! who delete have a table of their own: `deleters`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::deleters::Deleters;
use crate::backup::{Backup, Facts, Page, Status};
use crate::cloud;

/// A pause this long between two questions ends a walk.
const WALK_ENDS: Duration = Duration::from_secs(2);
/// What a page says counts for the walk it was read in, but never longer than this.
const PAGE_COUNTS: Duration = Duration::from_secs(30);
/// What still changes by itself is not told older than this.
const CHANGING_COUNTS: Duration = Duration::from_secs(2);
/// So many readers at the same time are a walk. Fewer are better served one by one.
const TOGETHER: usize = 3;
/// So many one after the other are a walk, too.
const IN_A_ROW: usize = 12;
/// So many pages of one list are asked for at the same time, once it is known that there are as many.
const AHEAD: u64 = 4;
/// For so long a list that was too long to look through is not tried again.
const TOO_LONG_COUNTS: Duration = Duration::from_secs(20);

/// What narrows a list: the instance, where the service lists one instance only.
pub(super) type Scope = Option<String>;

/// One service in one region.
#[derive(Debug, Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    /// Those who delete.
    pub(super) deleters: Arc<Deleters>,
    /// Somebody has looked through a list for all watchers.
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Grows with every write of ours, so that pages from before are recognized.
    writes: u64,
    /// How many readers wait for an answer.
    asking: usize,
    /// Who was asked for in this walk. Asked for again, a backup is looked at anew.
    asked: HashSet<String>,
    asked_at: Option<Instant>,
    lists: HashMap<Scope, List>,
    watches: HashMap<Scope, Watches>,
    /// How long backups of an instance took: the shortest seen.
    durations: HashMap<String, Duration>,
}

/// A list as far as a walk has read it.
#[derive(Debug, Default)]
struct List {
    /// Readers of this walk that came to this list.
    asks: u64,
    /// By id: what the page said, and when that was asked. Every entry is told once.
    entries: HashMap<String, Option<(Backup, Instant)>>,
    cursor: Cursor,
    total: Option<u64>,
    ended: bool,
    /// When it was asked for in vain; with the trouble, if that is everybody's.
    failed: Option<(Instant, Option<cloud::Error>)>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The next page: of which kind, from which record, and how many were read before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) kind: usize,
    pub(super) offset: u64,
    pub(super) pages: u64,
    pub(super) writes: u64,
}

impl Cursor {
    /// So many full pages later.
    pub(super) fn later(self, pages: u64, page_limit: u64) -> Self {
        Cursor { offset: self.offset + pages * page_limit, pages: self.pages + pages, ..self }
    }
}

/// What a reader does next.
#[derive(Debug)]
pub(super) enum Next {
    /// A page has it.
    Here(Box<Backup>),
    /// The next pages, so many, may have it. One reader at a time turns pages.
    Turn(Cursor, u64, Arc<tokio::sync::Mutex<()>>),
    /// The list could not be read just now; asking once more would not be better.
    Failed(cloud::Error),
    /// No page can say it, or saying it would cost more than asking for it.
    ById,
}

/// Who is watched in a list.
#[derive(Debug, Default)]
struct Watches {
    ids: HashMap<String, usize>,
    seen: Option<Sweep>,
    /// The list cannot be read; everybody looks for himself.
    unlisted: bool,
    /// So many pages were found too many to look for what is gone, and when.
    too_long: Option<(u64, Instant)>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A look through a list, for all who watch something in it.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    /// When the first page was asked for.
    pub(super) sent: Instant,
    /// The backups on the pages that were read: also those that somebody begins to watch meanwhile.
    pub(super) found: HashMap<String, Backup>,
    /// Whether it was read to its end without a gap.
    pub(super) complete: bool,
    /// How many pages were read.
    pub(super) pages: u64,
}

/// What a sweep says of one backup.
#[derive(Debug)]
pub(super) enum Told {
    Seen(Box<Backup>),
    /// The complete list lacks it.
    Absent,
    /// The part that was read lacks it.
    Unseen,
    /// Nobody has looked since.
    Nothing,
}

/// A reader's place; left when dropped.
#[derive(Debug)]
pub(super) struct Reader(Arc<Desk>);

/// A watcher's place; left when dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    desk: Arc<Desk>,
    scope: Scope,
    id: String,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// We are about to change something, or have just done so: what pages said before does not count any more.
    pub(super) fn wrote(&self) {
        let mut state = self.state();
        state.writes += 1;
        state.lists.clear();
    }

    /// A reader comes for a backup. `None` if it was asked for in this walk before: then only a new look will do.
    pub(super) fn read(self: &Arc<Self>, scope: &Scope, id: &str, now: Instant) -> Option<Reader> {
        let mut state = self.state();
        let over = state.asked_at.is_some_and(|at| now - at > WALK_ENDS);
        if over && state.asking == 0 {
            state.asked.clear();
            state.lists.clear();
        }
        state.asked_at = Some(now);
        if !state.asked.insert(id.to_owned()) {
            return None;
        }
        state.asking += 1;
        state.lists.entry(scope.clone()).or_default().asks += 1;
        Some(Reader(Arc::clone(self)))
    }

    /// Whether pages of this list were read in this walk.
    pub(super) fn has_pages(&self, scope: &Scope) -> bool {
        self.state().lists.get(scope).is_some_and(|list| list.cursor.pages > 0)
    }

    /// What a reader who came at `since` does next. With `kinds` lists to read, one after the other.
    pub(super) fn next(
        &self,
        scope: &Scope,
        id: &str,
        facts: &Facts,
        kinds: usize,
        since: Instant,
        now: Instant,
    ) -> Next {
        let mut state = self.state();
        let (writes, walks) = (state.writes, state.asking >= TOGETHER || state.asked.len() >= IN_A_ROW);
        let list = state.lists.entry(scope.clone()).or_default();
        if let Some(entry) = list.entries.get_mut(id) {
            return match entry.take() {
                Some((backup, sent)) if counts(&backup, sent, since, now) => Next::Here(Box::new(backup)),
                _ => Next::ById,
            };
        }
        match &list.failed {
            Some((sent, Some(error))) if *sent >= since => return Next::Failed(error.clone()),
            Some(_) => return Next::ById,
            None => {}
        }
        let cursor = Cursor { writes, ..list.cursor };
        let rest = list.total.map_or(0, |total| total.saturating_sub(cursor.offset).div_ceil(facts.page_limit));
        let turn = || Next::Turn(cursor, rest.clamp(1, AHEAD), Arc::clone(&list.turn));
        if list.ended {
            return Next::ById;
        }
        if cursor.pages == 0 {
            return if walks { turn() } else { Next::ById };
        }
        // Whoever comes brings one call along: what asking by id would cost. Reading on must be worth that, once the
        // others of the walk, who are most often still to come, are counted in.
        let left = rest.max(1) + (kinds - 1 - cursor.kind) as u64;
        if left <= 2 * list.asks { turn() } else { Next::ById }
    }

    /// Notes a page that a reader has read at the cursor; false if it does not count, because we wrote meanwhile.
    pub(super) fn page(
        &self,
        scope: &Scope,
        cursor: Cursor,
        page: Page<Backup>,
        facts: &Facts,
        kinds: usize,
        sent: Instant,
    ) -> bool {
        let mut state = self.state();
        if state.writes != cursor.writes {
            return false;
        }
        let list = state.lists.entry(scope.clone()).or_default();
        if (Cursor { writes: cursor.writes, ..list.cursor }) != cursor {
            return true;
        }
        let length = page.items.len() as u64;
        let known = list.entries.len();
        for backup in page.items {
            list.entries.entry(backup.id.clone()).or_insert(Some((backup, sent)));
        }
        list.cursor.pages += 1;
        list.cursor.offset += length;
        list.total = page.total;
        let short = length < facts.page_limit && page.total.is_none_or(|total| list.cursor.offset >= total);
        let complete = page.total == Some(list.cursor.offset);
        if length == 0 || short || complete || list.entries.len() == known {
            list.cursor.kind += 1;
            list.cursor.offset = 0;
            list.total = None;
            list.ended = list.cursor.kind >= kinds;
        }
        true
    }

    /// Notes that a list could not be read, and the trouble if it is everybody's.
    pub(super) fn failed(&self, scope: &Scope, sent: Instant, error: Option<cloud::Error>) {
        self.state().lists.entry(scope.clone()).or_default().failed = Some((sent, error));
    }

    /// Somebody begins to watch a backup.
    pub(super) fn watch(self: &Arc<Self>, scope: &Scope, id: &str) -> Watcher {
        let mut state = self.state();
        let watches = state.watches.entry(scope.clone()).or_default();
        *watches.ids.entry(id.to_owned()).or_default() += 1;
        Watcher { desk: Arc::clone(self), scope: scope.clone(), id: id.to_owned() }
    }

    /// Takes down what a look through the list showed, and tells everybody.
    pub(super) fn swept(&self, scope: &Scope, sweep: Sweep) {
        let mut state = self.state();
        for backup in sweep.found.values() {
            note_duration(&mut state.durations, backup);
        }
        self.deleters.read(sweep.pages);
        state.watches.entry(scope.clone()).or_default().seen = Some(sweep);
        drop(state);
        self.news.notify_waiters();
    }

    /// The list is so many pages long: too long for those who watch. That holds for a while.
    pub(super) fn too_long(&self, scope: &Scope, pages: u64) {
        self.state().watches.entry(scope.clone()).or_default().too_long = Some((pages, Instant::now()));
    }

    /// The list cannot be read: from now on everybody looks for himself.
    pub(super) fn unlisted(&self, scope: &Scope) {
        self.state().watches.entry(scope.clone()).or_default().unlisted = true;
    }

    /// A backup was seen by itself.
    pub(super) fn saw(&self, backup: &Backup) {
        note_duration(&mut self.state().durations, backup);
    }

    /// How long a backup of that instance takes at least, as far as was seen.
    pub(super) fn expected(&self, instance_id: Option<&str>) -> Option<Duration> {
        self.state().durations.get(instance_id?).copied()
    }
}

impl Watcher {
    /// The desk it stands at.
    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The list it is in.
    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Who else watches something in the list, this one included.
    pub(super) fn watched(&self) -> HashSet<String> {
        let state = self.desk.state();
        state.watches.get(&self.scope).map(|watches| watches.ids.keys().cloned().collect()).unwrap_or_default()
    }

    /// How many backups of the list are watched.
    pub(super) fn company(&self) -> usize {
        self.desk.state().watches.get(&self.scope).map_or(0, |watches| watches.ids.len())
    }

    /// Whether looking through the list serves several at once.
    pub(super) fn in_company(&self) -> bool {
        let state = self.desk.state();
        state.watches.get(&self.scope).is_some_and(|watches| !watches.unlisted && watches.ids.len() > 1)
    }

    /// Whether looking through the list costs more than asking for everybody who watches, as far as is known.
    pub(super) fn is_too_long(&self, now: Instant) -> bool {
        let state = self.desk.state();
        let Some(watches) = state.watches.get(&self.scope) else { return false };
        let counts = watches.too_long.filter(|(_, at)| now - *at < TOO_LONG_COUNTS);
        counts.is_some_and(|(pages, _)| pages > watches.ids.len() as u64)
    }

    /// What was seen of it by a look that began at that time or later.
    pub(super) fn told(&self, since: Instant) -> Told {
        let state = self.desk.state();
        let seen = state.watches.get(&self.scope).and_then(|watches| watches.seen.as_ref());
        match seen.filter(|sweep| sweep.sent >= since) {
            None => Told::Nothing,
            Some(sweep) => match sweep.found.get(&self.id) {
                Some(backup) => Told::Seen(Box::new(backup.clone())),
                None if sweep.complete => Told::Absent,
                None => Told::Unseen,
            },
        }
    }

    /// When somebody looked through the list last.
    pub(super) fn looked(&self) -> Option<Instant> {
        self.desk.state().watches.get(&self.scope)?.seen.as_ref().map(|sweep| sweep.sent)
    }

    /// Whose turn it is to look.
    pub(super) fn turn(&self) -> Arc<tokio::sync::Mutex<()>> {
        let mut state = self.desk.state();
        Arc::clone(&state.watches.entry(self.scope.clone()).or_default().turn)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.asking -= 1;
        state.asked_at = Some(Instant::now());
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut state = self.desk.state();
        let Some(watches) = state.watches.get_mut(&self.scope) else { return };
        if let Some(count) = watches.ids.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                watches.ids.remove(&self.id);
            }
        }
        if watches.ids.is_empty() {
            watches.seen = None;
        }
    }
}

/// Whether what a page said may still be told to somebody who came at `since`.
fn counts(backup: &Backup, sent: Instant, since: Instant, now: Instant) -> bool {
    let age = now.saturating_duration_since(sent);
    sent >= since || age <= if backup.status.is_final() { PAGE_COUNTS } else { CHANGING_COUNTS }
}

fn note_duration(durations: &mut HashMap<String, Duration>, backup: &Backup) {
    let ended = backup.status == Status::Completed && backup.kind.as_deref().is_none_or(|kind| kind == "manual");
    let (Some(begin), Some(end), true) = (backup.begin, backup.end, ended) else { return };
    let Some(took) = between(begin, end) else { return };
    durations.entry(backup.instance_id.clone()).and_modify(|shortest| *shortest = took.min(*shortest)).or_insert(took);
}

fn between(begin: Timestamp, end: Timestamp) -> Option<Duration> {
    Duration::try_from(end.duration_since(begin)).ok()
}
