//! The only floor that knows both Terraform and backups: it introduces them to each other.

mod actions;
mod backup;
mod backups;
mod checks;
mod client;
mod doctor;
mod download;
mod explain;
mod fields;
mod final_backup;
mod functions;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod instances;
mod listing;
mod manual_backup;
mod place;
mod pruning;
mod restore_times;
mod runs;
mod services;
mod settings;
mod times;
mod unanswered;
mod words;

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use doctor::{Report, doctor};
pub use settings::{ProviderBlock, SETTINGS, Setting};

use crate::backup::Backups;
use crate::cloud::{Cloud, Context, Credentials, Error, Settings};
use crate::plugin::{Catalogue, Diagnostics, Provider, Schema};

/// How long the metadata service may take.
const SIGN_IN_LIMIT: Duration = Duration::from_secs(10);

/// The provider `huaweidb`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HuaweiDb;

impl Provider for HuaweiDb {
    type Settings = settings::ProviderBlock;
    type Client = Backups;

    fn name(&self) -> &'static str {
        "huaweidb"
    }

    fn address(&self) -> &'static str {
        "localhost/huaweidb/huaweidb"
    }

    fn schema(&self) -> Schema {
        settings::schema()
    }

    fn validate(&self, block: &Self::Settings) -> Diagnostics {
        settings::validate(block)
    }

    async fn configure(
        &self,
        block: Self::Settings,
        terraform_version: &str,
        stop: &CancellationToken,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self::Client> {
        if block.has_unknown() {
            return None;
        }
        let has_preflight = block.text("preflight").as_deref() != Some("false");
        let found = settings::resolve(&block, &settings::Surroundings::process(), terraform_version);
        let settings = match found {
            Ok(resolved) => {
                diagnostics.extend(resolved.warnings);
                resolved.settings
            }
            Err(problems) => {
                diagnostics.extend(problems);
                return None;
            }
        };
        match signed_in(settings, stop).await {
            Ok(cloud) if has_preflight => Some(Backups::new(cloud)),
            Ok(cloud) => Some(Backups::new(cloud).without_preflight()),
            Err(error) => {
                diagnostics.push(explain::setup(&error));
                None
            }
        }
    }

    fn may_wait(&self, block: &Self::Settings) -> bool {
        settings::says_nothing(block, &settings::Surroundings::process())
    }

    fn catalogue(&self) -> Catalogue<Self::Client> {
        Catalogue::new()
            .resource("manual_backup", manual_backup::ManualBackupResource::default())
            .resource("final_backup", final_backup::FinalBackupResource)
            .list_resource("manual_backup", listing::ManualBackupList)
            .ephemeral_resource("backup_download", download::BackupDownload)
            .action("create_backup", actions::CreateBackup)
            .action("stop_backup", actions::StopBackup)
            .action("prune_backups", actions::PruneBackups)
            .action("restore_backup", actions::RestoreBackup)
            .function("backup_name", functions::BackupName)
            .function("parse_instance_id", functions::ParseInstanceId)
            .function("select_prunable", functions::SelectPrunable)
            .data_source("backup", backup::BackupDataSource)
            .data_source("backups", backups::BackupsDataSource)
            .data_source("instances", instances::InstancesDataSource)
            .data_source("restore_times", restore_times::RestoreTimesDataSource)
    }
}

/// Without any credentials only the metadata service of this machine is left, and where there is none, the first plan
/// shall say so, not the apply after it. Everything else waits until an operation needs it.
async fn signed_in(settings: Settings, stop: &CancellationToken) -> Result<Cloud, Error> {
    let only_metadata = matches!(settings.credentials, Credentials::Metadata { .. });
    let cloud = Cloud::new(settings)?;
    if only_metadata {
        let context = Context { deadline: Instant::now() + SIGN_IN_LIMIT, stop: stop.clone() };
        cloud.sign_in(&context).await?;
    }
    Ok(cloud)
}
