//! What there is to say after a create that had an unclear moment, or met somebody on the instance.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::messages::label;
use super::model::ManualBackup;
use crate::backup::{Backup, Progress, Status, naming};
use crate::plugin::Diagnostic;
use crate::provider::services::importable;

/// Notes a backup that keeps the instance busy, has a name of this very prefix, or this very name, and is none of this run's:
/// most likely it is of an earlier run whose state was lost.
pub(super) struct Namesakes<'a> {
    prefix: Option<&'a str>,
    name: Option<&'a str>,
    seen: Mutex<Option<Backup>>,
}

impl<'a> Namesakes<'a> {
    pub(super) fn of(planned: &'a ManualBackup) -> Self {
        Namesakes { prefix: planned.name_prefix.as_str(), name: planned.name.as_str(), seen: Mutex::default() }
    }

    /// That backup, if there was one.
    pub(super) fn seen(&self) -> Option<Backup> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Progress for Namesakes<'_> {
    fn busy(&self, running: Option<&Backup>, is_this_runs: bool) {
        let has_name = |running: &Backup| match self.prefix {
            Some(prefix) => running.name.strip_prefix(prefix).is_some_and(naming::is_ending),
            None => self.name == Some(&running.name),
        };
        if let Some(running) = running.filter(|running| !is_this_runs && has_name(running)) {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(running.clone());
        }
    }

    fn seen(&self, _: Duration, _: Option<&Status>) {}
}

/// That it is there, but not under the id that the answer to its create gave.
pub(super) fn under_another_id(id: &str, shown: &Backup) -> Diagnostic {
    let detail = format!(
        "The answer to the create gave the id {id}, under which the cloud does not show the backup. The backup {} ({}) has its name \
         {:?}, which no other backup has: it is taken for the one that was begun.",
        shown.id, shown.status, shown.name
    );
    Diagnostic::warning("Backup was found under another id", detail)
}

/// That the name which a plan chose is taken.
pub(super) fn applied_before(planned: &ManualBackup, existing: Option<&Backup>) -> Diagnostic {
    let (service, region, name) = (planned.service.text(), planned.region.text(), planned.name.text());
    let (which, import) = match existing {
        Some(backup) => (
            format!("the backup {} ({}) has it already", backup.id, backup.status),
            format!(
                "; if that backup is the one you want, import it as {}",
                importable(service, region, &backup.instance_id, &backup.id)
            ),
        ),
        None => ("a backup has it already".to_owned(), String::new()),
    };
    Diagnostic::error(
        "Backup was not created: the plan was applied before",
        format!(
            "The name {name:?} was chosen when this was planned, and {which}. Most likely the same saved plan was applied \
             before, and the state of that run was lost. Make a new plan{import}."
        ),
    )
    .at("name_prefix")
}

/// That what this very run has in its state has the name.
pub(super) fn held_by_this_run(planned: &ManualBackup, holder: &Backup) -> Diagnostic {
    let name = planned.name.text();
    Diagnostic::error(
        "Backup was not created: the name is taken",
        format!(
            "The backup {} ({}) has the name {name:?}, names are unique, and that backup is in the state of this configuration.\n\n\
             This run left nothing in the cloud.\n\nWith `create_before_destroy` the old backup has its name until the new one is \
             there: use `name_prefix` in place of `name`, or leave `create_before_destroy` out. If the resource was renamed, a \
             `moved` block keeps its backup, and no new one is taken.",
            holder.id, holder.status
        ),
    )
    .at("name")
}

/// That a backup without an answer was recognized, and by what.
pub(super) fn compared(planned: &ManualBackup, id: &str) -> Diagnostic {
    let name = planned.name.text();
    Diagnostic::warning(
        "Backup was recognized by comparison",
        format!(
            "No answer came to the create, but the backup {id} has appeared: its name {name:?}, its instance and its description \
             are those that were asked for, and it was not there before. It is taken for this one. Use `name_prefix` instead of \
             `name`: a random name leaves no doubt."
        ),
    )
    .at("name")
}

/// That a backup of the same prefix, or of the same name, ran there.
pub(super) fn ran_already(planned: &ManualBackup, running: &Backup) -> Diagnostic {
    let (service, region) = (planned.service.text(), planned.region.text());
    let import = importable(service, region, &running.instance_id, &running.id);
    let detail = |has: &str| {
        format!(
            "When this one was to be taken, the backup {:?} ({}) ran on the instance. {has}, so it may be of an earlier run whose \
             state was lost. If no state tracks it, import it as {import}, or delete it.",
            running.name, running.id,
        )
    };
    if planned.name_prefix.is_set() {
        let detail = detail("Its name is of exactly this prefix");
        return Diagnostic::warning("A backup of this prefix was running already", detail).at("name_prefix");
    }
    Diagnostic::warning("A backup of this name was running already", detail("It has this very name")).at("name")
}

/// That the service made other words of the description.
pub(super) fn rewritten(state: &ManualBackup, backup: &Backup) -> Option<Diagnostic> {
    let (wanted, told) = (state.description.as_str()?, backup.description.as_deref()?);
    (wanted != told && !wanted.is_empty()).then(|| {
        let detail = format!(
            "{} has the description {told:?} in the cloud, not {wanted:?}. The state keeps what is configured.",
            label(state)
        );
        Diagnostic::warning("Description was changed by the service", detail).at("description")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{NameOrigin, NewBackup};
    use crate::plugin::Attr;
    use crate::provider::unanswered::{IN_STATE, has_name, may_be_twice, taken_twice};

    #[test]
    fn what_is_said_reads_well() {
        let planned = ManualBackup {
            id: "b1br02".into(),
            service: "dds".into(),
            instance_id: "i1in02".into(),
            name: "before-the-migration".into(),
            description: "taken  by hand".into(),
            name_prefix: "before-".into(),
            ..ManualBackup::default()
        };
        let record = Backup {
            description: Some("taken by hand".to_owned()),
            ..Backup::sample("b2br02", "i1in02", "before-2026112612000001234567", Status::Building)
        };
        let want = NewBackup {
            instance_id: "i1in02".to_owned(),
            name: "before-2026112612000001234567".to_owned(),
            name_origin: NameOrigin::Random,
            ..NewBackup::default()
        };
        let of_ones_own = NewBackup { name: "nightly".to_owned(), name_origin: NameOrigin::Fixed, ..want.clone() };
        let said = [
            compared(&planned, "b1br02"),
            ran_already(&planned, &record),
            ran_already(&ManualBackup { name_prefix: Attr::Null, ..planned.clone() }, &record),
            rewritten(&planned, &record).expect("the texts differ"),
            has_name(("dds", "eu-de"), (&record, true)),
            has_name(("dds", "eu-de"), (&record, false)),
            under_another_id("b1br02", &record),
            taken_twice(("dds", "eu-de"), &want, ("b1br02", IN_STATE), "b2br02", false),
            taken_twice(("dds", "eu-de"), &of_ones_own, ("b1br02", IN_STATE), "b2br02", false),
            taken_twice(("dds", "eu-de"), &of_ones_own, ("b1br02", IN_STATE), "b2br02", true),
            may_be_twice(&want, ("b1br02", IN_STATE), &["b2br02"]),
            applied_before(&planned, Some(&record)),
            applied_before(&planned, None),
        ];
        let page: Vec<_> =
            said.iter().map(|one| format!("{:?}: {}\n{}\n", one.severity, one.summary, one.detail)).collect();
        insta::assert_snapshot!("certainty", page.join("\n"));
    }

    #[test]
    fn only_a_name_of_this_prefix_or_this_very_name_that_is_not_this_runs_is_noted() {
        let of_prefix = ManualBackup { name_prefix: "nightly-".into(), ..ManualBackup::default() };
        let of_name = ManualBackup { name: "nightly".into(), ..ManualBackup::default() };
        for (planned, name, is_this_runs, noted) in [
            (&of_prefix, "nightly-20261126120000012345ab", false, true),
            (&of_prefix, "nightly-20261126120000012345ab", true, false),
            (&of_prefix, "nightly-by-hand", false, false),
            (&of_prefix, "weekly-20261126120000012345ab", false, false),
            (&of_name, "nightly", false, true),
            (&of_name, "nightly", true, false),
            (&of_name, "nightly-20261126120000012345ab", false, false),
        ] {
            let others = Namesakes::of(planned);
            let running = Backup::sample("b", "i", name, Status::Building);
            others.busy(Some(&running), is_this_runs);
            assert_eq!(others.seen().is_some(), noted, "{name}");
        }
    }
}
