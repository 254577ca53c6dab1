# The id is <service>/<instance_id>; for another region than the provider's, add @ and its name. An import is a create in other words: both change nothing in the cloud.
terraform import huaweidb_final_backup.orders dds/55595f1cca8e7ef23d6283091f058575in02
