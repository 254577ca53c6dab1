//! Bringing an instance back: what is asked of a restore, and to which times one is possible.

use std::time::Duration;

use jiff::Timestamp;

/// A restore into an existing instance, which overwrites what that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRestore {
    /// The instance whose data are wanted.
    pub source_instance_id: String,
    /// As of when.
    pub point: RestorePoint,
    /// The instance that is overwritten. It may be the source itself.
    pub target_instance_id: String,
}

/// As of when data are restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestorePoint {
    /// As a backup holds them, by its id.
    Backup(String),
    /// As they were at a moment.
    Time(Timestamp),
}

/// How far a restore is.
#[derive(Clone, Copy, Debug)]
pub enum RestoreStep<'a> {
    /// All that can be known was asked, and the order is about to be sent.
    Asked,
    /// The cloud has begun it.
    Begun {
        /// The job.
        job_id: &'a str,
    },
    /// The job runs.
    Runs {
        /// How long we have waited.
        waited: Duration,
        /// `40%`, where the service tells it.
        progress: Option<&'a str>,
    },
    /// The job has completed, and the target is not idle yet.
    TargetNotReady {
        /// How long we have waited.
        waited: Duration,
        /// The status of the target.
        status: &'a str,
    },
}

/// A span of time to any moment of which an instance can be restored, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first moment.
    pub start: Timestamp,
    /// The last one.
    pub end: Timestamp,
}

impl Span {
    /// Whether a moment is inside.
    pub fn covers(&self, moment: Timestamp) -> bool {
        self.start <= moment && moment <= self.end
    }
}

/// Spans in order, those that touch or overlap made one. Services cut theirs at midnight.
pub(super) fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    const TOUCH_MILLIS: i64 = 1000;
    spans.sort_unstable();
    let mut whole: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match whole.last_mut() {
            Some(last) if span.start.as_millisecond() - last.end.as_millisecond() <= TOUCH_MILLIS => {
                last.end = last.end.max(span.end);
            }
            _ => whole.push(span),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::{Span, joined};

    fn span(start: &str, end: &str) -> Span {
        Span { start: start.parse().unwrap(), end: end.parse().unwrap() }
    }

    #[test]
    fn spans_that_touch_are_one() {
        let night = span("2026-11-20T22:00:00Z", "2026-11-20T23:59:59.999Z");
        let morning = span("2026-11-21T00:00:00Z", "2026-11-21T02:00:00Z");
        let noon = span("2026-11-21T11:00:00Z", "2026-11-21T13:00:00Z");
        let inner = span("2026-11-21T11:30:00Z", "2026-11-21T12:00:00Z");
        let through = span("2026-11-20T22:00:00Z", "2026-11-21T02:00:00Z");
        for (given, expected) in [
            (vec![], vec![]),
            (vec![noon], vec![noon]),
            (vec![morning, noon, night], vec![through, noon]),
            (vec![noon, inner], vec![noon]),
        ] {
            assert_eq!(joined(given), expected);
        }
    }

    #[test]
    fn both_ends_are_covered() {
        let noon = span("2026-11-21T11:00:00Z", "2026-11-21T13:00:00Z");
        for (moment, covered) in [
            ("2026-11-21T10:59:59Z", false),
            ("2026-11-21T11:00:00Z", true),
            ("2026-11-21T13:00:00Z", true),
            ("2026-11-21T13:00:01Z", false),
        ] {
            assert_eq!(noon.covers(moment.parse().unwrap()), covered, "{moment}");
        }
    }
}

/// What a service wants from a person after a restore over the source itself: the word that the restored data are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// What does not work until then, and what cannot be undone afterwards, in sentences.
    pub cost: &'static str,
    /// The service's call that gives it.
    pub call: &'static str,
}
