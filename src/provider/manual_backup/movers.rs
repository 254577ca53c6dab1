//! Backups that other providers manage, taken over with a `moved` block.
//!
//! Runs before any configuration, so nothing is asked of the cloud: what the other state tells is translated, and the next
//! refresh fills in the rest. The other provider's attributes are read leniently, because its versions differ: numbers may be
//! whole, fractions, texts or null, and what is not known here is left out.

use serde_json::Value as Json;

use super::model::{ManualBackup, untouched};
use crate::backup::{self, Status};
use crate::plugin::{Attr, Diagnostics, Source, Stored};
use crate::provider::fields::{self, DatabaseObject, DatastoreObject};

/// A resource type whose objects can be taken over.
struct Mover {
    /// Begins with the name of its provider.
    type_name: &'static str,
    service: &'static str,
    /// Bytes in the unit of its `size`.
    unit: f64,
}

const KB: f64 = 1024.0;
const MB: f64 = 1024.0 * 1024.0;

const fn from(type_name: &'static str, service: &'static str, unit: f64) -> Mover {
    Mover { type_name, service, unit }
}

/// All of them.
const MOVERS: &[Mover] = &[
    from("huaweicloud_dds_backup", "dds", KB),
    from("huaweicloud_geminidb_backup", "geminidb", KB),
    from("huaweicloud_gaussdb_backup", "gaussdb", MB),
    from("huaweicloud_gaussdb_opengauss_backup", "gaussdb", MB),
    from("huaweicloud_taurusdb_backup", "taurusdb", MB),
    from("huaweicloud_gaussdb_mysql_backup", "taurusdb", MB),
    from("huaweicloud_rds_backup", "rds", KB),
    from("opentelekomcloud_dds_backup_v3", "dds", KB),
    from("opentelekomcloud_rds_backup_v3", "rds", KB),
];

/// The object as this provider's resource would have it.
pub(super) fn moved(source: &Source<'_>) -> Result<ManualBackup, Diagnostics> {
    // Which registry or mirror the other provider came from says nothing.
    let of_its_own = || source.type_name.split('_').next() == Some(source.provider());
    let mover = MOVERS.iter().find(|one| one.type_name == source.type_name && of_its_own());
    let Some(mover) = mover else {
        let can = MOVERS.iter().map(|one| one.type_name).collect::<Vec<_>>().join(", ");
        return Err(source.refused(&format!("only manual backups can; the types that hold them are {can}")));
    };
    let old = &source.attributes;
    let id = text(old, "id").ok_or_else(|| source.refused("its state has no `id`"))?;
    // Some keep the way to the backup in the id.
    let (way, id) = id.rsplit_once('/').map_or((None, id.as_str()), |(way, id)| (Some(way), id));
    let instance_id = text(old, "instance_id").or_else(|| way.map(str::to_owned));
    let needs_instance = backup::named(mover.service).is_some_and(|service| service.facts().needs_instance);
    if instance_id.is_none() && needs_instance {
        return Err(source.refused("its state has no `instance_id`"));
    }
    let status = text(old, "status").map(|word| match word.to_ascii_uppercase().as_str() {
        "AVAILABLE" => Status::Completed,
        word => Status::named(word),
    });
    let time = |name| fields::time(text(old, name).and_then(|text| backup::time(&text)));
    Ok(ManualBackup {
        id: Attr::from(id),
        service: Attr::from(mover.service),
        instance_id: instance_id.into(),
        name: text(old, "name").into(),
        description: text(old, "description").into(),
        databases: Attr::Known(databases(old)),
        region: text(old, "region").into(),
        status: status.map(|status| status.to_string()).into(),
        r#type: text(old, "type").map(|kind| kind.to_lowercase()).into(),
        instance_name: text(old, "instance_name").into(),
        datastore: datastore(old),
        begin_time: time("begin_time"),
        end_time: time("end_time"),
        size_bytes: size(old, mover.unit),
        ..untouched()
    })
}

/// A text that says something, also from a number.
fn text(attributes: &Stored, name: &str) -> Option<String> {
    match attributes.get(name)? {
        Json::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates; sizes are far below")]
fn size(attributes: &Stored, unit: f64) -> Attr<i64> {
    let number = match attributes.get("size") {
        Some(Json::Number(number)) => number.as_f64(),
        Some(Json::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|size: &f64| size.is_finite() && *size > 0.0).map(|size| (size * unit).round() as i64).into()
}

/// An object, or a list with one.
fn datastore(attributes: &Stored) -> Attr<DatastoreObject> {
    let value = attributes.get("datastore");
    let object = value.and_then(|value| value.as_array().and_then(|list| list.first()).or(Some(value)));
    let Some(object) = object.and_then(Json::as_object) else { return Attr::Null };
    match text(object, "type") {
        Some(kind) => {
            Attr::Known(DatastoreObject { r#type: Attr::Known(kind), version: text(object, "version").into() })
        }
        None => Attr::Null,
    }
}

/// Objects with a name, or names.
fn databases(attributes: &Stored) -> Vec<DatabaseObject> {
    let list = attributes.get("databases").and_then(Json::as_array).into_iter().flatten();
    let names = list.filter_map(|one| match one {
        Json::Object(one) => text(one, "name"),
        Json::String(name) => Some(name.clone()),
        _ => None,
    });
    names.map(|name| DatabaseObject { name: Attr::Known(name), tables: Attr::Null }).collect()
}
