# RDS with PostgreSQL or SQL Server can back up single databases, also each on its own.
resource "huaweidb_manual_backup" "orders" {
  service     = "rds"
  instance_id = "3bf784b3c0d0b7b11c188791ce58f31bin03"
  name_prefix = "orders-"

  backup_database_individually = true

  databases {
    name = "orders"
  }
}
