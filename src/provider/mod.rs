//! The only floor that knows both Terraform and backups: it introduces them to each other.

mod backup;
mod backups;
mod databases;
mod explain;
mod fields;
mod instances;
mod manual_backup;
mod services;
mod settings;
mod shared_config;

pub use settings::{AssumeRoleBlock, ProviderBlock};

use crate::backup::Backups;
use crate::cloud::Cloud;
use crate::plugin::{Catalogue, Diagnostics, Provider, Schema};

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

    fn configure(
        &self,
        block: Self::Settings,
        terraform_version: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self::Client> {
        if block.has_unknown() {
            return None;
        }
        let found = settings::resolve(&block, &settings::Surroundings::process(), terraform_version);
        let settings = match found {
            Ok((settings, warnings)) => {
                diagnostics.extend(warnings);
                settings
            }
            Err(problems) => {
                diagnostics.extend(problems);
                return None;
            }
        };
        match Cloud::new(settings) {
            Ok(cloud) => Some(Backups::new(cloud)),
            Err(error) => {
                diagnostics.push(explain::setup(&error));
                None
            }
        }
    }

    fn catalogue(&self) -> Catalogue<Self::Client> {
        Catalogue::new()
            .resource("manual_backup", manual_backup::ManualBackupResource)
            .data_source("backup", backup::BackupDataSource)
            .data_source("backups", backups::BackupsDataSource)
            .data_source("instances", instances::InstancesDataSource)
    }
}
