# The `service` argument, from the instance id alone.
output "service" {
  value = provider::huaweidb::parse_instance_id("55595f1cca8e7ef23d6283091f058575in02").service
}
