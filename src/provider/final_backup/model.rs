//! A net as the state holds it.

use crate::plugin::{Attr, model};
use crate::provider::explain::About;

model! {
    /// The net under one instance.
    pub(in crate::provider) struct FinalBackup {
        pub(super) id: Attr<String>,
        pub(super) service: Attr<String>,
        pub(super) instance_id: Attr<String>,
        pub(super) name_prefix: Attr<String>,
        pub(super) description: Attr<String>,
        pub(super) skip: Attr<bool>,
        pub(super) on_missing_instance: Attr<String>,
        pub(super) region: Attr<String>,
        pub(super) last_backup_id: Attr<String>,
    }
}

/// What a destroy does where the instance is gone: it succeeds.
pub(super) const ALLOW: &str = "allow";
/// What a destroy does where the instance is gone: it fails.
pub(super) const REFUSE: &str = "refuse";

/// Whether its destroy takes no backup.
pub(super) fn is_skipped(net: &FinalBackup) -> bool {
    net.skip.known() == Some(&true)
}

/// Whether its destroy succeeds where the instance is gone. A word that this version does not know keeps the net.
pub(super) fn lets_go(net: &FinalBackup) -> bool {
    net.on_missing_instance.as_str().is_none_or(|word| word == ALLOW)
}

/// The id of the net under an instance.
pub(super) fn id_of(service: &str, instance_id: &str) -> String {
    format!("{service}/{instance_id}")
}

/// What an error is about: the backup under way.
pub(super) fn about<'a>(net: &'a FinalBackup, name: Option<&'a str>) -> About<'a> {
    About { service: net.service.text(), id: net.last_backup_id.as_str(), name, region: net.region.text() }
}
