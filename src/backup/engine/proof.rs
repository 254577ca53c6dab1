//! What counts as proof of what is said about backups: evidence in, verdict out. No calls, no clocks.
//!
//! * *Ours*: whether a backup that appeared after a create without a clear answer is the one that was asked for.
//! * *Gone*: whether a backup that looks do not show is gone.
//! * *Itself*: whether a record is the backup that a state speaks of, so that it may be stopped or deleted.
//!
//! Where a rule is not met, the answer is an error that says what is not known, and nothing is deleted for it.

use std::collections::HashSet;

use crate::backup::{Backup, BackupRef, Doubt, JobStatus, NameOrigin, NewBackup};

/// What is known of the time before a create whose answer is unclear.
pub(super) struct Before<'a> {
    /// What was asked for.
    pub(super) want: &'a NewBackup,
    /// The ids on the list that was read before the create; `None` if it could not be read.
    pub(super) listed: Option<&'a HashSet<String>>,
    /// What this process began there: it belongs to other creates.
    pub(super) begun: &'a HashSet<String>,
    /// Whether the service tells descriptions.
    pub(super) tells_descriptions: bool,
}

/// Whose a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// It has this create's own random name.
    Ours,
    /// Everything that the service tells of it is what was asked for, and it was not there before.
    OursByComparison,
    /// It is of another create.
    Foreign,
    /// It has the name, and was not there before, but what it is cannot be compared.
    Doubtful,
}

/// Whose a backup is that was found after a create without a clear answer.
pub(super) fn whose(backup: &Backup, before: &Before<'_>) -> Whose {
    let want = before.want;
    let elsewhere = !backup.instance_id.is_empty() && backup.instance_id != want.instance_id;
    let automatic = backup.kind.as_ref().is_some_and(|kind| kind != "manual");
    // A name that is kept is asked for again: what it began before, also in this process, is what is meant.
    let anothers = before.begun.contains(&backup.id) && want.name_origin != NameOrigin::Kept;
    if backup.name != want.name || elsewhere || automatic || anothers {
        return Whose::Foreign;
    }
    match before.listed {
        Some(listed) if listed.contains(&backup.id) => Whose::Foreign,
        _ if want.name_origin.is_random() => Whose::Ours,
        _ if before.tells_descriptions && text(backup.description.as_ref()) != text(want.description.as_ref()) => {
            Whose::Foreign
        }
        Some(_) if before.tells_descriptions => Whose::OursByComparison,
        _ => Whose::Doubtful,
    }
}

fn text(description: Option<&String>) -> &str {
    description.map_or("", String::as_str)
}

/// What there is to say about a backup that was not found.
#[derive(Clone, Debug)]
pub(super) struct Absence {
    /// How often in a row both questions, by its id and in the list of its instance, were answered without it.
    pub(super) looks: u32,
    /// The project in which it was last seen; `None` if that was never written down.
    pub(super) seen_in: Option<String>,
    /// The project that is asked.
    pub(super) asked_in: String,
    /// Whether the service knows the instance in this project.
    pub(super) instance: InstanceKnown,
    /// Whether it was ever seen to have ended, so that no job can contradict its absence.
    pub(super) ended: bool,
    /// What the job of its create says; `None` if it is not known.
    pub(super) job: Option<JobStatus>,
    /// Whether a list has shown it since it was begun.
    pub(super) listed: bool,
    /// Whether it was begun so long ago that lists cannot lag behind any more.
    pub(super) old: bool,
}

/// Whether the service knows an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InstanceKnown {
    Yes,
    /// The service's own list of instances was read and lacks it.
    Unlisted,
    /// The same, and the service shows backups only by their instance: what outlives it is never seen.
    OnlyViewGone,
    /// That list is empty, and IAM does not say that the project is one of those who ask.
    NothingListed,
    Unasked,
}

/// What an absence proves.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Gone {
    Proven,
    /// One more look is needed.
    LookAgain,
    Doubtful(Doubt),
}

/// Looks in a row that an absence needs.
const LOOKS: u32 = 2;

/// Whether a backup is gone.
pub(super) fn gone(absence: &Absence) -> Gone {
    match (absence.seen_in.as_ref(), absence.instance) {
        (Some(seen_in), _) if *seen_in != absence.asked_in => {
            return Gone::Doubtful(Doubt::OtherProject {
                seen_in: seen_in.clone(),
                asked_in: absence.asked_in.clone(),
            });
        }
        (None, InstanceKnown::Unlisted | InstanceKnown::OnlyViewGone | InstanceKnown::NothingListed) => {
            return Gone::Doubtful(Doubt::ProjectUnknown);
        }
        (_, InstanceKnown::NothingListed) => return Gone::Doubtful(Doubt::NotTheCallers),
        (_, InstanceKnown::Unasked) => return Gone::Doubtful(Doubt::InstanceUnknown),
        (_, InstanceKnown::OnlyViewGone) => return Gone::Doubtful(Doubt::InstanceGone),
        _ => {}
    }
    if !absence.ended {
        match absence.job {
            Some(JobStatus::Running) => return Gone::Doubtful(Doubt::JobContradicts),
            // The job of a backup that somebody deleted goes on saying so for ever: it counts for as long as lists can lag.
            Some(JobStatus::Completed) if !absence.old => return Gone::Doubtful(Doubt::JobContradicts),
            None if !absence.old && !absence.listed => return Gone::Doubtful(Doubt::NotListedYet),
            Some(JobStatus::Completed | JobStatus::Failed) | None => {}
        }
    }
    if absence.looks >= LOOKS { Gone::Proven } else { Gone::LookAgain }
}

/// Whether a deletion that the service accepted is over: one look without it where the deletion's job completed, two where no job is
/// known. A job that goes on, or has failed, outweighs any number.
pub(super) fn deleted(looks: u32, job: Option<JobStatus>) -> bool {
    match job {
        Some(JobStatus::Completed) => looks > 0,
        Some(JobStatus::Running | JobStatus::Failed) => false,
        None => looks >= LOOKS,
    }
}

/// Whether a record is the backup that is meant: of the same instance and, where both are told, of the same name.
pub(super) fn is_itself(record: &Backup, meant: &BackupRef) -> bool {
    let same = |told: &str, meant: Option<&str>| told.is_empty() || meant.is_none_or(|meant| meant == told);
    same(&record.instance_id, meant.instance_id.as_deref()) && same(&record.name, meant.name.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Status;

    fn backup(name: &str, description: Option<&str>) -> Backup {
        Backup {
            description: description.map(str::to_owned),
            kind: Some("manual".to_owned()),
            ..Backup::sample("b1", "i1", name, Status::Building)
        }
    }

    #[test]
    fn whose_a_backup_is() {
        let fixed = NewBackup { description: Some("for team a".to_owned()), ..want("nightly", NameOrigin::Fixed) };
        let bare = want("nightly", NameOrigin::Fixed);
        let random = want("nightly-1234", NameOrigin::Random);
        let kept = want("nightly-1234", NameOrigin::Kept);
        let nothing = HashSet::new();
        let b1 = HashSet::from(["b1".to_owned()]);
        let ours = backup("nightly", Some("for team a"));
        for (what, backup, want, listed, begun, tells, expected) in [
            ("its own random name", backup("nightly-1234", None), &random, None, &nothing, true, Whose::Ours),
            (
                "the same, there before",
                backup("nightly-1234", None),
                &random,
                Some(&b1),
                &nothing,
                true,
                Whose::Foreign,
            ),
            ("another create of ours", backup("nightly-1234", None), &random, None, &b1, true, Whose::Foreign),
            ("what the same name began before", backup("nightly-1234", None), &kept, None, &b1, true, Whose::Ours),
            ("another name", backup("weekly", None), &bare, Some(&nothing), &nothing, true, Whose::Foreign),
            ("all is as asked for", ours.clone(), &fixed, Some(&nothing), &nothing, true, Whose::OursByComparison),
            ("it was there before", ours.clone(), &fixed, Some(&b1), &nothing, true, Whose::Foreign),
            ("nobody looked before", ours.clone(), &fixed, None, &nothing, true, Whose::Doubtful),
            (
                "another description",
                backup("nightly", Some("b")),
                &fixed,
                Some(&nothing),
                &nothing,
                true,
                Whose::Foreign,
            ),
            ("one where none was asked for", ours.clone(), &bare, Some(&nothing), &nothing, true, Whose::Foreign),
            (
                "an empty one is none",
                backup("nightly", Some("")),
                &bare,
                Some(&nothing),
                &nothing,
                true,
                Whose::OursByComparison,
            ),
            ("no descriptions told", backup("nightly", None), &fixed, Some(&nothing), &nothing, false, Whose::Doubtful),
            (
                "another instance's",
                Backup { instance_id: "i2".to_owned(), ..ours.clone() },
                &fixed,
                Some(&nothing),
                &nothing,
                true,
                Whose::Foreign,
            ),
            (
                "an automatic one",
                Backup { kind: Some("auto".to_owned()), ..ours.clone() },
                &fixed,
                Some(&nothing),
                &nothing,
                true,
                Whose::Foreign,
            ),
        ] {
            let before = Before { want, listed, begun, tells_descriptions: tells };
            assert_eq!(whose(&backup, &before), expected, "{what}");
        }
    }

    fn want(name: &str, name_origin: NameOrigin) -> NewBackup {
        NewBackup { instance_id: "i1".to_owned(), name: name.to_owned(), name_origin, ..NewBackup::default() }
    }

    #[test]
    fn when_an_absence_is_believed() {
        let sure = || Absence {
            looks: 2,
            seen_in: Some("p1".to_owned()),
            asked_in: "p1".to_owned(),
            instance: InstanceKnown::Yes,
            ended: true,
            job: None,
            listed: true,
            old: true,
        };
        let begun = || Absence { ended: false, listed: false, old: false, ..sure() };
        for (what, absence, expected) in [
            ("everything holds", sure(), Gone::Proven),
            ("one look", Absence { looks: 1, ..sure() }, Gone::LookAgain),
            ("the instance is gone too", Absence { instance: InstanceKnown::Unlisted, ..sure() }, Gone::Proven),
            (
                "the same where only it shows its backups",
                Absence { instance: InstanceKnown::OnlyViewGone, ..sure() },
                doubt(Doubt::InstanceGone),
            ),
            (
                "no word about the instance",
                Absence { instance: InstanceKnown::Unasked, ..sure() },
                doubt(Doubt::InstanceUnknown),
            ),
            (
                "another project",
                Absence { asked_in: "p2".to_owned(), ..sure() },
                doubt(Doubt::OtherProject { seen_in: "p1".to_owned(), asked_in: "p2".to_owned() }),
            ),
            ("an old state, instance known here", Absence { seen_in: None, ..sure() }, Gone::Proven),
            (
                "an old state, instance unknown here",
                Absence { seen_in: None, instance: InstanceKnown::Unlisted, ..sure() },
                doubt(Doubt::ProjectUnknown),
            ),
            ("never listed, no job", begun(), doubt(Doubt::NotListedYet)),
            ("never listed, long ago", Absence { old: true, ..begun() }, Gone::Proven),
            ("listed, no job", Absence { listed: true, ..begun() }, Gone::Proven),
            (
                "its job runs",
                Absence { job: Some(JobStatus::Running), old: true, ..begun() },
                doubt(Doubt::JobContradicts),
            ),
            ("its job completed", Absence { job: Some(JobStatus::Completed), ..begun() }, doubt(Doubt::JobContradicts)),
            (
                "its job completed, also where a list has shown it",
                Absence { job: Some(JobStatus::Completed), listed: true, ..begun() },
                doubt(Doubt::JobContradicts),
            ),
            (
                "its job completed long ago: somebody deleted it",
                Absence { job: Some(JobStatus::Completed), old: true, ..begun() },
                Gone::Proven,
            ),
            ("its job failed", Absence { job: Some(JobStatus::Failed), ..begun() }, Gone::Proven),
            (
                "seen to have ended: its job is history",
                Absence { job: Some(JobStatus::Completed), ..sure() },
                Gone::Proven,
            ),
        ] {
            assert_eq!(gone(&absence), expected, "{what}");
        }
    }

    fn doubt(doubt: Doubt) -> Gone {
        Gone::Doubtful(doubt)
    }

    #[test]
    fn when_a_deletion_is_over() {
        for (looks, job, over) in [
            (0, None, false),
            (0, Some(JobStatus::Completed), false),
            (1, None, false),
            (1, Some(JobStatus::Running), false),
            (1, Some(JobStatus::Completed), true),
            (2, None, true),
            (9, Some(JobStatus::Running), false),
            (9, Some(JobStatus::Failed), false),
        ] {
            assert_eq!(deleted(looks, job), over, "{looks} {job:?}");
        }
    }

    #[test]
    fn what_may_be_deleted() {
        let record = backup("nightly", None);
        let meant = |instance_id: Option<&str>, name: Option<&str>| BackupRef {
            name: name.map(str::to_owned),
            ..BackupRef::new("b1", instance_id.map(str::to_owned))
        };
        for (instance_id, name, expected) in [
            (Some("i1"), Some("nightly"), true),
            (None, None, true),
            (Some("i2"), Some("nightly"), false),
            (Some("i1"), Some("weekly"), false),
        ] {
            assert_eq!(is_itself(&record, &meant(instance_id, name)), expected, "{instance_id:?} {name:?}");
        }
    }
}
