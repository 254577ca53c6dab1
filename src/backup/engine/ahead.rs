//! What a plan asks the cloud before anything is done: once for each service and region, however many backups it creates, and
//! never for long. What cannot be asked hinders no plan.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{Ask, Client};
use super::{pace, pages};
use crate::backup::{Backup, Error, Filter, Instance, Page, Service, Status, Verdict};
use crate::cloud::{self, Call, Context};

/// What one run has asked ahead. Shared by all clones of a client.
pub struct Ahead {
    time: Mutex<TimeLeft>,
    /// Whether it was told that something could not be asked.
    is_told: AtomicBool,
    /// By service and region.
    places: Mutex<HashMap<(&'static str, String), Notebook>>,
    /// By region, why there is no project, if there is none.
    projects: tokio::sync::Mutex<HashMap<String, Option<cloud::Error>>>,
}

type Notebook = Arc<tokio::sync::Mutex<Notes>>;

/// What a run asks ahead of one service in one region.
#[derive(Clone, Copy)]
pub struct Preview<'a> {
    pub(super) ahead: &'a Ahead,
    pub(super) cloud: &'a Arc<dyn Ask>,
    pub(super) service: &'static dyn Service,
    /// Whether a plan asks what its creates will meet.
    pub(super) has_preflight: bool,
}

/// How much time all questions together may still take without an answer, and since when those wait that have none yet.
#[derive(Debug)]
struct TimeLeft {
    left: Duration,
    waiting: Vec<Instant>,
}

/// An unanswered question, or one that is answered since.
struct Unanswered<'a> {
    ahead: &'a Ahead,
    began: Instant,
    deadline: Instant,
}

/// What a create of a run will meet, as far as the cloud tells.
#[derive(Debug, Default)]
pub struct Outlook {
    /// The instance; `None` if it could not be asked.
    pub instance: Option<Sight>,
    /// The manual backup that has the name.
    pub holder: Option<Backup>,
    /// The manual backup that runs on the instance.
    pub running: Option<Backup>,
    /// Why something could not be asked: the first time in a run only.
    pub unasked: Option<Error>,
}

/// An instance, looked for by its id.
#[derive(Clone, Debug)]
pub enum Sight {
    /// It is there.
    Seen(Instance),
    /// It is not; with the ids of instances that have this id for a name.
    Absent(Vec<String>),
}

/// One service in one region.
#[derive(Debug, Default)]
struct Notes {
    instances: HashMap<String, Sight>,
    /// How the list of all instances was, once a second one turned up.
    list: Option<ListRead>,
    /// The cloud did not tell.
    is_silent: bool,
    /// Nothing inside if the cloud did not tell them.
    backups: Option<Result<NewestBackups, ()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListRead {
    Whole,
    InPart,
}

/// The newest manual backups: those of the project, or of the only instance where the service has no such list.
#[derive(Debug)]
struct NewestBackups {
    of: Option<String>,
    backups: Vec<Backup>,
    /// Whether these are all.
    is_whole: bool,
}

impl NewestBackups {
    /// Whether they are of the project, or of that instance.
    fn tell_of(&self, instance_id: &str) -> bool {
        self.of.as_deref().is_none_or(|of| of == instance_id)
    }
}

impl Default for Ahead {
    fn default() -> Self {
        let time = Mutex::new(TimeLeft { left: pace::PLANS_WAIT_AT_MOST, waiting: Vec::new() });
        Ahead {
            time,
            is_told: AtomicBool::new(false),
            places: Mutex::default(),
            projects: tokio::sync::Mutex::default(),
        }
    }
}

impl Ahead {
    /// Asks, if there is time left. Without an answer, the first one of a run learns why.
    pub async fn ask<T, F>(&self, question: impl FnOnce(Context) -> F) -> Result<T, Option<Error>>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let Some(asking) = self.begin() else { return Err(None) };
        let context = Context { deadline: asking.deadline, stop: CancellationToken::new() };
        question(context).await.map_err(|error| {
            asking.is_unanswered();
            tracing::warn!("a plan had no answer from the cloud: {error}");
            (!self.is_told.swap(true, Ordering::Relaxed)).then_some(error)
        })
    }

    fn begin(&self) -> Option<Unanswered<'_>> {
        let mut time = self.time();
        let began = Instant::now();
        // Whoever comes while others wait has no more time than they.
        let since = time.waiting.iter().min().copied().unwrap_or(began);
        let deadline = since + time.left;
        if deadline <= began {
            return None;
        }
        time.waiting.push(began);
        Some(Unanswered { ahead: self, began, deadline })
    }

    fn time(&self) -> MutexGuard<'_, TimeLeft> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why there is no project for calls of the cloud's region, if IAM says so. Asked once for each region.
    pub(super) async fn no_project(&self, cloud: &Arc<dyn Ask>) -> Result<Option<cloud::Error>, Option<Error>> {
        let mut known = self.projects.lock().await;
        if let Some(known) = known.get(cloud.region()) {
            return Ok(known.clone());
        }
        let ask = |context| async move {
            match cloud.project_id(&context).await {
                Ok(_) => Ok(None),
                Err(error @ cloud::Error::NoProject(_)) => Ok(Some(error)),
                Err(error) => Err(error.into()),
            }
        };
        let told = self.ask(ask).await;
        known.insert(cloud.region().to_owned(), told.as_ref().ok().cloned().flatten());
        told
    }
}

impl Preview<'_> {
    fn place(&self) -> Notebook {
        let mut places = self.ahead.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry((self.service.facts().key(), self.cloud.region().to_owned())).or_default())
    }

    fn client<'b>(&'b self, context: &'b Context) -> Client<'b> {
        Client { cloud: self.cloud, context, service: self.service, bears_trouble: true }
    }

    /// An instance as a plan sees it; nothing if there are too many to tell with few calls. Whoever asks for it, or for another
    /// one there, waits for one answer. Without one, the first plan of a run learns why.
    pub async fn sight(self, instance_id: &str) -> Result<Option<Sight>, Option<Error>> {
        let place = self.place();
        let mut seen = place.lock().await;
        self.instance(&mut seen, instance_id).await
    }

    /// The newest completed manual backup of an instance as a plan sees it, if there is one: on the page that all share, or else
    /// in the instance's own list. Without an answer as [`Self::sight`].
    pub async fn newest_completed(self, instance_id: &str) -> Result<Option<Backup>, Option<Error>> {
        let place = self.place();
        let mut seen = place.lock().await;
        let known = self.newest(&mut seen, instance_id).await?;
        if known.tell_of(instance_id) {
            let is_its = |one: &&Backup| one.instance_id == instance_id && one.status == Status::Completed;
            let its = known.backups.iter().filter(is_its).collect::<Vec<_>>();
            if !its.is_empty() || known.is_whole {
                return newest_of(&its);
            }
        }
        drop(seen);
        let filter = &Filter {
            instance_id: Some(instance_id.to_owned()),
            kind: Some("manual".to_owned()),
            status: Some(Status::Completed),
            ..Filter::default()
        };
        let list = |context| async move { self.client(&context).list(filter).await };
        newest_of(&self.ahead.ask(list).await?.iter().collect::<Vec<_>>())
    }

    /// The place is locked while the cloud is asked, so that all wait for one answer.
    async fn instance(&self, seen: &mut Notes, instance_id: &str) -> Result<Option<Sight>, Option<Error>> {
        if seen.is_silent {
            return Err(None);
        }
        let known = &mut *seen;
        let look = move |context| async move { known.instance(self.client(&context), instance_id).await };
        let sight = self.ahead.ask(look).await;
        seen.is_silent = sight.is_err();
        sight
    }

    /// The same with the newest backups.
    async fn newest<'s>(&self, seen: &'s mut Notes, instance_id: &str) -> Result<&'s NewestBackups, Option<Error>> {
        let mut why = None;
        if seen.backups.is_none() && !seen.is_silent {
            let page = move |context| async move { newest(self.client(&context), instance_id).await };
            let told = self.ahead.ask(page).await.map_err(|error| why = error);
            seen.backups = Some(told);
        }
        seen.backups.as_ref().and_then(|told| told.as_ref().ok()).ok_or(why)
    }

    /// What a planned create on that instance will meet, and one with that name.
    pub async fn outlook(self, instance_id: &str, name: Option<&str>) -> Outlook {
        let mut outlook = Outlook::default();
        if self.has_preflight {
            outlook.unasked = self.look_out(&mut outlook, instance_id, name).await.err().flatten();
        }
        outlook
    }

    async fn look_out(&self, outlook: &mut Outlook, id: &str, name: Option<&str>) -> Result<(), Option<Error>> {
        let place = self.place();
        let mut seen = place.lock().await;
        outlook.instance = self.instance(&mut seen, id).await?;
        if let Some(Sight::Absent(_)) = &outlook.instance {
            return Ok(());
        }
        let known = self.newest(&mut seen, id).await?;
        let tell = known.tell_of(id);
        for backup in known.backups.iter().filter(|_| tell) {
            if name == Some(&*backup.name) && backup.status != Status::Deleting {
                outlook.holder = Some(backup.clone());
            }
            if backup.status == Status::Building && backup.instance_id == id {
                outlook.running = Some(backup.clone());
            }
        }
        Ok(())
    }
}

impl Unanswered<'_> {
    /// There will be no answer: the time is lost.
    fn is_unanswered(&self) {
        let mut time = self.ahead.time();
        time.left = time.left.min(self.deadline.saturating_duration_since(Instant::now()));
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let mut time = self.ahead.time();
        if let Some(at) = time.waiting.iter().position(|began| *began == self.began) {
            time.waiting.swap_remove(at);
        }
    }
}

impl Notes {
    /// The instance; `None` if there are too many to tell with few calls. The first one is asked for by its id, and when there
    /// is a second one, all are listed.
    async fn instance(&mut self, client: Client<'_>, id: &str) -> Result<Option<Sight>, Error> {
        if let Some(sight) = self.instances.get(id) {
            return Ok(Some(sight.clone()));
        }
        let service = client.service;
        if self.list.is_none() && !self.instances.is_empty() {
            let limit = service.facts().page_limit;
            let page = listed(client, &service.instances(None, 0, limit)).await?;
            self.list = Some(if is_whole(&page, limit) { ListRead::Whole } else { ListRead::InPart });
            let sights = page.items.into_iter().map(|instance| (instance.id.clone(), Sight::Seen(instance)));
            self.instances.extend(sights);
            if let Some(sight) = self.instances.get(id) {
                return Ok(Some(sight.clone()));
            }
        }
        if self.list == Some(ListRead::InPart) {
            return Ok(None);
        }
        // Also one that is not in the list: it may be younger.
        let sight = match shown(client, id).await? {
            Some(instance) => Sight::Seen(instance),
            None if self.list.is_some() => Sight::Absent(self.named(id)),
            None => {
                let page = listed(client, &service.instances(Some(id), 0, service.facts().page_limit)).await?;
                Sight::Absent(page.items.into_iter().filter(|one| one.name == id).map(|one| one.id).collect())
            }
        };
        self.instances.insert(id.to_owned(), sight.clone());
        Ok(Some(sight))
    }

    fn named(&self, name: &str) -> Vec<String> {
        let ids = self.instances.values().filter_map(|sight| match sight {
            Sight::Seen(instance) if instance.name == name => Some(instance.id.clone()),
            _ => None,
        });
        ids.collect()
    }
}

/// The newest of these. Beside another one, one that does not tell when it was begun leaves that open.
fn newest_of(backups: &[&Backup]) -> Result<Option<Backup>, Option<Error>> {
    if backups.len() > 1 && backups.iter().any(|backup| backup.begin.is_none()) {
        return Err(None);
    }
    Ok(backups.iter().max_by_key(|backup| backup.begin).copied().cloned())
}

/// Whether a first page is all there is. A total of nothing beside something is none.
fn is_whole<T>(page: &Page<T>, limit: u64) -> bool {
    let length = page.items.len() as u64;
    page.total.filter(|total| *total > 0 || length == 0).map_or(length < limit, |total| total <= length)
}

async fn listed(client: Client<'_>, call: &Call) -> Result<Page<Instance>, cloud::Error> {
    client.read(call, |reply| client.service.instances_read(reply)).await
}

/// The instance of that id. That a text is no id at all, a service may say in its own way.
async fn shown(client: Client<'_>, id: &str) -> Result<Option<Instance>, cloud::Error> {
    match listed(client, &client.service.instance(id)).await {
        Ok(page) => Ok(page.items.into_iter().find(|instance| instance.id == id)),
        Err(error)
            if error.refusal().is_some_and(|refusal| matches!(refusal.status, 400 | 404))
                && client.verdict(&error).is_some_and(|verdict| verdict != Verdict::NotOffered) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The newest manual backups of the project, if the service lists them, or of the instance: one page, one call.
async fn newest(client: Client<'_>, instance_id: &str) -> Result<NewestBackups, Error> {
    let (service, limit) = (client.service, client.service.facts().page_limit);
    let mut filter = Filter { kind: Some("manual".to_owned()), ..Filter::default() };
    let mut calls = service.list(&filter, 0, limit);
    if calls.is_err() {
        filter.instance_id = Some(instance_id.to_owned());
        calls = service.list(&filter, 0, limit);
    }
    let calls = calls?;
    let mut page = match calls.first() {
        Some(call) => client.read(call, |reply| service.listed(reply)).await?,
        None => Page { items: Vec::new(), total: None },
    };
    let is_whole = calls.len() == 1 && is_whole(&page, limit);
    page.items.retain(|backup| pages::matches(&filter, backup));
    Ok(NewestBackups { of: filter.instance_id, backups: page.items, is_whole })
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").field("time", &self.time).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, sleep_until};

    use super::*;

    async fn silent(ahead: &Ahead) -> Result<(), Option<Error>> {
        ahead
            .ask(|context| async move {
                sleep_until(context.deadline).await;
                Err(cloud::Error::Setup("no answer".to_owned()).into())
            })
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn all_unanswered_questions_of_a_run_take_ten_seconds_and_are_told_once() {
        let ahead = Ahead::default();
        let began = Instant::now();
        let late = async {
            sleep(Duration::from_secs(9)).await;
            silent(&ahead).await
        };
        let (first, second, third) = tokio::join!(silent(&ahead), silent(&ahead), late);
        assert_eq!(began.elapsed(), Duration::from_secs(10));
        let told = [first, second, third].into_iter().filter(|answer| matches!(answer, Err(Some(_)))).count();
        assert_eq!(told, 1);
        assert!(matches!(silent(&ahead).await, Err(None)));
        assert_eq!(began.elapsed(), Duration::from_secs(10), "nothing is asked any more");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_cost_no_time_however_many_they_are() {
        let ahead = Ahead::default();
        for _ in 0..20 {
            let answer = ahead.ask(|_| async {
                sleep(Duration::from_secs(1)).await;
                Ok(1)
            });
            assert_eq!(answer.await.ok(), Some(1));
        }
        let began = Instant::now();
        assert!(silent(&ahead).await.is_err());
        assert_eq!(began.elapsed(), Duration::from_secs(10));
    }
}
