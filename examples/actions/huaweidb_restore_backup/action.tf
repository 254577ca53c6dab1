# Overwrites the scratch instance with the newest backup:
#   terraform apply -invoke=action.huaweidb_restore_backup.drill
data "huaweidb_backup" "newest" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  most_recent = true
}

action "huaweidb_restore_backup" "drill" {
  config {
    service            = "dds"
    backup_id          = data.huaweidb_backup.newest.id
    source_instance_id = "55595f1cca8e7ef23d6283091f058575in02"
    target_instance_id = "a89dab5e39394eccbdb77b19d57b0180in02"
    overwrite          = true
  }
}
