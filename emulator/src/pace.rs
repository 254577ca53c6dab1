//! How fast things go: settings of time that a person or a test may change while the emulator runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::{self, Millis};
use crate::service::Service;

/// How long the emulated cloud takes. A change holds for whatever begins afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// Seconds from the acceptance of a backup to its end.
    pub backup_seconds: f64,
    /// Milliseconds every answer of a service or of IAM is held back; the request is applied before.
    pub latency_ms: u64,
    /// Seconds from a stop to the end of the stopped backup; a fifth of `backup_seconds` when absent.
    pub stop_seconds: Option<f64>,
    /// Seconds from a deletion to the disappearance of the backup; a fifth of `backup_seconds` when absent.
    pub delete_seconds: Option<f64>,
    /// Seconds from a deletion to the end of its job; as `delete_seconds` when absent. A shorter time is a job that
    /// says "completed" while the backup is still there, a longer one a job that runs on when it has gone.
    pub delete_job_seconds: Option<f64>,
    /// Seconds a new backup is missing from the lists (eventual consistency).
    pub list_delay_seconds: f64,
    /// Seconds a backup that has gone is still listed.
    pub unlist_delay_seconds: f64,
    /// Spans in which lists lack a backup that they have shown before: from and to, in seconds since its create call.
    pub hidden_seconds: Vec<(f64, f64)>,
    /// Seconds a new job is unknown to the job query.
    pub job_delay_seconds: f64,
    /// Seconds the list still says "building" after the job has completed.
    pub settle_lag_seconds: f64,
    /// Seconds by which the gateway's clock is ahead, as the header `Date` of its answers shows it; negative is behind.
    pub date_off_seconds: f64,
    /// Seconds by which the service's clock is ahead, as times of new backups and jobs show it; negative is behind.
    pub begin_off_seconds: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            backup_seconds: 3.0,
            latency_ms: 0,
            stop_seconds: None,
            delete_seconds: None,
            delete_job_seconds: None,
            list_delay_seconds: 0.0,
            unlist_delay_seconds: 0.0,
            hidden_seconds: Vec::new(),
            job_delay_seconds: 0.0,
            settle_lag_seconds: 0.0,
            date_off_seconds: 0.0,
            begin_off_seconds: 0.0,
        }
    }
}

impl Pace {
    /// The default pace with backups of this length.
    pub fn of_backups(seconds: f64) -> Self {
        Self { backup_seconds: seconds, ..Self::default() }
    }

    pub(crate) fn backup(&self) -> Millis {
        clock::millis(self.backup_seconds)
    }

    pub(crate) fn stop(&self) -> Millis {
        clock::millis(self.stop_seconds.unwrap_or(self.backup_seconds / 5.0))
    }

    pub(crate) fn delete(&self) -> Millis {
        clock::millis(self.delete_seconds.unwrap_or(self.backup_seconds / 5.0))
    }

    pub(crate) fn delete_job(&self) -> Millis {
        self.delete_job_seconds.map_or_else(|| self.delete(), clock::millis)
    }

    pub(crate) fn unlist_delay(&self) -> Millis {
        clock::millis(self.unlist_delay_seconds)
    }

    pub(crate) fn date_off(&self) -> Millis {
        clock::signed_millis(self.date_off_seconds)
    }

    pub(crate) fn begin_off(&self) -> Millis {
        clock::signed_millis(self.begin_off_seconds)
    }

    pub(crate) fn list_delay(&self) -> Millis {
        clock::millis(self.list_delay_seconds)
    }

    pub(crate) fn job_delay(&self) -> Millis {
        clock::millis(self.job_delay_seconds)
    }

    pub(crate) fn settle_lag(&self) -> Millis {
        clock::millis(self.settle_lag_seconds)
    }
}

/// The pace of everything, and of services that have one of their own.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    pub(crate) all: Pace,
    own: BTreeMap<Service, Pace>,
}

impl Paces {
    pub(crate) fn new(all: Pace) -> Self {
        Self { all, own: BTreeMap::new() }
    }

    /// The pace of a service, or of IAM.
    pub(crate) fn of(&self, service: Option<Service>) -> &Pace {
        service.and_then(|service| self.own.get(&service)).unwrap_or(&self.all)
    }

    /// Gives a service a pace of its own.
    pub(crate) fn set(&mut self, service: Service, pace: Pace) {
        self.own.insert(service, pace);
    }

    /// Lets a service go at the pace of everything again.
    pub(crate) fn forget(&mut self, service: Service) {
        self.own.remove(&service);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_and_delete_follow_the_length_of_backups() {
        let pace = Pace::of_backups(3.0);
        assert_eq!((pace.backup(), pace.stop(), pace.delete()), (3000, 600, 600));
        let pace = Pace { delete_seconds: Some(0.0), ..pace };
        assert_eq!((pace.stop(), pace.delete(), pace.delete_job()), (600, 0, 0));
        assert_eq!(Pace { delete_job_seconds: Some(2.0), ..pace }.delete_job(), 2000);
    }

    #[test]
    fn a_service_may_have_a_pace_of_its_own() {
        let mut paces = Paces::new(Pace::of_backups(1.0));
        paces.set(Service::Rds, Pace::of_backups(2.0));
        paces.all.backup_seconds = 3.0;
        let of = |paces: &Paces, service| paces.of(service).backup();
        assert_eq!(
            (of(&paces, None), of(&paces, Some(Service::Dds)), of(&paces, Some(Service::Rds))),
            (3000, 3000, 2000)
        );
        paces.forget(Service::Rds);
        assert_eq!(of(&paces, Some(Service::Rds)), 3000);
    }
}
