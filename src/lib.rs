//! Terraform and OpenTofu provider for manual database backups on Huawei Cloud and Open Telekom Cloud.
//!
//! A provider is two conversations. Each has a floor of its own that has never heard of the other, and one thin
//! floor introduces them:
//!
//! * [`plugin`]: Terraform's plugin protocol 6. No cloud, no backups.
//! * [`cloud`]: signed HTTP to Huawei Cloud. No Terraform, no backups.
//! * [`backup`]: what a backup is, in any database service, on top of `cloud`.
//! * [`provider`]: the only floor that knows both sides.
//!
//! `ARCHITECTURE.md` has the map and the rules that tests hold.

pub mod backup;
pub mod cloud;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod plugin;
pub mod provider;
