//! What the owner of a service does next: who is here and what is known in, one step out. No calls, no clock of its own.
//!
//! * *Readers* (a refresh): one or two at a time ask by id. Several are a walk: they share the pages of one listing while
//!   the pages that are left cost less than asking for each. A page tells each backup once, for the walk it was read in.
//! * *Watchers* (waits): alone, one asks by id. In company one look through the newest records serves all.
//! * *Deleters*: who comes together shares a batch call, and the looks at what is gone.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio::time::Instant;

use super::pace;
use crate::backup::{Backup, Page};
use crate::cloud::{self, Fate};

/// Who came.
pub(super) type Ticket = u64;

/// What narrows a list: the instance, where the service lists one instance only.
pub(super) type Scope = Option<String>;

/// What somebody asks.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Where is that backup, as of `since` or of this walk? With so many kinds of lists to read, one after the other.
    Read { scope: Scope, id: String, since: Instant, kinds: usize },
    /// How is the watched backup, as of `since`? To be told at `due`, or before if somebody else's look shows it.
    Look(LookFor),
    /// Delete that, with others where that is possible.
    Delete { id: String, patience: Instant, fate: Fate },
}

/// A look at a watched backup.
#[derive(Clone, Debug)]
pub(super) struct LookFor {
    pub(super) scope: Scope,
    pub(super) id: String,
    pub(super) since: Instant,
    pub(super) due: Instant,
    /// When its deletion was accepted, if it was: then it waits so long for others who delete.
    pub(super) deleted: Option<(Instant, Instant)>,
}

/// What somebody is told.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Seen(Box<Backup>),
    /// A complete list lacks it. Only for looks at what was deleted.
    Absent,
    /// The batch with it was accepted.
    Accepted,
    /// It did not work, and asking once more would not be better.
    Failed(cloud::Error),
    /// Nobody else has use for the call.
    Alone,
}

/// What is done next.
#[derive(Clone, Debug)]
pub(super) enum NextStep {
    Tell(Ticket, Answer),
    /// So many pages from the cursor on.
    Turn(Scope, Cursor, u64),
    /// A look through the newest records, for the backups that are watched.
    Sweep(Scope, HashSet<String>),
    DeleteMany(Vec<(Ticket, String)>),
    /// Nothing, until then or until somebody comes.
    Rest(Option<Instant>),
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

/// What a look through a list showed.
#[derive(Debug)]
pub(super) struct Sweep {
    /// When the first page was asked for.
    pub(super) sent: Instant,
    pub(super) found: HashMap<String, Backup>,
    /// Whether it was read to its end without a gap.
    pub(super) complete: bool,
    /// How many pages were read.
    pub(super) pages: u64,
    /// How many pages the list has, if that was too many.
    pub(super) too_many: Option<u64>,
}

/// Somebody who is here.
#[derive(Debug)]
struct Present {
    /// What is watched.
    watches: Option<(Scope, String)>,
    deletes: Option<Deletion>,
    deadline: Instant,
}

/// How far a deletion has come.
#[derive(Clone, Copy, Debug)]
enum Deletion {
    OnItsWay,
    Accepted(Instant),
    /// It was not, or did not happen.
    Undone,
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
    turning: bool,
    /// When it was asked for in vain; with the trouble, if that is everybody's.
    failed: Option<(Instant, Option<cloud::Error>)>,
}

/// The looks through a list.
#[derive(Debug, Default)]
struct Looks {
    last: Option<Instant>,
    sweeping: bool,
    /// How many pages the last one read.
    pages: u64,
    /// So many pages were too many to look for what is gone.
    too_long: Option<u64>,
    /// The list cannot be read; everybody looks for himself.
    unlisted: bool,
}

/// Who is here.
struct Crowd<'a> {
    /// The backups that are watched in each list.
    watched: HashMap<&'a Scope, HashSet<&'a str>>,
    /// How many delete.
    deleters: usize,
    /// When the last deletion was accepted; `None` while somebody's is on its way.
    accepted: Option<Instant>,
    /// From when on a look counts for all who look for what they deleted.
    since: Option<Instant>,
}

/// All that an owner knows.
#[derive(Debug)]
pub(super) struct State {
    page_limit: u64,
    batch_limit: usize,
    writes: u64,
    present: BTreeMap<Ticket, Present>,
    pending: BTreeMap<Ticket, Question>,
    /// Who was asked for in this walk. Asked for again, a backup is looked at anew.
    asked: HashSet<String>,
    asked_at: Option<Instant>,
    lists: HashMap<Scope, List>,
    looks: HashMap<Scope, Looks>,
    /// When a delete came last.
    delete_came: Option<Instant>,
    refusals: u32,
}

impl State {
    pub(super) fn new(page_limit: u64, batch_limit: usize) -> Self {
        State {
            page_limit,
            batch_limit,
            writes: 0,
            present: BTreeMap::new(),
            pending: BTreeMap::new(),
            asked: HashSet::new(),
            asked_at: None,
            lists: HashMap::new(),
            looks: HashMap::new(),
            delete_came: None,
            refusals: 0,
        }
    }

    /// Somebody comes who has time until the deadline, and may watch something.
    pub(super) fn came(&mut self, who: Ticket, watches: Option<(Scope, String)>, deadline: Instant) {
        self.present.insert(who, Present { watches, deletes: None, deadline });
    }

    /// Somebody leaves.
    pub(super) fn left(&mut self, who: Ticket, now: Instant) {
        let reader = self.present.remove(&who).is_some_and(|present| present.watches.is_none());
        self.pending.remove(&who);
        if reader {
            self.asked_at = Some(now);
        }
        let watched: HashSet<_> = self.present.values().filter_map(|one| Some(&one.watches.as_ref()?.0)).collect();
        self.looks.retain(|scope, looks| looks.sweeping || watched.contains(scope));
    }

    /// Somebody asks.
    pub(super) fn ask(&mut self, who: Ticket, question: Question, now: Instant) {
        match &question {
            Question::Read { scope, id, .. } => {
                let others = self.readers() > 1;
                if !others && self.asked_at.is_some_and(|at| now - at > pace::WALK_ENDS) {
                    self.asked.clear();
                    self.lists.clear();
                }
                self.asked_at = Some(now);
                if self.asked.insert(id.clone()) {
                    self.lists.entry(scope.clone()).or_default().asks += 1;
                } else {
                    // Asked for twice: only a new look will do.
                    self.lists.entry(scope.clone()).or_default().entries.insert(id.clone(), None);
                }
            }
            Question::Look(look) => {
                if let Some(deletes) = self.present.get_mut(&who).and_then(|present| present.deletes.as_mut()) {
                    *deletes = look.deleted.map_or(Deletion::Undone, |(accepted, _)| Deletion::Accepted(accepted));
                }
            }
            Question::Delete { .. } => {
                self.delete_came = Some(now);
                if let Some(present) = self.present.get_mut(&who) {
                    present.deletes = Some(Deletion::OnItsWay);
                }
            }
        }
        self.pending.insert(who, question);
    }

    /// We are about to change something, or have just done so: what pages said before does not count any more.
    pub(super) fn wrote(&mut self) {
        self.writes += 1;
        self.lists.clear();
    }

    /// Whether nobody is here.
    pub(super) fn is_idle(&self) -> bool {
        self.present.is_empty()
    }

    /// When the last of those who are here must be done.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.present.values().map(|present| present.deadline).max()
    }

    fn readers(&self) -> usize {
        self.present.values().filter(|present| present.watches.is_none()).count()
    }

    /// Who is here, as far as those who look and those who delete need to know it.
    fn crowd(&self) -> Crowd<'_> {
        let mut watched: HashMap<&Scope, HashSet<&str>> = HashMap::new();
        let (mut deleters, mut accepted, mut since, mut on_its_way) = (0, None, None, false);
        for (who, present) in &self.present {
            if let Some((scope, id)) = &present.watches {
                watched.entry(scope).or_default().insert(id);
            }
            let Some(deletion) = present.deletes else { continue };
            deleters += 1;
            match deletion {
                Deletion::OnItsWay => on_its_way = true,
                Deletion::Accepted(last) => accepted = accepted.max(Some(last)),
                Deletion::Undone => {}
            }
            if let Some(Question::Look(LookFor { deleted: Some(_), since: own, .. })) = self.pending.get(who) {
                since = since.max(Some(*own));
            }
        }
        Crowd { watched, deleters, accepted: accepted.filter(|_| !on_its_way), since }
    }

    /// What is done next.
    pub(super) fn next(&self, now: Instant) -> NextStep {
        let crowd = self.crowd();
        let mut wake: Option<Instant> = None;
        let mut later = |at: Instant| wake = Some(wake.map_or(at, |wake| wake.min(at)));
        for (who, question) in &self.pending {
            let step = match question {
                Question::Read { scope, id, since, kinds } => self.next_of_reader(*who, scope, id, *since, *kinds, now),
                Question::Look(look) => self.next_of_watcher(*who, look, &crowd, now),
                Question::Delete { patience, .. } => self.next_of_deleter(*who, *patience, now),
            };
            match step {
                NextStep::Rest(Some(at)) => later(at),
                NextStep::Rest(None) => {}
                step => return step,
            }
        }
        NextStep::Rest(wake)
    }

    fn next_of_reader(
        &self,
        who: Ticket,
        scope: &Scope,
        id: &str,
        since: Instant,
        kinds: usize,
        now: Instant,
    ) -> NextStep {
        let alone = NextStep::Tell(who, Answer::Alone);
        let Some(list) = self.lists.get(scope) else { return alone };
        if let Some(entry) = list.entries.get(id) {
            return match entry {
                Some((backup, sent)) if counts(backup, *sent, since, now) => {
                    NextStep::Tell(who, Answer::Seen(Box::new(backup.clone())))
                }
                _ => alone,
            };
        }
        match &list.failed {
            Some((sent, Some(error))) if *sent >= since => return NextStep::Tell(who, Answer::Failed(error.clone())),
            Some(_) => return alone,
            None => {}
        }
        if list.turning {
            return NextStep::Rest(None);
        }
        let cursor = Cursor { writes: self.writes, ..list.cursor };
        let rest = list.total.map_or(0, |total| total.saturating_sub(cursor.offset).div_ceil(self.page_limit));
        if list.ended {
            return alone;
        }
        let worth = if cursor.pages == 0 {
            let gathered = since + pace::GATHER;
            if now < gathered {
                return NextStep::Rest(Some(gathered));
            }
            self.readers() >= pace::TOGETHER || self.asked.len() >= pace::IN_A_ROW
        } else {
            // Whoever comes brings one call along: what asking by id would cost. Reading on must be worth that, once the
            // others of the walk, who are most often still to come, are counted in.
            rest.max(1) + (kinds - 1 - cursor.kind) as u64 <= 2 * list.asks
        };
        if worth { NextStep::Turn(scope.clone(), cursor, rest.clamp(1, pace::AHEAD)) } else { alone }
    }

    fn next_of_watcher(&self, who: Ticket, look: &LookFor, crowd: &Crowd<'_>, now: Instant) -> NextStep {
        let Some(watched) = crowd.watched.get(&look.scope) else { return NextStep::Tell(who, Answer::Alone) };
        let looks = self.looks.get(&look.scope);
        let too_long = looks.and_then(|looks| looks.too_long).is_some_and(|pages| pages > watched.len() as u64);
        let unlisted = looks.is_some_and(|looks| looks.unlisted);
        let shares = watched.len() > 1 && !unlisted && !(look.deleted.is_some() && too_long);
        let mut due = look.due;
        if let Some((_, patience)) = look.deleted.filter(|(_, patience)| crowd.deleters > 1 && now < *patience) {
            // Who deletes together looks together, and at as few lists as there are: when the last of them was accepted, and
            // has had its time, and when a look counts for each of them. So they stay in step for the next batch, too.
            let Some(last) = crowd.accepted else { return NextStep::Rest(Some(patience)) };
            let pages = u32::try_from(looks.map_or(1, |looks| looks.pages)).unwrap_or(u32::MAX);
            let takes = pace::DELETION_TAKES + pace::DELETION_PER_PAGE.saturating_mul(pages);
            due = due.max((last + takes).max(crowd.since.unwrap_or(last)).min(patience));
        }
        if !shares {
            return if now >= due { NextStep::Tell(who, Answer::Alone) } else { NextStep::Rest(Some(due)) };
        }
        if looks.is_some_and(|looks| looks.sweeping) {
            return NextStep::Rest(None);
        }
        if let Some(last) = looks.and_then(|looks| looks.last) {
            due = due.max(last + pace::between_shared_looks(watched.len()));
        }
        if now < due {
            return NextStep::Rest(Some(due));
        }
        NextStep::Sweep(look.scope.clone(), watched.iter().map(|id| (*id).to_owned()).collect())
    }

    fn next_of_deleter(&self, who: Ticket, patience: Instant, now: Instant) -> NextStep {
        if self.batch_limit < 2 || self.refusals >= pace::BATCH_REFUSALS {
            return NextStep::Tell(who, Answer::Alone);
        }
        let queue = self.pending.iter().filter_map(|(who, question)| match question {
            Question::Delete { id, .. } => Some((*who, id)),
            _ => None,
        });
        let queue = queue.take(self.batch_limit);
        let company = self.present.values().filter(|present| present.deletes.is_some()).nth(1).is_some();
        let quiet = if company { pace::QUIET_TOGETHER } else { pace::QUIET_ALONE };
        let due = self.delete_came.map_or(now, |came| came + quiet).min(patience);
        match queue.clone().count() {
            queued if now < due && queued < self.batch_limit => NextStep::Rest(Some(due)),
            1 => NextStep::Tell(who, Answer::Alone),
            _ => NextStep::DeleteMany(queue.map(|(who, id)| (who, id.clone())).collect()),
        }
    }

    /// Notes that a step is being done.
    pub(super) fn begun(&mut self, step: &NextStep) {
        match step {
            NextStep::Tell(who, told) => {
                let question = self.pending.remove(who);
                if let (Some(Question::Read { scope, id, .. }), Answer::Seen(_)) = (question, told)
                    && let Some(entry) = self.lists.get_mut(&scope).and_then(|list| list.entries.get_mut(&id))
                {
                    *entry = None;
                }
            }
            NextStep::Turn(scope, ..) => self.lists.entry(scope.clone()).or_default().turning = true,
            NextStep::Sweep(scope, _) => self.looks.entry(scope.clone()).or_default().sweeping = true,
            NextStep::DeleteMany(batch) => {
                for (who, _) in batch {
                    self.pending.remove(who);
                }
                self.wrote();
            }
            NextStep::Rest(_) => {}
        }
    }

    /// Notes a page that was asked for at the cursor.
    pub(super) fn page(&mut self, scope: &Scope, cursor: Cursor, page: Page<Backup>, kinds: usize, sent: Instant) {
        if self.writes != cursor.writes {
            return;
        }
        let list = self.lists.entry(scope.clone()).or_default();
        if (Cursor { writes: cursor.writes, ..list.cursor }) != cursor {
            return;
        }
        let length = page.items.len() as u64;
        let known = list.entries.len();
        for backup in page.items {
            list.entries.entry(backup.id.clone()).or_insert(Some((backup, sent)));
        }
        list.cursor.pages += 1;
        list.cursor.offset += length;
        list.total = page.total;
        let short = length < self.page_limit && page.total.is_none_or(|total| list.cursor.offset >= total);
        let complete = page.total == Some(list.cursor.offset);
        if length == 0 || short || complete || list.entries.len() == known {
            list.cursor.kind += 1;
            list.cursor.offset = 0;
            list.total = None;
            list.ended = list.cursor.kind >= kinds;
        }
    }

    /// Notes that pages were turned; with the trouble, if they could not be read, and whether it is everybody's.
    pub(super) fn turned(&mut self, scope: &Scope, cursor: Cursor, failed: Option<(Instant, Option<cloud::Error>)>) {
        if self.writes == cursor.writes
            && let Some(list) = self.lists.get_mut(scope)
        {
            list.turning = false;
            list.failed = failed;
        }
    }

    /// Notes what a look through a list showed; who is told what.
    pub(super) fn swept(&mut self, scope: &Scope, sweep: &Sweep, now: Instant) -> Vec<(Ticket, Answer)> {
        let looks = self.looks.entry(scope.clone()).or_default();
        (looks.sweeping, looks.last, looks.pages) = (false, Some(sweep.sent), sweep.pages);
        looks.too_long = sweep.too_many;
        self.tell(scope, |look| match sweep.found.get(&look.id) {
            _ if look.since > sweep.sent => None,
            // Who is on his way out need not know that it still is there before he is due.
            Some(_) if look.deleted.is_some() && now < look.due => None,
            Some(backup) => Some(Answer::Seen(Box::new(backup.clone()))),
            None if sweep.complete && look.deleted.is_some() => Some(Answer::Absent),
            None if now < look.due => None,
            None => Some(Answer::Alone),
        })
    }

    /// Notes that a list could not be looked through: for the moment, with the trouble, or at all.
    pub(super) fn not_swept(
        &mut self,
        scope: &Scope,
        sent: Instant,
        trouble: Option<&cloud::Error>,
    ) -> Vec<(Ticket, Answer)> {
        let looks = self.looks.entry(scope.clone()).or_default();
        (looks.sweeping, looks.last) = (false, Some(sent));
        looks.unlisted = trouble.is_none();
        let Some(error) = trouble else { return Vec::new() };
        self.tell(scope, |look| (look.due <= sent).then(|| Answer::Failed(error.clone())))
    }

    fn tell(&mut self, scope: &Scope, what: impl Fn(&LookFor) -> Option<Answer>) -> Vec<(Ticket, Answer)> {
        let looks = self.pending.iter().filter_map(|(who, question)| match question {
            Question::Look(look) if look.scope == *scope => Some((*who, what(look)?)),
            _ => None,
        });
        let told: Vec<_> = looks.collect();
        for (who, _) in &told {
            self.pending.remove(who);
        }
        told
    }

    /// Notes whether the cloud took a batch delete; one that this cloud does not offer is not tried again.
    pub(super) fn batch(&mut self, taken: bool, offered: bool) {
        self.wrote();
        self.refusals = match (taken, offered) {
            (true, _) => 0,
            (false, true) => self.refusals + 1,
            (false, false) => pace::BATCH_REFUSALS,
        };
    }
}

/// Whether what a page said may still be told to somebody who came at `since`.
fn counts(backup: &Backup, sent: Instant, since: Instant, now: Instant) -> bool {
    let age = now.saturating_duration_since(sent);
    sent >= since || age <= if backup.status.is_final() { pace::PAGE_COUNTS } else { pace::WALK_ENDS }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backup::Status;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    fn minute(now: Instant) -> Instant {
        now + Duration::from_mins(1)
    }

    /// Readers of these backups, all at once.
    fn readers(state: &mut State, ids: std::ops::Range<u64>, now: Instant) {
        for id in ids {
            state.came(id, None, minute(now));
            let read = Question::Read { scope: None, id: format!("b{id}"), since: now, kinds: 1 };
            state.ask(id, read, now);
        }
    }

    fn backup(id: u64) -> Backup {
        Backup::sample(&format!("b{id}"), "", "", Status::Completed)
    }

    fn look(id: u64, at: Instant, deleted: Option<(Instant, Instant)>) -> Question {
        Question::Look(LookFor { scope: None, id: format!("b{id}"), since: at, due: at, deleted })
    }

    fn watchers(state: &mut State, ids: std::ops::Range<u64>, now: Instant) {
        for id in ids {
            state.came(id, Some((None, format!("b{id}"))), minute(now));
        }
    }

    /// Does whatever is told at once; what then comes.
    fn told(state: &mut State, now: Instant) -> (Vec<Ticket>, NextStep) {
        let mut told = Vec::new();
        loop {
            let step = state.next(now);
            state.begun(&step);
            match step {
                NextStep::Tell(who, _) => told.push(who),
                step => return (told, step),
            }
        }
    }

    #[test]
    fn few_readers_ask_for_themselves_and_many_turn_pages() {
        for (count, alone) in [(1, true), (2, true), (3, false), (100, false)] {
            let now = Instant::now();
            let mut state = State::new(100, 10);
            readers(&mut state, 0..count, now);
            assert!(matches!(state.next(now), NextStep::Rest(Some(at)) if at == now + pace::GATHER));
            let (told, step) = told(&mut state, now + pace::GATHER);
            assert_eq!(told.len() as u64, if alone { count } else { 0 }, "{count}");
            assert_eq!(matches!(step, NextStep::Turn(None, Cursor { offset: 0, .. }, 1)), !alone, "{count}: {step:?}");
        }
    }

    #[test]
    fn a_page_answers_whom_it_has_and_the_rest_turn_on_while_that_is_cheaper() {
        for (total, further) in [(5, 0), (300, 2), (90_000, 0)] {
            let now = Instant::now();
            let later = now + pace::GATHER;
            let mut state = State::new(100, 10);
            readers(&mut state, 1..8, now);
            readers(&mut state, 1000..1001, now);
            let (_, NextStep::Turn(scope, cursor, 1)) = told(&mut state, later) else { panic!() };
            let items: Vec<_> = (0..total.min(100)).map(backup).collect();
            state.page(&scope, cursor, Page { items, total: Some(total) }, 1, later);
            state.turned(&scope, cursor, None);
            let (told, step) = told(&mut state, later);
            match (further, step) {
                (0, NextStep::Rest(_)) => assert_eq!(told.len(), 8),
                (pages, NextStep::Turn(None, Cursor { offset: 100, .. }, turned)) => {
                    assert_eq!((turned, told.len()), (pages, 7));
                }
                (_, step) => panic!("{total}: {step:?}"),
            }
        }
    }

    #[test]
    fn our_own_write_leaves_readers_to_themselves() {
        let now = Instant::now();
        let mut state = State::new(100, 10);
        readers(&mut state, 0..5, now);
        let (_, NextStep::Turn(scope, cursor, _)) = told(&mut state, now + pace::GATHER) else { panic!() };
        state.wrote();
        state.page(&scope, cursor, Page { items: (0..5).map(backup).collect(), total: Some(5) }, 1, now);
        state.turned(&scope, cursor, None);
        let (told, _) = told(&mut state, now + pace::GATHER);
        assert_eq!(told.len(), 5, "the page is too old");
    }

    #[test]
    fn one_watcher_asks_when_it_is_due_and_two_share_a_look() {
        let now = Instant::now();
        let mut state = State::new(100, 10);
        watchers(&mut state, 1..2, now);
        state.ask(1, look(1, now + ms(500), None), now);
        assert!(matches!(state.next(now), NextStep::Rest(Some(at)) if at == now + ms(500)));
        assert!(matches!(state.next(now + ms(500)), NextStep::Tell(1, Answer::Alone)));
        watchers(&mut state, 2..3, now);
        state.ask(2, look(2, now + ms(900), None), now);
        let (told, step) = told(&mut state, now + ms(500));
        assert!(told.is_empty() && matches!(&step, NextStep::Sweep(None, ids) if ids.len() == 2), "{step:?}");
        let found = [(String::from("b1"), backup(1))].into();
        let sweep = Sweep { sent: now + ms(500), found, complete: true, pages: 1, too_many: None };
        let told = state.swept(&None, &sweep, now + ms(600));
        assert!(
            matches!(&*told, [(1, Answer::Seen(_))]),
            "who is not due, and was not seen, goes on waiting: {told:?}"
        );
    }

    #[test]
    fn who_deletes_shares_a_call_with_whoever_comes_in_time() {
        for (count, limit, shares) in [(1, 10, 1), (2, 10, 2), (25, 10, 10), (3, 0, 1)] {
            let now = Instant::now();
            let mut state = State::new(100, limit);
            watchers(&mut state, 0..count, now);
            for who in 0..count {
                state.ask(
                    who,
                    Question::Delete { id: format!("b{who}"), patience: minute(now), fate: Fate::default() },
                    now,
                );
            }
            let quiet = now + pace::QUIET_TOGETHER;
            let step = state.next(if count > 10 { now } else { quiet });
            match step {
                NextStep::Tell(0, Answer::Alone) => assert_eq!(shares, 1),
                NextStep::DeleteMany(batch) => assert_eq!(batch.len(), shares),
                step => panic!("{count}: {step:?}"),
            }
        }
    }

    #[test]
    fn a_look_at_what_is_deleted_waits_for_the_others_but_not_for_ever() {
        let now = Instant::now();
        let mut state = State::new(100, 10);
        watchers(&mut state, 0..2, now);
        for who in 0..2 {
            state.ask(
                who,
                Question::Delete { id: format!("b{who}"), patience: minute(now), fate: Fate::default() },
                now,
            );
        }
        let step = state.next(now + pace::QUIET_TOGETHER);
        state.begun(&step);
        // The first was accepted, the other's call is on its way.
        let patience = now + Duration::from_secs(8);
        state.ask(0, look(0, now, Some((now, patience))), now);
        assert!(matches!(state.next(now + ms(5000)), NextStep::Rest(Some(at)) if at == patience));
        assert!(matches!(state.next(patience), NextStep::Sweep(..)));
        // The other's was accepted too: both wait as long as deletions take.
        state.ask(1, look(1, now, Some((now + ms(400), patience))), now);
        let due = now + ms(400) + pace::DELETION_TAKES + pace::DELETION_PER_PAGE;
        assert!(matches!(state.next(now + ms(500)), NextStep::Rest(Some(at)) if at == due));
        assert!(matches!(state.next(due), NextStep::Sweep(..)));
        let step = state.next(due);
        state.begun(&step);
        let sweep = Sweep { sent: due, found: HashMap::new(), complete: true, pages: 1, too_many: None };
        assert_eq!(state.swept(&None, &sweep, due).len(), 2, "both leave with one look");
    }

    #[test]
    fn who_deletes_in_company_looks_when_all_have_had_their_time_whatever_the_list() {
        let now = Instant::now();
        let mut state = State::new(100, 10);
        let patience = now + Duration::from_secs(8);
        let looks = |who: u64, since: Instant, accepted: Instant| {
            let (id, scope) = (format!("b{who}"), Some(format!("i{who}")));
            Question::Look(LookFor { scope, id, since, due: since, deleted: Some((accepted, patience)) })
        };
        for who in 0..2 {
            state.came(who, Some((Some(format!("i{who}")), format!("b{who}"))), minute(now));
            state.ask(
                who,
                Question::Delete { id: format!("b{who}"), patience: minute(now), fate: Fate::default() },
                now,
            );
        }
        let step = state.next(now + pace::QUIET_TOGETHER);
        state.begun(&step);
        state.ask(0, looks(0, now, now), now);
        state.ask(1, looks(1, now + ms(400), now + ms(400)), now);
        let due = now + ms(400) + pace::DELETION_TAKES + pace::DELETION_PER_PAGE;
        assert!(
            matches!(state.next(now + ms(1100)), NextStep::Rest(Some(at)) if at == due),
            "the other has not had its time"
        );
        assert!(
            matches!(told(&mut state, due), (told, NextStep::Rest(None)) if told == [0, 1]),
            "each asks by id, in step"
        );
        // The second look counts for both only when it counts for the one who asked last.
        state.ask(0, looks(0, due + ms(1000), now), due);
        state.ask(1, looks(1, due + ms(1010), now + ms(400)), due);
        assert!(matches!(state.next(due + ms(1000)), NextStep::Rest(Some(at)) if at == due + ms(1010)));
    }
}
