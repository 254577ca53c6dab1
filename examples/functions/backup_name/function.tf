# A name for a backup that something else takes: equal arguments give equal names.
output "name" {
  value = provider::huaweidb::backup_name("before-migration-", "2026-01-31T10:11:12Z")
}
