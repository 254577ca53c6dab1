# One resource for every database service: the same arguments, the same words, one `for_each`.
#
# DDM is missing because its instances cannot be backed up by users; its automatic backups can be read
# with the data sources.

terraform {
  required_providers {
    huaweidb = {
      source = "localhost/huaweidb/huaweidb"
    }
  }
}

variable "region" {
  description = "Region of the instances."
  type        = string
}

variable "endpoints" {
  description = "Service addresses instead of the cloud's own; only for the emulator or a private cloud."
  type        = map(string)
  default     = {}
}

variable "instances" {
  description = "Instance to back up, by service: dds, geminidb, taurusdb, rds, gaussdb."
  type        = map(string)
}

provider "huaweidb" {
  region    = var.region
  endpoints = var.endpoints
}

resource "huaweidb_manual_backup" "all" {
  for_each = var.instances

  service     = each.key
  instance_id = each.value
  name_prefix = "release-"
  description = "Before the release"
}

# Everything the same prefix has produced so far, newest first.
data "huaweidb_backups" "release" {
  for_each = var.instances

  service     = each.key
  instance_id = each.value
  name_prefix = "release-"
  status      = "COMPLETED"

  depends_on = [huaweidb_manual_backup.all]
}

output "backup_ids" {
  description = "Backup id by service."
  value       = { for service, backup in huaweidb_manual_backup.all : service => backup.id }
}

output "backups" {
  description = "What was found, by service."
  value       = { for service, found in data.huaweidb_backups.release : service => found.backups }
}
