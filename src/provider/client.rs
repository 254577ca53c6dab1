//! Who is asked: the client of an operation, in its region and within its limits.

use crate::backup::Backups;
use crate::cloud;
use crate::plugin::{Attr, Life};

/// The client for a region; the provider's own if none is named.
pub(super) fn regional(client: &Backups, region: &Attr<String>) -> Backups {
    match region.known().filter(|region| !region.is_empty()) {
        Some(region) => client.in_region(region),
        None => client.clone(),
    }
}

/// The client for the region of a data source, which tells whose that is if none is named.
pub(super) fn asked(client: &Backups, region: &mut Attr<String>) -> Backups {
    let client = regional(client, region);
    if region.is_null() {
        *region = Attr::Known(client.region().to_owned());
    }
    client
}

/// The client for a region, which is written down if none is named.
pub(super) fn at_home(client: &Backups, region: &mut Attr<String>) -> Backups {
    let client = regional(client, region);
    *region = Attr::Known(client.region().to_owned());
    client
}

/// Within what limits an operation may wait and try again.
pub(super) fn context<M>(life: &Life<M>) -> cloud::Context {
    cloud::Context { deadline: life.deadline(), stop: life.stop().clone() }
}
