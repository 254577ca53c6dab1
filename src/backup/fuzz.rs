//! What the services say, as bytes from anywhere.

use super::{ALL, Backup, Service};
use crate::cloud::fuzz::{refused, reply};

/// The same body as the reply to each kind of call, to every service.
pub fn replies(bytes: &[u8]) {
    for service in ALL {
        replies_to(*service, bytes);
    }
}

fn replies_to(service: &'static dyn Service, bytes: &[u8]) {
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
