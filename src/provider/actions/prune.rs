//! The action `huaweidb_prune_backups`: deletes old manual backups of an instance.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::time::Instant;

use super::super::explain::{self, About, Doing, sentence, what_happened_while, what_next};
use super::super::pruning::{KEEP_AT_MOST, before, check_age, pruned};
use super::super::{checks, client, fields, services};
use super::{Remarks, context, is_missing, region_attribute, steps, timeout_attribute, unfound};
use crate::backup::retention::{self, Candidate, Rule};
use crate::backup::{self, Backup, BackupRef, Backups, Filter, PlannedPruning, Service, Status};
use crate::cloud::Context;
use crate::plugin::{Action, Attr, Attribute, Diagnostic, Diagnostics, Run, Schema, Type, model};

model! {
    /// What to delete.
    pub(crate) struct PruneConfig {
        service: Attr<String>,
        instance_id: Attr<String>,
        name_prefix: Attr<String>,
        keep_last: Attr<i64>,
        older_than: Attr<String>,
        keep_ids: Attr<Vec<Attr<String>>>,
        dry_run: Attr<bool>,
        allow_last: Attr<bool>,
        region: Attr<String>,
        timeout: Attr<String>,
    }
}

/// `huaweidb_prune_backups`
pub(crate) struct PruneBackups;

const LIMIT: Duration = Duration::from_hours(1);

impl Action<Backups> for PruneBackups {
    type Model = PruneConfig;

    fn schema(&self) -> Schema {
        Schema::new(
            "Deletes old manual backups of one instance, or, as long as `dry_run` is not `false`, only lists them. Automatic \
             backups, and those that are not `COMPLETED`, are never touched, nor are those without a start time: a warning names \
             them. DDM has no manual ones: there those go that it \
             took before key operations (`metadata`), never the daily ones.\n\n**What a state tracks belongs in `keep_ids`**, protected \
             backups too, unless its name begins otherwise: of what they leave as it is, an apply and `-invoke` tell the provider \
             nothing. So a plan of events is refused that leaves a backup in the state which the action may delete by its instance and name, however \
             many are newer and however young it is. With `-invoke` nothing is refused: what `keep_ids` does not name goes, with \
             `deletion_protection` too. Spared anyway is what the same apply has taken or retained before. A backup that \
             the run deletes or replaces is not: it may go before the new one is there, also where that then fails. Neither sees what another provider block manages or takes (an alias, another \
             state), and a plan sees nothing of what `-target` leaves out: with `before_destroy`, `destroy -target` of the trigger alone \
             prunes what the state keeps. Nor does it see anything where `service`, `instance_id`, `name_prefix`, or \
             all of `keep_ids`, is known only in the apply.\n\nWhat says which backups go must all be given, and a null is an error: it is never taken for \
             \"all\".",
        )
        .attribute(fields::service("Database service of the instance."))
        .attribute(Attribute::string("instance_id").required().check(fields::check_id).describe("Id of the instance."))
        .attribute(
            Attribute::string("name_prefix").required().check(checks::check_given).describe("Only backups whose name begins so; `\"\"` for any name."),
        )
        .attribute(Attribute::integer("keep_last").required().between(0, KEEP_AT_MOST).describe(
            "How many of the newest matching backups to keep, 0 to 1000000. A backup is deleted only if this and `older_than` both allow it.",
        ))
        .attribute(
            Attribute::string("older_than")
                .required()
                .check(check_age)
                .describe("Only backups that began longer ago than this are deleted: `\"30d\"`, `\"4w\"`, `\"36h\"`; `\"0s\"` for any age."),
        )
        .attribute(Attribute::list("keep_ids", Type::String).check(fields::check_id).describe(
            "Ids of backups that are never deleted, such as `[huaweidb_manual_backup.example.id]` or \
             `values(huaweidb_manual_backup.all)[*].id`. They do not count among the `keep_last` newest, so that others stay beside \
             them. An id that no backup has keeps nothing. They hold for this action only: another one that looks at the same \
             backups needs its own. Default: none; null means the same, also where it turns out only in the apply.",
        ))
        .attribute(
            Attribute::bool("dry_run").describe("Whether the backups are only listed. Default: `true`. Set `false` to delete."),
        )
        .attribute(
            Attribute::bool("allow_last")
                .describe("Whether even the last completed backup that fits may go. Default: `false`."),
        )
        .attribute(region_attribute())
        .attribute(timeout_attribute("1h"))
    }

    fn validate(&self, config: &PruneConfig) -> Diagnostics {
        let service = config.service.as_str().and_then(backup::named);
        service.and_then(|service| services::foreign_suffix(service, "instance_id", &config.instance_id)).into()
    }

    /// Asks the cloud nothing: what it shows now can be otherwise when the action runs.
    async fn plan(&self, client: Option<&Backups>, config: &PruneConfig) -> Diagnostics {
        let (Some(client), Some(pruning)) = (client, planned(client, config)) else { return Diagnostics::new() };
        let claims = client.claims();
        claims.refresh();
        // What the CLI replaces of its own accord it plans twice, at the same time as this.
        client.told_at_the_same_time(|| (!claims.opposes(&pruning)).then_some(())).await;
        let staying = claims.prune(&pruning);
        if staying.is_empty() { Diagnostics::new() } else { pruned(&staying).at("keep_ids").into() }
    }

    async fn invoke(&self, client: &Backups, config: PruneConfig, run: &mut Run) -> Result<(), Diagnostics> {
        let service = services::required(&config.service)?;
        let client = client::regional(client, &config.region);
        let context = context(run, &config.timeout, LIMIT);
        let rule = rule(&config, Timestamp::now())?;
        let filter = filter(service, &config);
        let (key, kind) = (service.facts().key(), service.facts().kept_kind);
        let unfound = |error: backup::Error| unfound(key, &error, "Nothing was deleted.");
        let found = client.of(&context, service).list(&filter).await.map_err(unfound)?;
        let id = config.instance_id.text();
        if found.is_empty() && is_missing(&client, &context, service, id).await {
            let undone = "No backup of it fits, and nothing was deleted.";
            return Err(services::no_such_instance(key, id, client.region(), undone).into());
        }
        let selection = Selection { client: &client, kind, rule, kept: &kept(&config) };
        run.warn(selection.undated(&found));
        let leaving = selection.of(&found);
        let dry_run = config.dry_run != Attr::Known(false);
        run.tell(selection.told(&found, &leaving, dry_run));
        let count = leaving.len();
        if dry_run || count == 0 {
            return Ok(());
        }
        let project_id = client.project_id(&context).await.map_err(unfound)?;
        let pruning = Pruning { context: &context, service, filter: &filter, selection, project_id: &project_id };
        let mut tally = Tally { of: count, ..Tally::default() };
        for wave in leaving.chunks(AT_ONCE) {
            pruning.wave(wave, &found, &mut tally, run).await;
        }
        tally.failed.sort_by_key(|(backup, _)| (backup.begin, &backup.id));
        if context.stop.is_cancelled() && tally.deleted + tally.changed < tally.of {
            return Err(tally.stopped().into());
        }
        tally.tell(run);
        if tally.failed.is_empty() { Ok(()) } else { Err(tally.refused(key).into()) }
    }
}

/// What says which of the listed backups go.
#[derive(Clone, Copy)]
struct Selection<'a> {
    client: &'a Backups,
    kind: &'a str,
    rule: Rule,
    /// The ids of what stays, whatever the rule says.
    kept: &'a BTreeSet<String>,
}

impl Selection<'_> {
    /// What the rule is asked about. What is kept is none of it: among the newest it would take another one's place.
    fn candidates(&self, listed: &[Backup]) -> Vec<Candidate> {
        let asked = listed.iter().filter(|backup| !self.kept.contains(&backup.id));
        asked.map(|backup| Candidate::of(backup, self.kind)).collect()
    }

    /// Those that the rule names, oldest first.
    fn ruled_out<'a>(&self, listed: &'a [Backup]) -> impl Iterator<Item = &'a Backup> {
        let ids = retention::prunable(&self.candidates(listed), self.rule).into_iter();
        ids.filter_map(|id| listed.iter().find(|backup| backup.id == id))
    }

    /// Those that go, oldest first.
    fn of<'a>(&self, listed: &'a [Backup]) -> Vec<&'a Backup> {
        self.ruled_out(listed).filter(|backup| !self.client.claims().has_managed(&backup.id)).collect()
    }

    /// In words: how many of those that can go, and which, go, and how many stay only because this run has to do with them.
    fn told(&self, listed: &[Backup], leaving: &[&Backup], dry_run: bool) -> String {
        let because = |what| format!("because this run manages, retains or destroys {what}");
        let (kind, count) = (self.kind, leaving.len());
        // What runs or has failed is never deleted.
        let of = listed.iter().filter(|backup| backup.status == Status::Completed).count();
        let (spared, others) = match self.ruled_out(listed).count().saturating_sub(count) {
            0 => (String::new(), String::new()),
            1 if of == 1 => (format!(", only {}", because("it")), String::new()),
            1 => (format!("; 1 of them only {}", because("it")), format!("\n1 other stays only {}", because("it"))),
            many => (
                format!("; {many} of them only {}", because("them")),
                format!("\n{many} others stay only {}", because("them")),
            ),
        };
        let with_last = Rule { allow_last: true, ..self.rule };
        let spares_last =
            retention::prunable(&self.candidates(listed), with_last).len() > self.ruled_out(listed).count();
        let spared =
            if spares_last { format!("{spared}; the last one because `allow_last` is not true") } else { spared };
        let each = leaving.iter().map(|backup| line(backup)).collect::<String>();
        let fitting = match of {
            1 => format!("the only {kind} backup that fits"),
            _ => format!("the {of} {kind} backups that fit"),
        };
        match (count, of, dry_run) {
            (0, 0, _) => format!("Nothing to prune: no {kind} backup fits"),
            (0, 1, _) => format!("Nothing to prune: {fitting} stays{spared}"),
            (0, ..) => format!("Nothing to prune: all of {fitting} stay{spared}"),
            (_, 1, true) => {
                format!("1 {kind} backup fits, and would be deleted; set `dry_run = false` to do it:{each}")
            }
            (_, 1, false) => format!("1 {kind} backup fits, and will be deleted:{each}"),
            (.., true) => {
                format!("{count} of {fitting} would be deleted; set `dry_run = false` to do it:{each}{others}")
            }
            (.., false) => format!("{count} of {fitting} will be deleted:{each}{others}"),
        }
    }

    /// A warning about those that cannot be ordered.
    fn undated(&self, listed: &[Backup]) -> Option<Diagnostic> {
        let candidates = self.candidates(listed);
        let undated = retention::undated(&candidates, self.rule);
        explain::undated(listed, undated.filter(|id| !self.client.claims().has_managed(id)))
    }
}

/// How what was chosen is deleted.
struct Pruning<'a> {
    context: &'a Context,
    service: &'static dyn Service,
    filter: &'a Filter,
    selection: Selection<'a>,
    project_id: &'a str,
}

impl Pruning<'_> {
    /// Deletes some of those that were chosen of what was listed.
    async fn wave<'a>(&self, wave: &[&'a Backup], listed: &'a [Backup], tally: &mut Tally<'a>, run: &mut Run) {
        if self.context.stop.is_cancelled() {
            tally.untouched += wave.len();
            return;
        }
        // Chosen again from what is there now: only what both choices name goes.
        let known = listed.iter().filter(|backup| !tally.decided.contains(&*backup.id)).collect::<Vec<_>>();
        let now = match self.now(&known).await {
            Ok(now) => now,
            Err(error) => {
                tally.failed.extend(wave.iter().map(|backup| (*backup, error.clone())));
                return;
            }
        };
        let there = now.iter().map(|backup| &*backup.id).collect::<BTreeSet<_>>();
        tally.decided.extend(known.iter().map(|backup| &*backup.id).filter(|id| !there.contains(id)));
        let again = self.selection.of(&now);
        let mut unchanged = Vec::with_capacity(wave.len());
        for chosen in wave {
            match changed(chosen, &now, &again) {
                None => unchanged.push(self.delete(chosen)),
                Some(how) => {
                    tally.changed += 1;
                    run.tell(format!("Left {}: {how}", label(chosen)));
                }
            }
        }
        // Side by side, so that they share calls as destroys do.
        let mut deletions = futures_util::stream::iter(unchanged).buffer_unordered(AT_ONCE);
        let mut told = Instant::now();
        while let Some((backup, outcome)) = deletions.next().await {
            tally.decided.insert(&backup.id);
            match outcome {
                Ok(()) => tally.deleted += 1,
                Err(error) => tally.failed.push((backup, error)),
            }
            if told.elapsed() >= EVERY {
                tally.tell(run);
                told = Instant::now();
            }
        }
    }

    /// What fits now. Of what was known to fit, a list that lacks it proves nothing: that is gone only where a second list lacks
    /// it too, and the question by its id proves it.
    async fn now(&self, known: &[&Backup]) -> Result<Vec<Backup>, backup::Error> {
        let Pruning { context, service, filter, selection, .. } = self;
        let client = selection.client;
        let mut now = client.of(context, *service).list(filter).await?;
        let mut missing = lacking(known, &now);
        if !missing.is_empty() {
            let again = client.of(context, *service).list(filter).await?;
            now.retain(|backup| again.iter().all(|newer| newer.id != backup.id));
            now.extend(again);
            missing = lacking(known, &now);
        }
        let mut looks = Vec::with_capacity(missing.len());
        for backup in missing {
            let reference = self.reference(backup);
            looks.push(async move { client.of(context, *service).find(&reference).await });
        }
        let mut looks = futures_util::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
        while let Some(found) = looks.next().await {
            let fits = |backup: &Backup| {
                let is_kind = |kind: &String| kind.eq_ignore_ascii_case(selection.kind);
                backup.name.starts_with(filter.name_prefix.as_deref().unwrap_or_default())
                    && backup.kind.as_ref().is_some_and(is_kind)
            };
            now.extend(found?.filter(fits));
        }
        Ok(now)
    }

    /// Deletes one that was just seen in this project.
    async fn delete<'a>(&self, chosen: &'a Backup) -> (&'a Backup, Result<(), backup::Error>) {
        let reference = self.reference(chosen);
        (chosen, self.selection.client.of(self.context, self.service).delete(&reference).await)
    }

    fn reference(&self, backup: &Backup) -> BackupRef {
        BackupRef { project_id: Some(self.project_id.to_owned()), ..BackupRef::from(backup) }
    }
}

/// Those that a list lacks.
fn lacking<'a>(known: &[&'a Backup], listed: &[Backup]) -> Vec<&'a Backup> {
    let listed = listed.iter().map(|backup| &*backup.id).collect::<BTreeSet<_>>();
    known.iter().copied().filter(|backup| !listed.contains(&*backup.id)).collect()
}

/// What the action may delete, where that is known and it would: of `keep_ids` what is not known yet keeps nothing that is.
fn planned(client: Option<&Backups>, config: &PruneConfig) -> Option<PlannedPruning> {
    if config.dry_run != Attr::Known(false) || config.region.is_unknown() || config.keep_ids.is_unknown() {
        return None;
    }
    let client = client::regional(client?, &config.region);
    let [service, instance_id, prefix] =
        [&config.service, &config.instance_id, &config.name_prefix].map(|text| text.known().cloned());
    Some(PlannedPruning {
        place: [service?, client.region().to_owned(), instance_id?],
        prefix: prefix?,
        kept: kept(config).into_iter().collect(),
    })
}

fn kept(config: &PruneConfig) -> BTreeSet<String> {
    config.keep_ids.known().into_iter().flatten().filter_map(|id| id.known().cloned()).collect()
}

fn filter(service: &'static dyn Service, config: &PruneConfig) -> Filter {
    Filter {
        instance_id: config.instance_id.known().cloned(),
        name_prefix: config.name_prefix.known().cloned(),
        kind: Some(service.facts().kept_kind.to_owned()),
        ..Filter::default()
    }
}

/// So many deletions wait side by side at most.
const AT_ONCE: usize = 200;

/// So many that a list lacks are looked for side by side at most.
const LOOKS_AT_ONCE: usize = 10;

/// So often it is told at most how far the deletions are.
const EVERY: Duration = Duration::from_secs(1);

fn label(backup: &Backup) -> String {
    let begun = backup.begin.map_or_else(String::new, |begin| format!(", begun {begin}"));
    format!("{:?} ({}){begun}", backup.name, backup.id)
}

fn line(backup: &Backup) -> String {
    format!("\n- {}", label(backup))
}

/// Why one that was chosen must stay, if what is listed now, or what is chosen of it, says so.
fn changed(chosen: &Backup, listed: &[Backup], again: &[&Backup]) -> Option<String> {
    match listed.iter().find(|backup| backup.id == chosen.id) {
        None => Some("it is gone, or does not fit any more".to_owned()),
        Some(now) if now.status != chosen.status => Some(format!("it is {} now", now.status)),
        Some(now) if now.name != chosen.name => Some(format!("its name is {:?} now", now.name)),
        Some(_) if again.iter().all(|backup| backup.id != chosen.id) => {
            Some("it is one of those that stay now, because newer ones are gone or have changed".to_owned())
        }
        Some(_) => None,
    }
}

/// How far a pruning has come.
#[derive(Default)]
struct Tally<'a> {
    of: usize,
    deleted: usize,
    changed: usize,
    untouched: usize,
    failed: Vec<(&'a Backup, backup::Error)>,
    /// The ids of those that were listed and are gone, or were asked to go.
    decided: BTreeSet<&'a str>,
    /// What was told last.
    told: String,
}

impl Tally<'_> {
    fn counted(&self) -> String {
        format!("{} of {} deleted{}", self.deleted, self.of, self.left())
    }

    fn left(&self) -> String {
        if self.changed == 0 { String::new() } else { format!("; {} left as changed", self.changed) }
    }

    /// Tells how far it is, unless that was told last.
    fn tell(&mut self, run: &mut Run) {
        let counted = self.counted();
        if self.told != counted {
            run.tell(counted.clone());
            self.told = counted;
        }
    }

    /// The run was interrupted. What was asked for may still go; the rest was not touched.
    fn stopped(&self) -> Diagnostic {
        let (begun, not_begun): (Vec<_>, Vec<_>) = self.failed.iter().partition(|(_, error)| error.was_sent());
        let untouched = self.untouched + not_begun.len();
        let (deleted, of, left) = (self.deleted, self.of, self.left());
        let mut detail = format!(
            "The provider was asked to stop. {deleted} of {of} were seen to be deleted{left}; {untouched} not touched"
        );
        if begun.is_empty() {
            detail.push('.');
        } else {
            let each = begun.iter().map(|(backup, _)| line(backup)).collect::<String>();
            let count = begun.len();
            let _ = write!(detail, "; {count} deletions were sent, and their end was not awaited:\n{each}");
        }
        detail.push_str("\n\nInvoke the action again to go on.");
        Diagnostic::error("Pruning was stopped", detail)
    }

    /// Some could not be deleted: which, by what was said of them, and what to do.
    fn refused(&self, service: &str) -> Diagnostic {
        let mut said = Remarks::default();
        for (backup, error) in &self.failed {
            said.add(&backup.id, sentence(&what_happened_while(Doing::Prune, error)), &line(backup));
        }
        let next = steps(self.failed.iter().map(|(backup, error)| {
            let about = About { service, id: Some(&backup.id), name: Some(&backup.name), region: "" };
            what_next(Doing::Prune, about, error)
        }));
        let sent = self.failed.iter().filter(|(_, error)| error.was_sent()).count();
        let leaves = |error: &backup::Error| error.last().is_some_and(|last| last.status == Status::Deleting);
        let leaving = self.failed.iter().filter(|(_, error)| error.was_sent() && leaves(error)).count();
        let open = sent - leaving;
        let is_doubtful = |error: &backup::Error| matches!(error, backup::Error::Doubtful { .. });
        let doubtful = self.failed.iter().filter(|(_, error)| is_doubtful(error)).count();
        let left = self.failed.len() - sent - doubtful;
        let mut detail = format!("{}.", self.counted());
        if left > 0 {
            let _ = write!(
                detail,
                " {left} still exist in the cloud, as far as is known: what was sent for them, if anything, was refused."
            );
        }
        if doubtful > 0 {
            let _ = write!(
                detail,
                " It is not known whether {doubtful} of them still exist: what was sent for them, if anything, was refused."
            );
        }
        if leaving > 0 {
            let _ = write!(detail, " {leaving} were being deleted when they were looked at last.");
        }
        if open > 0 {
            let _ = write!(detail, " For {open} a deletion was sent, and its end was not seen.");
        }
        let _ = write!(detail, "{said}\n\n{next}");
        if sent == self.failed.len() {
            return Diagnostic::error("Backups were not seen to be deleted", detail);
        }
        Diagnostic::error("Backups were not deleted", detail)
    }
}

fn rule(config: &PruneConfig, now: Timestamp) -> Result<Rule, Diagnostics> {
    let begun_before = config.older_than.as_str().map(|text| before(text, now)).transpose();
    let begun_before = begun_before.map_err(|why| {
        let detail = format!("`older_than` is not accepted: {why}");
        Diagnostics::from(Diagnostic::error("Invalid argument value", detail).at("older_than"))
    })?;
    Ok(Rule {
        keep_last: config.keep_last.known().and_then(|keep| u64::try_from(*keep).ok()),
        begun_before,
        allow_last: config.allow_last == Attr::Known(true),
        failed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_deleted_is_told_by_what_is_known_of_it() {
        let backup = |id: &str, status| Backup::sample(id, "i1in02", &format!("old-{id}"), status);
        let chosen = ["b1", "b2", "b3", "b4"].map(|id| backup(id, Status::Completed));
        let late = |last: Backup| {
            let (id, last) = (last.id.clone(), Some(Box::new(last)));
            let end = Box::new(backup::Error::StillRunning { id: id.clone(), last, cause: None });
            backup::Error::Sent { id, end }
        };
        let [first, second, third, fourth] = &chosen;
        let mut tally = Tally { of: 5, deleted: 1, ..Tally::default() };
        tally.failed = vec![
            (first, late(backup("b1", Status::Deleting))),
            (second, late(backup("b2", Status::Deleting))),
            (third, late(backup("b3", Status::Completed))),
        ];
        let all_sent = tally.refused("dds");
        let doubt = backup::Doubt::InstanceUnknown;
        tally.failed.push((fourth, backup::Error::Doubtful { id: "b4".to_owned(), doubt }));
        let page = [all_sent, tally.refused("dds"), tally.stopped()]
            .map(|one| format!("Error: {}\n{}\n", one.summary, one.detail))
            .join("\n");
        insta::assert_snapshot!("pruning", page);
    }
}
