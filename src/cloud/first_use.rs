//! The first use of an access key goes alone: five wrong signatures in a row lock the key, and Terraform asks for ten
//! things at once. Once the key has been accepted there is nothing to wait for; once it was refused, it is not shown
//! again.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use super::authentication::Authentication;
use super::slot::within;
use super::{Context, Error, Refusal};

/// What is known of the key.
#[derive(Debug, Default)]
pub(super) struct FirstUse {
    accepted: AtomicBool,
    refusal: Mutex<Option<Error>>,
}

/// A call's turn. Others wait for its end if the key is still unproven.
pub(super) struct Turn<'a> {
    accepted: &'a AtomicBool,
    refusal: Option<MutexGuard<'a, Option<Error>>>,
}

impl FirstUse {
    /// Waits until this call may show the key; an error if it was refused before.
    pub(super) async fn turn(
        &self,
        context: &Context,
        call: &str,
        authentication: &Authentication,
    ) -> Result<Turn<'_>, Error> {
        // Temporary keys are renewed when they are refused, and other kinds cannot be locked.
        let permanent = matches!(authentication, Authentication::Key { security_token: None, .. });
        if !permanent || self.accepted.load(Ordering::Acquire) {
            return Ok(Turn { accepted: &self.accepted, refusal: None });
        }
        let refusal = within(context, call, self.refusal.lock()).await?;
        if let Some(error) = &*refusal {
            return Err(error.clone());
        }
        let unproven = !self.accepted.load(Ordering::Acquire);
        Ok(Turn { accepted: &self.accepted, refusal: unproven.then_some(refusal) })
    }
}

impl Turn<'_> {
    /// The call ended so.
    pub(super) fn ends(self, error: Option<&Error>) {
        let Some(mut refusal) = self.refusal else { return };
        match error.map(|error| (error, error.refusal())) {
            Some((error, Some(said))) if said.rejects_key() => *refusal = Some(error.clone()),
            // Whoever looks at the request itself has accepted its signature.
            None | Some((_, Some(Refusal { status: 400 | 403 | 409, .. }))) => {
                self.accepted.store(true, Ordering::Release);
            }
            Some(_) => {}
        }
    }
}
