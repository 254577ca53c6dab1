# A backup before every change of a database instance, whichever provider manages it. Terraform 1.14 or later.
action "huaweidb_create_backup" "before_change" {
  config {
    service     = "dds"
    instance_id = "55595f1cca8e7ef23d6283091f058575in02"
    name_prefix = "before-change-"
    timeout     = "45m"
  }
}

resource "terraform_data" "database_version" {
  input = "4.4"

  lifecycle {
    action_trigger {
      events  = [before_update]
      actions = [action.huaweidb_create_backup.before_change]
    }
  }
}
