//! What the services say, as bytes from anywhere.

use super::{Backup, Service, named};
use crate::cloud::fuzz::{refused, reply};

/// Replies of DDS.
pub fn dds(bytes: &[u8]) {
    replies("dds", bytes);
}

/// Replies of `GeminiDB`.
pub fn geminidb(bytes: &[u8]) {
    replies("geminidb", bytes);
}

/// Replies of `TaurusDB`.
pub fn taurusdb(bytes: &[u8]) {
    replies("taurusdb", bytes);
}

/// Replies of RDS.
pub fn rds(bytes: &[u8]) {
    replies("rds", bytes);
}

/// Replies of `GaussDB`.
pub fn gaussdb(bytes: &[u8]) {
    replies("gaussdb", bytes);
}

/// Replies of DDM.
pub fn ddm(bytes: &[u8]) {
    replies("ddm", bytes);
}

/// The same body as the reply to each kind of call.
fn replies(key: &str, bytes: &[u8]) {
    let service: &'static dyn Service = named(key).expect("it is on the shelf");
    let _ = service.verdict(&refused(bytes));
    let Some(reply) = reply(bytes) else { return };
    if let Ok(started) = service.started(&reply) {
        assert!(!started.backup_id.is_empty(), "a backup without an id was begun");
    }
    if let Ok(page) = service.listed(&reply) {
        for backup in page.items {
            sound(service, &backup);
        }
    }
    if let Ok(page) = service.instances_read(&reply) {
        assert!(page.items.iter().all(|instance| !instance.id.is_empty()), "an instance without an id");
    }
    if let Some(id) = service.job_id(&reply) {
        assert!(!id.is_empty());
        drop(service.job(&id));
    }
    drop(service.job_read(&reply));
    drop(service.restore_times_read(&reply));
    if let Ok(page) = service.restorable_read(&reply) {
        assert!(page.items.iter().all(|id| !id.is_empty()), "a target without an id");
    }
    drop(service.deleted_many(&reply));
}

/// What the engine builds upon.
fn sound(service: &dyn Service, backup: &Backup) {
    assert!(!backup.id.is_empty(), "a backup without an id");
    drop(service.find(&backup.into()));
    drop((service.stop(backup), service.delete(&backup.id)));
    drop(service.details(backup));
}
