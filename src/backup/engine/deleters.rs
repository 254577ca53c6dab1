//! Those who delete backups of one service in one region at the same time: who shares a call, who waits for whom before a
//! look at what is gone, and how long a deletion takes. Tables without IO.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::cloud;

/// How often a batch delete may be refused as a whole before none is tried again.
const REFUSALS: u32 = 2;
/// Before a look for what is gone, nothing must have moved for so long: then it serves all who delete.
const SHORTEST_CALM: Duration = Duration::from_millis(100);
/// The same for each page of a longer list,
const CALM_PER_PAGE: Duration = Duration::from_millis(50);
/// but not for more pages than this.
const MOST_PAGES: u64 = 30;
/// People who delete in a crowd come no farther apart than this.
const LONGEST_APART: Duration = Duration::from_secs(1);
/// A first look is not put off longer than this.
const LONGEST_DOZE: Duration = Duration::from_secs(5);

/// All who delete.
#[derive(Debug, Default)]
pub(super) struct Deleters(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Who waits for a shared call.
    queue: Vec<(String, oneshot::Sender<Deleted>)>,
    refusals: u32,
    /// How many people are at it.
    present: usize,
    /// The most there were at the same time: Terraform never has more of them.
    most: usize,
    /// Of those present: who is about to send, or was accepted so short a time ago that a look would come too early.
    under_way: usize,
    /// When one came, went on or left last.
    moved: Option<Instant>,
    /// When one came last, and how long after the one before that usually is.
    came: Option<Instant>,
    apart: Duration,
    /// Whether one has ever left.
    left: bool,
    /// How many pages the last look read.
    pages: u64,
    time: DeletionTime,
}

/// What became of one backup's part in a batch delete.
#[derive(Clone, Debug)]
pub(super) enum Deleted {
    Accepted,
    Refused(cloud::Error),
    /// The batch as a whole did not work: alone it may.
    Alone,
}

/// One who deletes; leaves when dropped.
#[derive(Debug)]
pub(super) struct Deleter {
    all: Arc<Deleters>,
    /// Whether nothing can be seen of the deletion yet.
    under_way: bool,
}

/// How long after it was accepted a deletion can be seen, by what was seen of others.
#[derive(Debug, Default)]
struct DeletionTime {
    /// The longest after which a backup was still there.
    there: Duration,
    /// The shortest after which one was gone.
    gone: Option<Duration>,
}

impl DeletionTime {
    /// When a first look is worth while; `None` before anything is known.
    fn first_look(&self) -> Option<Duration> {
        let gone = self.gone?;
        // Far apart, the truth lies somewhere between; else the safe end will do.
        let first = if gone > self.there * 3 / 2 { (self.there + gone) / 2 } else { gone };
        Some(first.min(LONGEST_DOZE))
    }

    fn was_there(&mut self, after: Duration) {
        self.there = self.there.max(after);
        if self.gone.is_some_and(|gone| gone <= self.there) {
            self.gone = Some(self.there * 5 / 4);
        }
    }

    fn was_gone(&mut self, after: Duration) {
        if after <= self.there {
            self.there = after * 4 / 5;
        }
        self.gone = Some(self.gone.map_or(after, |gone| gone.min(after)));
    }
}

impl Table {
    /// Whether as many are present as there ever were, so that nobody more is to be expected.
    fn is_full(&self) -> bool {
        self.present == self.most && (self.left || self.most == 1)
    }

    /// If nobody has come for so long, nobody will.
    fn next_within(&self) -> Duration {
        (self.apart * 3).clamp(SHORTEST_CALM, LONGEST_APART)
    }
}

impl Deleters {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more comes.
    pub(super) fn join(self: &Arc<Self>) -> Deleter {
        let mut table = self.table();
        table.present += 1;
        table.most = table.most.max(table.present);
        let now = Instant::now();
        if let Some(came) = table.came.replace(now) {
            table.apart = (table.apart * 3 + (now - came).min(LONGEST_APART)) / 4;
        }
        table.moved = Some(now);
        Deleter { all: Arc::clone(self), under_way: false }
    }

    /// Queues a backup for a shared call; the answer arrives if somebody takes it along. `None` where batches do not work.
    pub(super) fn queue(&self, id: &str) -> Option<oneshot::Receiver<Deleted>> {
        let mut table = self.table();
        if table.refusals >= REFUSALS {
            return None;
        }
        let (answer, deleted) = oneshot::channel();
        table.queue.push((id.to_owned(), answer));
        Some(deleted)
    }

    /// How many are queued.
    pub(super) fn queued(&self) -> usize {
        self.table().queue.len()
    }

    /// Takes a backup out of the queue together with others, at most `limit`; nothing if somebody has taken it.
    pub(super) fn take(&self, id: &str, limit: usize) -> Vec<(String, oneshot::Sender<Deleted>)> {
        let queue = &mut self.table().queue;
        let Some(place) = queue.iter().position(|(queued, _)| queued == id) else { return Vec::new() };
        let mut taken = vec![queue.remove(place)];
        let others = queue.len().min(limit.saturating_sub(1));
        taken.extend(queue.drain(..others));
        taken
    }

    /// Whether all who ever delete at the same time are here.
    pub(super) fn is_full(&self) -> bool {
        self.table().is_full()
    }

    /// How soon the next one comes, if one does.
    pub(super) fn next_within(&self) -> Duration {
        self.table().next_within()
    }

    /// Whether the cloud took a batch delete; one that this cloud does not offer is not tried again.
    pub(super) fn batch(&self, taken: bool, offered: bool) {
        let refusals = &mut self.table().refusals;
        *refusals = match (taken, offered) {
            (true, _) => 0,
            (false, true) => *refusals + 1,
            (false, false) => REFUSALS,
        };
    }

    /// How long after it was accepted a deletion is worth a first look.
    pub(super) fn first_look(&self) -> Option<Duration> {
        self.table().time.first_look()
    }

    /// So long after its deletion was accepted, a backup was still there, or was gone.
    pub(super) fn seen(&self, gone: bool, after: Duration) {
        let time = &mut self.table().time;
        if gone { time.was_gone(after) } else { time.was_there(after) }
    }

    /// A look read so many pages.
    pub(super) fn read(&self, pages: u64) {
        self.table().pages = pages;
    }
}

impl Deleter {
    /// A delete is about to be sent, or it has been and a look is worth while: others who only want to see what is gone
    /// wait meanwhile.
    pub(super) fn under_way(&mut self, under_way: bool) {
        let mut table = self.all.table();
        match (self.under_way, under_way) {
            (false, true) => table.under_way += 1,
            (true, false) => table.under_way -= 1,
            _ => {}
        }
        table.moved = Some(Instant::now());
        drop(table);
        self.under_way = under_way;
    }

    /// How long to wait for others before a look at what is gone: the longer the list, the longer.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let table = self.all.table();
        if table.is_full() && table.under_way == 0 {
            return Duration::ZERO;
        }
        let pages = u32::try_from(table.pages.min(MOST_PAGES)).unwrap_or(1);
        let calm = table.moved.filter(|_| table.under_way == 0).map(|moved| now - moved).unwrap_or_default();
        (CALM_PER_PAGE * pages).max(table.next_within()).saturating_sub(calm)
    }
}

impl Drop for Deleter {
    fn drop(&mut self) {
        self.under_way(false);
        let mut table = self.all.table();
        table.present -= 1;
        table.left = true;
        // Whoever comes next had to wait for this: that does not tell how fast people come.
        table.came = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_deletion_is_found_by_halves() {
        for truth in [50, 300, 1000, 4000].map(Duration::from_millis) {
            let mut time = DeletionTime::default();
            assert_eq!(time.first_look(), None);
            time.was_gone(Duration::from_secs(8));
            let mut early = 0;
            for _ in 0..20 {
                let first = time.first_look().expect("one was gone");
                if first < truth {
                    early += 1;
                    time.was_there(first);
                    time.was_gone(truth.max(first + Duration::from_millis(400)));
                } else {
                    time.was_gone(first);
                }
            }
            let found = time.first_look().expect("one was gone");
            assert!(found >= truth && found <= truth * 2, "{truth:?}: {found:?}");
            assert!(early <= 3, "{truth:?}: {early} looks came too early");
        }
    }

    #[test]
    fn deletions_may_become_slower_or_faster() {
        let mut time = DeletionTime::default();
        let seconds = Duration::from_secs;
        time.was_gone(seconds(1));
        time.was_there(seconds(2));
        assert!(time.first_look() > Some(seconds(2)));
        time.was_gone(seconds(1));
        assert!(time.first_look() <= Some(seconds(1)));
        time.was_gone(seconds(60));
        assert!(time.first_look() <= Some(LONGEST_DOZE));
    }
}
