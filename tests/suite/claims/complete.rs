//! This backup is complete.

use std::time::Duration;

use serde_json::json;

use super::{Case, Stage, check, green, services, side_by_side, until};
use crate::support::core::Held;
use crate::support::proto::tfplugin6 as tf;

/// The lists lack a backup for a while, in the middle of the wait.
async fn hole(service: &'static str, seconds: f64) -> Result<(), String> {
    let stage = Stage::new(service, 3.0);
    stage.emulator.set_pace(|pace| pace.hidden_seconds = vec![(1.5, 1.5 + seconds)]);
    let mut held = Held::default();
    let core = stage.core().await;
    let said = core.up(&stage.random(), &mut held).await;
    stage.complete(&said, &held)?;
    let (settled, said) = core.is_settled(&stage.random(), &held).await;
    check(settled, &format!("the next plan is not empty: {}", said.text()))?;
    check(stage.emulator.totals().created == 1 && stage.emulator.totals().deleted == 0, "more was done than asked for")
}

#[test]
fn a_hole_in_the_lists_is_waited_out() {
    let mut cases = Vec::new();
    for service in services() {
        for seconds in [0.5, 2.0, 10.0] {
            cases.push((format!("hole × {service} × {seconds} s"), Box::pin(hole(service, seconds)) as Case));
        }
    }
    side_by_side(cases);
}

/// What happens while lists lag.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Waits,
    DoesNotWait,
    /// Terraform asks to stop.
    Stops,
}

async fn lag(service: &'static str, seconds: f64, meanwhile: Meanwhile) -> Result<(), String> {
    let stage = Stage::new(service, 1.0);
    stage.emulator.set_pace(|pace| pace.list_delay_seconds = seconds);
    let mut arguments = stage.random();
    let mut held = Held::default();
    let core = stage.core().await;
    match meanwhile {
        Meanwhile::Waits => {
            let said = core.up(&arguments, &mut held).await;
            stage.complete(&said, &held)?;
        }
        Meanwhile::DoesNotWait => {
            arguments["wait_for_completion"] = json!(false);
            green(&core.up(&arguments, &mut held).await)?;
        }
        Meanwhile::Stops => {
            let mut host = core.host.provider();
            let stops = async {
                until("it is made", || stage.emulator.totals().created == 1).await?;
                tokio::time::sleep(Duration::from_millis(500)).await;
                let stop = tf::stop_provider::Request {};
                Ok::<_, String>(host.stop_provider(stop).await)
            };
            let (_, stopped) = tokio::join!(core.up(&arguments, &mut held), stops);
            stopped?.map_err(|status| status.to_string())?;
        }
    }
    check(held.id().is_some() && !held.tainted, &format!("the state has {held:?}"))?;
    let id = held.id().map(str::to_owned);
    // The next run, while lists may still lag, goes on with the same backup.
    arguments["wait_for_completion"] = json!(true);
    let said = stage.core().await.up(&arguments, &mut held).await;
    stage.complete(&said, &held)?;
    check(held.id() == id.as_deref(), "the next run has another one")?;
    check(stage.emulator.totals().created == 1, "made more than once")?;
    stage.destroyed(&mut held).await
}

/// Lags in seconds; a person with more time sets `LONG_LAGS`.
fn lags() -> Vec<f64> {
    let long = std::env::var_os("LONG_LAGS").map(|_| 75.0);
    [9.0, 25.0].into_iter().chain(long).collect()
}

#[test]
fn lists_that_lag_are_waited_for() {
    let mut cases = Vec::new();
    for service in services() {
        for seconds in lags() {
            for meanwhile in [Meanwhile::Waits, Meanwhile::DoesNotWait, Meanwhile::Stops] {
                let name = format!("lag × {service} × {seconds} s × {meanwhile:?}");
                cases.push((name, Box::pin(lag(service, seconds, meanwhile)) as Case));
            }
        }
    }
    side_by_side(cases);
}
