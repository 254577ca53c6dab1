import {
  to       = huaweidb_manual_backup.found
  id       = "dds/55595f1cca8e7ef23d6283091f058575in02/bf9ee62a7f7044c583c6765c916c36edbr02"
  provider = huaweidb
}
