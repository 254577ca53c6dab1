# A new backup with every release, and only the newest five of them are kept.
variable "release" {
  type    = string
  default = "1"
}

resource "huaweidb_manual_backup" "rotated" {
  service     = "dds"
  instance_id = "a89dab5e39394eccbdb77b19d57b0180in02"
  name_prefix = "release-"
  keep_last   = 5
  on_destroy  = "retain"
  triggers    = { release = var.release }
}
