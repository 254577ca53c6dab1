//! Deletes that come together share a call, where the service has one for several.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::deleters::{Deleted, Deleters};
use super::errand::{Errand, interruption_of, misread};
use super::lookup::in_time;
use crate::backup::{Misread, Verdict};
use crate::cloud;

/// A delete waits for company, but not longer than this.
const LONGEST_GATHERING: Duration = Duration::from_secs(10);

/// Asks the cloud to delete a backup, alone or together with others. What comes back concerns this backup only: the job,
/// where one is named, or why it was not accepted.
pub(super) async fn delete(errand: Errand<'_>, id: &str) -> Result<Option<String>, cloud::Error> {
    let limit = errand.service.facts().batch_limit;
    let deleters = &errand.lookup.desk(errand).deleters;
    let Some(answer) = (limit > 1).then(|| deleters.queue(id)).flatten() else { return alone(errand, id).await };
    let (since, mut queued) = (Instant::now(), 0);
    let spare = errand.context.deadline.saturating_duration_since(since) / 4;
    while since.elapsed() < LONGEST_GATHERING.min(spare) {
        let before = std::mem::replace(&mut queued, deleters.queued());
        let alone = queued <= before || (before > 0 && deleters.is_full());
        if alone || queued >= limit || errand.rest(deleters.next_within()).await.is_err() {
            break;
        }
    }
    let mut taken = deleters.take(id, limit);
    let ids: Vec<String> = taken.iter().map(|(id, _)| id.clone()).collect();
    match &*ids {
        // Somebody else sends it: that may take as long as we have time, and no longer.
        [] => match in_time(errand.context, answer).await {
            Some(Ok(Deleted::Accepted)) => return Ok(None),
            Some(Ok(Deleted::Refused(error))) => return Err(error),
            // Whoever sent it had no time any more, or had to give up. Without time of our own this only says so.
            Some(Ok(Deleted::Alone) | Err(_)) | None => return alone(errand, id).await,
        },
        [_] => return alone(errand, id).await,
        _ => {}
    }
    taken.remove(0);
    let mut deleted = together(errand, deleters, &ids).await;
    let mine = deleted.remove(0);
    for ((_, waits), deleted) in taken.into_iter().zip(deleted) {
        // Who waits no more has had to stop.
        let _ = waits.send(deleted);
    }
    match mine {
        Deleted::Accepted => Ok(None),
        Deleted::Refused(error) => Err(error),
        Deleted::Alone => alone(errand, id).await,
    }
}

async fn alone(errand: Errand<'_>, id: &str) -> Result<Option<String>, cloud::Error> {
    let reply = errand.change(&errand.service.delete(id)).await?;
    Ok(errand.service.job_id(&reply))
}

/// Sends one call for several; what became of each, in order.
async fn together(errand: Errand<'_>, deleters: &Deleters, ids: &[String]) -> Vec<Deleted> {
    let all = |deleted: Deleted| vec![deleted; ids.len()];
    let Some(call) = errand.service.delete_many(ids) else { return all(Deleted::Alone) };
    info!("{} backups are deleted with one call", ids.len());
    let reply = match errand.change(&call).await {
        Ok(reply) => reply,
        Err(error) if interruption_of(&error).is_some() => return all(Deleted::Alone),
        // The call as such is refused: one of them may be the reason, or that there are several.
        Err(error) if error.refusal().is_some_and(|refusal| refusal.status < 500 && refusal.status != 429) => {
            deleters.batch(false, errand.verdict(&error) != Some(Verdict::NotOffered));
            warn!("the backups cannot be deleted with one call, so they are deleted one by one: {error}");
            return all(Deleted::Alone);
        }
        // It may have been carried out: a look at each backup will tell.
        Err(error) => return all(Deleted::Refused(error)),
    };
    deleters.batch(true, true);
    match errand.service.deleted_many(&reply) {
        Ok(failed) => {
            let refused = |id: &String| failed.iter().find(|(failed, _)| failed == id);
            let deleted = ids.iter().map(|id| match refused(id) {
                None => Deleted::Accepted,
                Some((_, refusal)) => Deleted::Refused(cloud::Error::Refused {
                    product: call.product.key,
                    call: format!("{} {}", call.method, call.path),
                    refusal: Box::new(refusal.clone()),
                }),
            });
            deleted.collect()
        }
        Err(Misread(reason)) => all(Deleted::Refused(misread(&call, &reply, reason))),
    }
}
