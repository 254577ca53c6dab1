# An emergency: a backup slows the database down and has to end now. Destroying it stops it first.

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

resource "huaweidb_manual_backup" "in_the_way" {
  service     = "dds"
  instance_id = var.instance_id
  name        = "in-the-way"
  # The apply does not wait, so the backup can be stopped while it runs: terraform destroy.
  wait_for_completion = false

  timeouts {
    delete = "10m"
  }
}

output "status" {
  value = huaweidb_manual_backup.in_the_way.status
}
