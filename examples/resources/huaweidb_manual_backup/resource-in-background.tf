# The apply goes on at once. The destroy leaves the backup in the cloud.
resource "huaweidb_manual_backup" "in_background" {
  service             = "taurusdb"
  instance_id         = "6b2e82f8b2342b097b8bf87b9536ed15in07"
  name                = "release-2026-04"
  wait_for_completion = false
  on_destroy          = "retain"
}
