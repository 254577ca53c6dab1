# The newest backup that can be restored.
data "huaweidb_backup" "newest" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  most_recent = true
}

output "restore_from" {
  value = data.huaweidb_backup.newest.id
}
