//! Who asks the cloud for many: one owner per region and service, a task of its own.
//!
//! What only one operation needs, that operation asks for itself. What several need at the same time - the pages of a list, a
//! look at all that is awaited, a batch of deletes - its owner asks once and tells everybody. [`super::next`] decides;
//! here it is done. Nobody hands a lock around, and nobody works within another's time: each operation waits for its answer,
//! its own stop and its own deadline, whichever comes first. The owner comes with the first of them and goes a little while
//! after the last one.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::client::{Ask, Client, Interruption, interruption_of};
use super::lookup::{self, sweep};
use super::next::{Answer, Cursor, NextStep, Question, Scope, State, Sweep, Ticket};
use super::pace;
use crate::backup::{Backup, Error, Misread, Page, Service, Verdict};
use crate::cloud::{self, Call, Context, Fate};

/// The owners that are there, by region and service. Cheap to clone; the clones know the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Pollers(Arc<Mutex<HashMap<OwnerKey, mpsc::UnboundedSender<Want>>>>);

type OwnerKey = (String, &'static str);

/// What the owner is told.
#[derive(Debug)]
enum Want {
    Come(Ticket, Option<(Scope, String)>, Instant),
    Ask(Ticket, Question, oneshot::Sender<Answer>),
    Left(Ticket),
    Wrote,
}

/// A seat at the owner's; left when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    owner: mpsc::UnboundedSender<Want>,
    ticket: Ticket,
}

impl Pollers {
    /// A seat for somebody who may watch a backup.
    pub(super) fn come(&self, client: Client<'_>, watches: Option<(Scope, String)>) -> Seat {
        static TICKETS: AtomicU64 = AtomicU64::new(0);
        let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
        let key = (client.cloud.region().to_owned(), client.service.facts().key());
        let want = Want::Come(ticket, watches, client.context.deadline);
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let want = match owners.get(&key) {
            Some(owner) => match owner.send(want) {
                Ok(()) => return Seat { owner: owner.clone(), ticket },
                // It has gone meanwhile.
                Err(back) => back.0,
            },
            None => want,
        };
        let (owner, wants) = mpsc::unbounded_channel();
        let asking = Asking { cloud: Arc::clone(client.cloud), service: client.service };
        tokio::spawn(Poller::new(asking).run(wants));
        // It cannot have gone before it was told anything.
        let _ = owner.send(want);
        owners.insert(key, owner.clone());
        Seat { owner, ticket }
    }

    /// We are about to change something, or have just done so.
    pub(super) fn wrote(&self, region: &str, service: &'static str) {
        let owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = owners.get(&(region.to_owned(), service)) {
            // Without an owner there is nothing that could be too old.
            let _ = owner.send(Want::Wrote);
        }
    }
}

impl Seat {
    /// Asks the owner, for as long as there is time.
    pub(super) async fn ask(&self, context: &Context, question: Question) -> Result<Answer, Interruption> {
        let (reply, told) = oneshot::channel();
        // An owner that ends leaves everybody to themselves.
        let _ = self.owner.send(Want::Ask(self.ticket, question, reply));
        tokio::select! {
            biased;
            () = context.stop.cancelled() => Err(Interruption::Stop),
            told = told => Ok(told.unwrap_or(Answer::Alone)),
            () = sleep_until(context.deadline) => Err(Interruption::Deadline),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = self.owner.send(Want::Left(self.ticket));
    }
}

/// Whom an owner asks.
#[derive(Clone)]
struct Asking {
    cloud: Arc<dyn Ask>,
    service: &'static dyn Service,
}

impl Asking {
    fn client<'a>(&'a self, context: &'a Context) -> Client<'a> {
        Client { cloud: &self.cloud, context, service: self.service, bears_trouble: true }
    }
}

/// An owner at work.
struct Poller {
    asking: Asking,
    state: State,
    replies: HashMap<Ticket, oneshot::Sender<Answer>>,
    fates: HashMap<Ticket, Fate>,
    calls: JoinSet<Done>,
    /// Ends the calls when nobody is here any more.
    stop: CancellationToken,
}

/// What a call brought.
enum Done {
    Turned(Scope, Instant, usize, Vec<Turned>),
    Swept(Scope, Instant, Result<Sweep, Error>),
    Deleted(Vec<Ticket>, BatchEnd),
}

/// A page that was asked for.
type Turned = (Cursor, Result<Option<Page<Backup>>, cloud::Error>);

/// What became of a batch.
enum BatchEnd {
    Each(Vec<Answer>),
    /// It was refused as a whole: alone they may work. Whether this cloud has batches at all.
    Refused {
        offered: bool,
    },
    /// It may have been carried out: a look at each backup will tell.
    Lost(cloud::Error),
    /// It was not sent.
    Unsent,
}

impl Poller {
    fn new(asking: Asking) -> Self {
        let facts = asking.service.facts();
        let state = State::new(facts.page_limit, facts.batch_limit);
        let (replies, calls) = (HashMap::new(), JoinSet::new());
        Poller { asking, state, replies, fates: HashMap::new(), calls, stop: CancellationToken::new() }
    }

    async fn run(mut self, mut wants: mpsc::UnboundedReceiver<Want>) {
        loop {
            let wake = self.act();
            let idle = self.state.is_idle();
            let until = wake.unwrap_or_else(|| Instant::now() + pace::PAGE_COUNTS);
            tokio::select! {
                biased;
                want = wants.recv() => match want {
                    Some(want) => {
                        self.hear(want);
                        // Whoever came together is heard together.
                        while let Ok(want) = wants.try_recv() {
                            self.hear(want);
                        }
                    }
                    None => return,
                },
                Some(done) = self.calls.join_next(), if !self.calls.is_empty() => match done {
                    Ok(done) => self.done(done),
                    // A call that broke off leaves everybody to themselves.
                    Err(_) => return,
                },
                () = sleep_until(until), if !idle => {}
                () = sleep(pace::WALK_ENDS), if idle => wants.close(),
            }
        }
    }

    /// Does what there is to do; when there is more, without anybody coming.
    fn act(&mut self) -> Option<Instant> {
        loop {
            let step = self.state.next(Instant::now());
            self.state.begun(&step);
            match step {
                NextStep::Rest(until) => return until,
                NextStep::Tell(who, told) => self.tell(who, told),
                NextStep::Turn(scope, cursor, pages) => self.turn(scope, cursor, pages),
                NextStep::Sweep(scope, watched) => self.sweep(scope, watched),
                NextStep::DeleteMany(batch) => self.delete(batch),
            }
        }
    }

    fn tell(&mut self, who: Ticket, told: Answer) {
        if let Some(reply) = self.replies.remove(&who) {
            // Who waits no more has had to stop.
            let _ = reply.send(told);
        }
    }

    fn hear(&mut self, want: Want) {
        match want {
            Want::Come(who, watches, deadline) => self.state.came(who, watches, deadline),
            Want::Ask(who, question, reply) => {
                if let Question::Delete { fate, .. } = &question {
                    self.fates.insert(who, fate.clone());
                }
                self.replies.insert(who, reply);
                self.state.ask(who, question, Instant::now());
            }
            Want::Left(who) => {
                self.replies.remove(&who);
                self.fates.remove(&who);
                self.state.left(who, Instant::now());
                if self.state.is_idle() {
                    std::mem::take(&mut self.stop).cancel();
                }
            }
            Want::Wrote => self.state.wrote(),
        }
    }

    /// The limits of a call for all who are here.
    fn context(&self) -> Context {
        let deadline = self.state.deadline().unwrap_or_else(Instant::now);
        Context { deadline, stop: self.stop.clone() }
    }

    fn turn(&mut self, scope: Scope, first: Cursor, pages: u64) {
        let (asking, context, sent) = (self.asking.clone(), self.context(), Instant::now());
        self.calls.spawn(async move {
            let client = asking.client(&context);
            let filter = &lookup::filter(&scope);
            let limit = client.service.facts().page_limit;
            let cursors = (0..pages).map(|nth| first.later(nth, limit));
            let turned =
                join_all(cursors.map(|cursor| async move { (cursor, lookup::page(client, filter, cursor).await) }))
                    .await;
            Done::Turned(scope, sent, lookup::kinds(client, filter), turned)
        });
    }

    fn sweep(&mut self, scope: Scope, watched: HashSet<String>) {
        let (asking, context, sent) = (self.asking.clone(), self.context(), Instant::now());
        self.calls.spawn(async move {
            let swept = sweep(asking.client(&context), &scope, &watched).await;
            Done::Swept(scope, sent, swept)
        });
    }

    fn delete(&mut self, batch: Vec<(Ticket, String)>) {
        let (asking, context) = (self.asking.clone(), self.context());
        let (tickets, ids): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let fates = tickets.iter().map(|who| self.fates.get(who).cloned().unwrap_or_default()).collect();
        self.calls.spawn(async move {
            let batch = together(asking.client(&context), &ids, fates).await;
            Done::Deleted(tickets, batch)
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Turned(scope, sent, kinds, turned) => {
                let Some(first) = turned.first().map(|(cursor, _)| *cursor) else { return };
                let mut failed = None;
                for (cursor, page) in turned {
                    match page {
                        Ok(Some(page)) => self.state.page(&scope, cursor, page, kinds, sent),
                        Ok(None) => failed = failed.or(Some((sent, None))),
                        Err(error) => {
                            // Trouble that passes is everybody's; a list that is refused says nothing about asking by id.
                            let shared = self.asking.client(&self.context()).is_transient(&error);
                            failed = failed.or(Some((sent, shared.then_some(error))));
                        }
                    }
                }
                self.state.turned(&scope, first, failed);
            }
            Done::Swept(scope, sent, swept) => {
                let told = match swept {
                    Ok(sweep) => self.state.swept(&scope, &sweep, Instant::now()),
                    Err(Error::Cloud(error))
                        if interruption_of(&error).is_some()
                            || self.asking.client(&self.context()).is_transient(&error) =>
                    {
                        self.state.not_swept(&scope, sent, Some(&error))
                    }
                    Err(_) => self.state.not_swept(&scope, sent, None),
                };
                for (who, told) in told {
                    self.tell(who, told);
                }
            }
            Done::Deleted(tickets, batch) => {
                let told = match batch {
                    BatchEnd::Each(told) => {
                        self.state.batch(true, true);
                        told
                    }
                    BatchEnd::Refused { offered } => {
                        self.state.batch(false, offered);
                        vec![Answer::Alone; tickets.len()]
                    }
                    BatchEnd::Lost(error) => {
                        self.state.wrote();
                        vec![Answer::Failed(error); tickets.len()]
                    }
                    BatchEnd::Unsent => vec![Answer::Alone; tickets.len()],
                };
                for (who, told) in tickets.into_iter().zip(told) {
                    self.tell(who, told);
                }
            }
        }
    }
}

/// Sends one delete for several.
async fn together(client: Client<'_>, ids: &[String], fates: Vec<Fate>) -> BatchEnd {
    let Some(call) = client.service.delete_many(ids) else { return BatchEnd::Unsent };
    let call = Call { fates, ..call };
    info!("{} backups are deleted with one call", ids.len());
    let reply = match client.send(&call).await {
        Ok(reply) => reply,
        Err(error) if interruption_of(&error).is_some() => return BatchEnd::Unsent,
        // The call as such is refused: one of them may be the reason, or that there are several.
        Err(error) if error.refusal().is_some_and(|refusal| refusal.status < 500 && refusal.status != 429) => {
            warn!("the backups cannot be deleted with one call, so they are deleted one by one: {error}");
            return BatchEnd::Refused { offered: client.verdict(&error) != Some(Verdict::NotOffered) };
        }
        Err(error) => return BatchEnd::Lost(error),
    };
    match client.service.deleted_many(&reply) {
        Ok(failed) => {
            let refused = |id: &String| failed.iter().find(|(failed, _)| failed == id);
            let told = ids.iter().zip(&call.fates).map(|(id, fate)| match refused(id) {
                None => Answer::Accepted,
                Some((_, refusal)) => {
                    let (product, refusal) = (call.product.key, Box::new(refusal.clone()));
                    let error = cloud::Error::Refused { product, call: client.label(&call), refusal };
                    fate.failed(&error);
                    Answer::Failed(error)
                }
            });
            BatchEnd::Each(told.collect())
        }
        Err(Misread(reason)) => BatchEnd::Lost(client.misread(&call, &reply, reason)),
    }
}
