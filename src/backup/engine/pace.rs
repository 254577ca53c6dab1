//! Every interval and bound of the engine, each with its reason.

use std::time::Duration;

// --- Proof: see [`super::proof`]. ---

/// Between the two looks that an absence needs: a list that is rebuilt, or an index that is switched over, is back by then.
pub(super) const BEFORE_ABSENCE_IS_BELIEVED: Duration = Duration::from_secs(3);
/// The same after the service has accepted a deletion: then the absence is what is expected.
pub(super) const AFTER_A_DELETION: Duration = Duration::from_secs(1);
/// Lists were seen to lag behind by more than a minute, never by ten: what was begun before that and is not listed is not
/// on its way any more.
pub(super) const LISTS_LAG_AT_MOST: Duration = Duration::from_mins(10);

// --- Waiting: see [`super::watch`]. ---

/// The next look comes after so much of the time that was waited already: what takes long is noticed later,
pub(super) const PART_OF_THE_WAIT: f64 = 0.08;
/// but within these bounds: people notice less than the first, and the cloud does not notice the second.
pub(super) const BETWEEN_LOOKS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(15)];
/// Answers may make no sense for so long before nobody watches any more: longer than a proxy's hiccup.
pub(super) const NONSENSE: Duration = Duration::from_mins(2);
/// Whoever asks by id asks the job too at every so many looks: it knows of failures that the list keeps to itself.
pub(super) const JOB_EVERY: u32 = 8;
/// Whoever shares looks with others asks the job this often: else the jobs of all would cost more than their looks.
pub(super) const JOB_IN_COMPANY: Duration = Duration::from_mins(1);

// --- Sharing: see [`super::next`]. ---

/// Requests of one refresh come within a few milliseconds of each other: the first waits so long for the others.
pub(super) const GATHER: Duration = Duration::from_millis(5);
/// So many readers at the same time are a walk. Fewer are better served one by one.
pub(super) const TOGETHER: usize = 3;
/// So many one after the other are a walk, too: `-parallelism=1`.
pub(super) const IN_A_ROW: usize = 12;
/// So many pages of one list are asked for side by side: as many as keep a walk shorter than the CLI's own work.
pub(super) const AHEAD: u64 = 4;
/// A pause this long between two questions ends a walk, and what still changes is not told older. Without anybody for so
/// long, the owner goes.
pub(super) const WALK_ENDS: Duration = Duration::from_secs(2);
/// What a page says of a finished backup counts for the walk it was read in, but never longer than this.
pub(super) const PAGE_COUNTS: Duration = Duration::from_secs(30);
/// Looks for many are at least so far apart for each of them, and need not be further apart than for ten: about one call
/// a second in all.
pub(super) const LOOKS_PER_WATCHER: Duration = Duration::from_millis(125);

// --- Restoring: see [`super::restore`]. ---

/// So many days are asked for side by side.
pub(super) const AT_ONCE: usize = 4;

// --- Deleting. ---

/// Deletes that come together share a call. One that comes first waits so long for a second one,
pub(super) const QUIET_ALONE: Duration = Duration::from_millis(50);
/// and several so long for more: a CLI with a state of thousands sends one every tenth of a second.
pub(super) const QUIET_TOGETHER: Duration = Duration::from_millis(300);
/// Deletions take the services about a second. An earlier look for all would only have to be repeated,
pub(super) const DELETION_TAKES: Duration = Duration::from_secs(1);
/// and the longer the list is, the dearer that would be: so much more for every page.
pub(super) const DELETION_PER_PAGE: Duration = Duration::from_millis(25);
/// Nobody waits longer than this for others who delete, and never longer than a quarter of the time that is left.
pub(super) const FOR_OTHERS: Duration = Duration::from_secs(15);
/// A batch delete that was refused as a whole so often is not tried again.
pub(super) const BATCH_REFUSALS: u32 = 2;
/// A change that got no answer may take so long to show its effect before it is sent again; a look that is only an extra goes on
/// so long after the limit;
pub(super) const UNANSWERED: Duration = Duration::from_secs(5);
/// and one that was accepted so long. What is only an extra has no longer than that in all.
pub(super) const ACCEPTED: Duration = Duration::from_mins(1);
/// A stop is sent so often at most: then something else is wrong.
pub(super) const STOPS: u32 = 5;

// --- Creating: see [`super::begin`]. ---

/// The pauses before each look for a create whose answer was lost.
pub(super) const LOST_LOOKS: &[Duration] = &[
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
/// The same for one that something on the way refused: it is not sent again, and most likely it did not arrive.
pub(super) const REFUSED_LOOKS: &[Duration] = LOST_LOOKS.split_at(4).0;
/// After so many looks that do not show it, it is sent again: if it arrived all the same, the service refuses the name. Where
/// names are not unique, all looks come first.
pub(super) const LOST_UNSEEN: usize = 3;
/// A create that was lost and did not arrive is sent again so often.
pub(super) const RESENDS: u32 = 2;
/// So long the looks may go on after the deadline: what may exist, or may run no more, must be known.
pub(super) const AFTER_DEADLINE: Duration = Duration::from_secs(15);
/// So long the looks may go on after a stop: the CLI waits that long.
pub(super) const AFTER_STOP: Duration = Duration::from_millis(1200);
/// The longest pause between two looks after a stop: three or four have room in that time.
pub(super) const BETWEEN_LAST_LOOKS: Duration = Duration::from_millis(300);
/// What a host plans, or begins, at the same time reaches the provider within so long: of one run, a create and the deletion
/// of what has its name.
pub(super) const AT_THE_SAME_TIME: Duration = Duration::from_secs(2);
/// While an instance is said to be busy, a create is tried so often anyway: its status may be one we misunderstand.
pub(super) const TRY_ANYWAY: Duration = Duration::from_mins(1);

// --- Lists: see [`super::pages`]. ---

/// No list has more pages than this,
pub(super) const MAX_PAGES: u32 = 1000;
/// or more records than this, however long its pages are: what goes on is a server that repeats itself.
pub(super) const MAX_RECORDS: usize = 100_000;

/// A wait is told of first after so long,
pub(super) const TOLD_FIRST: Duration = Duration::from_secs(10);

/// and again when it has lasted twice as long, but once a minute at least.
pub(super) fn told_again(waited: Duration) -> Duration {
    waited + waited.clamp(TOLD_FIRST, Duration::from_mins(1))
}

/// How long to wait before the next look after so long a wait.
pub(super) fn interval(waited: Duration) -> Duration {
    let [shortest, longest] = BETWEEN_LOOKS;
    waited.mul_f64(PART_OF_THE_WAIT).clamp(shortest, longest)
}

/// How far apart looks for so many are.
pub(super) fn between_shared_looks(watchers: usize) -> Duration {
    LOOKS_PER_WATCHER * u32::try_from(watchers.clamp(2, 10)).unwrap_or(10)
}

// --- Planning: see [`super::ahead`]. ---

/// What a plan has no answer to after so long in all, it goes on without: a plan is read, and a dead cloud is met by the apply.
pub(super) const PLANS_WAIT_AT_MOST: Duration = Duration::from_secs(10);
