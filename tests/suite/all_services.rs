//! Every service through the real CLI: one resource, one schema, the same words.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use huaweidb_emulator::{BackupRow, Emulator, Modes, NewBackups, NewInstance, Options};
use serde_json::{Value as Json, json};

use crate::support::cli::Workspace;

/// The services whose backups can be taken.
const CREATABLE: &[&str] = &["dds", "geminidb", "taurusdb", "rds", "gaussdb"];

/// All services.
const ALL: &[&str] = &["dds", "geminidb", "taurusdb", "rds", "gaussdb", "ddm"];

fn emulator() -> Emulator {
    Emulator::start_now(&Options::with_backups_of(0.3)).expect("the emulator starts")
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).join("main.tf");
    fs::read_to_string(path).expect("the example is there")
}

fn seeded(emulator: &Emulator, service: &str, name: &str, kind: &str) -> BackupRow {
    let wanted = NewBackups {
        service: Some(service.to_owned()),
        instance_id: emulator.instance(service),
        count: 1,
        name: Some(name.to_owned()),
        status: "COMPLETED".to_owned(),
        kind: kind.to_owned(),
        ..NewBackups::default()
    };
    emulator.add_backups(&wanted)[0].clone()
}

#[test]
fn one_apply_backs_up_all_five_services_with_the_same_module() {
    let emulator = emulator();
    let mut workspace = Workspace::new(&emulator);
    workspace.write("main.tf", &example("all-services"));
    workspace.set("TF_VAR_region", &emulator.region());
    let instances: Json = CREATABLE
        .iter()
        .map(|service| ((*service).to_owned(), json!(emulator.instance(service))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    workspace.set("TF_VAR_instances", &instances.to_string());

    workspace.apply().says("5 added, 0 changed, 0 destroyed");
    workspace.nothing_to_do();
    let ids = workspace.output("backup_ids");
    let found = workspace.output("backups");
    for service in CREATABLE {
        let row = emulator.backups().into_iter().find(|row| row.service == *service).expect("it was taken");
        assert_eq!(ids[service], row.id.as_str());
        assert_eq!(row.status, "COMPLETED", "{service}");
        let one = &found[service][0];
        assert_eq!(one["id"], row.id.as_str(), "{service}");
        // The same words, units and times whatever the service says on the wire.
        assert_eq!(one["status"], "COMPLETED", "{service}");
        assert_eq!(one["type"], "manual", "{service}");
        assert_eq!(one["begin_time"], row.begin_time.as_str(), "{service}");
        assert_eq!(one["end_time"].as_str(), row.end_time.as_deref(), "{service}");
        assert_eq!(one["size_bytes"], json!(row.size_bytes), "{service}");
    }
    workspace.destroy();
    assert!(emulator.backups().is_empty(), "{:?}", emulator.backups());
}

#[test]
fn a_running_backup_is_destroyed_in_every_service_stopped_where_that_exists() {
    let emulator = emulator();
    emulator.set_pace(|pace| {
        pace.backup_seconds = 2.0;
        pace.stop_seconds = Some(0.2);
        pace.delete_seconds = Some(0.2);
    });
    let workspace = Workspace::new(&emulator);
    let blocks: Vec<String> = CREATABLE
        .iter()
        .map(|service| {
            format!(
                "resource \"huaweidb_manual_backup\" \"{service}\" {{\n  service     = \"{service}\"\n  instance_id = \"{}\"\n  \
                 name        = \"running\"\n  wait_for_completion = false\n}}\n",
                emulator.instance(service)
            )
        })
        .collect();
    workspace.configure(&blocks.concat());
    workspace.apply();
    workspace.nothing_to_do();
    workspace.destroy();
    assert!(emulator.backups().is_empty(), "{:?}", emulator.backups());
}

#[test]
fn the_data_sources_read_every_service() {
    let emulator = emulator();
    for service in ALL {
        let kind = if *service == "ddm" { "auto" } else { "manual" };
        let row = seeded(&emulator, service, "find-me", kind);
        let workspace = Workspace::new(&emulator);
        workspace.configure(&format!(
            r#"
data "huaweidb_instances" "all" {{
  service = "{service}"
}}
data "huaweidb_instances" "one" {{
  service = "{service}"
  name    = "{name}"
}}
data "huaweidb_backup" "by_id" {{
  service     = "{service}"
  instance_id = data.huaweidb_instances.one.instances[0].id
  backup_id   = "{id}"
}}
data "huaweidb_backup" "newest" {{
  service     = "{service}"
  instance_id = "{instance}"
  most_recent = true
}}
data "huaweidb_backups" "all" {{
  service     = "{service}"
  instance_id = "{instance}"
  name        = "find-me"
}}
data "huaweidb_backups" "none" {{
  service     = "{service}"
  instance_id = "{instance}"
  name_prefix = "no-such"
}}
output "instances" {{ value = data.huaweidb_instances.all.instances }}
output "by_id" {{ value = data.huaweidb_backup.by_id }}
output "newest" {{ value = data.huaweidb_backup.newest }}
output "all" {{ value = data.huaweidb_backups.all.backups }}
output "none" {{ value = data.huaweidb_backups.none.backups }}
"#,
            name = row.instance_name,
            id = row.id,
            instance = row.instance_id
        ));
        workspace.apply();
        let by_id = workspace.output("by_id");
        assert_eq!(by_id["name"], "find-me", "{service}");
        assert_eq!(by_id["status"], "COMPLETED", "{service}");
        assert_eq!(by_id["begin_time"], row.begin_time.as_str(), "{service}");
        assert_eq!(by_id["size_bytes"], json!(row.size_bytes), "{service}");
        for (what, who, value) in [
            ("restore_size_gib", "rds", json!(100)),
            ("take_up_minutes", "taurusdb", json!(0)),
            ("backup_method", "dds", json!("Physical")),
        ] {
            assert_eq!(by_id[what], if *service == who { value } else { json!(null) }, "{service}: {what}");
        }
        assert_eq!(by_id["databases"], json!([]), "{service}");
        assert_eq!(workspace.output("newest")["id"], row.id.as_str(), "{service}");
        let all = workspace.output("all");
        assert_eq!(all.as_array().map(Vec::len), Some(1), "{service}: {all}");
        assert_eq!(all[0]["id"], row.id.as_str(), "{service}");
        assert_eq!(workspace.output("none"), json!([]), "{service}");
        let instances = workspace.output("instances");
        assert!(
            instances.as_array().is_some_and(|found| found.iter().any(|one| one["id"] == row.instance_id.as_str())),
            "{instances}"
        );
        let nodes = by_id["related_data_nodes"].as_array().expect("a list").len();
        assert_eq!(nodes > 0, *service == "ddm", "{service}: only DDM has data nodes");
    }
}

#[test]
fn filters_narrow_a_list_of_several_pages() {
    let emulator = emulator();
    let instance = emulator.instance("gaussdb");
    let seed = |count: usize, prefix: &str, status: &str, begin: &str| {
        emulator.add_backups(&NewBackups {
            service: Some("gaussdb".to_owned()),
            instance_id: instance.clone(),
            count,
            name_prefix: prefix.to_owned(),
            status: status.to_owned(),
            begin_time: Some(begin.to_owned()),
            seconds_apart: 1.0,
            ..NewBackups::default()
        });
    };
    seed(230, "old-", "COMPLETED", "2025-01-31T00:00:00Z");
    seed(5, "new-", "COMPLETED", "2025-06-03T00:00:00Z");
    seed(2, "new-bad-", "FAILED", "2025-06-04T00:00:00Z");
    let count = |arguments: &str| {
        let workspace = Workspace::new(&emulator);
        workspace.configure(&format!(
            "data \"huaweidb_backups\" \"d\" {{\n  service = \"gaussdb\"\n{arguments}\n}}\noutput \"n\" {{ value = length(data.huaweidb_backups.d.backups) }}\n\
             output \"first\" {{ value = try(data.huaweidb_backups.d.backups[0].begin_time, \"\") }}\n"
        ));
        workspace.apply();
        (workspace.output("n").as_u64().expect("a count"), workspace.output("first"))
    };
    assert_eq!(count("").0, 237);
    assert_eq!(count("  name_prefix = \"old-\"").0, 230);
    assert_eq!(count("  status = \"FAILED\""), (2, json!("2025-06-04T00:00:00Z")));
    assert_eq!(
        count("  begin_after = \"2025-06-01T00:00:00Z\"\n  status = \"COMPLETED\""),
        (5, json!("2025-06-03T00:00:00Z"))
    );
    assert_eq!(count("  begin_before = \"2025-02-01T00:00:00+02:00\"").0, 230);
    assert_eq!(count("  type = \"auto\"").0, 0);
}

#[test]
fn arguments_that_a_service_cannot_take_are_refused_at_plan_time() {
    let emulator = emulator();
    let refused = |body: &str, words: &str| {
        let workspace = Workspace::new(&emulator);
        workspace.configure(body);
        workspace.run(&["plan"]).failed().says(words);
    };
    let ddm = emulator.instance("ddm");
    refused(
        &format!(
            "resource \"huaweidb_manual_backup\" \"b\" {{\n  service = \"ddm\"\n  instance_id = \"{ddm}\"\n  name = \"never\"\n}}\n"
        ),
        "This service takes no manual backups",
    );
    refused("data \"huaweidb_backups\" \"d\" {\n  service = \"rds\"\n}\n", "give `instance_id`");
    refused("data \"huaweidb_backup\" \"d\" {\n  service = \"rds\"\n  backup_id = \"b\"\n}\n", "give `instance_id`");
    refused(
        "data \"huaweidb_backups\" \"d\" {\n  service = \"dds\"\n  begin_after = \"yesterday\"\n}\n",
        "2026-01-31T00:00:00Z",
    );
    assert!(emulator.journal().is_empty(), "{:?}", emulator.journal());

    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service = \"geminidb\"\n  instance_id = \"{}\"\n  name = \"bare\"\n}}\n",
        emulator.instance("geminidb")
    ));
    workspace.apply();
    workspace.nothing_to_do();
}

#[test]
fn tables_of_a_cassandra_instance_can_be_chosen() {
    let emulator = emulator();
    let workspace = Workspace::new(&emulator);
    let configured = |tables: &str| {
        format!(
            r#"
resource "huaweidb_manual_backup" "b" {{
  service     = "geminidb"
  instance_id = "{instance}"
  name        = "some-tables"
  databases {{
    name   = "shop"
    tables = [{tables}]
  }}
  databases {{
    name = "audit"
  }}
}}
data "huaweidb_backup" "b" {{
  service   = "geminidb"
  backup_id = huaweidb_manual_backup.b.id
}}
output "holds" {{ value = data.huaweidb_backup.b.databases }}
"#,
            instance = emulator.instance("geminidb")
        )
    };
    workspace.configure(&configured("\"orders\", \"customers\""));
    workspace.apply();
    workspace.nothing_to_do();
    let holds = json!([{ "name": "shop", "tables": ["orders", "customers"] }, { "name": "audit", "tables": [] }]);
    assert_eq!(workspace.output("holds"), holds);
    // What names nothing is refused before anything is replaced for it.
    for nothing in ["null", "\"\"", "\"orders\", \" \"", "\"orders\", null"] {
        workspace.configure(&configured(nothing));
        workspace.run(&["plan"]).failed().says("Invalid argument value").says("`tables`");
    }
    workspace.configure(&configured("\"orders\""));
    workspace.run(&["plan"]).succeeded().says("forces replacement").says("1 to add, 0 to change, 1 to destroy");
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

#[test]
fn databases_of_an_sql_server_can_be_chosen() {
    let emulator = emulator();
    let server = emulator.instances().into_iter().find(|row| row.service == "rds" && row.id.ends_with("in04"));
    let instance = server.map_or_else(
        || {
            let wanted: NewInstance =
                serde_json::from_value(json!({ "service": "rds", "name": "mssql", "engine": "SQLServer" }))
                    .expect("an instance");
            emulator.add_instance(&wanted).id
        },
        |row| row.id,
    );
    let workspace = Workspace::new(&emulator);
    let block = |names: &[&str]| {
        let block = |name: &&str| format!("  databases {{\n    name = \"{name}\"\n  }}\n");
        let blocks = names.iter().map(block).collect::<Vec<_>>().concat();
        format!(
            "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"rds\"\n  instance_id = \"{instance}\"\n  name_prefix = \"part-\"\n{blocks}}}\n"
        )
    };
    workspace.configure(&block(&["orders", "customers"]));
    workspace.apply();
    workspace.nothing_to_do();
    for nothing in [&[""][..], &["orders", "  "]] {
        workspace.configure(
            &format!("variable \"none\" {{\n  default = \"\"\n}}\n{}", block(nothing))
                .replace("\"\"\n  }\n", "var.none\n  }\n"),
        );
        workspace.run(&["apply", "-auto-approve"]).failed().says("Invalid argument value").says("it is empty");
    }
    assert_eq!(emulator.backups().len(), 1, "the completed one is still there");
    workspace.configure(&block(&["orders"]));
    workspace.run(&["plan"]).succeeded().says("forces replacement").says("1 to add, 0 to change, 1 to destroy");
    let each = block(&["orders"]).replace("  name_prefix", "  backup_database_individually = true\n  name_prefix");
    workspace.configure(&each);
    workspace.apply();
    workspace.nothing_to_do();
    workspace.configure(&block(&["orders"]));
    workspace.run(&["plan"]).succeeded().says("forces replacement");
}

#[test]
fn another_region_has_its_own_project() {
    let emulator = emulator();
    let wanted: NewInstance =
        serde_json::from_value(json!({ "service": "dds", "name": "far-away", "region": "eu-nl" }))
            .expect("an instance");
    let instance = emulator.add_instance(&wanted).id;
    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{instance}\"\n  name        = \"far-backup\"\n  region      = \"eu-nl\"\n}}\n\
         data \"huaweidb_instances\" \"d\" {{\n  service = \"dds\"\n  region  = \"eu-nl\"\n}}\noutput \"n\" {{ value = length(data.huaweidb_instances.d.instances) }}\n"
    ));
    workspace.apply();
    assert_eq!(workspace.output("n"), json!(1));
    assert_eq!(emulator.backups()[0].region, "eu-nl");
    assert_eq!(emulator.backups()[0].project_id, emulator.project_id_in("eu-nl"));
    let lookups = emulator.journal().into_iter().filter(|call| call.path.ends_with("/v3/projects")).count();
    assert!(lookups >= 1, "the other region's project was looked up");
    workspace.nothing_to_do();
    workspace.destroy();
}

#[test]
fn on_a_cloud_without_a_stop_the_destroy_waits_for_the_end() {
    let emulator = Emulator::start_now(&Options {
        modes: Modes { otc: true, ..Modes::default() },
        ..Options::with_backups_of(3600.0)
    })
    .expect("the emulator starts");
    emulator.set_pace(|pace| pace.delete_seconds = Some(0.3));
    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n  name        = \"otc-backup\"\n  wait_for_completion = false\n}}\n",
        emulator.instance("dds")
    ));
    workspace.apply();
    let destroying = workspace.start(&["destroy", "-auto-approve"]);
    let patience = Instant::now() + Duration::from_mins(5);
    while !emulator.journal().iter().any(|call| call.method == "PUT" && call.status == Some(404)) {
        assert!(Instant::now() < patience, "the stop was not tried");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    // The backup ends only now, so that the destroy has to wait for it.
    assert!(emulator.set_status(&emulator.backups()[0].id, "COMPLETED"));
    destroying.finished().succeeded();
    assert!(emulator.backups().is_empty());
}
