# A new backup with every release, and only the newest five of them are kept.
variable "release" {
  type    = string
  default = "1"
}

resource "huaweidb_manual_backup" "rotated" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  name_prefix = "release-"
  keep_last   = 5
  on_destroy  = "retain"
  triggers    = { release = var.release }
}
