//! What the services' JSON bodies have in common: lenient scalars, times, sizes, and the shapes and refusal codes that
//! several of them share. Unknown fields are ignored, `null` is absent, numbers may come as texts and texts as numbers;
//! ids and the list itself must be there.

use jiff::{Timestamp, civil::DateTime, tz::Offset};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

use super::super::{
    Backup, Blamed, Database, Datastore, Download, DownloadFile, Instance, Job, JobStatus, Misread, More, Page,
    Started, Status, Unsupported, Verdict,
};
pub(in crate::backup) use super::scalars::{number, text};
use crate::backup::{Codes, Idle, NewBackup};
use crate::cloud::{Body, Refusal, Reply};

/// Reads a body. `what` names it in the complaint.
pub(in crate::backup) fn read<T: DeserializeOwned>(reply: &Reply, what: &str) -> Result<T, Misread> {
    #[cfg(test)]
    super::contract::note::<T>(&reply.body.json());
    if reply.body.is_empty() {
        return Err(Misread(format!("{what} is empty")));
    }
    if !reply.body.is_object() {
        return Err(Misread(format!("{what} is not a JSON object")));
    }
    reply.body.read().map_err(|why| Misread(format!("{what}: {why}")))
}

/// An id that must be there.
pub(in crate::backup) fn id(id: Option<String>, what: &str) -> Result<String, Misread> {
    id.filter(|id| !id.is_empty()).ok_or_else(|| Misread(format!("{what} has no id")))
}

/// A time: `2025-06-03 08:12:40`, `2025-06-03T08:12:40+0800`, `…+08:00`, `…Z`. Without a zone it is UTC. Whatever else is
/// written there is no time.
pub fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // A date has hyphens too, so the zone is looked for after it.
    let zone = text.char_indices().skip(11).find(|(_, c)| matches!(c, 'Z' | 'z' | '+' | '-')).map(|(at, _)| at);
    let (civil, zone) = text.split_at(zone.unwrap_or(text.len()));
    let civil: DateTime = civil.trim_end().parse().ok()?;
    offset(zone)?.to_timestamp(civil).ok()
}

fn offset(zone: &str) -> Option<Offset> {
    let sign = match zone.chars().next() {
        None | Some('Z' | 'z') => return (zone.len() < 2).then_some(Offset::UTC),
        Some('-') => -1,
        Some(_) => 1,
    };
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Bytes in a kilobyte as the services count.
pub(in crate::backup) const KB: f64 = 1024.0;
/// Bytes in a megabyte as the services count.
pub(in crate::backup) const MB: f64 = 1024.0 * 1024.0;

/// A size in bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates; sizes are not below 0"
)]
pub(in crate::backup) fn bytes(size: Option<f64>, unit: f64) -> Option<u64> {
    size.filter(|size| *size >= 0.0).map(|size| (size * unit).round() as u64)
}

/// The links to a backup's files, as DDS and RDS write them. Sizes count in KB.
pub(in crate::backup) fn downloaded(reply: &Reply) -> Result<Download, Misread> {
    #[derive(Deserialize)]
    struct FileList {
        #[serde(default, deserialize_with = "text")]
        bucket: Option<String>,
        files: Option<Vec<Downloadable>>,
    }
    #[derive(Deserialize)]
    struct Downloadable {
        #[serde(default, deserialize_with = "text")]
        name: Option<String>,
        #[serde(default, deserialize_with = "number")]
        size: Option<f64>,
        download_link: Option<SecretString>,
        #[serde(default, deserialize_with = "text")]
        link_expired_time: Option<String>,
        #[serde(default, deserialize_with = "text")]
        database_name: Option<String>,
        #[serde(default, deserialize_with = "text")]
        group_name: Option<String>,
    }
    let body: FileList = read(reply, "the list of files")?;
    let files = body.files.ok_or_else(|| Misread("the list of files has no `files`".to_owned()))?;
    let files = files.into_iter().map(|file| {
        let link = file.download_link.filter(|link| !link.expose_secret().is_empty());
        Ok(DownloadFile {
            link: link.ok_or_else(|| Misread("a file has no `download_link`".to_owned()))?,
            name: file.name.unwrap_or_default(),
            size_bytes: bytes(file.size, KB),
            expires: file.link_expired_time.as_deref().and_then(time),
            database: filled(file.database_name),
            group: filled(file.group_name),
        })
    });
    Ok(Download { bucket: filled(body.bucket), files: files.collect::<Result<_, _>>()? })
}

/// A count of records.
pub(in crate::backup) fn count(number: Option<f64>) -> Option<u64> {
    bytes(number, 1.0)
}

/// The status words that all services but DDM use.
pub(in crate::backup) fn status(word: &str) -> Status {
    Status::named(&plain(word))
}

/// `description`, unless there is none.
pub(in crate::backup) fn description(want: &NewBackup) -> Option<&str> {
    want.description.as_deref().filter(|description| !description.is_empty())
}

/// Whether a partition is Open Telekom Cloud or its Swiss sibling.
pub(in crate::backup) fn is_otc(partition: &str) -> bool {
    partition == "otc.t-systems.com" || partition.ends_with(".otc.t-systems.com")
}

/// Refuses a choice of databases where the service backs up the whole instance.
pub(in crate::backup) fn whole_instance(want: &NewBackup, title: &str) -> Result<(), Unsupported> {
    if want.databases.is_empty() {
        Ok(())
    } else {
        Err(Unsupported(format!("{title} backs up whole instances; single databases cannot be chosen")))
    }
}

/// The flat create request of TaurusDB, RDS and GaussDB.
pub(in crate::backup) fn flat_create(want: &NewBackup) -> Json {
    let mut body = json!({ "instance_id": want.instance_id, "name": want.name });
    if let Some(description) = description(want) {
        body["description"] = description.into();
    }
    body
}

/// The reply to a create of DDS and GeminiDB.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CreatedById {
    #[serde(deserialize_with = "text")]
    backup_id: Option<String>,
    #[serde(deserialize_with = "text")]
    job_id: Option<String>,
}

/// Reads `{"backup_id", "job_id"}`.
pub(in crate::backup) fn started_by_id(reply: &Reply) -> Result<Started, Misread> {
    let body: CreatedById = read(reply, "the reply to the create")?;
    Ok(Started { backup_id: id(body.backup_id, "the new backup")?, job_id: filled(body.job_id), ..Started::default() })
}

/// The reply to a create of TaurusDB, RDS and GaussDB.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CreatedWhole {
    backup: Option<Item>,
    #[serde(deserialize_with = "text")]
    job_id: Option<String>,
}

/// Reads `{"backup": {…}, "job_id"}`.
pub(in crate::backup) fn started_whole(reply: &Reply) -> Result<Started, Misread> {
    let body: CreatedWhole = read(reply, "the reply to the create")?;
    let backup = body.backup.ok_or_else(|| Misread("the reply to the create has no `backup`".to_owned()))?;
    Ok(Started {
        backup_id: id(backup.id, "the new backup")?,
        instance_id: filled(backup.instance_id),
        job_id: filled(body.job_id),
        begin: backup.begin_time.as_deref().and_then(time),
        name: filled(backup.name),
        ..Started::default()
    })
}

/// The list of backups of all services but DDM.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    backups: Option<Vec<Row>>,
    #[serde(deserialize_with = "number")]
    total_count: Option<f64>,
}

/// One backup of it, put into its final form as soon as it is read: a long list is in memory once.
struct Row {
    backup: Result<Backup, Misread>,
    /// In the service's unit.
    size: Option<f64>,
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let item = Item::deserialize(from)?;
        Ok(Row { size: item.size, backup: item.backup() })
    }
}

impl Row {
    fn backup(self, unit: f64, status: fn(&str) -> Status) -> Result<Backup, Misread> {
        let mut backup = self.backup?;
        backup.status = status(backup.status.word());
        if backup.status == Status::Building {
            // What it says of the end and the size is not true yet.
            (backup.end, backup.size_bytes, backup.more.minutes) = (None, None, None);
        } else {
            backup.size_bytes = bytes(self.size, unit);
        }
        Ok(backup)
    }
}

/// What is written of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    #[serde(deserialize_with = "text")]
    id: Option<String>,
    #[serde(deserialize_with = "text")]
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    instance_id: Option<String>,
    #[serde(deserialize_with = "text")]
    instance_name: Option<String>,
    #[serde(deserialize_with = "text")]
    description: Option<String>,
    datastore: Option<Engine>,
    #[serde(rename = "type", deserialize_with = "text")]
    kind: Option<String>,
    #[serde(deserialize_with = "text")]
    begin_time: Option<String>,
    #[serde(deserialize_with = "text")]
    end_time: Option<String>,
    #[serde(deserialize_with = "text")]
    status: Option<String>,
    #[serde(deserialize_with = "number")]
    size: Option<f64>,
    /// RDS.
    databases: Option<Vec<Named>>,
    /// RDS, in GB.
    #[serde(deserialize_with = "number")]
    min_data_volume_capacity_for_restore: Option<f64>,
    /// GeminiDB.
    database_tables: Option<Vec<Tables>>,
    /// TaurusDB, in minutes.
    #[serde(deserialize_with = "number")]
    take_up_time: Option<f64>,
    /// DDS.
    #[serde(deserialize_with = "text")]
    backup_method: Option<String>,
    /// DDS.
    #[serde(deserialize_with = "text")]
    instance_mode: Option<String>,
}

/// A database in a backup, as RDS writes it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    #[serde(deserialize_with = "text")]
    name: Option<String>,
}

impl Named {
    fn database(self) -> Database {
        Database { name: self.name.unwrap_or_default(), tables: Vec::new() }
    }
}

/// The same as GeminiDB writes it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Tables {
    #[serde(deserialize_with = "text")]
    database_name: Option<String>,
    table_names: Option<Vec<String>>,
}

impl Tables {
    fn database(self) -> Database {
        Database { name: self.database_name.unwrap_or_default(), tables: self.table_names.unwrap_or_default() }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Engine {
    #[serde(rename = "type", deserialize_with = "text")]
    kind: Option<String>,
    #[serde(deserialize_with = "text")]
    version: Option<String>,
}

impl Engine {
    fn datastore(self) -> Option<Datastore> {
        Some(Datastore { kind: filled(self.kind)?, version: filled(self.version) })
    }
}

impl Item {
    /// The backup with its status in the service's own word, and without its size.
    fn backup(self) -> Result<Backup, Misread> {
        let id = id(self.id, "a backup in the list")?;
        let Some(word) = filled(self.status) else {
            return Err(Misread(format!("the backup {id} has no status")));
        };
        Ok(Backup {
            instance_id: self.instance_id.unwrap_or_default(),
            instance_name: filled(self.instance_name),
            name: self.name.unwrap_or_default(),
            description: self.description,
            kind: filled(self.kind).map(|kind| kind.to_lowercase()),
            datastore: self.datastore.and_then(Engine::datastore),
            begin: self.begin_time.as_deref().and_then(time),
            end: self.end_time.as_deref().and_then(time),
            size_bytes: None,
            data_nodes: Vec::new(),
            more: More {
                databases: match self.database_tables {
                    Some(tables) => tables.into_iter().map(Tables::database).collect(),
                    None => self.databases.unwrap_or_default().into_iter().map(Named::database).collect(),
                },
                restore_size_gib: count(self.min_data_volume_capacity_for_restore).filter(|size| *size > 0),
                minutes: count(self.take_up_time),
                method: filled(self.backup_method),
                mode: filled(self.instance_mode),
            },
            status: Status::Other(word),
            id,
        })
    }
}

/// The records of a list and how many there are in all, as far as its body has them.
type Parts<T> = (Option<Vec<T>>, Option<f64>);

/// Reads a page of backups or instances, as `noun` says: what of its body is the list, and what the total. Only a page that
/// cannot be read as a whole is read record by record.
pub(super) fn page<B: DeserializeOwned, T: DeserializeOwned>(
    reply: &Reply,
    noun: &str,
    total: &str,
    parts: fn(B) -> Parts<T>,
) -> Result<Page<Result<T, Misread>>, Misread> {
    let whole = match read(reply, &format!("the list of {noun}s")) {
        Ok(body) => body,
        Err(fault) => return in_part(&reply.body.json(), noun, total).ok_or(fault),
    };
    let (items, total) = parts(whole);
    let items = items.ok_or_else(|| Misread(format!("the list of {noun}s has no `{noun}s`")))?;
    Ok(Page { items: items.into_iter().map(Ok).collect(), total: count(total) })
}

/// The same record by record; `None` if there are none.
fn in_part<T: DeserializeOwned>(body: &Json, noun: &str, total: &str) -> Option<Page<Result<T, Misread>>> {
    let one = |record: &Json| {
        Body::from(record.clone()).read().map_err(|why| {
            let id = record.get("id").and_then(Json::as_str).map_or(String::new(), |id| format!(" {id}"));
            Misread(format!("the {noun}{id}: {why}"))
        })
    };
    let items = body.get(format!("{noun}s"))?.as_array()?.iter().map(one).collect();
    let total = body.get(total).and_then(|total| number(total).ok()).flatten();
    Some(Page { items, total: count(total) })
}

/// Reads a page of backups whose sizes count in `unit` bytes.
pub(in crate::backup) fn records(
    reply: &Reply,
    unit: f64,
    status: fn(&str) -> Status,
) -> Result<Page<Result<Backup, Misread>>, Misread> {
    let page = page(reply, "backup", "total_count", |body: Listed| (body.backups, body.total_count))?;
    Ok(page.each(|row: Row| row.backup(unit, status)))
}

/// What became of one backup of a batch delete.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::backup) struct BatchItem {
    #[serde(deserialize_with = "text")]
    backup_id: Option<String>,
    #[serde(deserialize_with = "text")]
    error_code: Option<String>,
    #[serde(deserialize_with = "text")]
    error_msg: Option<String>,
}

impl BatchItem {
    /// RDS lists successes too.
    pub(in crate::backup) fn succeeded(&self) -> bool {
        matches!(self.error_code.as_deref(), None | Some("" | "0"))
    }

    /// The refusal of this one. The whole reply has a good status; each part counts as the 400 it is when asked alone.
    pub(in crate::backup) fn refusal(self, reply: &Reply) -> Result<(String, Refusal), Misread> {
        let refusal = Refusal {
            status: 400,
            code: self.error_code.unwrap_or_default(),
            message: self.error_msg.unwrap_or_default(),
            request_id: reply.request_id.clone(),
            date: reply.date,
            ..Refusal::default()
        };
        Ok((id(self.backup_id, "a part of the batch")?, refusal))
    }
}

/// A job, wherever it is found in the reply.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::backup) struct JobItem {
    #[serde(deserialize_with = "text")]
    status: Option<String>,
    #[serde(deserialize_with = "text")]
    progress: Option<String>,
    #[serde(deserialize_with = "text")]
    process: Option<String>,
    #[serde(deserialize_with = "text")]
    fail_reason: Option<String>,
}

impl JobItem {
    pub(in crate::backup) fn job(self) -> Result<Job, Misread> {
        let word = filled(self.status).ok_or_else(|| Misread("the job has no status".to_owned()))?;
        let status = match word.to_ascii_lowercase().as_str() {
            "completed" => JobStatus::Completed,
            "failed" => JobStatus::Failed,
            _ => JobStatus::Running,
        };
        Ok(Job {
            status,
            progress: filled(self.progress).or(filled(self.process)),
            fail_reason: filled(self.fail_reason).map(|reason| plain(&reason)),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OneJob {
    job: Option<JobItem>,
}

/// Reads `{"job": {…}}`.
pub(in crate::backup) fn one_job(reply: &Reply) -> Result<Option<Job>, Misread> {
    let body: OneJob = read(reply, "the job")?;
    let job = body.job.ok_or_else(|| Misread("the reply has no `job`".to_owned()))?;
    job.job().map(Some)
}

/// The list of instances of all services but DDM.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Instances {
    instances: Option<Vec<InstanceItem>>,
    #[serde(deserialize_with = "number")]
    total_count: Option<f64>,
}

/// One instance of it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::backup) struct InstanceItem {
    #[serde(deserialize_with = "text")]
    id: Option<String>,
    #[serde(deserialize_with = "text")]
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    status: Option<String>,
    datastore: Option<Engine>,
    /// How DDS and GeminiDB call the mode.
    #[serde(deserialize_with = "text")]
    mode: Option<String>,
    /// How the others call it.
    #[serde(rename = "type", deserialize_with = "text")]
    kind: Option<String>,
    /// What runs on it; DDS and GeminiDB only.
    actions: Option<Vec<Json>>,
    volume: Json,
    groups: Json,
}

impl InstanceItem {
    /// Reads an instance.
    pub(in crate::backup) fn instance(self, idle: Idle) -> Result<Instance, Misread> {
        let status = self.status.unwrap_or_default();
        let is = |word: &&str| status.eq_ignore_ascii_case(word);
        let idle = match idle {
            Idle::Status(words) => Some(words.iter().any(is)),
            Idle::StatusAndActions(word) if is(&word) => self.actions.map(|actions| actions.is_empty()),
            Idle::StatusAndActions(_) => Some(false),
        };
        Ok(Instance {
            id: id(self.id, "an instance in the list")?,
            name: self.name.unwrap_or_default(),
            idle: idle.filter(|_| !status.is_empty()),
            status,
            datastore: self.datastore.and_then(Engine::datastore),
            mode: filled(self.mode).or(filled(self.kind)),
            size_gib: room(&self.volume, &self.groups),
        })
    }
}

/// The room for data, in GiB: that of an instance's volume, or of those of all its groups together. What makes no sense is
/// not told.
fn room(volume: &Json, groups: &Json) -> Option<u64> {
    let size = |volume: &Json| match &volume["size"] {
        Json::String(text) => text.trim().parse().ok(),
        size => size.as_u64(),
    };
    let of_groups = || {
        let groups = groups.as_array().filter(|groups| !groups.is_empty())?;
        groups.iter().map(|group| size(&group["volume"])).sum::<Option<u64>>()
    };
    size(volume).or_else(of_groups).filter(|size| *size > 0)
}

/// Reads a page of instances.
pub(in crate::backup) fn instances(reply: &Reply, idle: Idle) -> Result<Page<Result<Instance, Misread>>, Misread> {
    let page = page(reply, "instance", "total_count", |body: Instances| (body.instances, body.total_count))?;
    Ok(page.each(|item: InstanceItem| item.instance(idle)))
}

/// What refusals mean in every service that has the code at all.
const EVERYWHERE: &[Codes] = &[
    (&[404], &["APIGW.0101", "APIG.0101"], Verdict::NotOffered),
    (&[400, 409], &["DBS.201201"], Verdict::NameTaken),
    // Of all 404 codes only this one speaks of a backup; the others are about instances, networks, parameters and regions.
    (&[404], &["DBS.201010"], Verdict::Gone),
    (
        &[400, 403, 409],
        &[
            "DBS.200011",
            "DBS.200018",
            "DBS.200019",
            "DBS.200047",
            "DBS.201014",
            "DBS.201015",
            "DBS.201202",
            "DBS.201205",
        ],
        Verdict::Busy,
    ),
    (&[400, 403, 409, 429, 500, 503], &["DBS.200998", "DBS.280443"], Verdict::Busy),
    (&[429], &["APIGW.0308", "APIG.0308"], Verdict::Busy),
];

/// What a refusal means, by the service's own codes first. Only codes that speak of a backup say that it is gone: an instance
/// that is not there, or a gateway's 404, says nothing about its backups.
pub(in crate::backup) fn verdict(refusal: &Refusal, own: &[Codes]) -> Verdict {
    let code = refusal.code.as_str();
    let mut rows = own.iter().chain(EVERYWHERE);
    match rows.find(|(statuses, codes, _)| statuses.contains(&refusal.status) && codes.contains(&code)) {
        Some((_, _, verdict)) => *verdict,
        None => Verdict::Final,
    }
}

/// What of a new backup the codes are about that services share.
const BLAMED: &[(&[&str], Blamed)] = &[
    (&["DBS.280277", "DBS.201210"], Blamed::Name),
    (&["DBS.280127"], Blamed::Description),
    (
        &[
            "DBS.200002",
            "DBS.200045",
            "DBS.200602",
            "DBS.201028",
            "DBS.201501",
            "DBS.201502",
            "DBS.280110",
            "DBS.280404",
            "DBS.290005",
            "DBS.290011",
        ],
        Blamed::Instance,
    ),
];

/// What of a new backup a refusal is about, where its code tells.
pub(in crate::backup) fn blamed(refusal: &Refusal) -> Option<Blamed> {
    BLAMED.iter().find(|(codes, _)| codes.contains(&&*refusal.code)).map(|(_, blamed)| *blamed)
}

/// A text that is not empty.
pub(in crate::backup) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// What goes to people's terminals: of bearable length, and nothing that moves a cursor.
fn plain(text: &str) -> String {
    text.chars().take(600).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{json, reply};
    use super::*;

    #[test]
    fn times() {
        for (written, expected) in [
            ("2018-08-06 10:41:14", "2018-08-06T10:41:14Z"),
            ("2018-08-06T10:41:14", "2018-08-06T10:41:14Z"),
            ("2018-08-06T10:41:14Z", "2018-08-06T10:41:14Z"),
            ("2020-07-07T01:17:05+0800", "2020-07-06T17:17:05Z"),
            ("2020-07-07T01:17:05+08:00", "2020-07-06T17:17:05Z"),
            ("2020-07-07T01:17:05-0330", "2020-07-07T04:47:05Z"),
            ("2020-07-07 01:17:05 +0800", "2020-07-06T17:17:05Z"),
            ("2020-07-07T01:17:05.5+08", "2020-07-06T17:17:05.5Z"),
            (" 2020-07-07T01:17:05Z ", "2020-07-07T01:17:05Z"),
        ] {
            assert_eq!(time(written), Some(expected.parse().unwrap()), "{written}");
        }
        for odd in [
            "",
            "-",
            "now",
            "2018-08-06T10:41:14 CET",
            "2018-08-06T10:41:14+8",
            "2018-08-06T10:41:14+99:99",
            "2018-13-06 10:41:14",
            "9999-12-31T23:59:59-2300",
            "äöüäöüäöüäöü+0800",
        ] {
            assert_eq!(time(odd), None, "{odd}");
        }
    }

    #[test]
    fn scalars_are_lenient() {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Both {
            #[serde(deserialize_with = "text")]
            word: Option<String>,
            #[serde(deserialize_with = "number")]
            size: Option<f64>,
        }
        for (body, word, size) in [
            ("{}", None, None),
            (r#"{"word": null, "size": null}"#, None, None),
            (r#"{"word": 8635, "size": "29.4"}"#, Some("8635"), Some(29.4)),
            (r#"{"word": true, "size": ""}"#, Some("true"), None),
            (r#"{"word": "x", "size": 280, "more": [1]}"#, Some("x"), Some(280.0)),
            (r#"{"word": 12345678901234567890123, "size": -1e3}"#, Some("12345678901234567890123"), Some(-1000.0)),
        ] {
            let both: Both = read(&reply(body), "it").unwrap();
            assert_eq!((both.word.as_deref(), both.size), (word, size), "{body}");
        }
        for bad in
            ["", "[]", "\"x\"", r#"{"word": []}"#, r#"{"size": "big"}"#, r#"{"size": true}"#, r#"{"size": 1e999}"#]
        {
            assert!(read::<Both>(&reply(bad), "it").is_err(), "{bad}");
        }
        for (bad, expected) in [
            (r#"{"word": []}"#, "it: `word` is a list, not a string"),
            (r#"{"word": ["hush"], "size": 1}"#, "it: `word` is a list, not a string"),
            (r#"{"word": {"hush": {"hush": "hush"}}}"#, "it: `word` is an object, not a string"),
            (r#"{"word": {}, "size": 1}"#, "it: `word` is an object, not a string"),
            (r#"{"more": {"hush": 1}, "size": "hush"}"#, "it: `size` is a string, not a number"),
            (r#"{"size": "hush", "word": "hush"}"#, "it: `size` is a string, not a number"),
            (r#"{"size": {"hush": "hush"}, "word": "hush"}"#, "it: `size` is an object, not a number"),
            (r#"{"size": true}"#, "it: `size` is true or false, not a number"),
            (r#"{"size": 1e999}"#, "it: `size` is not a number of the form that is documented"),
        ] {
            assert_eq!(read::<Both>(&reply(bad), "it").err(), Some(Misread(expected.to_owned())), "{bad}");
        }
    }

    #[test]
    fn complaints_stay_short() {
        let body = format!(r#"{{"backups": "{}"}}"#, "ä".repeat(10_000));
        let Misread(complaint) = records(&reply(&body), KB, status).unwrap_err();
        assert!(complaint == "the list of backups: `backups` is a string, not a list", "{complaint}");
    }

    #[test]
    fn a_status_is_a_word_whatever_is_sent() {
        assert_eq!(status("Completed"), Status::Completed);
        assert_eq!(status("THAWING"), Status::Other("THAWING".to_owned()));
        assert_eq!(status("\u{1b}[2JX"), Status::Other(" [2JX".to_owned()));
        assert_eq!(status(&"ä".repeat(100_000)).word().chars().count(), 600);
    }

    #[test]
    fn sizes() {
        for (size, unit, expected) in [
            (None, KB, None),
            (Some(0.0), KB, Some(0)),
            (Some(-1.0), KB, None),
            (Some(29.4), KB, Some(30_106)),
            (Some(104.5), MB, Some(109_576_192)),
            (Some(1e300), MB, Some(u64::MAX)),
        ] {
            assert_eq!(bytes(size, unit), expected, "{size:?}");
        }
    }

    #[test]
    fn room_is_that_of_the_volume_or_of_all_groups() {
        for (volume, groups, expected) in [
            (r#"{"size": 100}"#, "null", Some(100)),
            (r#"{"size": "100"}"#, "null", Some(100)),
            ("null", r#"[{"volume": {"size": "20"}}, {"volume": {"size": 30}}]"#, Some(50)),
            ("null", r#"[{"volume": {"size": "20"}}, {}]"#, None),
            ("null", "[]", None),
            ("null", "null", None),
            (r#"{"size": 0}"#, "null", None),
            (r#"{"size": "much"}"#, r#""none""#, None),
            ("7", "7", None),
        ] {
            assert_eq!(room(&json(volume), &json(groups)), expected, "{volume} {groups}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_does_not_hide_the_others() {
        let good = |id: &str| json!({ "id": id, "name": id, "status": "COMPLETED" });
        for (bad, why) in [
            (json!({ "id": "b2", "name": "b2" }), "b2 has no status"),
            (json!({ "id": "b2", "name": ["b2"], "status": "COMPLETED" }), "the backup b2: "),
            (json!({ "status": "COMPLETED" }), "has no id"),
            (json!("b2"), "the backup: "),
        ] {
            let body = json!({ "backups": [good("b1"), bad, good("b3")], "total_count": 3, "total": 3 });
            for service in crate::backup::ALL {
                let reply = super::super::proofs::reply(&body.to_string());
                let key = service.facts().key();
                let page = service.records(&reply).unwrap();
                let (good, bad): (Vec<_>, Vec<_>) = page.items.into_iter().partition(Result::is_ok);
                let ids: Vec<_> = good.into_iter().map(|one| one.unwrap().id).collect();
                assert_eq!((ids, page.total), (vec!["b1".to_owned(), "b3".to_owned()], Some(3)), "{key}");
                let said = bad.into_iter().map(|one| one.unwrap_err().0).collect::<Vec<_>>();
                assert!(said.len() == 1 && said[0].contains(why), "{key}: {said:?}");
                // Whoever needs the whole list has none.
                assert!(service.listed(&reply).unwrap_err().0.contains(why), "{key}");
            }
        }
    }
}
