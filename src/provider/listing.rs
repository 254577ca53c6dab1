//! The list resource `huaweidb_manual_backup`: what exists in the cloud, for `terraform query`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;

use super::explain::{self, About, Doing, explain, of_all};
use super::manual_backup::{ManualBackup, found, untouched};
use super::times::moment;
use super::words::lines;
use super::{checks, client, fields, services};
use crate::backup::{self, ALL, Backup, BackupRef, Backups, Filter, Misread, Service, Status};
use crate::cloud::Context;
use crate::plugin::{Attr, Attribute, Diagnostic, Diagnostics, Findings, ListResource, Schema, model};

model! {
    /// What to look for.
    pub(super) struct Wanted {
        service: Attr<String>,
        instance_id: Attr<String>,
        name_prefix: Attr<String>,
        status: Attr<String>,
        begin_after: Attr<String>,
        region: Attr<String>,
    }
}

/// `huaweidb_manual_backup`
pub(super) struct ManualBackupList;

/// Thousands of backups take many pages, and a throttled cloud takes its time.
const LIMIT: Duration = Duration::from_mins(20);

impl ListResource<Backups> for ManualBackupList {
    type Model = Wanted;
    type Object = ManualBackup;

    fn schema(&self) -> Schema {
        let mut schema = Schema::new("Finds manual backups, whoever took them, for `terraform query`: in one service or in all, page by page as the \
             cloud lists them. Where whole objects are asked for, as for a generated configuration, only those are handed on that \
             can be imported without a change: completed ones. A warning names the others, fifty at most. Automatic backups are not listed. GeminiDB and TaurusDB list a backup that is being \
             deleted as completed until it is gone: the import of such a one fails. A search that is interrupted (Ctrl-C) or \
             fails ends with an error, and Terraform then shows and generates nothing of what it had found.")
            .attribute(Attribute::string("service").one_of(services::keys()).describe(format!(
                "Database service to ask. {}{} Default: all that take manual backups; one that does not answer is a warning.",
                services::allowed(),
                services::query_only()
            )))
            .attribute(Attribute::string("instance_id").check(fields::check_id).describe("Only backups of this instance. Default: of all."))
            .attribute(Attribute::string("name_prefix").check(checks::check_sought).describe("Only backups whose name begins so. Default: any."))
            .attribute(fields::status_filter("Default: all."))
            .attribute(fields::begin_after())
            .attribute(Attribute::string("region").check(fields::check_asked_region).describe(fields::ASKED_REGION));
        schema.timeouts = Some(crate::plugin::Timeouts { read: LIMIT, ..crate::plugin::Timeouts::default() });
        schema
    }

    fn validate(&self, config: &Wanted) -> Diagnostics {
        let service = config.service.as_str().and_then(backup::named);
        let of = config.instance_id.as_str().and_then(services::of_instance).map(|(service, _)| service.facts());
        if let Some(facts) = of.filter(|facts| config.service.is_null() && facts.no_create.is_some()) {
            let detail = format!(
                "`instance_id` is one of {}, of which no manual backups can be taken or managed. The data source \
                 `huaweidb_backups` shows what there is.",
                facts.title
            );
            return Diagnostic::error("Instance takes no manual backups", detail).at("instance_id").into();
        }
        if let Some(refusal) = service.and_then(services::without_manual_backups) {
            return refusal.into();
        }
        service.and_then(|service| services::foreign_suffix(service, "instance_id", &config.instance_id)).into()
    }

    async fn list(
        &self,
        client: &Backups,
        config: Wanted,
        findings: &mut Findings<ManualBackup>,
    ) -> Result<(), Diagnostics> {
        let client = client::regional(client, &config.region);
        let context = Context { deadline: findings.deadline(), stop: findings.stop().clone() };
        let filter = Filter {
            instance_id: config.instance_id.known().cloned(),
            name_prefix: config.name_prefix.known().cloned(),
            status: config.status.known().map(|word| Status::named(word)),
            begin_after: moment(&config.begin_after),
            kind: Some("manual".to_owned()),
            ..Filter::default()
        };
        // What a host does not get before the last object that it wants, it does not hear.
        let mut aside = Aside::default();
        let all_wanted = findings.left();
        if let Some(key) = config.service.as_str() {
            let service = services::required(&Attr::from(key))?;
            let outcome = search(&client, &context, service, &filter, findings, &mut aside).await;
            let failure = outcome.err().map(|error| failed(service, &error));
            let failure = failure.and_then(|failure| aside.too_late(failure));
            aside.is_cut |= failure.is_some();
            aside.end(findings).await;
            let found = all_wanted - findings.left();
            return match failure {
                None => Ok(()),
                Some(_) if context.stop.is_cancelled() => Err(interrupted(found).into()),
                Some(failure) => Err(partly(failure, found).into()),
            };
        }
        // An instance belongs to one service, which its id tells.
        let only =
            config.instance_id.as_str().and_then(services::of_instance).map(|(service, _)| service.facts().key());
        let asked = ALL.iter().copied().filter(|service| {
            let facts = service.facts();
            facts.no_create.is_none() && only.is_none_or(|only| facts.key() == only)
        });
        let mut answered = 0;
        // What every service says is said once, if nothing else is.
        let (mut errors, mut of_every) = (Diagnostics::new(), BTreeSet::new());
        for service in asked {
            let wanted = aside.left(findings);
            match search(&client, &context, service, &filter, findings, &mut aside).await {
                Ok(ControlFlow::Break(())) => return Ok(()),
                Ok(ControlFlow::Continue(())) => answered += 1,
                Err(error) if context.stop.is_cancelled() => {
                    let failure = aside.too_late(failed(service, &error));
                    aside.is_cut |= failure.is_some();
                    aside.end(findings).await;
                    return failure.map_or(Ok(()), |_| Err(interrupted(all_wanted - findings.left()).into()));
                }
                Err(error) => {
                    let found = wanted - aside.left(findings);
                    answered += found;
                    let failure = failed(service, &error);
                    if of_all(&error).is_none_or(|one| of_every.insert(one.to_owned())) {
                        errors.push(failure.clone());
                    }
                    if let Some(failure) = aside.too_late(failure) {
                        aside.failures.push((failure, found));
                    }
                }
            }
        }
        if answered == 0 {
            return Err(errors);
        }
        aside.end(findings).await;
        Ok(())
    }
}

fn failed(service: &dyn Service, error: &backup::Error) -> Diagnostic {
    explain(Doing::Search, About { service: service.facts().key(), id: None, name: None, region: "" }, error)
}

/// A search that was asked to stop before it had found all.
fn interrupted(found: u64) -> Diagnostic {
    let detail = format!(
        "Terraform asked to stop before the search was over; it had found {found} so far. Terraform shows \
         nothing of a search that ends with an error, and generates nothing.\n\nRun the query again."
    );
    Diagnostic::error("Search was interrupted", detail)
}

/// A failed search that had found something before.
fn partly(mut failure: Diagnostic, found: u64) -> Diagnostic {
    if found > 0 {
        failure.detail = format!(
            "{found} were found before this, but Terraform shows nothing of a search that ends with an error. {}",
            failure.detail
        );
    }
    failure
}

/// What is to be said beside what is found.
#[derive(Default)]
struct Aside {
    /// Of services that could not be searched, or only until so many of them were found.
    failures: Vec<(Diagnostic, u64)>,
    /// Why it cannot be told whether there are more than are wanted.
    cut_short: Option<Diagnostic>,
    /// Why records could not be read, by service.
    unread: BTreeMap<&'static str, Vec<Misread>>,
    /// Backups that were found and not handed on, each with the reason.
    left_out: Vec<String>,
    /// The last one that is wanted, until it is known whether there are more.
    last: Option<(String, ManualBackup)>,
    /// Whether something may be missing that is listed or would be: the limit was reached, or the search is over before its end.
    is_cut: bool,
}

impl Aside {
    /// How many are wanted yet.
    fn left(&self, findings: &Findings<ManualBackup>) -> u64 {
        findings.left() - u64::from(self.last.is_some())
    }

    /// Takes a failure that comes when all that are wanted are found: it hides only whether there are more.
    fn too_late(&mut self, failure: Diagnostic) -> Option<Diagnostic> {
        if self.last.is_none() {
            return Some(failure);
        }
        self.cut_short.get_or_insert(failure);
        None
    }

    /// Says everything, and hands on the last one. There is no more, as far as can be told.
    async fn end(&mut self, findings: &mut Findings<ManualBackup>) {
        if let Some(failure) = self.cut_short.take() {
            self.is_cut = true;
            let detail = format!(
                "As many backups were found as the `limit` of the `list` block allows, which is 100 unless it is set. Whether there are \
                 more, and how many, could not be told, because the search was cut short. {}",
                failure.detail
            );
            findings.warn(Diagnostic::warning("Limit was reached", detail)).await;
        }
        self.tell(findings).await;
        if let Some((label, last)) = self.last.take() {
            let _ = findings.push(label, last).await;
        }
    }

    /// Says everything where there are more than are wanted.
    async fn end_at_limit(&mut self, findings: &mut Findings<ManualBackup>) {
        let detail = "There are more backups than the `limit` of the `list` block, which is 100 unless it is set. Those beyond it are \
                      missing from the result.";
        findings.warn(Diagnostic::warning("Limit was reached", detail)).await;
        (self.cut_short, self.is_cut) = (None, true);
        self.end(findings).await;
    }

    async fn tell(&mut self, findings: &mut Findings<ManualBackup>) {
        let is_all = !self.is_cut && self.failures.is_empty() && self.left_out.is_empty();
        for (failure, found) in self.failures.drain(..) {
            let warning = if found == 0 {
                let detail = format!("Backups of this service are missing from the result. {}", failure.detail);
                Diagnostic::warning("A service was not searched", detail)
            } else {
                let detail = format!(
                    "Of the backups of this service only the first {found} are in the result: then its search failed. {}",
                    failure.detail
                );
                Diagnostic::warning("A service was searched in part", detail)
            };
            findings.warn(warning).await;
        }
        for (key, unread) in std::mem::take(&mut self.unread) {
            if let Some(warning) = explain::unread(key, &unread, is_all) {
                findings.warn(warning).await;
            }
        }
        let left_out = std::mem::take(&mut self.left_out);
        if !left_out.is_empty() {
            let detail = format!(
                "A configuration that manages them would not be accepted, or its first plan would change something:\n{}\n\n\
                 Nothing was changed. A query with neither `include_resource = true` nor `-generate-config-out` shows these \
                 too, where the cloud tells their instance.",
                lines(&left_out, 50)
            );
            findings.warn(Diagnostic::warning("Backups were left out", detail)).await;
        }
    }
}

/// Why no configuration can be written for a backup with which the next plan is empty.
fn unmanageable(backup: &Backup) -> Option<String> {
    let why = match &backup.status {
        Status::Completed => None,
        Status::Building => Some("it is still being taken".to_owned()),
        Status::Failed => Some("it has failed, and would be taken anew".to_owned()),
        Status::Deleting => Some("it is being deleted".to_owned()),
        Status::Other(word) => Some(format!("its status is {word}")),
    };
    why.or_else(|| backup.name.is_empty().then(|| "it has no name".to_owned()))
        .or_else(|| checks::check_given(&backup.name).err().map(|why| format!("its name does not fit: {why}")))
}

/// Searches one service: all at once, or instance by instance where it lists only so.
async fn search(
    client: &Backups,
    context: &Context,
    service: &'static dyn Service,
    filter: &Filter,
    findings: &mut Findings<ManualBackup>,
    aside: &mut Aside,
) -> Result<ControlFlow<()>, backup::Error> {
    let kind = filter.kind.clone().filter(|_| service.facts().no_create.is_none());
    let filter = Filter { kind, ..filter.clone() };
    if filter.instance_id.is_some() || service.list(&filter, 0, 1).is_ok() {
        return hand_on(client, context, service, &filter, findings, aside).await;
    }
    for instance in client.of(context, service).instances(None).await? {
        let filter = Filter { instance_id: Some(instance.id), ..filter.clone() };
        if hand_on(client, context, service, &filter, findings, aside).await?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Reads page after page and hands on what is on them, until there is no more or nobody wants more.
async fn hand_on(
    client: &Backups,
    context: &Context,
    service: &'static dyn Service,
    filter: &Filter,
    findings: &mut Findings<ManualBackup>,
    aside: &mut Aside,
) -> Result<ControlFlow<()>, backup::Error> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    // One more tells whether the limit cuts anything off.
    let mut left = aside.left(findings).saturating_add(1);
    let whole = findings.whole;
    let reading = async move {
        // Stops on the page that has the last one that is wanted, without waiting to be told.
        let each = |record: Result<Backup, Misread>| {
            let record = record.map(|backup| {
                let untold = backup.instance_id.is_empty().then(|| "the cloud does not tell its instance".to_owned());
                let why = untold.or_else(|| if whole { unmanageable(&backup) } else { None });
                (backup, why)
            });
            if matches!(&record, Ok((_, None))) {
                left = left.saturating_sub(1);
            }
            if sender.send(record).is_ok() && left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        client.of(context, service).each(filter, each).await
    };
    let handing = async {
        while let Some(record) = receiver.recv().await {
            let (backup, why) = match record {
                Ok(readable) => readable,
                Err(why) => {
                    aside.unread.entry(service.facts().key()).or_default().push(why);
                    continue;
                }
            };
            if let Some(why) = why {
                let called = called(&format!("{:?}", backup.name), &backup);
                aside.left_out.push(format!("{called} of {}: {why}", service.facts().key()));
                continue;
            }
            if aside.last.is_some() {
                aside.end_at_limit(findings).await;
                return Ok(ControlFlow::Break(()));
            }
            let backup = completed(client, context, service, backup, findings.whole).await?;
            let found = (label(&backup), object(client.region(), service, &backup));
            if findings.left() == 1 {
                aside.last = Some(found);
            } else if findings.push(found.0, found.1).await.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    let (mut reading, mut handing) = (pin!(reading), pin!(handing));
    tokio::select! {
        biased;
        // Before the reading is over this means that nobody wants more.
        handed = &mut handing => match handed {
            Ok(flow) if flow.is_continue() => reading.await.map(|()| flow),
            over => over,
        },
        read = &mut reading => match handing.await {
            Ok(flow) if flow.is_continue() => read.map(|()| flow),
            // What nobody wants any more cannot fail.
            over => over,
        },
    }
}

/// With what the list does not tell, if it is wanted. Without an answer, as it is: a refresh will tell. After a stop nothing is
/// asked, and nothing is told in part.
async fn completed(
    client: &Backups,
    context: &Context,
    service: &'static dyn Service,
    backup: Backup,
    whole: bool,
) -> Result<Backup, backup::Error> {
    if !whole || service.details(&backup).is_none() {
        return Ok(backup);
    }
    match client.of(context, service).find(&BackupRef::from(&backup)).await {
        Err(error) if context.stop.is_cancelled() => Err(error),
        found => Ok(found.ok().flatten().unwrap_or(backup)),
    }
}

/// What a terminal can show.
fn label(backup: &Backup) -> String {
    called(&backup.name.replace(char::is_control, "\u{FFFD}"), backup)
}

fn called(name: &str, backup: &Backup) -> String {
    match fields::time(backup.begin).as_str() {
        Some(begun) => format!("{name} ({}, {begun})", backup.status),
        None => format!("{name} ({})", backup.status),
    }
}

fn object(region: &str, service: &dyn Service, backup: &Backup) -> ManualBackup {
    let stub = ManualBackup { service: Attr::from(service.facts().key()), region: Attr::from(region), ..untouched() };
    found(stub, backup)
}
