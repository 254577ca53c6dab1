import {
  to = huaweidb_manual_backup.adopted
  identity = {
    service     = "dds"
    region      = "eu-de"
    instance_id = "55595f1cca8e7ef23d6283091f058575in02"
    id          = "bf9ee62a7f7044c583c6765c916c36edbr02"
  }
}

resource "huaweidb_manual_backup" "adopted" {
  service     = "dds"
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
  name        = "made-by-hand"
}
