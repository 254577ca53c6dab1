//! The resource `huaweidb_final_backup`: a net under an instance. It is nothing in the cloud; its delete takes the final backup.

mod attempt;
mod memory;
mod messages;
mod model;
mod plan;
mod resource;
mod schema;
mod taking;

pub(super) use self::resource::FinalBackupResource;
