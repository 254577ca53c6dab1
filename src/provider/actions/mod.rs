//! Actions: backups at a lifecycle event of something else, the emergency stop, and pruning. None leaves anything in the
//! state.

mod create;
mod prune;
mod stop;

use std::time::Duration;

use tokio::time::Instant;

pub(super) use self::create::CreateBackup;
pub(super) use self::prune::{PruneBackups, before};
pub(super) use self::stop::StopBackup;
use super::services;
use crate::backup::{Progress, Status};
use crate::cloud::Context;
use crate::plugin::{Attr, Attribute, Run, Teller, check_duration, parse_duration};

/// The service, as every action takes it.
fn service_attribute() -> Attribute {
    let text = format!("Database service of the instance. {}", services::allowed());
    Attribute::string("service").required().one_of(services::keys()).describe(text)
}

fn region_attribute() -> Attribute {
    Attribute::string("region").describe("Region of the instance. Default: the provider's region.")
}

/// How long the action may take. `default` is a duration too.
fn timeout_attribute(default: &str) -> Attribute {
    Attribute::string("timeout")
        .check(check_duration)
        .describe(format!("Limit for the whole action, such as `\"30m\"` or `\"1h30m\"`. Default: `{default}`."))
}

/// Within what limits an action may wait and try again.
fn context(run: &Run, timeout: &Attr<String>, default: Duration) -> Context {
    let limit = timeout.as_str().and_then(|text| parse_duration(text).ok()).unwrap_or(default);
    Context { deadline: Instant::now() + limit, stop: run.stop().clone() }
}

/// Tells the user how a wait goes on.
struct Told(Teller);

impl Progress for Told {
    fn seen(&self, waited: Duration, status: Option<&Status>) {
        let status = status.map_or("not listed yet".to_owned(), ToString::to_string);
        self.0.tell(format!("{status} after {} s", waited.as_secs()));
    }
}
