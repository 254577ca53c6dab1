# One backup a night, the last seven kept: a scheduler applies this with the date as `tonight`.

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

variable "tonight" {
  description = "Date of the newest backup, such as 2026-04-30."
  type        = string
}

locals {
  # Seven nights back from the given one. A night that leaves the list takes its backup with it.
  nights = toset([for back in range(7) : formatdate("YYYY-MM-DD", timeadd("${var.tonight}T00:00:00Z", "-${24 * back}h"))])
  # Nights before the rotation began have no backup and get none.
  taken = toset([for night in local.nights : night if timecmp("${night}T00:00:00Z", "${var.first_night}T00:00:00Z") >= 0])
}

variable "first_night" {
  description = "Date of the first night of the rotation."
  type        = string
}

resource "huaweidb_manual_backup" "night" {
  for_each    = local.taken
  service     = "dds"
  instance_id = var.instance_id
  name        = "nightly-${each.key}"
}

output "nights" {
  description = "The nights that can be restored."
  value       = { for night, backup in huaweidb_manual_backup.night : night => backup.id }
}
