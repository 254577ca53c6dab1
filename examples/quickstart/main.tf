# Takes one backup of a DDS instance and finds it again, as a restore would.
#
# Credentials come from the environment: HW_ACCESS_KEY and HW_SECRET_KEY (or their OS_ twins).
# `make demo` applies this very file against the emulator.

terraform {
  required_providers {
    huaweidb = {
      source = "localhost/huaweidb/huaweidb"
    }
  }
}

variable "region" {
  description = "Region of the instance, such as eu-de or cn-north-4."
  type        = string
}

variable "instance_id" {
  description = "Id of the DDS instance to back up."
  type        = string
}

variable "endpoints" {
  description = "Service addresses instead of the cloud's own; only for the emulator or a private cloud."
  type        = map(string)
  default     = {}
}

provider "huaweidb" {
  region    = var.region
  endpoints = var.endpoints
}

# Created on apply. The apply ends when the backup is COMPLETED, not before.
resource "huaweidb_manual_backup" "before_migration" {
  service     = "dds"
  instance_id = var.instance_id
  name_prefix = "before-migration-"
  description = "Taken before the schema migration"

  timeouts {
    create = "45m"
  }
}

# The newest usable backup of the instance: what a restore would take.
data "huaweidb_backup" "newest" {
  service     = huaweidb_manual_backup.before_migration.service
  instance_id = huaweidb_manual_backup.before_migration.instance_id
  most_recent = true
}

output "backup_id" {
  description = "The bare backup id, as restore arguments of other providers want it."
  value       = huaweidb_manual_backup.before_migration.id
}

output "newest_backup" {
  description = "Name, status and size of the newest completed backup."
  value       = "${data.huaweidb_backup.newest.name}: ${data.huaweidb_backup.newest.status}, ${data.huaweidb_backup.newest.size_bytes} bytes"
}
