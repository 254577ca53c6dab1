//! Restores: what they need, what they overwrite, and the times to which an instance can be brought back.

use crate::clock::Millis;
use crate::ledger::{Activity, Instance, Ledger, Status, Task};
use crate::pace::Pace;
use crate::service::Service;

/// To what an instance is brought back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Point<'a> {
    Backup(&'a str),
    Time(Millis),
}

/// A restore someone asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) service: Service,
    pub(crate) project_id: &'a str,
    /// Absent where the backup tells it.
    pub(crate) source: Option<&'a str>,
    pub(crate) point: Point<'a>,
    pub(crate) target: &'a str,
    /// Whether it is doomed (a fault asked for that).
    pub(crate) fails: bool,
}

/// Why there is no restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    NoBackup,
    NotCompleted,
    NoInstance,
    /// Another instance's backup, a time outside of all spans, another engine, or too little room.
    Mismatch,
    Busy,
}

impl Ledger {
    /// Begins a restore; the answer is the job's id.
    pub(crate) fn restore(&mut self, order: Order<'_>, pace: &Pace, now: Millis) -> Result<String, Unfit> {
        let (source, engine, needs, marker) = match order.point {
            Point::Backup(id) => {
                let backup = self
                    .find(order.service, order.project_id, id)
                    .filter(|backup| !backup.gone(now))
                    .ok_or(Unfit::NoBackup)?;
                if backup.status(now) != Status::Completed {
                    return Err(Unfit::NotCompleted);
                }
                (backup.instance_id.clone(), backup.engine.clone(), backup.needs_gb, id.to_owned())
            }
            Point::Time(at) => {
                let id = order.source.ok_or(Unfit::NoInstance)?;
                let source = self.instance(order.service, order.project_id, id).ok_or(Unfit::NoInstance)?;
                if !self.spans(source, now).iter().any(|(from, to)| (*from..=*to).contains(&at)) {
                    return Err(Unfit::Mismatch);
                }
                (source.id.clone(), source.engine.clone(), source.size_gb, format!("{id}@{at}"))
            }
        };
        if order.source.is_some_and(|id| id != source) {
            return Err(Unfit::Mismatch);
        }
        let target = self.instance(order.service, order.project_id, order.target).ok_or(Unfit::NoInstance)?.clone();
        if target.engine != engine || target.size_gb < needs {
            return Err(Unfit::Mismatch);
        }
        if self.activity(&target, now) != Activity::Idle {
            return Err(Unfit::Busy);
        }
        let ends = now + pace.backup();
        let job_id = self.open_job(&target, Task::Restore, ends, pace, now);
        if order.fails
            && let Some(job) = self.job_mut(&job_id)
        {
            job.failure = Some("Failed to restore the DB instance.");
        }
        if let Some(instance) = self.instance_by_id(&target.id) {
            let after = if order.fails { "damaged".to_owned() } else { marker };
            // The status outlasts the job, as it does in the clouds.
            instance.data.restore(after, ends + pace.settle_lag(), now);
        }
        self.totals.restored += 1;
        Ok(job_id)
    }

    /// The instances into which a backup, or a moment of its source, can be restored.
    pub(crate) fn restorable(&self, service: Service, project_id: &str, engine: &str, needs_gb: u64) -> Vec<&Instance> {
        let fits = |instance: &&Instance| {
            instance.service == service
                && instance.project_id == project_id
                && instance.engine == engine
                && instance.size_gb >= needs_gb
        };
        self.instances().iter().filter(fits).collect()
    }

    /// The spans to which an instance can be brought back: from its oldest completed backup until now, with `GeminiDB` the
    /// moments at which its backups ended.
    pub(crate) fn spans(&self, instance: &Instance, now: Millis) -> Vec<(Millis, Millis)> {
        if let Some(spans) = &instance.data.spans {
            return spans.clone();
        }
        let ends = self
            .newest_first(instance.service, &instance.project_id)
            .filter(|backup| backup.instance_id == instance.id && backup.status(now) == Status::Completed)
            .filter_map(|backup| backup.ended(now));
        if instance.service == Service::Geminidb {
            return ends.map(|end| (end, end)).collect();
        }
        ends.min().map(|from| (from, now)).into_iter().collect()
    }
}
