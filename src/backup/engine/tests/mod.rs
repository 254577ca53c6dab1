//! The engine against a scripted cloud, in paused time: no sockets, and an hour takes no time.

mod beginning;
mod finding;
mod removing;
mod restoring;
mod sharing;
mod waiting;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Backups;
use super::client::{Ask, Pending};
use crate::backup::{Backup, BackupRef, NameOrigin, NewBackup, Service, named};
use crate::cloud::{self, Body, Call, Context, Fate, Refusal, Reply};

/// How long every answer takes.
const LATENCY: Duration = Duration::from_millis(50);
/// What the cloud's clock says when a test begins.
const EPOCH: &str = "2025-06-03T08:00:00Z";

const INSTANCE: &str = "i1";
const PROJECT: &str = "p1";
const POST: &str = "POST /v3/{project_id}/backups";
const BY_ID: &str = "GET /v3/{project_id}/backups?backup_id=b1";
const OF_INSTANCE: &str = "GET /v3/{project_id}/backups?instance_id=i1&backup_type=Manual";
/// The list in which the backup of an instance is looked for.
const OF_ONE: &str = "GET /v3/{project_id}/backups?instance_id=i1&offset=0";
const THE_INSTANCE: &str = "GET /v3/{project_id}/instances?id=i1";
const THE_JOB: &str = "GET /v3/{project_id}/jobs?id=j1";
const DELETE: &str = "DELETE /v3/{project_id}/backups/b1";
const PUT: &str = "PUT /v3/{project_id}/backups/b1";

/// What the scripted cloud says.
#[derive(Clone, Debug)]
enum Say {
    /// Status 200 with that body.
    Ok(Json),
    /// The same, of which the text is there already: for lists of which many pages are read.
    Text(String),
    /// The same without a `Date` header.
    Dateless(Json),
    /// An error status and code.
    No(u16, &'static str),
    /// The answer is lost; the request was carried out, or was not.
    Lost,
    /// The connection is refused: nothing was sent.
    Unreachable,
    /// What was asked of IAM before has no answer, or is refused: the service was not asked.
    IamLost,
    IamNo(u16, &'static str),
    /// This, after so long.
    Late(Duration, Box<Say>),
}

/// What is said to a call, by how often such calls came before, when this one came, and what it is.
type Says = Box<dyn Fn(usize, Duration, &str) -> Say + Send + Sync>;
type Scripted = (&'static str, Says);

/// A cloud that follows a script: the first rule whose beginning a call has answers it, knowing how often it was asked
/// before and how long the test runs.
#[derive(Clone)]
struct Script(Arc<Inner>);

struct Inner {
    begun: Instant,
    rules: Mutex<Vec<(Scripted, usize)>>,
    firsts: Mutex<Vec<(&'static str, Say)>>,
    calls: Mutex<Vec<(Duration, String)>>,
    /// Whether IAM does not know the project as one of those who ask.
    is_anothers: std::sync::atomic::AtomicBool,
    /// What changes something waits so long for its turn.
    gate: Mutex<Duration>,
}

impl Script {
    fn new() -> Self {
        Script(Arc::new(Inner {
            begun: Instant::now(),
            rules: Mutex::default(),
            firsts: Mutex::default(),
            calls: Mutex::default(),
            is_anothers: false.into(),
            gate: Mutex::default(),
        }))
    }

    /// The project is not one of those who ask, as far as IAM knows.
    fn of_another(self) -> Self {
        self.0.is_anothers.store(true, std::sync::atomic::Ordering::Relaxed);
        self
    }

    /// From now on what changes something waits so long for its turn.
    fn gate(&self, time: Duration) {
        *self.0.gate.lock().unwrap() = time;
    }

    /// Calls that begin so are answered by what the function says.
    fn on(self, beginning: &'static str, says: impl Fn(usize, Duration) -> Say + Send + Sync + 'static) -> Self {
        self.rule(beginning, Box::new(move |nth, elapsed, _| says(nth, elapsed)))
    }

    /// Calls that begin so are answered by what the function says, which is told the call, the ids in its body, and when
    /// it came: see [`elapsed_of`].
    fn heard(self, beginning: &'static str, says: impl Fn(&str) -> Say + Send + Sync + 'static) -> Self {
        self.rule(beginning, Box::new(move |_, elapsed, call| says(&format!("{call} at={}", elapsed.as_millis()))))
    }

    /// The first call that begins so is answered by this, whatever the other rules say.
    fn first(self, beginning: &'static str, say: Say) -> Self {
        self.0.firsts.lock().unwrap().push((beginning, say));
        self
    }

    fn rule(self, beginning: &'static str, says: Says) -> Self {
        self.0.rules.lock().unwrap().push(((beginning, says), 0));
        self
    }

    /// Calls that begin so get these answers in turn, the last one for ever.
    fn says(self, beginning: &'static str, answers: impl Into<Vec<Say>>) -> Self {
        let answers = answers.into();
        self.on(beginning, move |nth, _| answers[nth.min(answers.len() - 1)].clone())
    }

    fn backups(&self) -> Backups {
        Backups::asking(Arc::new(self.clone()))
    }

    fn elapsed(&self) -> Duration {
        self.0.begun.elapsed()
    }

    /// All calls so far.
    fn calls(&self) -> Vec<String> {
        self.0.calls.lock().unwrap().iter().map(|(_, call)| call.clone()).collect()
    }

    /// How many calls began so.
    fn count(&self, beginning: &str) -> usize {
        self.calls().iter().filter(|call| call.starts_with(beginning)).count()
    }

    /// When calls that began so were sent.
    fn times(&self, beginning: &str) -> Vec<Duration> {
        let calls = self.0.calls.lock().unwrap();
        calls.iter().filter(|(_, call)| call.starts_with(beginning)).map(|(at, _)| *at).collect()
    }
}

fn label(call: &Call) -> String {
    format!("{} {}", call.method, call.path)
}

impl Ask for Script {
    fn ask<'a>(&'a self, context: &'a Context, call: &'a Call) -> Pending<'a> {
        Box::pin(async move {
            if context.stop.is_cancelled() {
                return Err(cloud::Error::Stopped { call: label(call) });
            }
            if Instant::now() >= context.deadline {
                return Err(cloud::Error::DeadlinePassed { call: label(call), last: None });
            }
            if !call.fates.is_empty() {
                let gate = *self.0.gate.lock().unwrap();
                sleep(gate).await;
                if !Fate::send(&call.fates) {
                    return Err(cloud::Error::Stopped { call: label(call) });
                }
            }
            let query: Vec<_> = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let line = format!("{}{}{}", label(call), if query.is_empty() { "" } else { "?" }, query.join("&"));
            self.0.calls.lock().unwrap().push((self.elapsed(), line.clone()));
            let ids = call.body.as_ref().and_then(|body| body.get("backup_ids")).and_then(Json::as_array);
            let ids = ids.map(|ids| ids.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(","));
            let told = ids.map_or(line.clone(), |ids| format!("{line} ids={ids}"));
            let first = {
                let mut firsts = self.0.firsts.lock().unwrap();
                let place = firsts.iter().position(|(beginning, _)| line.starts_with(beginning));
                place.map(|place| firsts.remove(place).1)
            };
            let mut say = if let Some(first) = first {
                first
            } else {
                let mut rules = self.0.rules.lock().unwrap();
                let rule = rules.iter_mut().find(|((beginning, _), _)| line.starts_with(beginning));
                match rule {
                    Some(((_, says), asked)) => {
                        *asked += 1;
                        says(*asked - 1, self.elapsed(), &told)
                    }
                    // What every absence asks beside the question by id.
                    None if line.contains("/backups?instance_id=i1&") && line.contains("&offset=0") => empty(),
                    None if line.contains("/instances?id=i1") => instance(&[]),
                    None if line.ends_with("/instances/i1") => Say::Ok(json!({ "id": INSTANCE, "status": "RUNNING" })),
                    None => panic!("the script has no answer to {line}"),
                }
            };
            sleep(LATENCY).await;
            while let Say::Late(time, what) = say {
                sleep(time).await;
                say = *what;
            }
            let iam = matches!(say, Say::IamLost | Say::IamNo(..));
            let product = if iam { "iam" } else { call.product.key };
            let unanswered = |may_be_applied| cloud::Error::Unanswered {
                product,
                call: label(call),
                reason: "connection closed".to_owned(),
                may_be_applied,
                obstacle: None,
            };
            let date = Some(after(self.elapsed()));
            let told = match say {
                Say::Ok(body) => Ok(Reply { status: 200, body: body.into(), date, request_id: None }),
                Say::Text(text) => {
                    let body = Body::new(text).expect("the script speaks JSON");
                    Ok(Reply { status: 200, body, date, request_id: None })
                }
                Say::Dateless(body) => Ok(Reply { status: 200, body: body.into(), date: None, request_id: None }),
                Say::Lost | Say::IamLost => Err(unanswered(true)),
                Say::Unreachable => Err(unanswered(false)),
                Say::No(status, code) | Say::IamNo(status, code) => Err(cloud::Error::Refused {
                    product,
                    call: label(call),
                    refusal: Box::new(Refusal { status, code: code.to_owned(), date, ..Refusal::default() }),
                }),
                Say::Late(..) => unreachable!("unwrapped above"),
            };
            call.fates.iter().for_each(|fate| match &told {
                // Without IAM the call itself is not sent.
                Err(_) if iam => fate.undone(),
                Ok(_) => fate.accepted(),
                Err(error) => fate.failed(error),
            });
            told
        })
    }

    fn project_id<'a>(&'a self, _: &'a Context) -> Pending<'a, String> {
        Box::pin(async { Ok(PROJECT.to_owned()) })
    }

    fn is_callers_project<'a>(
        &'a self,
        _: &'a Context,
    ) -> std::pin::Pin<Box<dyn std::future::Future<Output = bool> + Send + 'a>> {
        let is_anothers = self.0.is_anothers.load(std::sync::atomic::Ordering::Relaxed);
        Box::pin(async move { !is_anothers })
    }

    fn in_region(&self, _: &str) -> Arc<dyn Ask> {
        Arc::new(self.clone())
    }

    fn region(&self) -> &'static str {
        "eu-de"
    }
}

/// When a call that was [`Script::heard`] came.
fn elapsed_of(call: &str) -> Duration {
    let (_, at) = call.rsplit_once(" at=").expect("every call that is heard says it");
    Duration::from_millis(at.parse().expect("a number"))
}

fn service(key: &str) -> &'static dyn Service {
    named(key).expect("the service exists")
}

fn dds() -> &'static dyn Service {
    service("dds")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The cloud's clock so long after the test's begin.
fn after(elapsed: Duration) -> Timestamp {
    EPOCH.parse::<Timestamp>().unwrap() + elapsed
}

/// A context with that much time.
fn within(time: Duration) -> Context {
    Context { deadline: Instant::now() + time, stop: CancellationToken::new() }
}

/// A context that is stopped after that time.
fn stopped_after(time: Duration) -> Context {
    let context = within(seconds(3600));
    let stop = context.stop.clone();
    tokio::spawn(async move {
        sleep(time).await;
        stop.cancel();
    });
    context
}

fn want(name: &str) -> NewBackup {
    let name_origin = NameOrigin::Random;
    NewBackup { instance_id: INSTANCE.to_owned(), name: name.to_owned(), name_origin, ..NewBackup::default() }
}

fn b1() -> BackupRef {
    BackupRef::new("b1", Some(INSTANCE.to_owned()))
}

/// A manual backup `nightly` of the instance, begun so many seconds after the test's begin.
fn item(id: &str, status: &str, after: i64) -> Json {
    let begin = EPOCH.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(after);
    json!({
        "id": id, "name": "nightly", "instance_id": INSTANCE, "status": status, "type": "Manual", "size": 4,
        "begin_time": begin.strftime("%Y-%m-%d %H:%M:%S").to_string(), "end_time": "",
    })
}

/// A page of completed backups with these ids, of which all have begun when the test did.
fn page_of(ids: impl IntoIterator<Item = String>, total: usize) -> Say {
    let one = item("@", "COMPLETED", 0).to_string();
    let items: Vec<_> = ids.into_iter().map(|id| one.replace('@', &id)).collect();
    Say::Text(format!(r#"{{"backups": [{}], "total_count": {total}}}"#, items.join(",")))
}

/// The same with some fields changed.
fn with(mut item: Json, changes: &Json) -> Json {
    for (name, value) in changes.as_object().unwrap() {
        item[name] = value.clone();
    }
    item
}

fn list(items: &[Json]) -> Say {
    Say::Ok(json!({ "backups": items, "total_count": items.len() }))
}

fn empty() -> Say {
    list(&[])
}

/// A list with the backup `b1` in that status.
fn b1_is(status: &str) -> Say {
    list(&[item("b1", status, 0)])
}

/// What a create answers.
fn begun(id: &str) -> Say {
    Say::Ok(json!({ "backup_id": id, "job_id": "j1" }))
}

fn job(status: &str, reason: &str) -> Say {
    Say::Ok(json!({ "job": { "id": "j1", "status": status, "progress": "40%", "fail_reason": reason } }))
}

/// The instance, with something running on it or not.
fn instance(actions: &[&str]) -> Say {
    Say::Ok(json!({ "instances": [{ "id": INSTANCE, "name": "x", "status": "normal", "actions": actions }] }))
}

fn ids(backups: &[Backup]) -> Vec<&str> {
    backups.iter().map(|backup| &*backup.id).collect()
}
