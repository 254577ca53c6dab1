# A module as a team would write it: a backup whose name follows the team's rule.

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

variable "team" {
  description = "Team that the backup belongs to."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2,10}$", var.team))
    error_message = "A team is two to ten small letters."
  }
}

# For the tests alone: the addresses that their provider block asks instead of the cloud's. The module itself does not read it,
# but OpenTofu wants a variable of a test's provider block to be declared here.
variable "endpoints" {
  description = "Addresses to call instead of the cloud's, by service. Only tests set it."
  type        = map(string)
  default     = null
}

resource "huaweidb_manual_backup" "gate" {
  service     = "dds"
  instance_id = var.instance_id
  name_prefix = "${var.team}-gate-"
}

output "backup" {
  value = {
    id     = huaweidb_manual_backup.gate.id
    name   = huaweidb_manual_backup.gate.name
    status = huaweidb_manual_backup.gate.status
  }
}
