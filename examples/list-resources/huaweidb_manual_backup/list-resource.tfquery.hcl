# Everything that was backed up by hand this year. Terraform 1.14 or later:
#   terraform query -generate-config-out=found.tf
list "huaweidb_manual_backup" "this_year" {
  provider         = huaweidb
  include_resource = true
  limit            = 500

  config {
    service     = "dds"
    status      = "COMPLETED"
    begin_after = "2026-01-01T00:00:00Z"
  }
}
