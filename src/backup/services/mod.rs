//! The shelf: one file per database service. Pure translation; nothing here performs IO, waits or logs.

#[cfg(test)]
mod contract;
mod ddm;
mod dds;
mod gaussdb;
mod geminidb;
#[cfg(test)]
mod proofs;
mod rds;
pub(super) mod restoring;
mod scalars;
#[cfg(test)]
mod sixth;
mod taurusdb;
pub(super) mod wire;

pub use wire::time;

use super::Service;

/// Every service the provider knows, in the order the documentation lists them.
pub static ALL: &[&dyn Service] =
    &[&dds::Dds, &geminidb::GeminiDb, &taurusdb::TaurusDb, &rds::Rds, &gaussdb::GaussDb, &ddm::Ddm];

/// The service of that key, such as `dds`.
pub fn named(key: &str) -> Option<&'static dyn Service> {
    ALL.iter().copied().find(|service| service.facts().key() == key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::super::{Choice, StopScope};
    use super::*;

    /// What lies on the shelf beside the services.
    const FITTINGS: &[&str] = &["contract", "mod", "proofs", "restoring", "scalars", "sixth", "wire"];

    #[test]
    fn every_file_on_the_shelf_is_listed() {
        let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backup/services");
        let files: BTreeSet<String> = std::fs::read_dir(shelf)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| !FITTINGS.contains(&name.as_str()))
            .collect();
        let listed: BTreeSet<String> = ALL.iter().map(|service| service.facts().key().to_owned()).collect();
        assert_eq!(files, listed);
        assert_eq!(ALL.len(), listed.len(), "a key is used twice");
    }

    #[test]
    fn services_are_found_by_key() {
        for service in ALL {
            let key = service.facts().key();
            assert_eq!(named(key).map(|service| service.facts().key()), Some(key));
        }
        assert!(named("DDS").is_none());
        assert!(named("").is_none());
    }

    #[test]
    fn facts_fit_what_the_service_does() {
        for service in ALL {
            let facts = service.facts();
            let key = facts.key();
            let want = proofs::want("i", "name", "");
            assert_eq!(service.create(&want).is_err(), facts.no_create.is_some(), "{key}");
            let some = crate::backup::NewBackup { databases: proofs::databases(&["d"]), ..want };
            assert_eq!(service.create(&some).is_ok(), facts.choice != Choice::Whole, "{key}");
            let bare = crate::backup::BackupRef::new("b", None);
            assert_eq!(service.find(&bare).is_err(), facts.needs_instance, "{key}");
            assert_eq!(service.delete_many(&["b".to_owned()]).is_some(), facts.batch_limit > 0, "{key}");
            assert!(facts.page_limit > 0, "{key}");
            let suffixes = ALL.iter().flat_map(|service| service.facts().suffixes());
            for suffix in facts.suffixes() {
                assert_eq!(suffixes.clone().filter(|other| *other == suffix).count(), 1, "{key} {suffix}");
            }
            assert_eq!(facts.choosing_engines.is_empty(), facts.choice == Choice::Whole, "{key}");
        }
        let scopes = ALL.iter().map(|service| service.facts().stop);
        assert_eq!(scopes.filter(|scope| *scope == StopScope::Never).count(), 2, "TaurusDB and DDM have no stop");
    }

    #[test]
    fn ids_stay_one_segment_of_the_path() {
        for service in ALL {
            let path = service.delete("x/y?z").path;
            assert!(path.ends_with("/x%2Fy%3Fz"), "{path}");
        }
    }
}
