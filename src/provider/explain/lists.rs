//! What is said of plans and lists that go on without something.

use super::{brief, what_happened};
use crate::backup::{self, Backup, Misread};
use crate::plugin::Diagnostic;
use crate::provider::words::lines;

/// That the plan goes on without an answer; or does not, because nothing can ever be answered to these credentials.
pub(in crate::provider) fn unasked(error: &backup::Error) -> Diagnostic {
    if let Some(cause) = error.cloud()
        && cause.refusal().is_some_and(|refusal| refusal.status == 401)
    {
        return Diagnostic::error("The cloud does not accept the credentials", brief(cause));
    }
    let detail = format!(
        "The plan asks what its creates will meet and what will be deleted. This time it had no answer: {}. It goes on without; \
         the apply may meet what the plan could not see. With `preflight = false` in the provider block, creates are planned \
         without asking.",
        what_happened(error)
    );
    Diagnostic::warning("Plan was made without asking the cloud", detail)
}

/// That backups are left out where old ones go, because they cannot be ordered, if there are such.
pub(in crate::provider) fn undated<'a>(found: &[Backup], ids: impl Iterator<Item = &'a str>) -> Option<Diagnostic> {
    let mut left_out = ids.filter_map(|id| found.iter().find(|backup| backup.id == id)).collect::<Vec<_>>();
    left_out.sort_by_key(|backup| (&backup.name, &backup.id));
    let each = lines(left_out.iter().map(|backup| format!("{:?} ({})", backup.name, backup.id)), 50);
    let detail = format!(
        "The time at which these backups were begun is missing or cannot be read, so that their age is not known:{each}\n\nThey are not deleted, and do not count among those that stay. Delete by hand what is not needed."
    );
    (!left_out.is_empty()).then(|| Diagnostic::warning("Backups without a start time were skipped", detail))
}

/// That records of a service's list could not be read, if so. `is_all` is whether nothing else is missing.
pub(in crate::provider) fn unread(service: &str, why: &[Misread], is_all: bool) -> Option<Diagnostic> {
    let missing = match why.len() {
        0 => return None,
        1 => format!("One record of {service} cannot be read and is missing"),
        count => format!("{count} records of {service} cannot be read and are missing"),
    };
    let quoted = lines(why.iter().map(|Misread(why)| why), 5);
    let others = if is_all { "The others are all there. " } else { "" };
    let detail = format!(
        "{missing} from the result:{quoted}\n\n{others}Please report this, with the log that `TF_LOG=DEBUG` writes."
    );
    Some(Diagnostic::warning("Some records cannot be read", detail))
}
