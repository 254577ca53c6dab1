# The id of an instance whose name is known.
data "huaweidb_instances" "orders" {
  service = "dds"
  name    = "dds-orders"
}

output "instance_id" {
  value = one(data.huaweidb_instances.orders.instances).id
}
