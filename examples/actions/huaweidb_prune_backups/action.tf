# Lists what it would delete; with `dry_run = false` it does:
#   terraform apply -invoke=action.huaweidb_prune_backups.old
action "huaweidb_prune_backups" "old" {
  config {
    service     = "dds"
    instance_id = "a89dab5e39394eccbdb77b19d57b0180in02"
    name_prefix = "before-change-"
    keep_last   = 5
    older_than  = "30d"
    dry_run     = true
  }
}
