//! What the ledger keeps: instances, backups and jobs, each able to tell its state at a moment.

use serde_json::Value;

use crate::clock::Millis;
use crate::service::Service;

/// State of a backup, in the words the emulator uses for all services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Building,
    Completed,
    Failed,
    Deleting,
}

impl Status {
    /// The word used on the control port.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Building => "BUILDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Deleting => "DELETING",
        }
    }
}

/// What an instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    Idle,
    BackingUp,
    Restoring,
    Otherwise,
}

/// A database instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) service: Service,
    pub(crate) project_id: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) engine: String,
    pub(crate) version: String,
    pub(crate) mode: String,
    pub(crate) created: Millis,
    /// Busy with something that is no backup until then.
    pub(crate) busy_until: Millis,
    /// Room for data.
    pub(crate) size_gb: u64,
    pub(crate) data: Data,
    pub(super) running: Vec<String>,
}

impl Instance {
    #[expect(clippy::too_many_arguments, reason = "plain facts, each named at the one place that calls this")]
    pub(crate) fn new(
        id: String,
        service: Service,
        project_id: String,
        region: String,
        name: String,
        (engine, version, mode): (String, String, String),
        created: Millis,
        busy_until: Millis,
    ) -> Self {
        Self {
            id,
            service,
            project_id,
            region,
            name,
            engine,
            version,
            mode,
            created,
            busy_until,
            size_gb: 100,
            data: Data::default(),
            running: Vec::new(),
        }
    }
}

/// One backup, running or done.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) id: String,
    pub(crate) service: Service,
    pub(crate) project_id: String,
    pub(crate) region: String,
    pub(crate) instance_id: String,
    pub(crate) instance_name: String,
    pub(crate) engine: String,
    pub(crate) version: String,
    pub(crate) mode: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// `manual`, `auto`, `incremental` or `fragment`.
    pub(crate) kind: String,
    pub(crate) began: Millis,
    pub(crate) ends_at: Millis,
    pub(crate) fails: bool,
    /// A word shown in place of the real status, for clients that must cope with one they do not know.
    pub(crate) word: Option<String>,
    /// What was asked for besides the name: databases (rds) or tables (geminidb).
    pub(crate) parts: Option<Value>,
    /// Room that a target of a restore needs.
    pub(crate) needs_gb: u64,
    pub(super) size_bytes: u64,
    pub(super) listed_from: Millis,
    /// Spans of time in which lists lack it although it is there.
    pub(super) hidden: Vec<(Millis, Millis)>,
    pub(super) stopping: bool,
    pub(super) deleting: bool,
    /// When it is gone.
    pub(super) gone_at: Option<Millis>,
    /// Until when lists go on showing it after that.
    pub(super) unlisted_at: Millis,
    /// How far the clock that wrote `began` was off.
    pub(super) clock_off: Millis,
    pub(super) job_id: String,
    pub(super) sequence: u64,
}

impl Backup {
    /// The state at a moment.
    pub(crate) fn status(&self, now: Millis) -> Status {
        if self.deleting {
            Status::Deleting
        } else if now < self.ends_at {
            Status::Building
        } else if self.fails {
            Status::Failed
        } else {
            Status::Completed
        }
    }

    /// The end, once it is reached, by the clock that wrote the beginning.
    pub(crate) fn ended(&self, now: Millis) -> Option<Millis> {
        (now >= self.ends_at).then_some(self.ends_at + self.clock_off)
    }

    /// The size, known once the backup has completed.
    pub(crate) fn size_bytes(&self, now: Millis) -> u64 {
        if now >= self.ends_at && !self.fails { self.size_bytes } else { 0 }
    }

    /// Whether lists show it.
    pub(crate) fn listed(&self, now: Millis) -> bool {
        now >= self.listed_from
            && !self.hidden.iter().any(|(from, to)| *from <= now && now < *to)
            && (!self.gone(now) || now < self.unlisted_at)
    }

    /// Whether it exists no more, whatever lists say.
    pub(crate) fn gone(&self, now: Millis) -> bool {
        self.gone_at.is_some_and(|gone| gone <= now)
    }
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Backup,
    Stop,
    Delete,
    Restore,
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobStatus {
    Running,
    Completed,
    Failed,
}

impl JobStatus {
    /// The word all services use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
        }
    }
}

/// A task the cloud works on.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) service: Service,
    pub(crate) project_id: String,
    pub(crate) instance_id: String,
    pub(crate) instance_name: String,
    pub(crate) task: Task,
    pub(crate) created: Millis,
    pub(super) ends_at: Millis,
    pub(super) known_from: Millis,
    pub(super) clock_off: Millis,
    pub(crate) failure: Option<&'static str>,
}

impl Job {
    pub(crate) fn status(&self, now: Millis) -> JobStatus {
        match (now < self.ends_at, self.failure) {
            (true, _) => JobStatus::Running,
            (false, None) => JobStatus::Completed,
            (false, Some(_)) => JobStatus::Failed,
        }
    }

    pub(crate) fn ended(&self, now: Millis) -> Option<Millis> {
        (now >= self.ends_at).then_some(self.ends_at + self.clock_off)
    }

    /// Why it failed, once it has.
    pub(crate) fn fail_reason(&self, now: Millis) -> Option<&'static str> {
        if now < self.ends_at { None } else { self.failure }
    }

    /// `40%` while running, nothing afterwards.
    pub(crate) fn progress(&self, now: Millis) -> String {
        if now >= self.ends_at {
            return String::new();
        }
        let began = self.created - self.clock_off;
        let span = (self.ends_at - began).max(1);
        format!("{}%", ((now - began) * 100 / span).clamp(1, 99))
    }
}

/// What an instance holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Data {
    /// A marker of what was restored into it; empty while it holds its own.
    before: String,
    /// The restore that runs or ran last: when it ends, and the marker from then on.
    last: Option<(Millis, String)>,
    /// Spans to which it can be brought back, where a test has set them.
    pub(crate) spans: Option<Vec<(Millis, Millis)>>,
}

impl Data {
    pub(crate) fn restoring(&self, now: Millis) -> bool {
        self.last.as_ref().is_some_and(|(ends, _)| now < *ends)
    }

    /// The marker at a moment: `own`, a backup's id, `instance@milliseconds`, or `damaged` after a restore that failed.
    pub(crate) fn marker(&self, now: Millis) -> &str {
        let marker = match &self.last {
            Some((ends, marker)) if *ends <= now => marker,
            _ => &self.before,
        };
        if marker.is_empty() { "own" } else { marker }
    }

    /// It is being overwritten, and holds that from then on.
    pub(crate) fn restore(&mut self, marker: String, ends: Millis, now: Millis) {
        self.before = self.marker(now).to_owned();
        self.last = Some((ends, marker));
    }
}
