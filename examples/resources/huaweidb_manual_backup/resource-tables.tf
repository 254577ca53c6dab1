# GeminiDB with Cassandra can back up single tables.
resource "huaweidb_manual_backup" "tables" {
  service     = "geminidb"
  instance_id = "cc0f535926641f0842eb1afe73885994in06"
  name        = "shop-tables"

  databases {
    name   = "shop"
    tables = ["orders", "customers"]
  }
}
