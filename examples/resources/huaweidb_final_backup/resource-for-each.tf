# A final backup of every instance that one map knows, in the module that also makes the instances.
locals {
  instances = {
    dds      = "55595f1cca8e7ef23d6283091f058575in02"
    taurusdb = "6b2e82f8b2342b097b8bf87b9536ed15in07"
  }
}

resource "huaweidb_final_backup" "all" {
  for_each            = local.instances
  service             = each.key
  instance_id         = each.value
  on_missing_instance = "refuse"
}
