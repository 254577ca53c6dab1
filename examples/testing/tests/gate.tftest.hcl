# Run on the emulator: its addresses come as TF_VAR_endpoints, keys and region as HW_* variables.

variables {
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  team        = "orders"
}

provider "huaweidb" {
  endpoints = var.endpoints
}

run "a_plan_knows_the_rule" {
  command = plan

  assert {
    condition     = huaweidb_manual_backup.gate.name_prefix == "orders-gate-"
    error_message = "The name does not begin with the team."
  }
}

run "a_backup_is_taken" {
  assert {
    condition     = output.backup.status == "COMPLETED"
    error_message = "The backup is ${output.backup.status}."
  }

  assert {
    condition     = startswith(output.backup.name, "orders-gate-")
    error_message = "The backup is called ${output.backup.name}."
  }
}

# Only a backup that is there is known before an apply.
run "a_second_apply_takes_no_second_backup" {
  command = plan

  assert {
    condition     = output.backup.status == "COMPLETED"
    error_message = "Another backup would be taken."
  }
}

run "a_wrong_team_is_refused" {
  command = plan

  variables {
    team = "Orders!"
  }

  expect_failures = [var.team]
}
