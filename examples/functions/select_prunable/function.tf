# Which backups a pruning would delete: a rule to look at before it is applied.
data "huaweidb_backups" "nightly" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  name_prefix = "nightly-"
}

output "prunable" {
  value = provider::huaweidb::select_prunable(data.huaweidb_backups.nightly.backups, 7, "30d", "2026-02-01T00:00:00Z")
}
