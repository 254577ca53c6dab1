//! Actions: backups at a lifecycle event of something else, the emergency stop, pruning, and restores. None leaves anything in the
//! state.

mod create;
mod prune;
mod restore;
mod stop;

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

pub(super) use self::create::CreateBackup;
pub(super) use self::prune::PruneBackups;
pub(super) use self::restore::RestoreBackup;
pub(super) use self::stop::StopBackup;
use super::checks::check_region;
use super::explain::{About, Doing, explain, sentence, what_happened, what_next};
use crate::backup::{self, Backup, Backups, NewBackup, Progress, Service, Status};
use crate::cloud::Context;
use crate::plugin::{Attr, Attribute, Diagnostic, Run, Teller, check_duration, parse_duration};

fn region_attribute() -> Attribute {
    Attribute::string("region")
        .check(check_region)
        .describe("Region of the instance, not empty. Default: the provider's region.")
}

/// How long the action may take. `default` is a duration too.
fn timeout_attribute(default: &str) -> Attribute {
    Attribute::string("timeout")
        .check(check_duration)
        .describe(format!(
            "Limit for the whole action, such as `\"30m\"` or `\"1h30m\"`; looks for what may exist after a lost answer go on up to 15 \
             seconds longer. Default: `{default}`."
        ))
}

/// Within what limits an action may wait and try again.
fn context(run: &Run, timeout: &Attr<String>, default: Duration) -> Context {
    let limit = timeout.as_str().and_then(|text| parse_duration(text).ok()).unwrap_or(default);
    Context { deadline: Instant::now() + limit, stop: run.stop().clone() }
}

/// Whether the cloud says that there is no such instance of the service. Where it says nothing of use, it is not.
async fn is_missing(client: &Backups, context: &Context, service: &'static dyn Service, instance_id: &str) -> bool {
    let found = client.of(context, service).instance(instance_id, None).await;
    matches!(found, Ok(None) | Err(backup::Error::Doubtful { .. }))
}

/// That a list failed which had to come before anything is done to what is on it; `undone` says that nothing was.
fn unfound(service: &str, error: &backup::Error, undone: &str) -> Diagnostic {
    let about = About { service, id: None, name: None, region: "" };
    let (happened, next) = (sentence(&what_happened(error)), what_next(Doing::Search, about, error));
    Diagnostic { detail: format!("{happened}\n\n{undone}\n\n{next}"), ..explain(Doing::Search, about, error) }
}

/// What was said of several backups: the same, but for the request and the backup that it names, once.
#[derive(Default)]
struct Remarks(Vec<Remark>);

struct Remark {
    /// The first one's id.
    id: String,
    /// What the remarks of one kind have in common.
    kind: String,
    why: String,
    lines: String,
}

impl Remarks {
    /// What was said of one, which has this line in a list.
    fn add(&mut self, id: &str, why: String, line: &str) {
        const ANY: &str = "{backup_id}";
        let kind = without_request_ids(&why.replace(id, ANY));
        match self.0.iter_mut().find(|one| one.kind == kind) {
            Some(one) => {
                // One request is enough for whoever asks the vendor.
                one.why = one.why.replace(&one.id, ANY);
                one.lines.push_str(line);
            }
            None => self.0.push(Remark { id: id.to_owned(), kind, why, lines: line.to_owned() }),
        }
    }
}

impl fmt::Display for Remarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, "\n\n{}\n{}", one.why, one.lines))
    }
}

/// The next steps of several, each said once.
fn steps(each: impl Iterator<Item = String>) -> String {
    let mut steps = Vec::new();
    for step in each {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps.join("\n\n")
}

fn without_request_ids(text: &str) -> String {
    const BEGIN: &str = " (request ";
    let mut parts = text.split(BEGIN);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or(part, |(_, rest)| rest))
}

/// Tells the user how a wait goes on.
struct Told {
    title: &'static str,
    instance_id: String,
    name: String,
    teller: Teller,
}

impl Told {
    fn about(title: &'static str, want: &NewBackup, run: &Run) -> Self {
        Told { title, instance_id: want.instance_id.clone(), name: want.name.clone(), teller: run.teller() }
    }
}

impl Progress for Told {
    fn asked(&self) {
        self.teller.tell(asked(self.title, &self.name, &self.instance_id));
    }

    fn queued(&self, ahead: usize) {
        self.teller.tell(queued(&self.name, ahead));
    }

    fn busy(&self, running: Option<&Backup>, _: bool) {
        self.teller.tell(busy(&self.name, running.map(|running| &*running.id)));
    }

    fn seen(&self, waited: Duration, status: Option<&Status>) {
        self.teller.tell(seen(&self.name, waited, status));
    }
}

fn asked(title: &str, name: &str, instance_id: &str) -> String {
    format!("Asking {title} for the backup {name:?} of {instance_id}")
}

fn queued(name: &str, ahead: usize) -> String {
    format!("The backup {name:?} is queued behind {ahead}")
}

fn busy(name: &str, running: Option<&str>) -> String {
    let what = running.map_or("something else".to_owned(), |id| format!("the backup {id}"));
    format!("The backup {name:?} waits until the instance is idle: it is busy with {what}")
}

fn seen(name: &str, waited: Duration, status: Option<&Status>) -> String {
    let word = status.map_or("not listed yet".to_owned(), |status| status.word().to_lowercase());
    format!("The backup {name:?}: {} s, {word}", waited.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once() {
        let mut said = Remarks::default();
        let refused = |id, request| format!("dds refused DELETE /v3/backups/{id} (request {request}): no.");
        for (id, why) in [
            ("b1", refused("b1", "r1")),
            ("b2", "It is busy (request r2).".to_owned()),
            ("b3", refused("b3", "r3")),
            ("b4", refused("b4", "r4")),
        ] {
            said.add(id, why, &format!("\n- {id}"));
        }
        assert_eq!(
            said.to_string(),
            "\n\ndds refused DELETE /v3/backups/{backup_id} (request r1): no.\n\n- b1\n- b3\n- b4\n\nIt is busy (request r2).\n\n- b2"
        );
    }

    #[test]
    fn the_lines_of_a_wait() {
        let lines = [
            asked("Document Database Service (DDS)", "nightly", "i1in02"),
            queued("nightly", 2),
            busy("nightly", Some("b1br02")),
            busy("nightly", None),
            seen("nightly", Duration::from_secs(12), None),
            seen("nightly", Duration::from_secs(62), Some(&Status::Building)),
        ];
        insta::assert_snapshot!("progress", lines.join("\n"));
    }
}
