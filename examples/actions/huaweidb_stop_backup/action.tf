# Frees an instance from a backup that runs at the wrong moment:
#   terraform apply -invoke=action.huaweidb_stop_backup.emergency
action "huaweidb_stop_backup" "emergency" {
  config {
    service               = "dds"
    instance_id           = "55595f1cca8e7ef23d6283091f058575in02"
    all_on_instance       = true
    ignore_if_not_running = true
  }
}
