# Links to the files of a backup, for something that must not end up in the state. Terraform 1.10 or later.
resource "huaweidb_manual_backup" "export" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  name        = "for-the-auditors"
}

ephemeral "huaweidb_backup_download" "export" {
  service     = huaweidb_manual_backup.export.service
  instance_id = huaweidb_manual_backup.export.instance_id
  backup_id   = huaweidb_manual_backup.export.id

  lifecycle {
    postcondition {
      condition     = length(self.files) > 0
      error_message = "The backup has no files to download."
    }
  }
}
