//! What one run manages, as far as it knows: no rotation deletes that.
//!
//! A run is what shares one [`Backups`](super::Backups): it is told of every backup that it reads, plans or begins, and of
//! every rotation that is planned. Two that would delete each other's backups are a mistake that only this can see.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::retention;

/// What this run manages. Shared by all clones of a client.
#[derive(Debug, Default)]
pub struct Claims(Mutex<Managed>);

#[derive(Debug, Default)]
struct Managed {
    ids: HashSet<String>,
    planned: Vec<Claim>,
    /// Which a plan leaves in the state.
    staying: HashSet<String>,
    /// Which a planned pruning would delete.
    pruned: HashSet<String>,
    /// What is planned to be taken: service, region and instance, and the beginning of the name, if it is known.
    coming: Vec<([String; 3], String)>,
    /// Whose deletion is planned.
    leaving: HashSet<String>,
    /// Which are being deleted.
    deleted: Vec<String>,
    /// How many deletions have ended.
    deletions: u64,
}

/// A deletion of this run, until it is dropped.
#[derive(Debug)]
pub(super) struct UnderDeletion<'a> {
    claims: &'a Claims,
    id: String,
}

impl Drop for UnderDeletion<'_> {
    fn drop(&mut self) {
        let mut known = self.claims.known();
        if let Some(at) = known.deleted.iter().position(|id| *id == self.id) {
            known.deleted.swap_remove(at);
        }
        known.deletions += 1;
    }
}

/// A backup that is planned to be kept or taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Service, region and instance.
    pub place: [String; 3],
    /// Its name, where that is known.
    pub name: Option<String>,
    /// The prefix its name has or will have, where it has one.
    pub prefix: Option<String>,
    /// Whether older ones of its prefix are deleted when it has completed.
    pub rotates: bool,
    /// What it is known by when it is planned again: the backup that it is or replaces, or its own name; `None` for a new one
    /// without a name.
    pub of: Option<String>,
}

impl Claims {
    /// This run manages that backup, and has not planned what becomes of it yet.
    pub fn manage(&self, id: &str) {
        let mut known = self.known();
        known.ids.insert(id.to_owned());
        known.leaving.remove(id);
        known.staying.remove(id);
    }

    /// This run plans to leave that backup where it is. Whether it also plans a pruning that would delete it.
    pub fn stay(&self, id: &str) -> bool {
        let mut known = self.known();
        known.ids.insert(id.to_owned());
        known.leaving.remove(id);
        known.staying.insert(id.to_owned());
        known.pruned.contains(id)
    }

    /// This run plans a pruning that would delete that backup.
    pub fn prune(&self, id: &str) {
        self.known().pruned.insert(id.to_owned());
    }

    /// This run plans to take a backup whose name will begin so.
    pub fn take(&self, place: [String; 3], beginning: &str) {
        self.known().coming.push((place, beginning.to_owned()));
    }

    /// How many this run plans to take in that place with names that begin so.
    pub fn coming(&self, place: &[String; 3], prefix: &str) -> u64 {
        let known = self.known();
        let fits = |one: &&([String; 3], String)| one.0 == *place && one.1.starts_with(prefix);
        known.coming.iter().filter(fits).count() as u64
    }

    /// Whether this run plans to leave that backup where it is.
    pub fn is_staying(&self, id: &str) -> bool {
        self.known().staying.contains(id)
    }

    /// This run plans to delete that backup.
    pub fn leave(&self, id: &str) {
        let mut known = self.known();
        known.staying.remove(id);
        known.leaving.insert(id.to_owned());
    }

    /// Whether this run plans to delete that backup.
    pub fn is_leaving(&self, id: &str) -> bool {
        self.known().leaving.contains(id)
    }

    /// This run deletes that backup, as long as what comes back lives.
    pub(super) fn deleting(&self, id: &str) -> UnderDeletion<'_> {
        self.known().deleted.push(id.to_owned());
        UnderDeletion { claims: self, id: id.to_owned() }
    }

    /// Whether this run is deleting that backup.
    pub(super) fn is_deleting(&self, id: &str) -> bool {
        self.known().deleted.iter().any(|deleted| deleted == id)
    }

    /// How many deletions of this run have ended.
    pub(super) fn deletions(&self) -> u64 {
        self.known().deletions
    }

    /// Whether this run manages that backup.
    pub fn is_managed(&self, id: &str) -> bool {
        self.known().ids.contains(id)
    }

    /// Notes what is planned; another one, if there is any that one rotation of the two would delete. What is planned twice
    /// for the same backup counts once.
    pub fn plan(&self, claim: Claim) -> Option<Claim> {
        let planned = &mut self.known().planned;
        if claim.of.is_some() {
            planned.retain(|known| known.of != claim.of);
        }
        let other = planned.iter().find(|known| known.deletes(&claim) || claim.deletes(known)).cloned();
        planned.push(claim);
        other
    }

    fn known(&self) -> MutexGuard<'_, Managed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Whether its rotation looks at the other one's backup.
    fn deletes(&self, other: &Claim) -> bool {
        let Some(prefix) = self.prefix.as_deref().filter(|_| self.rotates && self.place == other.place) else {
            return false;
        };
        other.prefix.as_deref() == Some(prefix)
            || other.name.as_deref().is_some_and(|name| retention::rotates(name, prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(instance_id: &str, prefix: &str, rotates: bool, of: Option<&str>) -> Claim {
        Claim {
            place: ["dds", "eu-de", instance_id].map(str::to_owned),
            name: None,
            prefix: Some(prefix.to_owned()),
            rotates,
            of: of.map(str::to_owned),
        }
    }

    #[test]
    fn rotations_that_would_delete_each_others_backups_are_found() {
        let nightly = claim("i1", "nightly-", true, None);
        let named = |name: &str| Claim { name: Some(name.to_owned()), prefix: None, ..claim("i1", "", false, None) };
        for (what, second, found) in [
            ("the same once more", nightly.clone(), true),
            ("one that does not rotate", claim("i1", "nightly-", false, Some("b2")), true),
            ("another instance", claim("i2", "nightly-", true, None), false),
            ("another prefix", claim("i1", "weekly-", true, None), false),
            ("a longer prefix", claim("i1", "nightly-a-", true, None), false),
            ("a name of the prefix", named("nightly-20261126120000012345ab"), true),
            ("a name that only begins so", named("nightly-by-hand"), false),
        ] {
            let claims = Claims::default();
            assert_eq!(claims.plan(nightly.clone()), None);
            assert_eq!(claims.plan(second.clone()).is_some(), found, "{what}");
            let claims = Claims::default();
            assert_eq!(claims.plan(second), None);
            assert_eq!(claims.plan(nightly.clone()).is_some(), found, "{what}, the other way round");
        }
    }

    #[test]
    fn what_is_planned_twice_counts_once() {
        let claims = Claims::default();
        for _ in 0..3 {
            assert_eq!(claims.plan(claim("i1", "nightly-", true, Some("b1"))), None);
        }
        assert!(claims.plan(claim("i1", "nightly-", true, Some("b2"))).is_some());
    }

    #[test]
    fn a_deletion_is_planned_until_it_is_managed_again_and_under_way_until_it_ends() {
        let claims = Claims::default();
        claims.leave("b1");
        assert!(claims.is_leaving("b1") && !claims.is_deleting("b1"));
        claims.manage("b1");
        assert!(!claims.is_leaving("b1") && !claims.is_staying("b1"));
        assert!(!claims.stay("b1"));
        assert!(claims.is_managed("b1") && claims.is_staying("b1"));
        claims.leave("b1");
        assert!(claims.is_leaving("b1") && !claims.is_staying("b1"));
        claims.prune("b1");
        assert!(claims.stay("b1"), "whichever is planned first");
        claims.manage("b1");
        assert!(!claims.is_leaving("b1") && !claims.is_staying("b1"));
        let (first, second) = (claims.deleting("b1"), claims.deleting("b1"));
        drop(first);
        assert!(claims.is_deleting("b1") && claims.deletions() == 1);
        drop(second);
        assert!(!claims.is_deleting("b1") && claims.deletions() == 2);
    }

    #[test]
    fn what_is_released_is_not_managed() {
        let claims = Claims::default();
        claims.manage("b1");
        assert!(claims.is_managed("b1") && !claims.is_managed("b2"));
    }
}
