//! How fast things go: settings of time that a person or a test may change while the emulator runs.

use serde::{Deserialize, Serialize};

use crate::clock::{self, Millis};

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
    /// Seconds a new backup is missing from the lists (eventual consistency).
    pub list_delay_seconds: f64,
    /// Seconds a new job is unknown to the job query.
    pub job_delay_seconds: f64,
    /// Seconds the list still says "building" after the job has completed.
    pub settle_lag_seconds: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            backup_seconds: 3.0,
            latency_ms: 0,
            stop_seconds: None,
            delete_seconds: None,
            list_delay_seconds: 0.0,
            job_delay_seconds: 0.0,
            settle_lag_seconds: 0.0,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_and_delete_follow_the_length_of_backups() {
        let pace = Pace::of_backups(3.0);
        assert_eq!((pace.backup(), pace.stop(), pace.delete()), (3000, 600, 600));
        let pace = Pace { delete_seconds: Some(0.0), ..pace };
        assert_eq!((pace.stop(), pace.delete()), (600, 0));
    }
}
