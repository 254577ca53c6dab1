//! Nothing is deleted for less than a wish.

use huaweidb_emulator::Description;
use serde_json::{Value as Json, json};

use super::{Case, Stage, check, green, services, side_by_side};
use crate::support::core::Held;

/// The service changes a description on the way: no reason to take another backup.
async fn rewritten(service: &'static str, mode: Description) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    stage.emulator.set_modes(|modes| modes.description = mode);
    let mut arguments = stage.random();
    arguments["description"] = json!("before the move: 2/3  of M\u{fc}ller ");
    let mut held = Held::default();
    let core = stage.core().await;
    let said = core.up(&arguments, &mut held).await;
    stage.complete(&said, &held)?;
    check(held.object["description"] == arguments["description"], "the state has other words")?;
    for _ in 0..2 {
        green(&core.refresh(&mut held).await)?;
        let (settled, said) = core.is_settled(&arguments, &held).await;
        check(settled, &format!("the next plan is not empty: {}; {}", said.text(), held.object["description"]))?;
    }
    check(stage.emulator.totals().created == 1, "made more than once")
}

#[test]
fn a_description_that_the_service_changes_replaces_nothing() {
    let modes =
        [Description::Trimmed, Description::Escaped, Description::Rewritten, Description::Cut, Description::Dropped];
    let mut cases = Vec::new();
    for service in services() {
        for mode in modes {
            cases.push((format!("{mode:?} × {service}"), Box::pin(rewritten(service, mode)) as Case));
        }
    }
    side_by_side(cases);
}

/// A word that this version does not know keeps the backup.
async fn unknown_word(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let mut held = stage.completed(&stage.random()).await?;
    let id = held.id().unwrap_or_default().to_owned();
    held.object["on_destroy"] = json!("explode");
    stage.core().await.reach(&Json::Null, &mut held).await;
    check(stage.emulator.backup(&id).is_some(), "it was deleted")
}

#[test]
fn a_word_that_is_not_known_keeps_the_backup() {
    let cases =
        services().into_iter().map(|service| (format!("unknown × {service}"), Box::pin(unknown_word(service)) as Case));
    side_by_side(cases.collect());
}
