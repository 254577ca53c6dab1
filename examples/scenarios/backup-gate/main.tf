# A gate before a migration: the apply is green only when a complete backup of this schema version exists.

terraform {
  required_providers {
    huaweidb = {
      source = "localhost/huaweidb/huaweidb"
    }
  }
}

variable "instance_id" {
  description = "Id of the DDS instance."
  type        = string
}

variable "endpoints" {
  description = "Service addresses instead of the cloud's own; only for the emulator or a private cloud."
  type        = map(string)
  default     = {}
}

# Keys and region come from HW_ACCESS_KEY, HW_SECRET_KEY and HW_REGION_NAME.
provider "huaweidb" {
  endpoints = var.endpoints
}

variable "schema_version" {
  description = "Version that the migration leads to. A new version takes a new backup."
  type        = string
}

resource "huaweidb_manual_backup" "gate" {
  service     = "dds"
  instance_id = var.instance_id
  name_prefix = "before-migration-"
  description = "Taken before schema version ${var.schema_version}"
  # A later run, or a destroy of this configuration, leaves the backup in the cloud.
  on_destroy = "retain"

  triggers = {
    schema_version = var.schema_version
  }

  timeouts {
    create = "60m"
  }
}

check "backup_is_complete" {
  assert {
    condition     = huaweidb_manual_backup.gate.status == "COMPLETED"
    error_message = "The backup ${huaweidb_manual_backup.gate.name} is ${huaweidb_manual_backup.gate.status}."
  }
}

output "backup_id" {
  description = "What a restore would need."
  value       = huaweidb_manual_backup.gate.id
}
