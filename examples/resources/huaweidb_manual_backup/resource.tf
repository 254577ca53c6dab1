# A backup before a migration. The apply ends when the backup is COMPLETED, not before.
resource "huaweidb_manual_backup" "before_migration" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  name_prefix = "before-migration-"
  description = "Taken before schema version 42"

  # Another version takes another backup.
  triggers = {
    schema_version = "42"
  }

  timeouts {
    create = "45m"
  }
}
