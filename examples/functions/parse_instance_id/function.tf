# The `service` argument, from the instance id alone.
output "service" {
  value = provider::huaweidb::parse_instance_id("a89dab5e39394eccbdb77b19d57b0180in02").service
}
