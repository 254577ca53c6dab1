//! One database service's dialect: what the engine needs to know of it, and nothing else.

use jiff::civil::Date;
use serde_json::{Value as Json, json};

use super::answers::{Blamed, Codes, Idle, Job, Misread, Page, Started, Unsupported, Verdict};
use super::services::{restoring, wire};
use super::{
    Backup, BackupRef, Confirmation, Datastore, Download, Filter, Instance, NewBackup, NewRestore, Span, Status,
};
use crate::cloud::{Call, Product, Refusal, Reply, segment};

/// A database service. Pure translation: builds calls and reads replies; never performs IO, waits or logs.
///
/// Most services differ in [`Facts`] only; what a method says here is how most of them go.
///
/// Pages are asked for by record offset. A method that answers `None` says that the service has no such operation.
pub trait Service: Send + Sync {
    /// What is constant about it.
    fn facts(&self) -> &'static Facts;

    /// The call that takes a backup.
    fn create(&self, want: &NewBackup) -> Result<Call, Unsupported> {
        wire::whole_instance(want, self.facts().title)?;
        Ok(self.facts().post(self.facts().backups, Some(wire::flat_create(want))))
    }

    /// What the cloud said it began. An instance id it does not tell is filled in by the engine.
    fn started(&self, reply: &Reply) -> Result<Started, Misread> {
        wire::started_whole(reply)
    }

    /// Calls that find one backup by its id, to be asked in turn until one has it; that all of them answer with an empty
    /// page proves that it is gone. [`Self::listed`] reads the replies. Empty when the service has no lookup by id: then
    /// the whole list is searched.
    fn find(&self, backup: &BackupRef) -> Result<Vec<Call>, Unsupported> {
        let facts = self.facts();
        Ok(vec![facts.get(facts.list).with("backup_id", &*backup.id)])
    }

    /// One page of backups; one call per kind where a service lists kinds apart (every kind pages on its own, and the
    /// number and order of the calls depend on the filter alone). Filters that the service has not are left out, those it
    /// has may be coarser than asked: the engine filters again.
    fn list(&self, filter: &Filter, offset: u64, limit: u64) -> Result<Vec<Call>, Unsupported> {
        let facts = self.facts();
        Ok(vec![facts.filtered(facts.get(facts.list), filter).page(offset, limit)])
    }

    /// Reads a page of backups, each of its records for itself.
    fn records(&self, reply: &Reply) -> Result<Page<Result<Backup, Misread>>, Misread> {
        wire::records(reply, self.facts().unit, self.facts().status)
    }

    /// Reads a page of backups. Who goes by what a list does not show needs all of it: one record that cannot be read is an
    /// error.
    fn listed(&self, reply: &Reply) -> Result<Page<Backup>, Misread> {
        self.records(reply)?.all()
    }

    /// The call that completes what the list does not tell of a backup, if there is one.
    fn details(&self, backup: &Backup) -> Option<Call> {
        let _ = backup;
        None
    }

    /// Adds what [`Self::details`] told.
    fn detailed(&self, backup: Backup, reply: &Reply) -> Result<Backup, Misread> {
        let _ = reply;
        Ok(backup)
    }

    /// The call that stops a running backup; see [`Facts::stop`] for what else it stops.
    fn stop(&self, backup: &Backup) -> Option<Call> {
        let facts = self.facts();
        match facts.stop {
            StopScope::Never => None,
            StopScope::Backup => Some(facts.put(facts.backup(&backup.id), json!({ "action": "stop" }))),
            StopScope::Instance => Some(facts.post(facts.of_instance(&backup.instance_id, "backups/stop"), None)),
        }
    }

    /// The call that deletes a backup. The reply may carry a job id: see [`Self::job_id`].
    fn delete(&self, id: &str) -> Call {
        self.facts().delete(self.facts().backup(id))
    }

    /// The call that deletes several at once, at most [`Facts::batch_limit`].
    fn delete_many(&self, ids: &[String]) -> Option<Call> {
        let facts = self.facts();
        let call = Call { body: Some(json!({ "backup_ids": ids })), ..facts.delete(facts.batch) };
        (facts.batch_limit > 0).then_some(call)
    }

    /// Which of the ids [`Self::delete_many`] did not take, with the reason. A success status may hide failures.
    fn deleted_many(&self, reply: &Reply) -> Result<Vec<(String, Refusal)>, Misread> {
        let _ = reply;
        Ok(Vec::new())
    }

    /// The job that a stop or delete began, if the reply names one.
    fn job_id(&self, reply: &Reply) -> Option<String> {
        let body = reply.body.json();
        body.get("job_id").and_then(|id| id.as_str()).filter(|id| !id.is_empty()).map(str::to_owned)
    }

    /// The call that asks for download links of a completed backup, if the service hands out any.
    fn download(&self, backup: &BackupRef) -> Option<Call> {
        let _ = backup;
        None
    }

    /// Reads those.
    fn downloaded(&self, reply: &Reply) -> Result<Download, Misread> {
        wire::downloaded(reply)
    }

    /// The call that asks how far a job is.
    fn job(&self, job_id: &str) -> Option<Call> {
        Some(self.facts().get(self.facts().jobs).with("id", job_id))
    }

    /// Reads that; `None` when the cloud does not know the job (yet, or any more).
    fn job_read(&self, reply: &Reply) -> Result<Option<Job>, Misread> {
        wire::one_job(reply)
    }

    /// The call that looks at one instance. [`Self::instances_read`] reads the reply.
    fn instance(&self, id: &str) -> Call {
        self.facts().get(self.facts().instances).with("id", id)
    }

    /// One page of instances. A filter the service has not is left out.
    fn instances(&self, name: Option<&str>, offset: u64, limit: u64) -> Call {
        self.facts().get(self.facts().instances).with_some("name", name).page(offset, limit)
    }

    /// Reads a page of instances, each of its records for itself.
    fn instance_records(&self, reply: &Reply) -> Result<Page<Result<Instance, Misread>>, Misread> {
        wire::instances(reply, self.facts().idle)
    }

    /// Reads a page of instances; one record that cannot be read is an error.
    fn instances_read(&self, reply: &Reply) -> Result<Page<Instance>, Misread> {
        self.instance_records(reply)?.all()
    }

    /// The call that restores into an existing instance. The reply carries a job id: see [`Self::job_id`].
    fn restore(&self, want: &NewRestore) -> Result<Call, Unsupported> {
        let _ = want;
        Err(Unsupported(format!("{} has no restore into an existing instance", self.facts().title)))
    }

    /// What the service wants from a person after a restore over the source itself.
    fn confirmation(&self) -> Option<Confirmation> {
        None
    }

    /// Whether the call under that path restores data of that engine into an existing instance.
    fn restores(&self, engine: &Datastore, path: &str) -> Result<(), Unsupported> {
        let _ = (engine, path);
        Ok(())
    }

    /// One page of the instances that can take a restore, where the service lists them.
    fn restorable(&self, want: &NewRestore, offset: u64, limit: u64) -> Option<Call> {
        let _ = (want, offset, limit);
        None
    }

    /// Reads the ids on such a page.
    fn restorable_read(&self, reply: &Reply) -> Result<Page<String>, Misread> {
        let _ = reply;
        Err(Misread("this service lists no restorable instances".to_owned()))
    }

    /// The call that asks to which times of a day, in UTC, an instance can be restored. A service that does not page ignores
    /// the offset, and tells no total.
    fn restore_times(&self, instance_id: &str, day: Date, offset: u64) -> Result<Call, Unsupported> {
        let (facts, _) = (self.facts(), offset);
        if facts.restore_times.is_none() {
            return Err(Unsupported(format!("{} does not tell to which times it can restore", facts.title)));
        }
        Ok(facts.get(facts.of_instance(instance_id, "restore-time")).with("date", day.to_string()))
    }

    /// Reads those.
    fn restore_times_read(&self, reply: &Reply) -> Result<Page<Span>, Misread> {
        match self.facts().restore_times {
            Some(name) => restoring::spans(reply, name),
            None => Err(Misread("this service tells no times".to_owned())),
        }
    }

    /// What a refusal means here: status and code together, because services use the same code differently.
    fn verdict(&self, refusal: &Refusal) -> Verdict {
        wire::verdict(refusal, self.facts().codes)
    }

    /// What of a new backup a refusal is about, where it tells.
    fn blamed(&self, refusal: &Refusal) -> Option<Blamed> {
        wire::blamed(refusal)
    }
}

/// What is constant about a service.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Facts {
    /// The word for it in `service`, `endpoints` and messages; also its endpoint.
    pub product: &'static Product,
    /// Its full name.
    pub title: &'static str,
    /// Where the vendor describes its API.
    pub reference: &'static str,
    /// How the ids of its instances end, such as `in02`, and the engine behind that, where it is one only.
    pub instance_suffixes: &'static [(&'static str, Option<&'static str>)],
    /// Why a backup cannot be taken, where it cannot.
    pub no_create: Option<&'static str>,
    /// Why a single backup can only be looked up together with its instance, where that is so.
    pub needs_instance: bool,
    /// What of an instance can be chosen.
    pub choice: Choice,
    /// The engines that have that choice.
    pub choosing_engines: &'static [&'static str],
    /// Whether its pages say that manual backups stay when their instance is deleted.
    pub outlives_instance: bool,
    /// Whether it refuses a name that a backup of the project has already.
    pub names_are_unique: bool,
    /// Records per page at most.
    pub page_limit: u64,
    /// Whether lists tell the descriptions of backups.
    pub tells_descriptions: bool,
    /// The kind of its backups that it keeps until somebody deletes them.
    pub kept_kind: &'static str,
    /// How many backups one batch delete takes; 0 where there is none.
    pub batch_limit: usize,
    /// What a stop ends.
    pub stop: StopScope,
    /// What else it ends without anybody having been able to see that it ran.
    pub stops_unseen: Option<&'static str>,
    /// The path of its backups; the id of one follows.
    pub backups: &'static str,
    /// The path under which they are listed.
    pub list: &'static str,
    /// The path under which several are deleted at once.
    pub batch: &'static str,
    /// The path of its jobs.
    pub jobs: &'static str,
    /// The path of its instances; the id of one follows.
    pub instances: &'static str,
    /// The types of backups that its list can filter by: our word, and its own.
    pub kinds: &'static [(&'static str, &'static str)],
    /// What every request to it carries: the language of its messages, where it has several.
    pub headers: &'static [(&'static str, &'static str)],
    /// In how many bytes it counts sizes.
    pub unit: f64,
    /// What its words for a backup's status mean.
    pub status: fn(&str) -> Status,
    /// How it says that nothing runs on an instance.
    pub idle: Idle,
    /// Whether the data of an instance fit into one of the same mode only.
    pub keeps_mode: bool,
    /// How it calls the list of times to which it can restore, if it has one by day.
    pub restore_times: Option<&'static str>,
    /// What its own refusals mean.
    pub codes: &'static [Codes],
}

impl Facts {
    /// What most services have in common.
    pub(super) const fn usual(product: &'static Product, title: &'static str, reference: &'static str) -> Self {
        Facts {
            product,
            title,
            reference,
            instance_suffixes: &[],
            no_create: None,
            needs_instance: false,
            choice: Choice::Whole,
            choosing_engines: &[],
            outlives_instance: false,
            names_are_unique: true,
            page_limit: 100,
            tells_descriptions: true,
            kept_kind: "manual",
            batch_limit: 0,
            stop: StopScope::Backup,
            stops_unseen: None,
            backups: "/v3/{project_id}/backups",
            list: "/v3/{project_id}/backups",
            batch: "/v3/{project_id}/instances/backups",
            jobs: "/v3/{project_id}/jobs",
            instances: "/v3/{project_id}/instances",
            kinds: &[("auto", "auto"), ("manual", "manual")],
            headers: &[("X-Language", "en-us")],
            unit: wire::KB,
            status: wire::status,
            idle: Idle::Status(&["ACTIVE"]),
            keeps_mode: false,
            restore_times: Some("restore_time"),
            codes: &[],
        }
    }

    pub(super) fn get(&self, path: impl Into<String>) -> Call {
        self.with_headers(Call::get(self.product, path))
    }

    pub(super) fn post(&self, path: impl Into<String>, body: Option<Json>) -> Call {
        self.with_headers(Call::post(self.product, path, body))
    }

    pub(super) fn put(&self, path: impl Into<String>, body: Json) -> Call {
        self.with_headers(Call::put(self.product, path, Some(body)))
    }

    pub(super) fn delete(&self, path: impl Into<String>) -> Call {
        self.with_headers(Call::delete(self.product, path))
    }

    fn with_headers(&self, call: Call) -> Call {
        self.headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    }

    /// The path of one backup.
    pub(super) fn backup(&self, id: &str) -> String {
        format!("{}/{}", self.backups, segment(id))
    }

    /// A path below one instance.
    pub(super) fn of_instance(&self, id: &str, below: &str) -> String {
        format!("{}/{}/{below}", self.instances, segment(id))
    }

    /// The restore into an existing instance, as most ask for it.
    pub(super) fn recovery(&self, want: &NewRestore) -> Call {
        self.post(format!("{}/recovery", self.instances), Some(restoring::recovery(want, restoring::text)))
    }

    /// The same call for the backups of one instance and of one type, as far as the service filters.
    pub(super) fn filtered(&self, call: Call, filter: &Filter) -> Call {
        let kind = self.kinds.iter().find(|(word, _)| filter.kind.as_deref() == Some(word));
        call.with_some("instance_id", filter.instance_id.as_deref())
            .with_some("backup_type", kind.map(|(_, kind)| *kind))
    }

    /// How the ids of its instances end.
    pub fn suffixes(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.instance_suffixes.iter().map(|(suffix, _)| *suffix)
    }

    /// The word for it in `service`, `endpoints` and messages: `dds`, ….
    pub fn key(&self) -> &'static str {
        self.product.key
    }
}

/// What of an instance a backup can be told to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing: it holds the whole instance.
    Whole,
    /// Some databases, also each for itself.
    Databases,
    /// Some databases, or tables of them.
    Tables,
}

/// What a stop ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopScope {
    /// Nothing: the service has no such operation.
    Never,
    /// The one backup.
    Backup,
    /// Every backup that runs on the instance.
    Instance,
}
