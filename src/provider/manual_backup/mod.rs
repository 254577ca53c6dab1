//! The resource `huaweidb_manual_backup`.

mod certainty;
mod creation;
mod databases;
mod lookalike;
mod memory;
mod messages;
mod model;
mod movers;
mod plan;
mod preflight;
mod removal;
mod resource;
mod rotation;
mod schema;

pub(super) use self::model::{ManualBackup, found, untouched};
pub(super) use self::resource::ManualBackupResource;
