# Lists what it would delete; with `dry_run = false` it does:
#   terraform apply -invoke=action.huaweidb_prune_backups.old
action "huaweidb_prune_backups" "old" {
  config {
    service     = "dds"
    instance_id = "55595f1cca8e7ef23d6283091f058575in02"
    name_prefix = "before-change-"
    keep_last   = 5
    older_than  = "30d"
    dry_run     = true
  }
}
