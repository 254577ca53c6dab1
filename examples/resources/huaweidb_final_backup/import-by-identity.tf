import {
  to = huaweidb_final_backup.orders
  identity = {
    service     = "dds"
    region      = "eu-de"
    instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  }
}

resource "huaweidb_final_backup" "orders" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
}
