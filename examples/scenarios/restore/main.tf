# What a restore needs to know: the newest complete backup, and how old it is.

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

# In practice the backup is there already. Here it is taken first, so that there is something to find.
resource "huaweidb_manual_backup" "something" {
  service     = "dds"
  instance_id = var.instance_id
  name_prefix = "something-"
}

data "huaweidb_backup" "newest" {
  service     = huaweidb_manual_backup.something.service
  instance_id = huaweidb_manual_backup.something.instance_id
  most_recent = true

  lifecycle {
    postcondition {
      condition     = timecmp(self.begin_time, timeadd(plantimestamp(), "-24h")) > 0
      error_message = "The newest backup is older than a day: ${self.begin_time}."
    }
  }
}

# Hands these over to whatever restores; see the guide.
output "restore_from" {
  description = "Backup to restore and the moment whose data it holds."
  value = {
    backup_id  = data.huaweidb_backup.newest.id
    begin_time = data.huaweidb_backup.newest.begin_time
    size_bytes = data.huaweidb_backup.newest.size_bytes
  }
}
