//! Where a plan creates something. A saved plan is carried out there, or not at all.
//!
//! Only a host that keeps what a plan noted can be told so by us. All others compare plan and apply themselves, and blame the
//! provider; before that they hear that the instance is not to be found where they are now.

use super::explain;
use crate::backup::Backups;
use crate::plugin::{Diagnostic, Private};

const REGION: &str = "region";
const PROJECT: &str = "project";

/// Notes the region of a plan.
pub(super) fn note_region(client: &Backups, notes: &mut Private) {
    notes.0.insert(REGION.to_owned(), client.region().to_owned());
}

/// Notes its project, which is known as soon as something was asked there.
pub(super) async fn note_project(client: &Backups, notes: &mut Private) {
    notes.0.extend(client.project_ahead().await.map(|id| (PROJECT.to_owned(), id)));
}

/// Whether a plan has noted its place: then this is the same one, right before its apply.
pub(super) fn is_noted(notes: &Private) -> bool {
    notes.0.contains_key(REGION)
}

/// That the provider is configured for another place than was noted, if it is.
async fn changed(client: &Backups, notes: &Private) -> Option<Diagnostic> {
    let region = notes.0.get(REGION)?;
    let project = notes.0.get(PROJECT);
    let here = match project {
        Some(_) => client.project_ahead().await,
        None => None,
    };
    let is_there = region == client.region() && (here.is_none() || here.as_ref() == project);
    (!is_there).then(|| elsewhere((region, project), (client.region(), here.as_ref())))
}

/// Whether a plan can create something in the client's place: an error if not, which is certain; else at most that nobody could
/// tell.
pub(super) async fn looked_at(client: &Backups, notes: Option<&Private>) -> Result<Option<Diagnostic>, Diagnostic> {
    if let Some(notes) = notes
        && let Some(error) = changed(client, notes).await
    {
        return Err(error);
    }
    if notes.is_some_and(is_noted) {
        return Ok(None);
    }
    match client.no_project().await {
        Ok(None) => Ok(None),
        Ok(Some(error)) => {
            let detail = format!("{}\n\nNothing was changed.", explain::brief(&error));
            Err(Diagnostic::error("Region has no project", detail).at("region"))
        }
        Err(why) => Ok(why.as_ref().map(explain::unasked)),
    }
}

fn elsewhere(planned: (&str, Option<&String>), now: (&str, Option<&String>)) -> Diagnostic {
    let place = |(region, project): (&str, Option<&String>)| match project {
        Some(project) => format!("the project {project} in {region}"),
        None => region.to_owned(),
    };
    let detail = format!(
        "The plan was made for {}, but the provider is configured for {} now. Nothing was taken; what this plan replaces may have been deleted before. Check the provider block and \
         the environment that it reads, then make a new plan.",
        place(planned),
        place(now)
    );
    Diagnostic::error("Plan was made for another region or project", detail).at("region")
}
