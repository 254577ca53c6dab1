# Terraform destroys this before the instance, because it refers to it. The final backup is complete before the instance goes.
resource "huaweidb_final_backup" "orders" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02" # such as huaweicloud_dds_instance.orders.id
  name_prefix = "final-orders-"
  description = "Taken before the instance was destroyed"

  timeouts {
    delete = "3h"
  }
}
