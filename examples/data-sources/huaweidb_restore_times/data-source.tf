# To which moments of yesterday and today can the instance be brought back?
data "huaweidb_restore_times" "recent" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
}

output "since" {
  value = try(data.huaweidb_restore_times.recent.windows[0].start, "not at all")
}

# And to this very moment?
data "huaweidb_restore_times" "before_the_mistake" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  time        = "2026-01-31T12:00:00Z"
}

output "can_go_back" {
  value = data.huaweidb_restore_times.before_the_mistake.covers
}
