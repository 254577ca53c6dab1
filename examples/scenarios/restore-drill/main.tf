# A restore drill: the newest backup into a scratch instance, a check of what came out, and a dated verdict that stays in the
# state. Run it on a schedule, with the day as TF_VAR_drill. Needs actions: Terraform 1.14 or newer.

terraform {
  required_version = ">= 1.14"

  required_providers {
    huaweidb = {
      source = "localhost/huaweidb/huaweidb"
    }
  }
}

variable "instance_id" {
  description = "Id of the DDS instance whose backups are tried."
  type        = string
}

variable "scratch_instance_id" {
  description = "Id of an instance of the same engine, at least as large. What it holds is overwritten."
  type        = string
}

variable "drill" {
  description = "Day of the drill, such as 2026-01-31."
  type        = string
}

variable "check_command" {
  description = "Program that looks into the scratch instance and fails if the data are not good. BACKUP_ID and BACKUP_TIME say what was restored."
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

data "huaweidb_backup" "newest" {
  service     = "dds"
  instance_id = var.instance_id
  most_recent = true
}

action "huaweidb_restore_backup" "drill" {
  config {
    service            = "dds"
    backup_id          = data.huaweidb_backup.newest.id
    source_instance_id = var.instance_id
    target_instance_id = var.scratch_instance_id
    overwrite          = true
  }
}

# The verdict's first half: one attempt. A failed restore stops it from being created, a failed check taints it, and in both
# cases the next apply tries again.
resource "terraform_data" "drill" {
  # Another day is another drill, and so is a newer backup.
  triggers_replace = [var.drill, data.huaweidb_backup.newest.id]

  input = {
    day         = var.drill
    backup_id   = data.huaweidb_backup.newest.id
    backup_name = data.huaweidb_backup.newest.name
    backup_time = data.huaweidb_backup.newest.begin_time
  }

  provisioner "local-exec" {
    command = var.check_command
    environment = {
      BACKUP_ID   = self.input.backup_id
      BACKUP_TIME = self.input.backup_time
    }
  }

  lifecycle {
    action_trigger {
      events  = [before_create]
      actions = [action.huaweidb_restore_backup.drill]
    }
  }
}

# The verdict itself: an object of its own, which is written only when an attempt has succeeded, whatever is planned, refreshed or
# shown meanwhile. Until then it is the last good one.
resource "terraform_data" "verdict" {
  input = terraform_data.drill.output
}

# Every plan says so when drills have stopped. A plan that is about to drill, as after one that failed, cannot know yet: it says
# "known after apply", and shows the last good verdict as what it will change.
check "drilled_lately" {
  assert {
    condition     = timecmp(timeadd("${terraform_data.verdict.output.day}T00:00:00Z", "192h"), plantimestamp()) > 0
    error_message = "The last restore drill that succeeded was on ${terraform_data.verdict.output.day}, more than a week ago."
  }
}

output "verdict" {
  description = "The last drill that succeeded: its day, and the backup that was restored."
  value       = terraform_data.verdict.output
}
