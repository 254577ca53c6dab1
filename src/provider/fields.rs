//! How a backup looks in the state: the attributes that the resource and the data sources share.

use jiff::Timestamp;

use super::times::{RANGE, check_time};
use super::{checks, services};
use crate::backup::{DataNode, Database, Datastore};
use crate::plugin::{Attr, Attribute, Type, model};

model! {
    /// The database engine.
    pub(super) struct DatastoreObject {
        pub(super) r#type: Attr<String>,
        pub(super) version: Attr<String>,
    }
}

model! {
    /// An RDS instance behind a DDM instance.
    pub(super) struct DataNodeObject {
        pub(super) instance_id: Attr<String>,
        pub(super) instance_name: Attr<String>,
    }
}

model! {
    /// A database in a backup.
    pub(super) struct DatabaseObject {
        pub(super) name: Attr<String>,
        pub(super) tables: Attr<Vec<Attr<String>>>,
    }
}

/// RFC 3339 in UTC, whole seconds, as every service's times are written.
pub(super) fn time(time: Option<Timestamp>) -> Attr<String> {
    time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).into()
}

/// The statuses people may ask for.
const STATUSES: &[&str] = &["BUILDING", "COMPLETED", "FAILED", "DELETING"];

/// The types people may ask for.
const TYPES: &[&str] = &["manual", "auto", "incremental", "fragment", "differential", "metadata", "auto_metadata"];

/// The engine as an object.
pub(super) fn datastore(datastore: Option<&Datastore>) -> Attr<DatastoreObject> {
    datastore
        .map(|engine| DatastoreObject {
            r#type: Attr::Known(engine.kind.clone()),
            version: engine.version.clone().into(),
        })
        .into()
}

/// The data nodes as a list of objects.
pub(super) fn data_nodes(nodes: &[DataNode]) -> Vec<DataNodeObject> {
    nodes
        .iter()
        .map(|node| DataNodeObject {
            instance_id: Attr::Known(node.instance_id.clone()),
            instance_name: Attr::Known(node.instance_name.clone()),
        })
        .collect()
}

/// The databases as a list of objects.
pub(super) fn databases(databases: &[Database]) -> Vec<DatabaseObject> {
    let tables = |tables: &[String]| tables.iter().cloned().map(Attr::Known).collect();
    databases
        .iter()
        .map(|one| DatabaseObject { name: Attr::Known(one.name.clone()), tables: Attr::Known(tables(&one.tables)) })
        .collect()
}

/// A number that the cloud may leave out.
pub(super) fn count(number: Option<u64>) -> Attr<i64> {
    number.and_then(|number| i64::try_from(number).ok()).into()
}

/// Text that the cloud may leave out or send empty.
pub(super) fn text(value: Option<&String>) -> Attr<String> {
    value.filter(|value| !value.is_empty()).cloned().into()
}

/// What an instance's id can be.
pub(super) fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("it is empty".to_owned());
    }
    if id.len() > 64 {
        return Err(format!("it has {} characters; an id has 36", id.len()));
    }
    match id.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        Some(bad) => Err(format!("it contains {bad:?}; an id is made of letters, digits and hyphens")),
        None => Ok(()),
    }
}

/// The service, as whatever asks it needs it: `what` says whose it is.
pub(super) fn service(what: &str) -> Attribute {
    let text = format!("{what} {}", services::allowed());
    Attribute::string("service").required().one_of(services::keys()).describe(text)
}

/// What is said of a region that is only asked.
pub(super) const ASKED_REGION: &str = "Region to ask. Default: the provider's region; an empty text means the same.";

/// Where something is only asked, an empty text is as good as none.
pub(super) fn check_asked_region(name: &str) -> Result<(), String> {
    if name.is_empty() { Ok(()) } else { checks::check_region(name) }
}

/// The region of a data source: what was asked comes back.
pub(super) fn region() -> Attribute {
    Attribute::string("region").optional_computed().check(check_asked_region).describe(ASKED_REGION)
}

/// A text that only the cloud tells.
pub(super) fn told(name: &'static str, what: impl Into<String>) -> Attribute {
    Attribute::string(name).computed().describe(what)
}

/// With which status backups are searched. The last sentence says with which otherwise.
pub(super) fn status_filter(otherwise: &str) -> Attribute {
    Attribute::string("status").one_of(STATUSES.iter().copied()).describe(format!(
        "Only backups with this status: `BUILDING`, `COMPLETED`, `FAILED` or `DELETING`. {otherwise}"
    ))
}

/// From when on backups are searched.
pub(super) fn begin_after() -> Attribute {
    Attribute::string("begin_after").check(check_time).describe(format!(
        "Only backups begun at this time or later: RFC 3339, such as `2026-01-31T00:00:00Z`, {RANGE}. Default: however old."
    ))
}

/// Which types of backups a data source searches.
pub(super) fn type_filter() -> Attribute {
    let words = TYPES.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>();
    Attribute::string("type").one_of(TYPES.iter().copied()).describe(format!(
        "Only backups of this type: one of {}; no service has all of them. Default: what the service lists unasked, which \
         are its full backups, manual and automatic.",
        words.join(", ")
    ))
}

/// The attributes that describe a found backup and that nobody configures.
pub(super) fn described() -> Vec<Attribute> {
    vec![
        told("instance_name", "Name of the instance, where the service tells it."),
        datastore_attribute(),
        told("begin_time", "When the backup was begun: RFC 3339, UTC."),
        told("end_time", "When the backup ended: RFC 3339, UTC. Absent while it runs."),
        Attribute::integer("size_bytes").computed().describe("Size of the backup in bytes. Absent while it runs."),
    ]
}

/// The database engine as an attribute.
pub(super) fn datastore_attribute() -> Attribute {
    Attribute::computed_object(
        "datastore",
        vec![told("type", "Database engine, in the service's own word."), told("version", "Version of the engine.")],
    )
    .describe("Database engine of the instance, where the service tells it.")
}

/// The attributes of a data node.
pub(super) fn data_node_attributes() -> Vec<Attribute> {
    vec![told("instance_id", "Id of the RDS instance."), told("instance_name", "Name of the RDS instance.")]
}

/// The attributes of a database in a backup.
pub(super) fn database_attributes() -> Vec<Attribute> {
    vec![
        told("name", "Name of the database."),
        Attribute::list("tables", Type::String)
            .computed()
            .describe("The only tables of it in the backup; empty if all are in it."),
    ]
}

/// How many records of a data source's list are missing.
pub(super) fn unreadable(what: &str) -> Attribute {
    Attribute::integer("unreadable")
        .computed()
        .describe(format!("How many records of the list cannot be read, whatever {what} they are; a warning says why."))
}
