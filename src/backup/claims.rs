//! What one run manages, as far as it knows: no rotation deletes that.
//!
//! A run is what shares one [`Backups`](super::Backups): it is told of every backup that it reads, plans or begins, and of
//! every rotation that is planned. Two that would delete each other's backups are a mistake that only this can see.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::retention;

/// What this run manages. Shared by all clones of a client.
#[derive(Debug, Default)]
pub struct Claims(Mutex<Managed>);

#[derive(Debug, Default)]
struct Managed {
    ids: HashSet<String>,
    planned: Vec<Claim>,
    /// The names of new backups, by service and region, and the instance of each.
    names: HashMap<[String; 3], String>,
    /// What is planned for each.
    plans: HashMap<String, Intent>,
    /// Where those are that were planned to stay, and their names.
    standing: HashMap<String, Standing>,
    /// What the planned prunings may delete.
    prunings: Vec<PlannedPruning>,
    /// Which are being deleted.
    deleted: Vec<String>,
    /// Whose deletions have ended, well or not, one after the other.
    ended: Vec<String>,
    /// How many deletions have begun or ended, and how many creates have given up waiting for one.
    moves: u64,
    /// Whether anything is carried out.
    applies: bool,
}

/// What is planned for a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It stays where it is.
    Stays,
    /// It is deleted.
    Leaves,
    /// It leaves the state, and stays in the cloud.
    IsForgotten,
}

/// A backup of a state, as far as that tells where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Service, region and instance.
    pub place: [String; 3],
    /// Its name; `None` if the state does not tell.
    pub name: Option<String>,
}

/// What a planned pruning may delete. How old a backup is, how many are newer and what its status is do not count: until the
/// apply all of that can change.
#[derive(Clone, Debug, Default)]
pub struct PlannedPruning {
    /// Service, region and instance.
    pub place: [String; 3],
    /// How names begin that fit.
    pub prefix: String,
    /// The ids of what stays in any case.
    pub kept: HashSet<String>,
}

impl PlannedPruning {
    fn may_delete(&self, id: &str, backup: &Standing) -> bool {
        self.place == backup.place
            && backup.name.as_deref().is_none_or(|name| name.starts_with(&self.prefix))
            && !self.kept.contains(id)
    }
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
        known.ended.push(std::mem::take(&mut self.id));
        known.moves += 1;
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
    /// This run manages that backup. What it has planned for it stays: hosts look at an object also after that.
    pub fn manage(&self, id: &str) {
        self.known().ids.insert(id.to_owned());
    }

    /// What this run plans for that backup is open again.
    pub fn reconsider(&self, id: &str) {
        self.known().plans.remove(id);
    }

    /// This run plans to leave that backup where it is. Whether it also plans a pruning that may delete it.
    pub fn stay(&self, id: &str, backup: Standing) -> bool {
        let mut known = self.known();
        known.ids.insert(id.to_owned());
        known.plans.insert(id.to_owned(), Intent::Stays);
        let is_pruned = known.prunings.iter().any(|pruning| pruning.may_delete(id, &backup));
        known.standing.insert(id.to_owned(), backup);
        is_pruned
    }

    /// This run plans to delete that backup.
    pub fn leave(&self, id: &str) {
        self.known().plans.insert(id.to_owned(), Intent::Leaves);
    }

    /// This run plans to forget that backup, which stays in the cloud.
    pub fn forget(&self, id: &str) {
        self.known().plans.insert(id.to_owned(), Intent::IsForgotten);
    }

    /// What this run plans for that backup, if it has planned it so far.
    pub fn planned(&self, id: &str) -> Option<Intent> {
        self.known().plans.get(id).copied()
    }

    /// This run plans that pruning. The ids and names of what it may delete, and is planned to stay so far, by id; what is planned
    /// later is told by [`stay`](Self::stay).
    pub fn prune(&self, pruning: &PlannedPruning) -> Vec<(String, Option<String>)> {
        let mut known = self.known();
        known.prunings.push(pruning.clone());
        known.staying(pruning)
    }

    /// Whether a pruning may delete what is planned to stay so far.
    pub fn opposes(&self, pruning: &PlannedPruning) -> bool {
        !self.known().staying(pruning).is_empty()
    }

    /// This run carries out what was planned. Hosts plan a create once more right before that; some do so without any sign of
    /// it, and then this is the only one.
    pub fn apply(&self) {
        self.known().applies = true;
    }

    /// This run reads what a state has: then it plans. `terraform test` of 1.14 and newer does so in the process in which it has
    /// applied before.
    pub fn refresh(&self) {
        let mut known = self.known();
        if std::mem::take(&mut known.applies) {
            known.prunings.clear();
        }
    }

    /// Whether this run carries out what was planned.
    pub fn applies(&self) -> bool {
        self.known().applies
    }

    /// This run deletes that backup, as long as what comes back lives.
    pub(super) fn deleting(&self, id: &str) -> UnderDeletion<'_> {
        let mut known = self.known();
        known.deleted.push(id.to_owned());
        known.moves += 1;
        UnderDeletion { claims: self, id: id.to_owned() }
    }

    /// Whether this run is deleting that backup.
    pub(super) fn is_deleting(&self, id: &str) -> bool {
        self.known().deleted.iter().any(|deleted| deleted == id)
    }

    /// How many deletions of this run have ended.
    pub(super) fn deletions(&self) -> usize {
        self.known().ended.len()
    }

    /// Whether a deletion of that backup has ended since so many had.
    pub(super) fn has_deleted(&self, id: &str, since: usize) -> bool {
        self.known().ended.iter().skip(since).any(|ended| ended == id)
    }

    /// Whether this run is deleting anything.
    pub(super) fn deletes(&self) -> bool {
        !self.known().deleted.is_empty()
    }

    /// What changes with every deletion that begins or ends.
    pub(super) fn moves(&self) -> u64 {
        self.known().moves
    }

    /// Whether a create gives up waiting for a deletion, as nothing has moved since then. Where this run has deleted anything,
    /// they do so one after the other: each makes room for what the host has not begun yet, and that may be the deletion
    /// that another one waits for.
    pub(super) fn gives_up(&self, moves: u64) -> bool {
        let mut known = self.known();
        let gives_up = known.moves == moves && known.deleted.is_empty();
        if gives_up && moves > 0 {
            known.moves += 1;
        }
        gives_up
    }

    /// This run has forgotten that backup, which stays in the cloud: a rotation may count and delete it like any other.
    pub fn release(&self, id: &str) {
        self.forget(id);
        self.known().ids.remove(id);
    }

    /// Whether this run manages that backup, or did so.
    pub fn has_managed(&self, id: &str) -> bool {
        self.is_managed(id) || self.planned(id) == Some(Intent::IsForgotten)
    }

    /// Whether this run manages that backup.
    pub fn is_managed(&self, id: &str) -> bool {
        self.known().ids.contains(id)
    }

    /// Notes the name of a new backup, in its service and region. A host plans each new one once: if the name is noted already, the
    /// instance of the other one.
    pub fn name(&self, name: [&str; 3], instance_id: &str) -> Option<String> {
        self.known().names.insert(name.map(str::to_owned), instance_id.to_owned())
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

impl Managed {
    fn staying(&self, pruning: &PlannedPruning) -> Vec<(String, Option<String>)> {
        let stays = |id: &String| self.plans.get(id) == Some(&Intent::Stays);
        let met = self.standing.iter().filter(|(id, backup)| stays(id) && pruning.may_delete(id, backup));
        let mut met: Vec<_> = met.map(|(id, backup)| (id.clone(), backup.name.clone())).collect();
        met.sort_unstable();
        met
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
    fn a_deletion_is_planned_until_another_plan_keeps_it_and_under_way_until_it_ends() {
        let claims = Claims::default();
        claims.leave("b1");
        assert!(claims.planned("b1") == Some(Intent::Leaves) && !claims.is_deleting("b1"));
        claims.manage("b1");
        assert_eq!(claims.planned("b1"), Some(Intent::Leaves), "whoever only looks at it changes no plan");
        claims.reconsider("b1");
        assert_eq!(claims.planned("b1"), None);
        assert!(!claims.stay("b1", standing("i1", Some("old-1"))));
        assert_eq!(claims.planned("b1"), Some(Intent::Stays));
        claims.release("b1");
        assert!(!claims.is_managed("b1") && claims.has_managed("b1") && !claims.has_managed("b2"));
        let (first, second) = (claims.deleting("b1"), claims.deleting("b1"));
        drop(first);
        assert!(claims.is_deleting("b1") && claims.deletions() == 1);
        drop(second);
        assert!(!claims.is_deleting("b1") && claims.deletions() == 2);
        assert!(claims.has_deleted("b1", 1) && !claims.has_deleted("b1", 2) && !claims.has_deleted("b2", 0));
    }

    fn standing(instance_id: &str, name: Option<&str>) -> Standing {
        Standing { place: ["dds", "eu-de", instance_id].map(str::to_owned), name: name.map(str::to_owned) }
    }

    #[test]
    fn a_pruning_may_delete_whatever_its_place_and_prefix_fit_and_nothing_keeps() {
        let pruning = |kept: &[&str]| PlannedPruning {
            place: ["dds", "eu-de", "i1"].map(str::to_owned),
            prefix: "old-".to_owned(),
            kept: kept.iter().map(|id| (*id).to_owned()).collect(),
        };
        for (what, backup, kept, met) in [
            ("of the prefix", standing("i1", Some("old-1")), &[][..], true),
            ("whose name nobody knows", standing("i1", None), &[], true),
            ("of another name", standing("i1", Some("new-1")), &[], false),
            ("of another instance", standing("i2", Some("old-1")), &[], false),
            ("that is kept", standing("i1", Some("old-1")), &["b1"], false),
            ("beside another one that is kept", standing("i1", Some("old-1")), &["b2"], true),
        ] {
            let claims = Claims::default();
            assert!(!claims.stay("b1", backup.clone()));
            assert_eq!(claims.opposes(&pruning(kept)), met, "{what}");
            assert_eq!(!claims.prune(&pruning(kept)).is_empty(), met, "{what}");
            assert_eq!(claims.stay("b1", backup.clone()), met, "{what}, planned once more");
            let claims = Claims::default();
            assert!(claims.prune(&pruning(kept)).is_empty());
            assert_eq!(claims.stay("b1", backup), met, "{what}, the other way round");
            claims.leave("b1");
            assert!(!claims.opposes(&pruning(kept)), "{what}, but it leaves");
        }
    }

    #[test]
    fn creates_give_up_one_after_the_other_while_there_may_be_more_deletions() {
        let claims = Claims::default();
        assert!(claims.gives_up(0) && claims.gives_up(0), "nothing was ever deleted");
        let deleting = claims.deleting("b1");
        assert!(!claims.gives_up(claims.moves()), "while something is being deleted");
        drop(deleting);
        let moves = claims.moves();
        assert!(claims.gives_up(moves) && !claims.gives_up(moves));
        assert!(claims.gives_up(claims.moves()));
    }

    #[test]
    fn what_is_released_is_not_managed() {
        let claims = Claims::default();
        claims.manage("b1");
        assert!(claims.is_managed("b1") && !claims.is_managed("b2"));
    }
}
