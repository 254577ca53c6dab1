//! What is known of a call before its answer, for those who may have to end before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Error;

/// What is known of calls for the same end, such as one deletion: whether one may be carried out, and what the last one met.
/// An attempt without an answer stays one that may be carried out, whatever is said to the next. The clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Fate(Arc<Mutex<Attempts>>);

#[derive(Debug, Default)]
struct Attempts {
    /// So many attempts are, or may have been, carried out.
    open: usize,
    /// Nobody wants it any more: nothing is sent that is not on its way.
    withdrawn: bool,
    trouble: Option<Error>,
}

impl Fate {
    fn known(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt for all of these is on its way. False if it must not be, because one of them was withdrawn.
    #[must_use]
    pub fn send(all: &[Fate]) -> bool {
        for (nth, fate) in all.iter().enumerate() {
            let mut known = fate.known();
            if known.withdrawn {
                drop(known);
                all[..nth].iter().for_each(Fate::undone);
                return false;
            }
            known.open += 1;
        }
        true
    }

    /// Whoever wanted it has come to an end: from now on nothing is sent for it, wherever it waits.
    pub fn withdraw(&self) {
        self.known().withdrawn = true;
    }

    /// It came to nothing, or its answer was lost.
    pub fn failed(&self, error: &Error) {
        let mut known = self.known();
        if !error.may_be_applied() && !error.is_refused_on_the_way() {
            known.open = known.open.saturating_sub(1);
        }
        known.trouble = Some(error.clone());
    }

    /// One that was accepted came to nothing.
    pub fn undone(&self) {
        let mut known = self.known();
        known.open = known.open.saturating_sub(1);
    }

    /// It was accepted.
    pub fn accepted(&self) {
        self.known().trouble = None;
    }

    /// Whether anything was sent that is, or may have been, carried out.
    pub fn may_be_applied(&self) -> bool {
        self.known().open > 0
    }

    /// What the last attempt met, unless it was accepted.
    pub fn trouble(&self) -> Option<Error> {
        self.known().trouble.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_withdrawn_is_not_sent_with_others() {
        let (first, second) = (Fate::default(), Fate::default());
        assert!(Fate::send(&[first.clone(), second.clone()]));
        assert!(first.may_be_applied() && second.may_be_applied());
        first.undone();
        second.undone();
        second.withdraw();
        assert!(!Fate::send(&[first.clone(), second.clone()]));
        assert!(!first.may_be_applied() && !second.may_be_applied());
        assert!(Fate::send(&[first]));
    }
}
