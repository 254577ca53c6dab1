//! The action `huaweidb_prune_backups`: deletes old manual backups of an instance.

use std::time::Duration;

use jiff::Timestamp;

use super::super::explain::{About, Doing, explain};
use super::super::{fields, services};
use super::{context, region_attribute, timeout_attribute};
use crate::backup::retention::{self, Candidate, Rule};
use crate::backup::{BackupRef, Backups, Filter};
use crate::plugin::{Action, Attr, Attribute, Diagnostic, Diagnostics, Path, Run, Schema, model, parse_duration};

model! {
    /// What to delete.
    pub(crate) struct Wish {
        service: Attr<String>,
        instance_id: Attr<String>,
        name_prefix: Attr<String>,
        keep_last: Attr<i64>,
        older_than: Attr<String>,
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
    type Model = Wish;

    fn schema(&self) -> Schema {
        Schema::new(
            "Deletes old manual backups of one instance, or, as long as `dry_run` is not `false`, only lists them. Automatic \
             backups, and those that are not `COMPLETED`, are never touched. Backups that a state tracks are not spared: give \
             them another prefix.",
        )
        .attribute(fields::service("Database service of the instance."))
        .attribute(Attribute::string("instance_id").required().check(fields::check_id).describe("Id of the instance."))
        .attribute(Attribute::string("name_prefix").describe("Only backups whose name begins so. Default: any."))
        .attribute(Attribute::integer("keep_last").between(0, 1_000_000).describe(
            "So many of the newest stay, 0 to 1000000. Together with `older_than`, only what both say goes. Default: no such \
             rule; give at least one of the two.",
        ))
        .attribute(
            Attribute::string("older_than")
                .check(check_age)
                .describe("Only backups begun so long ago go: `\"30d\"`, `\"4w\"`, `\"36h\"`. Default: no such rule."),
        )
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

    fn validate(&self, config: &Wish) -> Diagnostics {
        if config.keep_last.is_null() && config.older_than.is_null() {
            let detail = "Neither `keep_last` nor `older_than` is set. Give at least one of them.";
            return Diagnostic::error("Missing argument", detail).at(Path::attribute("keep_last")).into();
        }
        Diagnostics::new()
    }

    async fn invoke(&self, client: &Backups, config: Wish, run: &mut Run) -> Result<(), Diagnostics> {
        let service = services::required(&config.service)?;
        let client = services::regional(client, &config.region);
        let context = context(run, &config.timeout, LIMIT);
        let rule = rule(&config, Timestamp::now())?;
        let filter = Filter {
            instance_id: config.instance_id.known().cloned(),
            name_prefix: config.name_prefix.into_known(),
            kind: Some("manual".to_owned()),
            ..Filter::default()
        };
        let key = service.facts().key();
        let about = About { service: key, id: None, name: None };
        let found = client.list(&context, service, &filter).await;
        let found = found.map_err(|error| explain(Doing::Search, about, &error))?;
        let leaving = retention::prunable(&found.iter().map(Candidate::from).collect::<Vec<_>>(), rule);
        let leaving = leaving.iter().filter_map(|id| found.iter().find(|backup| backup.id == *id)).collect::<Vec<_>>();
        let dry_run = config.dry_run != Attr::Known(false);
        let (count, of) = (leaving.len(), found.len());
        run.tell(match (count, dry_run) {
            (0, _) => format!("Nothing to prune: of the manual backups that fit ({of}) all stay"),
            (_, true) => {
                format!(
                    "Of the manual backups that fit ({of}) {count} would be deleted; set `dry_run = false` to do it"
                )
            }
            (_, false) => format!("Of the manual backups that fit ({of}) {count} will be deleted"),
        });
        let mut failures = Diagnostics::new();
        let mut deleted = 0;
        for backup in &leaving {
            let begun = backup.begin.map_or_else(String::new, |begin| format!(", begun {begin}"));
            let label = format!("{:?} ({}){begun}", backup.name, backup.id);
            if dry_run {
                run.tell(format!("Would delete {label}"));
                continue;
            }
            if context.stop.is_cancelled() {
                let detail = format!(
                    "Terraform asked to stop. Of the {count} backups to delete {deleted} are gone; the others stay. \
                     Invoke the action again to go on."
                );
                failures.push(Diagnostic::error("Pruning was stopped", detail));
                break;
            }
            match client.delete(&context, service, &BackupRef::from(*backup)).await {
                Ok(()) => {
                    deleted += 1;
                    run.tell(format!("Deleted {label}"));
                }
                Err(error) => {
                    run.tell(format!("Not deleted: {label}"));
                    let about = About { service: key, id: Some(&backup.id), name: Some(&backup.name) };
                    failures.push(explain(Doing::Prune, about, &error));
                }
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }
}

fn check_age(text: &str) -> Result<(), String> {
    retention::age(text, parse_duration).map(drop)
}

fn rule(config: &Wish, now: Timestamp) -> Result<Rule, Diagnostics> {
    let begun_before = config.older_than.as_str().map(|text| before(text, now)).transpose();
    let begun_before = begun_before.map_err(|why| {
        let detail = format!("`older_than` is not accepted: {why}");
        Diagnostics::from(Diagnostic::error("Invalid argument value", detail).at(Path::attribute("older_than")))
    })?;
    Ok(Rule {
        keep_last: config.keep_last.known().and_then(|keep| u64::try_from(*keep).ok()),
        begun_before,
        allow_last: config.allow_last == Attr::Known(true),
    })
}

/// The moment that lies an age before another.
pub(crate) fn before(age: &str, now: Timestamp) -> Result<Timestamp, String> {
    let age = retention::age(age, parse_duration)?;
    now.checked_sub(age).map_err(|_| format!("{now} has nothing that long before it."))
}
