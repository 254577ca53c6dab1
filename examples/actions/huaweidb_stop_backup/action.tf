# Frees an instance from a backup that runs at the wrong moment:
#   terraform apply -invoke=action.huaweidb_stop_backup.emergency
action "huaweidb_stop_backup" "emergency" {
  config {
    service               = "dds"
    instance_id           = "a89dab5e39394eccbdb77b19d57b0180in02"
    ignore_if_not_running = true
  }
}
