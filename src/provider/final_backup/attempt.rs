//! Which of an instance's backups are this net's, and what a destroy does next. No calls.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;

use crate::backup::{Backup, Status};

/// What a destroy does next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// This backup is the one: it has completed a short time ago.
    Accept(Box<Backup>),
    /// This one runs.
    Wait(Box<Backup>),
    /// A new one has to be taken: the attempt of that number.
    Take(u32),
}

/// A backup that completed so short a time ago belongs to the destroy that is tried again, however short its own limit is: as
/// long as the default of that limit.
const OF_ONE_DESTROY: Duration = Duration::from_hours(2);

/// How long ago a backup may have completed and still be this destroy's, given the limit of a destroy.
pub(super) fn recent(limit: Duration) -> Duration {
    limit.max(OF_ONE_DESTROY)
}

/// The name of an attempt.
pub(super) fn name(prefix: &str, digits: &str, number: u32) -> String {
    match number {
        1 => format!("{prefix}{digits}"),
        number => format!("{prefix}{digits}-{number}"),
    }
}

/// The number of the attempt that has this name; `None` for all other names.
pub(super) fn number(name: &str, digits: &str) -> Option<u32> {
    match name.rsplit_once(digits)?.1 {
        "" => Some(1),
        rest => rest.strip_prefix('-')?.parse().ok(),
    }
}

/// What is known of the time, whatever the service's clock says.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// When the destroy began.
    pub(super) now: Timestamp,
    /// How long ago a backup may have completed and still be this destroy's.
    pub(super) limit: Duration,
    /// The name of the backup that an earlier destroy began, and when, by our own clock.
    pub(super) begun: Option<(String, Timestamp)>,
}

impl Moment {
    /// Whether our own clock says that a backup of that name was begun a short time ago.
    fn has_begun(&self, name: &str) -> bool {
        self.begun.as_ref().is_some_and(|(begun, at)| begun == name && self.is_near(*at))
    }

    fn is_near(&self, at: Timestamp) -> bool {
        self.now.duration_since(at).unsigned_abs() <= self.limit
    }
}

/// What is to be done, given the backups of this net. After an attempt that did not end well comes one of another name.
pub(super) fn next(found: &[Backup], digits: &str, ended: u32, moment: &Moment) -> Next {
    let number = |backup: &Backup| number(&backup.name, digits).unwrap_or_default();
    let mut known: Vec<&Backup> = found.iter().filter(|backup| number(backup) > 0).collect();
    known.sort_by_key(|backup| Reverse(number(backup)));
    if let Some(backup) = known.iter().find(|backup| is_of_now(backup, moment)) {
        return Next::Accept(Box::new((*backup).clone()));
    }
    let runs = |backup: &Backup| matches!(backup.status, Status::Building | Status::Other(_));
    if let Some(backup) = known.iter().find(|backup| runs(backup)) {
        return Next::Wait(Box::new((*backup).clone()));
    }
    Next::Take(known.first().map_or(0, |backup| number(backup)).max(ended) + 1)
}

/// Whether a backup has completed so short a time ago that it belongs to the destroy that is under way, or was just interrupted.
/// Our own clock counts as far as it was read when the backup was begun; the service's may be wrong by hours. Where only that one
/// speaks, a backup without times is of unknown age.
pub(super) fn is_of_now(backup: &Backup, moment: &Moment) -> bool {
    let ended = backup.end.or(backup.begin);
    backup.status == Status::Completed
        && (moment.has_begun(&backup.name) || ended.is_some_and(|ended| moment.is_near(ended)))
}

/// Whether a backup ended so long before a destroy began that it cannot be of it. However long the destroy itself takes does
/// not count.
pub(super) fn is_old(backup: &Backup, moment: &Moment) -> bool {
    let ended = backup.end.or(backup.begin);
    !moment.has_begun(&backup.name) && ended.is_none_or(|ended| ended < moment.now && !moment.is_near(ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "0123456789abcdef";
    const LIMIT: Duration = Duration::from_hours(2);

    fn moment(begun: Option<(&str, &str)>) -> Moment {
        let begun = begun.map(|(name, at)| (name.to_owned(), at.parse().unwrap()));
        Moment { now: "2026-11-26T12:00:00Z".parse().unwrap(), limit: LIMIT, begun }
    }

    fn backup(name: &str, status: Status, end: Option<&str>) -> Backup {
        Backup { end: end.map(|end| end.parse().unwrap()), ..Backup::sample(name, "i1", name, status) }
    }

    #[test]
    fn a_short_limit_does_not_make_a_backup_old() {
        assert_eq!(recent(Duration::from_secs(3)), LIMIT);
        assert_eq!(recent(Duration::from_hours(5)), Duration::from_hours(5));
    }

    #[test]
    fn names_tell_the_attempt() {
        for attempt in [1, 2, 17] {
            assert_eq!(number(&name("final-", DIGITS, attempt), DIGITS), Some(attempt));
            assert_eq!(number(&name("another-prefix-", DIGITS, attempt), DIGITS), Some(attempt));
        }
        for other in
            ["final-", "nightly", "final-0123456789abcde0", "final-0123456789abcdef-x", "final-0123456789abcdefg"]
        {
            assert_eq!(number(other, DIGITS), None, "{other}");
        }
    }

    #[test]
    fn what_ended_after_the_destroy_began_is_not_old() {
        for (end, old) in [
            (Some("2026-11-26T15:00:00Z"), false),
            (Some("2026-11-26T12:00:01Z"), false),
            (Some("2026-11-26T10:00:00Z"), false),
            (Some("2026-11-26T09:59:59Z"), true),
            (None, true),
        ] {
            assert_eq!(is_old(&backup("final-", Status::Completed, end), &moment(None)), old, "{end:?}");
        }
    }

    #[test]
    fn what_a_destroy_does_next() {
        let first = format!("final-{DIGITS}");
        let second = format!("final-{DIGITS}-2");
        let fresh = backup(&first, Status::Completed, Some("2026-11-26T11:00:00Z"));
        let old = backup(&first, Status::Completed, Some("2026-11-20T11:00:00Z"));
        let ageless = backup(&first, Status::Completed, None);
        let failed = backup(&first, Status::Failed, Some("2026-11-26T11:59:00Z"));
        let deleted = backup(&first, Status::Deleting, Some("2026-11-26T11:59:00Z"));
        let running = backup(&second, Status::Building, None);
        let odd = backup(&second, Status::Other("PREPARING".to_owned()), None);
        let foreign = backup("nightly", Status::Completed, Some("2026-11-26T11:59:00Z"));
        let boxed = |backup: &Backup| Box::new(backup.clone());
        for (what, found, ended, expected) in [
            ("nothing was taken", vec![], 0, Next::Take(1)),
            ("others' backups do not count", vec![&foreign], 0, Next::Take(1)),
            ("one of this destroy", vec![&fresh], 0, Next::Accept(boxed(&fresh))),
            ("one of a destroy of last week", vec![&old], 0, Next::Take(2)),
            ("one of unknown age", vec![&ageless], 0, Next::Take(2)),
            ("one that failed", vec![&failed], 0, Next::Take(2)),
            ("one that is being deleted", vec![&deleted], 0, Next::Take(2)),
            ("one that runs after one that failed", vec![&failed, &running], 0, Next::Wait(boxed(&running))),
            ("one with a status of its own", vec![&failed, &odd], 0, Next::Wait(boxed(&odd))),
            ("a completed one before one that runs", vec![&running, &fresh], 0, Next::Accept(boxed(&fresh))),
            ("one that was ended", vec![], 3, Next::Take(4)),
        ] {
            let found: Vec<Backup> = found.into_iter().cloned().collect();
            assert_eq!(next(&found, DIGITS, ended, &moment(None)), expected, "{what}");
        }
    }

    #[test]
    fn what_was_begun_a_short_time_ago_is_of_now_whatever_the_services_clock_says() {
        let name = format!("final-{DIGITS}");
        for (begun, end, of_now) in [
            (Some((&*name, "2026-11-26T11:59:30Z")), Some("2026-11-26T09:29:55Z"), true),
            (Some((&*name, "2026-11-26T11:59:30Z")), None, true),
            (Some((&*name, "2026-11-26T08:00:00Z")), Some("2026-11-26T08:05:00Z"), false),
            (Some(("final-another", "2026-11-26T11:59:30Z")), Some("2026-11-26T09:29:55Z"), false),
            (None, Some("2026-11-26T09:29:55Z"), false),
        ] {
            let (moment, completed) = (moment(begun), backup(&name, Status::Completed, end));
            let expected = if of_now { Next::Accept(Box::new(completed.clone())) } else { Next::Take(2) };
            assert_eq!(next(std::slice::from_ref(&completed), DIGITS, 0, &moment), expected, "{begun:?} {end:?}");
            assert_eq!(is_old(&completed, &moment), !of_now, "{begun:?} {end:?}");
        }
    }
}
