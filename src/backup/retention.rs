//! Which backups rotation removes. One pure rule for everything that prunes: the resource's `keep_last`, the action and
//! the function.
//!
//! Only backups of the kind that the service keeps are ever removed, each instance is looked at alone, and its last completed backup stays unless that is
//! allowed expressly. Failed ones hold nothing: they do not count, and go where the rule says so.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::{Backup, Status, naming};

/// What may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// So many of the newest stay.
    pub keep_last: Option<u64>,
    /// Only backups begun before this may go.
    pub begun_before: Option<Timestamp>,
    /// Whether even the last completed backup of an instance may go.
    pub allow_last: bool,
    /// Whether failed ones go, however few others there are.
    pub failed: bool,
}

/// What the rule needs to know of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The backup's id.
    pub id: String,
    /// The instance it was taken of.
    pub instance_id: String,
    /// Whether it is completed.
    pub completed: bool,
    /// Whether it has failed.
    pub failed: bool,
    /// Whether it is of the kind that the service keeps until somebody deletes it: [`super::Facts::kept_kind`].
    pub kept: bool,
    /// When it was begun. One that does not tell stays.
    pub begin: Option<Timestamp>,
}

impl Candidate {
    /// A backup of a service that keeps those of `kept_kind`.
    pub fn of(backup: &Backup, kept_kind: &str) -> Self {
        Candidate {
            id: backup.id.clone(),
            instance_id: backup.instance_id.clone(),
            completed: backup.status == Status::Completed,
            failed: backup.status == Status::Failed,
            kept: backup.kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case(kept_kind)),
            begin: backup.begin,
        }
    }
}

/// The ids of the backups to remove, oldest first. A rule that says neither how many nor how old removes nothing.
pub fn prunable(candidates: &[Candidate], rule: Rule) -> Vec<String> {
    if rule.keep_last.is_none() && rule.begun_before.is_none() {
        return Vec::new();
    }
    let keep = usize::try_from(rule.keep_last.unwrap_or(0)).unwrap_or(usize::MAX);
    let keep = if rule.allow_last { keep } else { keep.max(1) };
    let mut instances: BTreeMap<&str, Vec<(Timestamp, &str)>> = BTreeMap::new();
    for one in candidates.iter().filter(|one| one.completed && one.kept) {
        if let Some(begin) = one.begin {
            instances.entry(&one.instance_id).or_default().push((begin, &one.id));
        }
    }
    let old_enough = |(begin, _): &(Timestamp, &str)| rule.begun_before.is_none_or(|before| *begin < before);
    let failed = candidates.iter().filter(|one| rule.failed && one.failed && one.kept);
    let mut removed: Vec<_> = failed.filter_map(|one| Some((one.begin?, one.id.as_str()))).filter(old_enough).collect();
    for mut backups in instances.into_values() {
        backups.sort_unstable_by_key(|backup| Reverse(*backup));
        backups.dedup();
        removed.extend(backups.into_iter().skip(keep).filter(old_enough));
    }
    removed.sort_unstable();
    let mut seen = BTreeSet::new();
    removed.retain(|(_, id)| seen.insert(*id));
    removed.into_iter().map(|(_, id)| id.to_owned()).collect()
}

/// The backups that the rule would look at if it were known when they were begun. What cannot be ordered stays, and does not
/// count.
pub fn undated(candidates: &[Candidate], rule: Rule) -> impl Iterator<Item = &str> {
    let is_meant = move |one: &&Candidate| one.kept && (one.completed || rule.failed && one.failed);
    candidates.iter().filter(is_meant).filter(|one| one.begin.is_none()).map(|one| one.id.as_str())
}

/// Reads an age: `0s` for any, a whole number of days or weeks (`30d`, `4w`), or a duration that `fine` can read.
pub fn age(text: &str, fine: impl FnOnce(&str) -> Result<Duration, String>) -> Result<Duration, String> {
    const CENTURY_DAYS: u64 = 36_600;
    let count = |units: &[char]| {
        text.strip_suffix(units).filter(|count| !count.is_empty() && count.bytes().all(|digit| digit.is_ascii_digit()))
    };
    if count(&['s', 'm', 'h', 'd', 'w']).is_some_and(|count| count.bytes().all(|digit| digit == b'0')) {
        return Ok(Duration::ZERO);
    }
    for (unit, days_each) in [('d', 1), ('w', 7)] {
        let Some(count) = count(&[unit]) else { continue };
        let days = count.parse::<u64>().ok().and_then(|count| count.checked_mul(days_each));
        let days = days.filter(|days| *days <= CENTURY_DAYS);
        return days
            .map(|days| Duration::from_hours(24 * days))
            .ok_or_else(|| format!("{text:?} is not an age of a hundred years at most; \"0s\" is any age"));
    }
    fine(text).map_err(|why| format!("{why} Days and weeks are whole numbers: \"30d\", \"4w\"; any age is \"0s\"."))
}

/// Whether a name was made from exactly this prefix, by [`naming::unique_name`] or [`naming::timed_name`].
pub fn rotates(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(naming::is_ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn candidate(id: &str, day: u8) -> Candidate {
        Candidate {
            id: id.to_owned(),
            instance_id: "one".to_owned(),
            completed: true,
            failed: false,
            kept: true,
            begin: Some(at(&format!("2026-01-{day:02}T00:00:00Z"))),
        }
    }

    #[test]
    fn the_newest_stay_and_the_last_one_always() {
        let three = [candidate("b", 2), candidate("a", 1), candidate("c", 3)];
        let day = |day: u8| Some(at(&format!("2026-01-{day:02}T00:00:00Z")));
        for (keep_last, begun_before, allow_last, expected) in [
            (None, None, false, &[][..]),
            (None, None, true, &[]),
            (Some(3), None, false, &[]),
            (Some(2), None, false, &["a"]),
            (Some(1), None, false, &["a", "b"]),
            (Some(0), None, false, &["a", "b"]),
            (Some(0), None, true, &["a", "b", "c"]),
            (None, day(2), false, &["a"]),
            (None, day(3), false, &["a", "b"]),
            (None, day(9), false, &["a", "b"]),
            (None, day(9), true, &["a", "b", "c"]),
            (Some(2), day(9), false, &["a"]),
            (Some(1), day(2), false, &["a"]),
            (Some(u64::MAX), day(9), true, &[]),
        ] {
            let rule = Rule { keep_last, begun_before, allow_last, failed: false };
            assert_eq!(prunable(&three, rule), expected, "{rule:?}");
        }
    }

    #[test]
    fn only_completed_manual_backups_count_or_go() {
        let rule = Rule { keep_last: Some(1), ..Rule::default() };
        let old = candidate("old", 1);
        for other in [
            Candidate { completed: false, ..candidate("other", 5) },
            Candidate { kept: false, ..candidate("other", 5) },
            Candidate { begin: None, ..candidate("other", 5) },
            Candidate { instance_id: "two".to_owned(), ..candidate("other", 5) },
        ] {
            assert_eq!(prunable(&[old.clone(), other.clone()], rule), [""; 0], "{other:?}");
            let newer = candidate("newer", 9);
            assert_eq!(prunable(&[newer, other.clone(), old.clone()], rule), ["old"], "{other:?}");
        }
        assert_eq!(prunable(&[old.clone(), old.clone()], rule), [""; 0], "one that is listed twice is one");
    }

    #[test]
    fn failed_ones_go_where_the_rule_says_so_and_never_count() {
        let failed = |id: &str, day| Candidate { completed: false, failed: true, ..candidate(id, day) };
        let all = [candidate("a", 1), failed("b", 2), candidate("c", 3), failed("d", 4)];
        let keeps = |keep_last| Rule { keep_last: Some(keep_last), failed: true, ..Rule::default() };
        assert_eq!(prunable(&all, keeps(1)), ["a", "b", "d"]);
        assert_eq!(prunable(&all, keeps(2)), ["b", "d"]);
        assert_eq!(prunable(&all, Rule { failed: false, ..keeps(1) }), ["a"]);
        let before = Rule { begun_before: Some(at("2026-01-03T00:00:00Z")), ..keeps(2) };
        assert_eq!(prunable(&all, before), ["b"]);
        assert_eq!(prunable(&all, Rule { failed: true, ..Rule::default() }), [""; 0], "neither how many nor how old");
        let undated_ones = [
            candidate("a", 1),
            Candidate { begin: None, ..failed("b", 2) },
            Candidate { begin: None, ..candidate("c", 3) },
            Candidate { begin: None, kept: false, ..candidate("d", 4) },
        ];
        assert_eq!(prunable(&undated_ones, Rule { allow_last: true, ..keeps(0) }), ["a"]);
        let undated_ids = |rule| undated(&undated_ones, rule).collect::<Vec<_>>();
        assert_eq!((undated_ids(keeps(1)), undated_ids(Rule::default())), (vec!["b", "c"], vec!["c"]));
        let automatic = [Candidate { kept: false, ..failed("b", 2) }, Candidate { begin: None, ..failed("d", 4) }];
        assert_eq!(prunable(&automatic, keeps(1)), [""; 0]);
    }

    #[test]
    fn instances_are_looked_at_one_by_one() {
        let of = |instance: &str, id: &str, day| Candidate { instance_id: instance.to_owned(), ..candidate(id, day) };
        let all = [of("one", "a", 1), of("two", "b", 2), of("one", "c", 3), of("two", "d", 4)];
        assert_eq!(prunable(&all, Rule { keep_last: Some(1), ..Rule::default() }), ["a", "b"]);
    }

    #[test]
    fn ages_count_days_and_weeks_too() {
        let fine = |text: &str| if text == "36h" { Ok(Duration::from_hours(36)) } else { Err("No.".to_owned()) };
        for (text, hours) in [
            ("0s", Some(0)),
            ("0m", Some(0)),
            ("0h", Some(0)),
            ("0d", Some(0)),
            ("00w", Some(0)),
            ("1d", Some(24)),
            ("30d", Some(720)),
            ("2w", Some(336)),
            ("36h", Some(36)),
        ] {
            assert_eq!(age(text, fine).ok().map(|age| age.as_secs() / 3600), hours, "{text}");
        }
        for text in ["", "d", "-1d", "1.5d", "99999999999999999999d", "18446744073709551615w", "1y"] {
            assert!(age(text, fine).is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_rotates_only_its_own_names() {
        let now = at("2026-01-02T03:04:05Z");
        let name = naming::unique_name("nightly-", now);
        assert!(rotates(&name, "nightly-"));
        assert!(rotates(&naming::timed_name("nightly-", now), "nightly-"));
        assert!(!rotates(&name, "night"), "another prefix that happens to be shorter");
        assert!(!rotates("nightly-by-hand", "nightly-"));
        assert!(!rotates(&naming::unique_name("nightly-2-", now), "nightly-"));
    }
}
