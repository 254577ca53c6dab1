# The id is <service>/<instance_id>/<backup_id>; all services but rds also accept <service>/<backup_id>.
# Another region than the provider's follows an @: …/<backup_id>@<region>.
terraform import huaweidb_manual_backup.adopted dds/55595f1cca8e7ef23d6283091f058575in02/bf9ee62a7f7044c583c6765c916c36edbr02
