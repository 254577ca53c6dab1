# All manual backups of an instance that were begun this year.
data "huaweidb_backups" "this_year" {
  service     = "rds"
  instance_id = "3bf784b3c0d0b7b11c188791ce58f31bin03"
  type        = "manual"
  status      = "COMPLETED"
  begin_after = "2026-01-01T00:00:00Z"
}

output "size_bytes" {
  value = sum(concat([0], data.huaweidb_backups.this_year.backups[*].size_bytes))
}
