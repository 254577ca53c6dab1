//! What only newer hosts ask for, request by request as they ask it: the real binary under the hand-written host, against
//! the emulator. Names carry the line of the conformance list that they cover.

use std::collections::BTreeSet;
use std::time::Duration;

use huaweidb_emulator::{BackupRow, Fault, FaultKind, NewBackups};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::host::NEVER;
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, TYPE, apply_request, ended, identity, over, plan_request, summaries, whole};
use crate::support::value::{UNKNOWN, unwired, wire};

fn ids<'a>(backups: impl IntoIterator<Item = &'a BackupRow>) -> BTreeSet<String> {
    backups.into_iter().map(|one| one.id.clone()).collect()
}

#[tokio::test]
async fn line_77_identities_are_simple_and_read_off_the_object() {
    let run = Run::start(0.2).await;
    let request = tf::get_resource_identity_schemas::Request {};
    let schemas = run.host.provider().get_resource_identity_schemas(request).await.unwrap().into_inner();
    let schema = &schemas.identity_schemas[TYPE];
    assert_eq!(schema.version, 0);
    let flags = schema.identity_attributes.iter();
    let flags = flags.map(|one| (&*one.name, &*one.r#type, one.required_for_import, one.optional_for_import));
    let text = &b"\"string\""[..];
    assert_eq!(
        flags.collect::<Vec<_>>(),
        [
            ("service", text, true, false),
            ("region", text, false, true),
            ("instance_id", text, true, false),
            ("id", text, true, false),
        ]
    );

    // Line 78: none where there is no object yet. Hosts can neither show nor store one that is known in part.
    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": "identified" }));
    let plan = run.plan(&config, &Value::Null, &config).await;
    let planned = unwired(plan.planned_state.as_ref());
    assert_eq!(plan.planned_identity, None);
    let applied = run.apply(&config, &Value::Null, &planned).await;
    let state = unwired(applied.new_state.as_ref());
    let known = json!({ "service": "dds", "region": "eu-de", "instance_id": run.dds(), "id": state["id"] });
    assert_eq!(identity(applied.new_identity.as_ref()), known);

    // Objects of older hosts come without an identity and get one.
    let read = run.read(&state).await;
    assert_eq!(identity(read.new_identity.as_ref()), known);
    let proposed = over(&state, &json!({ "on_destroy": "retain" }));
    let changed = over(&config, &json!({ "on_destroy": "retain" }));
    let update = run.plan(&changed, &state, &proposed).await;
    assert_eq!(identity(update.planned_identity.as_ref()), known);
    let renamed = over(&config, &json!({ "name": "another" }));
    let replacement = run.plan(&renamed, &state, &over(&state, &json!({ "name": "another" }))).await;
    assert_eq!(replacement.requires_replace.len(), 1);
    assert_eq!(identity(replacement.planned_identity.as_ref()), known, "still that of the old object");
    // The new object's plan, as Terraform asks for it: with the identity of the old one.
    let old = Some(tf::ResourceIdentityData { identity_data: wire(&known) });
    let request = tf::plan_resource_change::Request {
        prior_identity: old.clone(),
        ..plan_request(&renamed, &Value::Null, &renamed)
    };
    let new = run.host.provider().plan_resource_change(request).await.unwrap().into_inner();
    assert_eq!((new.planned_identity, new.diagnostics), (None, vec![]));
    // A create that ends before there is an object has none either, whatever an earlier version planned.
    let taken = over(&config, &json!({ "name": state["name"] }));
    let half = over(&known, &json!({ "id": UNKNOWN }));
    for planned in [old, Some(tf::ResourceIdentityData { identity_data: wire(&half) })] {
        let planned_state = unwired(run.plan(&taken, &Value::Null, &taken).await.planned_state.as_ref());
        let request = tf::apply_resource_change::Request {
            planned_identity: planned,
            ..apply_request(&taken, &Value::Null, &planned_state)
        };
        let failed = run.host.provider().apply_resource_change(request).await.unwrap().into_inner();
        assert_eq!((summaries(&failed.diagnostics).len(), unwired(failed.new_state.as_ref())), (1, Value::Null));
        assert_eq!(failed.new_identity, None);
    }

    // By identity, with what the host knows and without what it may leave out.
    for given in [known.clone(), over(&known, &json!({ "region": null }))] {
        let imported = run.import("", Some(given)).await;
        assert_eq!(summaries(&imported.diagnostics), [""; 0]);
        let one = &imported.imported_resources[0];
        assert_eq!(identity(one.identity.as_ref()), known);
        let stub = unwired(one.state.as_ref());
        assert_eq!((&stub["id"], &stub["on_destroy"]), (&state["id"], &json!("delete")));
        let read = run.read(&stub).await;
        assert_eq!(identity(read.new_identity.as_ref()), known);
        assert_eq!(unwired(read.new_state.as_ref())["status"], "COMPLETED");
    }
    let by_id = run.import(&format!("dds/{}/{}", run.dds(), state["id"].as_str().unwrap()), None).await;
    assert_eq!(identity(by_id.imported_resources[0].identity.as_ref()), known);
    let half = run.import("", Some(over(&known, &json!({ "id": null })))).await;
    assert_eq!(summaries(&half.diagnostics), ["Object cannot be imported by this identity"]);
    let foreign = run.import("", Some(over(&known, &json!({ "service": "mainframe" })))).await;
    assert_eq!(summaries(&foreign.diagnostics), ["Object cannot be imported by this identity"]);

    // Stored ones are read as far as they are known.
    let upgrade = async |version, json: &Value| {
        let raw_identity = Some(tf::RawState { json: json.to_string().into_bytes(), ..Default::default() });
        let request = tf::upgrade_resource_identity::Request { type_name: TYPE.to_owned(), version, raw_identity };
        run.host.provider().upgrade_resource_identity(request).await.unwrap().into_inner()
    };
    assert_eq!(identity(upgrade(0, &known).await.upgraded_identity.as_ref()), known);
    assert_eq!(summaries(&upgrade(1, &known).await.diagnostics), ["Stored identity cannot be read"]);
}

/// Attributes as states of the official provider hold them.
fn official(run: &Run, backup: &BackupRow) -> Value {
    json!({
        "id": backup.id, "instance_id": run.dds(), "name": backup.name, "description": backup.description,
        "region": "eu-de", "status": "COMPLETED", "type": "Manual", "size": 2048, "some_new_key": [{ "x": 1 }],
        "begin_time": "2026-01-31 10:11:12", "end_time": "2026-01-31 10:12:13", "instance_name": "dds-orders",
        "datastore": [{ "type": "DDS-Community", "version": "4.4", "storage_engine": "wiredTiger" }], "timeouts": null,
    })
}

#[tokio::test]
async fn line_69_backups_of_other_providers_are_taken_over() {
    // Moves run in a process that is never configured.
    let run = Run::unconfigured(0.2).await;
    let backup = &run.backups(1, "moved-")[0];
    let huawei = "registry.terraform.io/huaweicloud/huaweicloud";
    let otc = "registry.opentofu.org/opentelekomcloud/opentelekomcloud";
    let (kb, mb) = (2048 * 1024, 2048 * 1024 * 1024_u64);
    for (address, type_name, service, size) in [
        (huawei, "huaweicloud_dds_backup", "dds", kb),
        ("mirror.example/somebody/huaweicloud", "huaweicloud_dds_backup", "dds", kb),
        (huawei, "huaweicloud_geminidb_backup", "geminidb", kb),
        (huawei, "huaweicloud_gaussdb_backup", "gaussdb", mb),
        (huawei, "huaweicloud_gaussdb_opengauss_backup", "gaussdb", mb),
        (huawei, "huaweicloud_taurusdb_backup", "taurusdb", mb),
        (huawei, "huaweicloud_gaussdb_mysql_backup", "taurusdb", mb),
        (huawei, "huaweicloud_rds_backup", "rds", kb),
        (otc, "opentelekomcloud_dds_backup_v3", "dds", kb),
        (otc, "opentelekomcloud_rds_backup_v3", "rds", kb),
    ] {
        let moved = run.move_from(address, type_name, &official(&run, backup)).await;
        assert_eq!(summaries(&moved.diagnostics), [""; 0], "{type_name}");
        // Their private bytes mean nothing here; ours say that it was taken over.
        let private = String::from_utf8(moved.target_private.clone()).unwrap();
        assert!(!private.is_empty() && !private.contains("theirs"), "{private}");
        let state = unwired(moved.target_state.as_ref());
        let expected = run.object(&json!({
            "id": backup.id, "service": service, "instance_id": run.dds(), "name": backup.name, "region": "eu-de",
            "description": if backup.description.is_empty() { Value::Null } else { json!(backup.description) },
            "status": "COMPLETED", "type": "manual", "size_bytes": size, "instance_name": "dds-orders",
            "begin_time": "2026-01-31T10:11:12Z", "end_time": "2026-01-31T10:12:13Z",
            "datastore": { "type": "DDS-Community", "version": "4.4" },
            "wait_for_completion": true, "on_destroy": "delete", "deletion_protection": false,
        }));
        assert_eq!(state, expected, "{type_name}");
        let expected = json!({ "service": service, "region": "eu-de", "instance_id": run.dds(), "id": backup.id });
        assert_eq!(identity(moved.target_identity.as_ref()), expected);
    }
    for (size, bytes) in [
        (json!(1.5), json!(1536)),
        (json!("3"), json!(3072)),
        (json!(null), json!(null)),
        (json!(0), json!(null)),
        (json!({}), json!(null)),
    ] {
        let old = over(&official(&run, backup), &json!({ "size": size, "begin_time": null, "end_time": "soon" }));
        let moved = run.move_from(huawei, "huaweicloud_dds_backup", &old).await;
        let state = unwired(moved.target_state.as_ref());
        assert_eq!(
            (&state["size_bytes"], &state["begin_time"], &state["end_time"]),
            (&bytes, &json!(null), &json!(null))
        );
    }
    // Databases of an RDS backup, and an id with the way in front.
    let old = json!({ "id": "i-1/b-1", "databases": [{ "name": "a" }, { "name": "b" }] });
    let state = unwired(run.move_from(huawei, "huaweicloud_rds_backup", &old).await.target_state.as_ref());
    assert_eq!((&state["id"], &state["instance_id"]), (&json!("b-1"), &json!("i-1")));
    assert_eq!(state["databases"], json!([{ "name": "a", "tables": null }, { "name": "b", "tables": null }]));

    for (address, type_name, json, said) in [
        (
            huawei,
            "huaweicloud_dds_backup_stop",
            json!({ "id": "x" }),
            "huaweicloud_dds_backup, huaweicloud_geminidb_backup",
        ),
        (huawei, "huaweicloud_rds_backup_policy", json!({ "id": "x" }), "opentelekomcloud_rds_backup_v3"),
        ("registry.terraform.io/a/other", "huaweicloud_dds_backup", json!({ "id": "x" }), "only manual backups can"),
        (huawei, "huaweicloud_dds_backup", json!({ "name": "x" }), "no `id`"),
        (huawei, "huaweicloud_rds_backup", json!({ "id": "x" }), "no `instance_id`"),
    ] {
        let refused = run.move_from(address, type_name, &json).await;
        assert_eq!(summaries(&refused.diagnostics), ["Object cannot be moved to this type"]);
        assert!(refused.diagnostics[0].detail.contains(said), "{}", refused.diagnostics[0].detail);
        assert_eq!(refused.target_state, None);
    }
    // The same type under another address: as it is, private bytes included.
    let own = run.object(&json!({ "id": backup.id, "service": "dds", "instance_id": run.dds() }));
    let moved = run.move_from("elsewhere.example/x/huaweidb", TYPE, &own).await;
    assert_eq!(unwired(moved.target_state.as_ref()), own);
    assert_eq!(moved.target_private, b"theirs");
    assert!(run.emulator.journal().is_empty(), "no calls");
}

/// Terraform 1.14 and 1.15 crash when a line of progress meets an interrupt: none is on its way before the end.
#[tokio::test]
async fn hosts_that_crash_on_a_late_line_get_nothing_but_the_end() {
    for (version, at_once) in [("1.14.3", false), ("1.15.9", false), ("1.16.0", true)] {
        let run = Run::start(0.3).await;
        run.configure_by(version, &json!({})).await;
        let arguments = json!({ "service": "dds", "instance_id": run.dds(), "name_prefix": "before-update-" });
        let (progress, said) = run.invoke_and_say("huaweidb_create_backup", &arguments).await;
        let progress = if at_once {
            assert_eq!(said, [], "{version}");
            progress
        } else {
            assert_eq!(
                (progress, summaries(&said)),
                (Vec::new(), vec!["Progress of the action".to_owned()]),
                "{version}"
            );
            assert_eq!(said[0].severity, 2, "no error");
            said[0].detail.lines().map(str::to_owned).collect()
        };
        assert!(progress.first().unwrap().starts_with("Asking Document Database Service"), "{version}: {progress:?}");
        assert!(progress.last().unwrap().ends_with("is COMPLETED"), "{version}: {progress:?}");

        run.emulator.set_pace(|pace| *pace = huaweidb_emulator::Pace::of_backups(60.0));
        let request = tf::invoke_action::Request {
            action_type: "huaweidb_create_backup".to_owned(),
            config: wire(&run.action("huaweidb_create_backup", &arguments)),
            ..Default::default()
        };
        let mut events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
        if at_once {
            let first = events.message().await.unwrap().and_then(|event| event.r#type);
            assert!(matches!(first, Some(tf::invoke_action::event::Type::Progress(_))), "{version}: {first:?}");
        }
        let stop = async {
            while !run.emulator.backups().iter().any(|one| one.status == "BUILDING") {
                sleep(Duration::from_millis(5)).await;
            }
            run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
        };
        let ((progress, said), ()) = tokio::join!(ended(events), stop);
        assert!(at_once || progress.is_empty(), "{version}: {progress:?}");
        assert_eq!(said.len(), if at_once { 1 } else { 2 }, "{version}: {said:?}");
    }
}

#[tokio::test]
async fn an_action_takes_a_backup_and_tells_how_it_goes() {
    let run = Run::start(0.3).await;
    let arguments = json!({ "service": "dds", "instance_id": run.dds(), "name_prefix": "before-update-" });
    let (progress, errors) = run.invoke("huaweidb_create_backup", &arguments).await;
    assert_eq!(errors, [""; 0]);
    assert!(progress.first().unwrap().starts_with("Asking Document Database Service"), "{progress:?}");
    assert!(progress.last().unwrap().ends_with("is COMPLETED"), "{progress:?}");
    let taken = run.emulator.backups();
    assert_eq!((taken.len(), &*taken[0].status), (1, "COMPLETED"));
    assert!(taken[0].name.starts_with("before-update-"));

    run.emulator.set_pace(|pace| *pace = huaweidb_emulator::Pace::of_backups(3600.0));
    let background = over(&arguments, &json!({ "wait_for_completion": false }));
    let (_, errors) = run.invoke("huaweidb_create_backup", &background).await;
    assert_eq!(errors, [""; 0]);
    assert_eq!(run.emulator.backups().iter().filter(|one| one.status == "BUILDING").count(), 1);

    // Something runs: the instance stays busy until the time is over.
    let hasty = over(&arguments, &json!({ "timeout": "1s" }));
    let errors = run.once_sent(async || run.invoke("huaweidb_create_backup", &hasty).await.1).await;
    assert_eq!(errors, ["Backup was not created: the instance is busy"]);
    assert_eq!(run.emulator.backups().len(), 2);
}

#[tokio::test]
async fn line_83_a_stopped_action_ends_once_and_before_its_backup() {
    let run = Run::start(3600.0).await;
    let config = run
        .action("huaweidb_create_backup", &json!({ "service": "dds", "instance_id": run.dds(), "name": "emergency" }));
    let request = tf::invoke_action::Request {
        action_type: "huaweidb_create_backup".to_owned(),
        config: wire(&config),
        ..Default::default()
    };
    let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
    timeout(NEVER, async {
        while run.emulator.backups().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    let (_, errors) = timeout(NEVER, ended(events)).await.expect("it ends");
    assert_eq!(summaries(&errors), ["Backup was not seen to complete"]);
    assert_eq!(run.emulator.backups()[0].status, "BUILDING", "it goes on in the cloud");
}

#[tokio::test]
async fn an_action_that_is_wrong_says_so_and_ends_once() {
    let run = Run::start(0.2).await;
    let instance = run.dds();
    for (name, arguments, summary) in [
        ("huaweidb_create_backup", json!({ "service": "dds", "instance_id": instance }), "Missing argument"),
        (
            "huaweidb_create_backup",
            json!({ "service": "dds", "instance_id": instance, "name": "name", "name_prefix": "p" }),
            "Conflicting arguments",
        ),
        (
            "huaweidb_create_backup",
            json!({ "service": "ddm", "instance_id": instance, "name": "name" }),
            "This service takes no manual backups",
        ),
        ("huaweidb_stop_backup", json!({ "service": "dds" }), "Missing argument"),
        (
            "huaweidb_stop_backup",
            json!({ "service": "taurusdb", "backup_id": "b" }),
            "This service cannot stop a backup",
        ),
        ("huaweidb_stop_backup", json!({ "service": "rds", "backup_id": "b" }), "Missing argument"),
        ("huaweidb_prune_backups", json!({ "service": "dds", "instance_id": instance }), "Missing required argument"),
        (
            "huaweidb_prune_backups",
            json!({ "service": "dds", "instance_id": instance, "older_than": "long" }),
            "Invalid argument value",
        ),
    ] {
        let config = run.action(name, &arguments);
        let request = tf::validate_action_config::Request { type_name: name.to_owned(), config: wire(&config) };
        let said = run.host.provider().validate_action_config(request).await.unwrap().into_inner().diagnostics;
        let errors = said.iter().filter(|one| one.severity == 1).map(|one| one.summary.as_str());
        assert!(errors.clone().any(|one| one == summary), "{name} {arguments}: {:?}", errors.collect::<Vec<_>>());
    }
    let request = tf::invoke_action::Request { action_type: "huaweidb_explode".to_owned(), ..Default::default() };
    let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
    let (progress, errors) = ended(events).await;
    assert_eq!((progress.len(), summaries(&errors)), (0, vec!["Unknown action type".to_owned()]));
}

#[tokio::test]
async fn the_emergency_stop_stops_what_runs() {
    let run = Run::start(60.0).await;
    let stop = "huaweidb_stop_backup";
    let idle = json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true });
    assert_eq!(run.invoke(stop, &idle).await.1, ["No backup is running"]);
    let (progress, errors) = run.invoke(stop, &over(&idle, &json!({ "ignore_if_not_running": true }))).await;
    assert_eq!(errors, [""; 0]);
    assert!(progress[0].starts_with("Nothing to stop"), "{progress:?}");

    for by_id in [true, false] {
        let create = json!({
            "service": "dds", "instance_id": run.dds(), "name_prefix": "run-", "wait_for_completion": false,
        });
        assert_eq!(run.invoke("huaweidb_create_backup", &create).await.1, [""; 0]);
        let backups = run.emulator.backups();
        let running = backups.iter().find(|one| one.status == "BUILDING").unwrap();
        let wish = if by_id { json!({ "service": "dds", "backup_id": running.id }) } else { idle.clone() };
        let (progress, errors) = run.invoke(stop, &wish).await;
        assert_eq!(errors, [""; 0], "{progress:?}");
        assert!(progress.last().unwrap().contains("is stopped"), "{progress:?}");
        assert!(run.emulator.backups().iter().all(|one| one.status != "BUILDING"));
        assert_eq!(run.invoke(stop, &json!({ "service": "dds", "backup_id": running.id })).await.1.len(), 1);
    }
}

#[tokio::test]
async fn what_turns_out_null_or_wrong_is_refused_before_anything_is_sent() {
    let run = Run::start(60.0).await;
    run.backups(3, "old-");
    let (create, stop, prune) = ("huaweidb_create_backup", "huaweidb_stop_backup", "huaweidb_prune_backups");
    let creating = json!({ "service": "dds", "instance_id": run.dds(), "name": "one" });
    let stopping = json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true });
    let pruning = json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": 1, "older_than": "0s",
        "dry_run": false,
    });
    run.emulator.clear_journal();
    let wrong = |base: &Value, values: &[(&str, Value)]| {
        let cases = values.iter().map(|(name, value)| over(base, &json!({ *name: value })));
        cases.collect::<Vec<_>>()
    };
    let null = Value::Null;
    let cases = [
        (
            create,
            wrong(
                &creating,
                &[
                    ("service", null.clone()),
                    ("service", json!("mainframe")),
                    ("instance_id", null.clone()),
                    ("name", null.clone()),
                    ("name_prefix", json!("two-")),
                    ("timeout", json!("5x")),
                    ("timeout", json!("-5m")),
                ],
            ),
        ),
        (
            stop,
            wrong(
                &stopping,
                &[
                    ("service", null.clone()),
                    ("instance_id", null.clone()),
                    ("all_on_instance", null.clone()),
                    ("all_on_instance", json!(false)),
                    ("backup_id", json!("b1br02")),
                    ("timeout", json!("5x")),
                ],
            ),
        ),
        (
            prune,
            wrong(
                &pruning,
                &[
                    ("service", null.clone()),
                    ("instance_id", null.clone()),
                    ("instance_id", json!("")),
                    ("name_prefix", null.clone()),
                    ("name_prefix", json!("old-\n")),
                    ("name_prefix", json!(" ")),
                    ("keep_last", null.clone()),
                    ("keep_last", json!(-1)),
                    ("service", json!("mainframe")),
                    ("older_than", null.clone()),
                    ("older_than", json!("-5m")),
                    ("keep_ids", json!(["b1br02", null])),
                    ("keep_ids", json!(["b1br02", ""])),
                    ("keep_ids", json!([" "])),
                    ("timeout", json!("5x")),
                ],
            ),
        ),
    ];
    for (name, wishes) in cases {
        for wish in wishes {
            let request = tf::plan_action::Request {
                action_type: name.to_owned(),
                config: wire(&run.action(name, &wish)),
                ..Default::default()
            };
            let said = run.host.provider().plan_action(request).await.unwrap().into_inner().diagnostics;
            assert!(said.iter().any(|one| one.severity == 1), "planned: {name} {wish}");
            let request = tf::invoke_action::Request {
                action_type: name.to_owned(),
                config: wire(&run.action(name, &wish)),
                ..Default::default()
            };
            let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
            let (progress, said) = ended(events).await;
            assert!(progress.is_empty() && !summaries(&said).is_empty(), "invoked: {name} {wish} {progress:?}");
        }
    }
    assert_eq!(run.emulator.journal().len(), 0, "nothing was sent");
    assert_eq!(run.emulator.backups().len(), 3);
}

#[tokio::test]
async fn a_pruning_shares_calls() {
    let run = Run::start(0.2).await;
    run.backups(60, "old-");
    run.emulator.clear_journal();
    let wish = json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": 1, "older_than": "0s",
        "dry_run": false,
    });
    let (progress, errors) = run.invoke("huaweidb_prune_backups", &wish).await;
    assert_eq!(errors, [""; 0]);
    assert_eq!(progress.last().unwrap(), "59 of 59 deleted");
    assert_eq!(run.emulator.backups().len(), 1);
    let calls = run.emulator.journal().len();
    // One by one they would be three each.
    assert!(calls < 40, "{calls} calls");
}

/// What something on the way refuses, with no code of the cloud, may have been carried out.
#[tokio::test]
async fn a_refusal_that_is_not_the_clouds_proves_nothing_of_a_stop_or_a_deletion() {
    for applied in [true, false] {
        let run = Run::start(60.0).await;
        run.backups(3, "old-");
        let refusal = |operation: &str| {
            let page = Fault { status: Some(403), ..Fault::new(FaultKind::Html) }.on("dds").operation(operation);
            run.emulator.fault(Fault { apply: Some(applied), ..page });
        };
        ["stop", "delete", "batch_delete"].into_iter().for_each(refusal);
        let create = json!({
            "service": "dds", "instance_id": run.dds(), "name_prefix": "run-", "wait_for_completion": false,
        });
        assert_eq!(run.invoke("huaweidb_create_backup", &create).await.1, [""; 0]);
        let stop = json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true });
        let prune = json!({
            "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": 1, "older_than": "0s",
            "dry_run": false,
        });
        for (action, wish) in [("huaweidb_stop_backup", stop), ("huaweidb_prune_backups", prune)] {
            let (_, said) = run.invoke_and_say(action, &wish).await;
            let said = said.iter().map(|one| format!("{}\n{}", one.summary, one.detail)).collect::<Vec<_>>().join("\n");
            assert!(said.is_empty() || said.contains("not seen to"), "{applied}: {said}");
            assert!(applied || !said.is_empty(), "{action} claims what was not done");
            for untrue in ["credentials are valid", "was refused", "still exist"] {
                assert!(!said.contains(untrue), "{applied}: {said}");
            }
        }
    }
}

/// The answer to the create of an action names somebody's older backup: that is told, with what was begun, and nothing is built on it.
#[tokio::test]
async fn an_action_takes_no_other_backup_for_its_own() {
    for waits in [true, false] {
        let run = Run::start(0.2).await;
        let older = run.backups(1, "colleague-").remove(0).id;
        let with = [("id", older.as_str()), ("backup_id", older.as_str())];
        run.emulator.fault(Fault::replace(&with).on("dds").operation("create"));
        let create = json!({
            "service": "dds", "instance_id": run.dds(), "name_prefix": "run-", "wait_for_completion": waits,
        });
        let (_, said) = run.invoke_and_say("huaweidb_create_backup", &create).await;
        let own = run.emulator.backups().into_iter().find(|one| one.name.starts_with("run-")).expect("it was begun").id;
        let text = said.iter().map(|one| format!("{}\n{}", one.summary, one.detail)).collect::<Vec<_>>().join("\n");
        assert!(text.contains("The create was answered with another backup"), "{text}");
        assert!(text.contains(&format!("{own}@eu-de")), "{text}");
        assert!(!text.contains("Nothing was sent") && !text.contains("state rm"), "{text}");
    }
}

/// What was to stay goes elsewhere, or fails, after the first look: what is there now is chosen from again.
#[tokio::test]
async fn a_pruning_counts_again_before_it_deletes() {
    for fails in [false, true] {
        for (keep_last, allow_last, deleted) in [(1, false, 4), (0, false, 4), (2, false, 3), (1, true, 4)] {
            // The change belongs between the first look and the second: where the second came before it, once more.
            let mut held_ms = 400;
            let (run, six, progress, errors) = loop {
                let run = Run::start(0.2).await;
                let mut six = run.backups(6, "old-");
                six.sort_by(|one, other| other.begin_time.cmp(&one.begin_time));
                run.emulator.clear_journal();
                run.emulator.fault(Fault::delay(held_ms).on("dds").operation("list"));
                let wish = json!({
                    "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": keep_last,
                    "older_than": "0s", "allow_last": allow_last, "dry_run": false,
                });
                let meanwhile = async {
                    while run.emulator.journal().is_empty() {
                        sleep(Duration::from_millis(5)).await;
                    }
                    let done = if fails {
                        run.emulator.set_status(&six[0].id, "FAILED")
                    } else {
                        run.emulator.vanish(&six[0].id)
                    };
                    assert!(done);
                    run.emulator.journal().len() == 1
                };
                let ((progress, errors), in_time) =
                    tokio::join!(run.invoke("huaweidb_prune_backups", &wish), meanwhile);
                if in_time {
                    break (run, six, progress, errors);
                }
                assert!(held_ms < 300_000, "it looks again without an answer to its first look");
                held_ms *= 10;
            };
            assert_eq!(errors, [""; 0]);
            let end = format!("{deleted} of {} deleted; 1 left as changed", deleted + 1);
            assert_eq!(progress.last().unwrap(), &end, "{fails} {keep_last} {allow_last}");
            assert!(progress.iter().any(|line| line.contains("one of those that stay now")), "{progress:?}");
            let left = run.emulator.backups().into_iter().filter(|one| one.status == "COMPLETED").collect::<Vec<_>>();
            assert_eq!(ids(&left), ids(&six[1..6 - deleted]), "the newest of what is left");
        }
    }
}

/// One empty list is no change: whoever it lacks is asked for again, and only what is proven gone was changed.
#[tokio::test]
async fn a_pruning_believes_no_empty_list() {
    const PRUNE: &str = "huaweidb_prune_backups";
    let run = Run::start(0.2).await;
    let hole = || Fault::new(FaultKind::EmptyList).on("dds").operation("list");
    for deleted in [true, false] {
        let four = run.backups(4, "old-");
        let wish = json!({
            "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": 1, "older_than": "0s",
            "dry_run": false,
        });
        // After the first one; of the instance nothing can be told, and then an absence proves nothing.
        run.emulator.fault(hole().skip(1).times(if deleted { 1 } else { 1000 }));
        if !deleted {
            run.emulator.fault(Fault::status(403).on("dds").operation("instances").times(1000));
        }
        run.emulator.clear_journal();
        let (progress, said) = run.invoke_and_say(PRUNE, &wish).await;
        if deleted {
            assert_eq!((progress.last().map(String::as_str), said.len()), (Some("3 of 3 deleted"), 0), "{progress:?}");
            assert_eq!(run.emulator.backups().len(), 1);
            run.emulator.vanish(&run.emulator.backups()[0].id);
            continue;
        }
        assert_eq!(summaries(&said), ["Backups were not deleted"], "{progress:?}");
        let detail = &said[0].detail;
        for word in ["0 of 3 deleted. It is not known whether 3 of them still exist", "does not show the backup"] {
            assert!(detail.contains(word), "{word}: {detail}");
        }
        assert!(!progress.iter().any(|line| line.contains("changed") || line.starts_with("Left")), "{progress:?}");
        assert_eq!(ids(&run.emulator.backups()), ids(&four), "nothing was sent");
        assert!(run.emulator.journal().iter().all(|call| call.method == "GET"));
    }
}

/// A delete without an answer may have been carried out, whatever is said to the next one.
#[tokio::test]
async fn a_stopped_pruning_says_what_was_sent() {
    const PRUNE: &str = "huaweidb_prune_backups";
    for service in ["dds", "geminidb", "taurusdb", "rds", "gaussdb"] {
        let run = Run::start(0.2).await;
        let instance_id = run.emulator.instance(service);
        let wanted = NewBackups {
            instance_id: instance_id.clone(),
            count: 4,
            name_prefix: "old-".to_owned(),
            seconds_apart: 60.0,
            ..NewBackups::default()
        };
        run.emulator.add_backups(&wanted);
        let wish = json!({
            "service": service, "instance_id": instance_id, "name_prefix": "old-", "keep_last": 1, "older_than": "0s",
        });
        let invoked = |wish: &Value| tf::invoke_action::Request {
            action_type: PRUNE.to_owned(),
            config: wire(&run.action(PRUNE, wish)),
            ..Default::default()
        };
        run.emulator.clear_journal();
        ended(run.host.provider().invoke_action(invoked(&wish)).await.unwrap().into_inner()).await;
        let calls = u32::try_from(run.emulator.journal().len()).unwrap();
        run.emulator.clear_journal();

        // The first is carried out; what is sent after it is refused with no word that anybody knows, and whoever looks after
        // the two lists waits until the end.
        let batches = service != "gaussdb";
        let lost = if batches { ("batch_delete", 1) } else { ("delete", 3) };
        run.emulator.fault(Fault::new(FaultKind::CloseAfter).on(service).operation(lost.0).times(lost.1));
        for operation in ["batch_delete", "delete"] {
            run.emulator.fault(Fault::status(400).on(service).operation(operation).body(json!({})).times(1000));
        }
        let held = Fault::delay(60_000).on(service).method("GET").path("/backups");
        run.emulator.fault(held.skip(2 * calls).times(1000));
        let wish = over(&wish, &json!({ "dry_run": false }));
        let events = run.host.provider().invoke_action(invoked(&wish)).await.unwrap().into_inner();
        let stop = async {
            loop {
                let journal = run.emulator.journal();
                let sent = journal.iter().filter(|call| call.operation.contains("delete")).count();
                let looks = journal.last().is_some_and(|call| call.method == "GET");
                if looks && sent >= if batches { 1 } else { 3 } {
                    break;
                }
                sleep(Duration::from_millis(5)).await;
            }
            run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
        };
        let ((progress, said), ()) = tokio::join!(ended(events), stop);
        assert_eq!(summaries(&said), ["Pruning was stopped"], "{service}: {progress:?}");
        let detail = &said[0].detail;
        assert!(
            detail.contains("0 of 3 were seen to be deleted; 0 not touched; 3 deletions were sent"),
            "{service}: {detail}"
        );
    }
}

/// A list that ends before what its first page promised is looked at again, and then an error.
#[tokio::test]
async fn a_list_that_ends_early_is_an_error_and_not_a_short_list() {
    const DATA: &str = "huaweidb_backups";
    let run = Run::start(0.2).await;
    run.backups(250, "old-");
    let hole = |times| Fault::new(FaultKind::EmptyList).on("dds").operation("list").skip(1).times(times);
    for (times, whole_list) in [(1, true), (1000, false)] {
        run.emulator.fault(hole(times));
        let arguments = json!({ "service": "dds", "instance_id": run.dds() });
        let config = wire(&whole(&run.schema.data_source_schemas[DATA], &arguments));
        let request = tf::read_data_source::Request { type_name: DATA.to_owned(), config, ..Default::default() };
        let read = run.host.provider().read_data_source(request).await.unwrap().into_inner();
        run.emulator.clear_faults();
        run.emulator.fault(hole(times));
        let events = run.list(&arguments, 500, false).await;
        run.emulator.clear_faults();
        let said = events.iter().flat_map(|event| event.diagnostic.clone()).collect::<Vec<_>>();
        if whole_list {
            assert_eq!((summaries(&read.diagnostics), summaries(&said)), (vec![], vec![]));
            let listed = unwired(read.state.as_ref());
            assert_eq!((listed["backups"].as_array().map(Vec::len), events.len()), (Some(250), 250));
            continue;
        }
        for said in [&read.diagnostics, &said] {
            assert_eq!(summaries(said), ["Search failed"]);
            assert!(said[0].detail.contains("ends early: 100 of 250 records"), "{}", said[0].detail);
        }
        // Nothing is pruned by half of a list.
        run.emulator.fault(hole(times));
        let wish = json!({
            "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": 1, "older_than": "0s",
            "dry_run": false,
        });
        let request = tf::invoke_action::Request {
            action_type: "huaweidb_prune_backups".to_owned(),
            config: wire(&run.action("huaweidb_prune_backups", &wish)),
            ..Default::default()
        };
        let (_, said) = ended(run.host.provider().invoke_action(request).await.unwrap().into_inner()).await;
        assert_eq!(summaries(&said), ["Search failed"]);
        assert_eq!(run.emulator.backups().len(), 250);
    }
}

/// What the same run has taken or planned is in its state: a pruning leaves it, however old it is.
#[tokio::test]
async fn pruning_spares_what_the_run_manages() {
    let run = Run::start(0.2).await;
    run.backups(2, "nightly-");
    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name_prefix": "nightly-" }));
    let planned = run.plan(&config, &Value::Null, &config).await.planned_state;
    let applied = run.apply(&config, &Value::Null, &unwired(planned.as_ref())).await;
    assert_eq!(summaries(&applied.diagnostics), [""; 0]);
    let state = unwired(applied.new_state.as_ref());
    let taken = state["id"].as_str().unwrap().to_owned();
    let wish = json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "", "keep_last": 0, "older_than": "0s", "dry_run": false,
        "allow_last": true,
    });
    let (progress, errors) = run.invoke("huaweidb_prune_backups", &wish).await;
    assert_eq!(errors, [""; 0]);
    assert_eq!(progress.last().unwrap(), "2 of 2 deleted");
    assert_eq!(ids(&run.emulator.backups()), [taken.clone()].into());
    // Nor what it has just left in the cloud on purpose.
    let retained = over(&state, &json!({ "on_destroy": "retain" }));
    run.apply(&Value::Null, &retained, &Value::Null).await;
    let (progress, _) = run.invoke("huaweidb_prune_backups", &wish).await;
    assert!(progress.last().unwrap().starts_with("Nothing to prune"), "{progress:?}");
    // Another run knows nothing of it, unless it is told.
    run.configure().await;
    let (progress, _) = run.invoke("huaweidb_prune_backups", &over(&wish, &json!({ "keep_ids": [taken] }))).await;
    assert!(progress.last().unwrap().starts_with("Nothing to prune"), "{progress:?}");
    let (progress, _) = run.invoke("huaweidb_prune_backups", &wish).await;
    assert_eq!(progress.iter().filter(|line| *line == "1 of 1 deleted").count(), 1, "{progress:?}");
}

/// What is kept is left whatever the rule says, and takes no other one's place among the newest.
#[tokio::test]
async fn pruning_leaves_what_is_to_be_kept() {
    // Positions among six, newest first: what is kept, what else there is, and what goes.
    for (kept, keep_last, allow_last, gone) in [
        (vec![], 2, false, vec![2, 3, 4, 5]),
        (vec![5], 2, false, vec![2, 3, 4]),
        (vec![0], 2, false, vec![3, 4, 5]),
        (vec![0, 1, 4], 2, false, vec![5]),
        (vec![0], 0, false, vec![2, 3, 4, 5]),
        (vec![0], 0, true, vec![1, 2, 3, 4, 5]),
        (vec![0, 1, 2, 3, 4, 5], 0, true, vec![]),
    ] {
        let run = Run::start(0.2).await;
        let mut six = run.backups(6, "old-");
        six.sort_by(|one, other| other.begin_time.cmp(&one.begin_time));
        let mut keep_ids: Vec<_> = kept.iter().map(|at: &usize| six[*at].id.clone()).collect();
        // One of another instance, as a list of all that is managed has it.
        keep_ids.push("b7br02".to_owned());
        let wish = json!({
            "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": keep_last, "older_than": "0s",
            "allow_last": allow_last, "keep_ids": keep_ids, "dry_run": false,
        });
        let (progress, errors) = run.invoke("huaweidb_prune_backups", &wish).await;
        assert_eq!(errors, [""; 0]);
        let left = ids(&run.emulator.backups());
        let missing = (0..6).filter(|at| !left.contains(&six[*at].id)).collect::<Vec<_>>();
        assert_eq!(missing, gone, "{kept:?} {keep_last} {allow_last}: {progress:?}");
    }
}

/// What the plan leaves in the state and the pruning may delete is an error; what leaves the state, or may, is none.
#[tokio::test]
async fn a_pruning_of_what_the_plan_leaves_in_the_state_is_refused() {
    const PRUNE: &str = "huaweidb_prune_backups";
    let run = Run::start(0.2).await;
    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": "managed" }));
    let planned = run.plan(&config, &Value::Null, &config).await.planned_state;
    let state = unwired(run.apply(&config, &Value::Null, &unwired(planned.as_ref())).await.new_state.as_ref());
    let wish = json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "", "keep_last": 0, "older_than": "0s",
        "allow_last": true, "dry_run": false,
    });
    let planned = async |wish: &Value| {
        let request = tf::plan_action::Request {
            action_type: PRUNE.to_owned(),
            config: wire(&run.action(PRUNE, wish)),
            ..Default::default()
        };
        run.host.provider().plan_action(request).await.unwrap().into_inner().diagnostics
    };
    let of = |more: &Value| over(&wish, more);
    let kept = of(&json!({ "keep_ids": [state["id"]] }));

    // A run that has not heard of it, one that has only read it, and one that leaves it where it is.
    run.configure().await;
    assert_eq!(summaries(&planned(&wish).await), [""; 0]);
    run.read(&state).await;
    assert_eq!(summaries(&planned(&wish).await), [""; 0], "its plan may yet be to delete it");
    // Whichever is planned later tells, unless the backup is replaced.
    let renamed = over(&config, &json!({ "name": "another" }));
    let replaced = run.plan(&renamed, &state, &over(&state, &json!({ "name": "another" }))).await;
    assert!(!replaced.requires_replace.is_empty());
    assert!(replaced.diagnostics.iter().all(|one| !one.summary.starts_with("Pruning")), "{:?}", replaced.diagnostics);
    let later = run.plan(&config, &state, &state).await.diagnostics;
    let said = planned(&wish).await;
    for said in [&later, &said] {
        assert_eq!(summaries(said), ["Pruning may delete a managed backup"]);
        assert_eq!(said[0].severity, 1);
    }
    run.configure().await;
    run.plan(&config, &state, &state).await;
    for word in ["\"managed\"", state["id"].as_str().unwrap(), "keep_ids", "name_prefix"] {
        assert!(said[0].detail.contains(word), "{word}: {}", said[0].detail);
    }
    for spared in [
        kept,
        of(&json!({ "name_prefix": "other-" })),
        of(&json!({ "dry_run": true })),
        of(&json!({ "dry_run": null })),
        of(&json!({ "keep_ids": UNKNOWN })),
        of(&json!({ "name_prefix": UNKNOWN })),
        of(&json!({ "instance_id": "00000000000000000000000000000000in02" })),
    ] {
        assert_eq!(summaries(&planned(&spared).await), [""; 0], "{spared}");
    }
    // Until the action runs, a backup grows older, others are taken, and one that still runs completes.
    for not_sure in [
        json!({ "keep_last": 1 }),
        json!({ "keep_last": UNKNOWN }),
        json!({ "allow_last": false }),
        json!({ "older_than": "1h" }),
        json!({ "keep_ids": [] }),
        json!({ "keep_ids": [UNKNOWN] }),
    ] {
        assert_eq!(planned(&of(&not_sure)).await.len(), 1, "{not_sure}");
    }

    // Whatever the cloud shows, and also where the plan is not to ask it.
    run.emulator.fault(Fault::status(403).on("dds").operation("list").times(9));
    assert_eq!(summaries(&planned(&wish).await), ["Pruning may delete a managed backup"]);
    run.emulator.clear_faults();
    run.configure_with(&json!({ "preflight": false })).await;
    run.plan(&config, &state, &state).await;
    assert_eq!(summaries(&planned(&wish).await), ["Pruning may delete a managed backup"]);
    run.configure().await;

    // Planned to be deleted, at the same time and before; to be replaced, by the provider and by the host.
    run.plan(&config, &state, &state).await;
    let (said, _) = tokio::join!(planned(&wish), run.plan(&Value::Null, &state, &Value::Null));
    assert_eq!(summaries(&said), [""; 0]);
    assert_eq!(summaries(&planned(&wish).await), [""; 0]);
    for (prior, config) in [(&state, &renamed), (&Value::Null, &config)] {
        run.plan(&over(&config.clone(), &json!({})), &state, &state).await;
        let request = tf::plan_resource_change::Request {
            prior_private: run.read(&state).await.private,
            ..plan_request(config, prior, &over(config, &json!({})))
        };
        run.host.provider().plan_resource_change(request).await.unwrap();
        assert_eq!(summaries(&planned(&wish).await), [""; 0]);
    }
    // Retained: it leaves the state, and is old then like any other.
    let retained = over(&state, &json!({ "on_destroy": "retain" }));
    run.plan(&over(&config, &json!({ "on_destroy": "retain" })), &retained, &retained).await;
    assert_eq!(planned(&wish).await.len(), 1);
    run.plan(&Value::Null, &retained, &Value::Null).await;
    assert_eq!(summaries(&planned(&wish).await), [""; 0]);
    assert_eq!(run.emulator.backups().len(), 1);
}

/// DDM has no manual backups: those of key operations stay until somebody deletes them, the daily ones are its own.
#[tokio::test]
async fn pruning_of_ddm_takes_what_it_took_before_key_operations() {
    let run = Run::start(0.2).await;
    let instance_id = run.emulator.instance("ddm");
    let of = |kind: &str, count| NewBackups {
        instance_id: instance_id.clone(),
        count,
        kind: kind.to_owned(),
        seconds_apart: 60.0,
        ..NewBackups::default()
    };
    let daily = run.emulator.add_backups(&of("auto", 3));
    let before_changes = run.emulator.add_backups(&of("manual", 4));
    let wish = json!({
        "service": "ddm", "instance_id": instance_id, "name_prefix": "", "keep_last": 1, "older_than": "0s",
        "dry_run": false,
    });
    let (progress, errors) = run.invoke("huaweidb_prune_backups", &wish).await;
    assert_eq!(errors, [""; 0]);
    assert!(progress[0].starts_with("3 of the 4 metadata backups that fit will be deleted"), "{progress:?}");
    assert_eq!(progress.last().unwrap(), "3 of 3 deleted");
    let newest = before_changes.iter().max_by(|one, other| one.begin_time.cmp(&other.begin_time)).unwrap();
    let staying = daily.iter().chain([newest]).map(|backup| backup.id.clone()).collect();
    assert_eq!(ids(&run.emulator.backups()), staying);
}

/// Nothing to prune, because it is another service's instance or none: that is a mistake, and told as one.
#[tokio::test]
async fn pruning_of_an_instance_that_is_not_there_is_an_error() {
    const PRUNE: &str = "huaweidb_prune_backups";
    let run = Run::start(0.2).await;
    let wish = json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "none-", "keep_last": 1, "older_than": "0s",
    });
    run.emulator.clear_journal();
    let (progress, errors) = run.invoke(PRUNE, &wish).await;
    assert_eq!((errors, progress.len()), (vec![], 1), "it is there");
    let asked: Vec<_> = run.emulator.journal().into_iter().map(|call| call.operation).collect();
    assert_eq!(asked, ["list", "instances"]);
    run.backups(1, "none-");
    run.emulator.clear_journal();
    run.invoke(PRUNE, &wish).await;
    assert_eq!(run.emulator.journal().len(), 1, "whoever has backups is there");
    for (id, told) in [(run.emulator.instance("rds"), "`rds`"), (format!("{}in02", "0".repeat(32)), "`dds`")] {
        let wish = over(&wish, &json!({ "instance_id": id }));
        let request = tf::invoke_action::Request {
            action_type: PRUNE.to_owned(),
            config: wire(&run.action(PRUNE, &wish)),
            ..Default::default()
        };
        let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
        let (progress, said) = ended(events).await;
        let error = said.iter().find(|one| one.severity == 1).expect("an error");
        assert_eq!((error.summary.as_str(), progress.len()), ("Instance was not found", 0), "{id}");
        assert!(error.detail.contains(told) && error.detail.contains(&id), "{}", error.detail);
    }
    // What says nothing of use is no word against it.
    run.emulator.fault(Fault::status(403).on("dds").operation("instances").times(9));
    let gone = over(&wish, &json!({ "instance_id": format!("{}in02", "0".repeat(32)) }));
    let (progress, errors) = run.invoke(PRUNE, &gone).await;
    assert_eq!((errors, progress.len()), (vec![], 1));
}

#[tokio::test]
async fn pruning_lists_first_and_never_deletes_the_last() {
    let run = Run::start(0.2).await;
    let old = run.backups(4, "nightly-");
    let automatic = NewBackups {
        instance_id: run.dds(),
        name: Some("nightly-auto".to_owned()),
        kind: "auto".to_owned(),
        ..NewBackups::default()
    };
    run.emulator.add_backups(&automatic);
    let failed = NewBackups {
        instance_id: run.dds(),
        name: Some("nightly-failed".to_owned()),
        status: "FAILED".to_owned(),
        ..NewBackups::default()
    };
    run.emulator.add_backups(&failed);
    let other = run.backups(1, "weekly-");
    let prune = "huaweidb_prune_backups";
    let wish = json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "nightly-", "keep_last": 2,
        "older_than": "0s",
    });

    let (progress, errors) = run.invoke(prune, &wish).await;
    assert_eq!((errors.len(), progress.len(), progress[0].lines().count()), (0, 1, 3), "{progress:?}");
    assert!(progress[0].starts_with("2 of the 4 manual backups that fit would be deleted"), "{progress:?}");
    assert_eq!(run.emulator.backups().len(), 7, "a dry run deletes nothing");

    let really = over(&wish, &json!({ "dry_run": false }));
    let (progress, errors) = run.invoke(prune, &really).await;
    assert_eq!(errors, [""; 0]);
    assert_eq!(progress.last().unwrap(), "2 of 2 deleted");
    let mut newest = old.clone();
    newest.sort_by(|one, other| other.begin_time.cmp(&one.begin_time));
    let left = ids(&run.emulator.backups());
    assert!(newest[..2].iter().all(|one| left.contains(&one.id)) && left.len() == 5, "{left:?}");
    assert!(left.contains(&other[0].id));

    // Everything is old, and still one stays.
    let all = over(&really, &json!({ "keep_last": 0, "older_than": "1s" }));
    run.invoke(prune, &all).await;
    let left = ids(&run.emulator.backups());
    assert!(left.contains(&newest[0].id) && !left.contains(&newest[1].id));
    let (_, errors) = run.invoke(prune, &over(&all, &json!({ "allow_last": true }))).await;
    assert_eq!(errors, [""; 0]);
    assert!(!ids(&run.emulator.backups()).contains(&newest[0].id));
    assert_eq!(run.emulator.backups().len(), 3, "automatic, failed, and of another prefix");
}

#[tokio::test]
async fn line_82_a_list_honours_limits_and_gives_objects_on_request() {
    let run = Run::start(0.2).await;
    let made = run.backups(250, "many-");
    let gemini = NewBackups { instance_id: run.emulator.instance("geminidb"), ..NewBackups::default() };
    let rds = NewBackups { instance_id: run.emulator.instance("rds"), ..NewBackups::default() };
    let others = [run.emulator.add_backups(&gemini), run.emulator.add_backups(&rds)].concat();
    run.emulator.clear_journal();

    let few = run.list(&json!({ "service": "dds" }), 30, false).await;
    assert_eq!(few.len(), 31);
    assert_eq!(run.emulator.journal().len(), 1, "one page is enough");
    // Before the last one, after which hosts read no further.
    assert_eq!(summaries(&few[29].diagnostic), ["Limit was reached"]);
    for event in few.iter().filter(|event| event.identity.is_some()) {
        assert_eq!(event.diagnostic, []);
        assert_eq!(event.resource_object, None);
        let identity = identity(event.identity.as_ref());
        assert_eq!((&identity["service"], &identity["instance_id"]), (&json!("dds"), &json!(run.dds())));
        assert!(event.display_name.starts_with("many-"), "{}", event.display_name);
    }
    let seen = |events: &[tf::list_resource::Event]| -> BTreeSet<String> {
        events.iter().map(|one| identity(one.identity.as_ref())["id"].as_str().unwrap().to_owned()).collect()
    };
    // Without a service all are asked, also the one that lists only instance by instance.
    let all = run.list(&json!({}), 1000, true).await;
    assert_eq!(seen(&all), ids(made.iter().chain(&others)));
    for event in &all {
        let object = unwired(event.resource_object.as_ref());
        assert_eq!((&object["status"], &object["wait_for_completion"]), (&json!("COMPLETED"), &json!(true)));
    }
    let of_one = json!({ "instance_id": run.emulator.instance("rds") });
    assert_eq!(seen(&run.list(&of_one, 100, false).await), ids(&others[1..]));
    assert_eq!(run.list(&json!({ "service": "dds", "name_prefix": "many-0001" }), 100, false).await.len(), 1);
    assert_eq!(run.list(&json!({ "service": "dds", "status": "FAILED" }), 100, false).await.len(), 0);
    let later = json!({ "service": "dds", "begin_after": made.iter().map(|one| &one.begin_time).max() });
    assert_eq!(run.list(&later, 100, false).await.len(), 1);

    // A service that does not answer costs its own backups only.
    run.emulator.fault(Fault::status(403).on("geminidb").times(10));
    let rest = run.list(&json!({}), 1000, false).await;
    let (noted, found): (Vec<_>, Vec<_>) = rest.into_iter().partition(|event| event.identity.is_none());
    assert_eq!(seen(&found), ids(made.iter().chain(&others[1..])));
    assert_eq!(summaries(&noted[0].diagnostic), ["A service was not searched"]);
    let refused = run.list(&json!({ "service": "geminidb" }), 10, false).await;
    assert_eq!((refused.len(), summaries(&refused[0].diagnostic)), (1, vec!["Search failed".to_owned()]));
    run.emulator.clear_faults();

    // What is wrong with the credentials is said once, what each service finds wrong by each.
    for (status, said) in [(401, 1), (403, 5)] {
        run.configure().await;
        run.emulator.fault(Fault::status(status).times(99));
        let events = run.list(&json!({}), 1000, false).await;
        let errors = events.iter().flat_map(|event| summaries(&event.diagnostic)).collect::<Vec<_>>();
        assert_eq!(errors, vec!["Search failed"; said], "{status}");
        run.emulator.clear_faults();
    }
}

/// It says so only where something is cut off, and before the last object, after which hosts read no further.
#[tokio::test]
async fn a_list_says_that_its_limit_was_reached() {
    let run = Run::start(0.2).await;
    run.backups(250, "many-");
    for service in ["geminidb", "rds"] {
        run.emulator.add_backups(&NewBackups::of(&run.emulator.instance(service)));
    }
    let (of_one, of_all) = (json!({ "service": "dds" }), json!({}));
    for (wish, limit, found, cut) in [
        (&of_one, 250, 250, false),
        (&of_all, 252, 252, false),
        (&of_all, 251, 251, true),
        (&of_all, 250, 250, true),
        (&of_one, 100, 100, true),
    ] {
        let events = run.list(wish, limit, false).await;
        let said = events.iter().flat_map(|event| summaries(&event.diagnostic)).collect::<Vec<_>>();
        assert_eq!(said, vec!["Limit was reached"; usize::from(cut)], "{limit}");
        assert_eq!(events.iter().filter(|event| event.identity.is_some()).count(), found, "{limit}");
        assert!(events.last().unwrap().identity.is_some(), "{limit}");
    }
}

/// The search for one more, which tells whether the limit cuts anything off, may fail when all that are wanted are there.
#[tokio::test]
async fn a_list_that_reached_its_limit_does_not_fail_at_what_is_beyond() {
    let run = Run::start(0.2).await;
    run.backups(250, "many-");
    let beyond = |fault: &Fault| fault.clone().on("dds").operation("list").skip(1).times(99);
    let (of_one, of_all) = (json!({ "service": "dds" }), json!({}));
    for (fault, why) in [
        (Fault::status(500), "status 500"),
        (Fault::status(403), "status 403"),
        (Fault::new(FaultKind::Garbage), "dds"),
        (Fault::new(FaultKind::EmptyList), "100"),
    ] {
        for wish in [&of_one, &of_all] {
            run.emulator.fault(beyond(&fault));
            let events = run.list(wish, 100, false).await;
            run.emulator.clear_faults();
            let said = events.iter().flat_map(|event| &event.diagnostic).collect::<Vec<_>>();
            let [one] = &*said else { panic!("{why} {wish}: {said:?}") };
            assert_eq!((&*one.summary, one.severity), ("Limit was reached", 2), "{why} {wish}");
            assert!(one.detail.contains("could not be told") && one.detail.contains(why), "{}", one.detail);
            assert_eq!(events.iter().filter(|event| event.identity.is_some()).count(), 100, "{why} {wish}");
            assert!(events.last().unwrap().identity.is_some(), "{why} {wish}: hosts read no further");
        }
    }
    // Short of the limit something is missing, and is said to be.
    let refused = beyond(&Fault::status(403));
    run.emulator.fault(refused.clone());
    let events = run.list(&of_one, 1000, false).await;
    assert_eq!(summaries(&events.last().unwrap().diagnostic), ["Search failed"]);
    run.emulator.clear_faults();
    run.emulator.fault(refused);
    let events = run.list(&of_all, 1000, false).await;
    let said = events.iter().flat_map(|event| &event.diagnostic).collect::<Vec<_>>();
    let [one] = &*said else { panic!("{said:?}") };
    assert_eq!(one.summary, "A service was searched in part");
    assert!(one.detail.contains("only the first 100 are in the result"), "{}", one.detail);
}

#[tokio::test]
async fn a_list_hands_on_whole_only_what_can_be_managed() {
    // So slow that what is being deleted stays.
    let run = Run::start(600.0).await;
    let mut made = run.backups(3, "good-");
    // A name that no create would send.
    let chinese = NewBackups { instance_id: run.dds(), name: Some("每日备份".to_owned()), ..NewBackups::default() };
    made.extend(run.emulator.add_backups(&chinese));
    for (name, status) in [
        ("failed", "FAILED"),
        ("leaving", "DELETING"),
        ("padded ", "COMPLETED"),
        ("", "COMPLETED"),
        ("red\u{1b}[31m", "COMPLETED"),
    ] {
        let one = NewBackups {
            instance_id: run.dds(),
            name: Some(name.to_owned()),
            status: status.to_owned(),
            ..NewBackups::default()
        };
        run.emulator.add_backups(&one);
    }
    let wish = json!({ "service": "dds" });
    let of_ddm = json!({ "instance_id": run.emulator.instance("ddm") });
    let config = wire(&whole(&run.schema.list_resource_schemas[TYPE], &of_ddm));
    let request =
        tf::validate_list_resource_config::Request { type_name: TYPE.to_owned(), config, ..Default::default() };
    let said = run.host.provider().validate_list_resource_config(request).await.unwrap().into_inner().diagnostics;
    assert_eq!(summaries(&said), ["Instance takes no manual backups"]);
    let refused = run.list(&of_ddm, 100, false).await;
    assert_eq!(
        summaries(&refused[0].diagnostic),
        ["Instance takes no manual backups"],
        "also where only the list knows it"
    );
    let refused = run.list(&json!({ "service": "ddm" }), 100, true).await;
    assert_eq!(summaries(&refused[0].diagnostic), ["This service takes no manual backups"]);
    let shown = run.list(&wish, 100, false).await;
    assert_eq!(shown.len(), 9, "all are there to be seen");
    assert!(shown.iter().all(|event| !event.display_name.contains(char::is_control)), "a terminal is not coloured");
    for (limit, noted_at) in [(100, 4), (4, 3)] {
        let events = run.list(&wish, limit, true).await;
        assert_eq!(events.len(), 5);
        let found = events.iter().filter_map(|event| event.identity.as_ref());
        let found = found.map(|one| identity(Some(one))["id"].as_str().unwrap().to_owned());
        assert_eq!(found.collect::<BTreeSet<_>>(), ids(&made));
        // A host does not read on after the last object that it wants.
        let noted = &events[noted_at].diagnostic;
        assert_eq!(summaries(noted), ["Backups were left out"]);
        for name in ["failed", "leaving", "padded ", "it has no name", "red\\u{1b}[31m"] {
            assert!(noted[0].detail.contains(name), "{}", noted[0].detail);
        }
    }

    // What was chosen of an instance belongs to it; what has no instance has no identity.
    let row = |id: &str, more: &Value| {
        over(&json!({ "id": id, "name": "part", "type": "manual", "status": "COMPLETED" }), more)
    };
    let part = json!({ "instance_id": run.emulator.instance("rds"), "databases": [{ "name": "orders" }] });
    let rows = [row("1", &part), row("2", &json!({}))];
    run.emulator
        .fault(Fault::status(200).on("rds").operation("list").body(json!({ "total_count": 2, "backups": rows })));
    let of_rds = json!({ "service": "rds", "instance_id": run.emulator.instance("rds") });
    let found = run.list(&of_rds, 1, true).await;
    assert!(found[0].diagnostic[0].detail.contains("the backup 2 has no instance id"), "{:?}", found[0]);
    let object = unwired(found[1].resource_object.as_ref());
    assert_eq!(object["databases"], json!([{ "name": "orders", "tables": null }]));
    let rows = [row("1", &json!({ "instance_id": run.dds() })), row("2", &json!({}))];
    run.emulator
        .fault(Fault::status(200).on("dds").operation("list").body(json!({ "total_count": 2, "backups": rows })));
    let events = run.list(&wish, 100, false).await;
    assert_eq!(events.len(), 2);
    let noted = &events[1].diagnostic[0];
    assert!(
        noted.detail.contains("\"part\" (COMPLETED) of dds: the cloud does not tell its instance"),
        "{}",
        noted.detail
    );

    // One that does not tell its type may be one of them.
    let rows = [
        row("1", &json!({ "instance_id": run.dds() })),
        row("2", &json!({ "instance_id": run.dds(), "type": null })),
        row("3", &json!({ "instance_id": run.dds(), "type": null, "name": "other" })),
    ];
    run.emulator
        .fault(Fault::status(200).on("dds").operation("list").body(json!({ "total_count": 3, "backups": rows })));
    let events = run.list(&json!({ "service": "dds", "name_prefix": "part" }), 100, false).await;
    assert_eq!((events.len(), summaries(&events[1].diagnostic)), (2, vec!["Some records cannot be read".to_owned()]));
    let noted = &events[1].diagnostic[0].detail;
    assert!(noted.contains("One record of dds") && noted.contains("the backup 2 has no type"), "{noted}");
    // Nor one that does not tell its begin, where that is asked for.
    let begun = |id: &str, at: &str| row(id, &json!({ "instance_id": run.dds(), "begin_time": at }));
    let rows = [begun("1", "2026-01-02T03:04:05+0000"), begun("2", "soon")];
    run.emulator
        .fault(Fault::status(200).on("dds").operation("list").body(json!({ "total_count": 2, "backups": rows })));
    let since = json!({ "service": "dds", "name_prefix": "part", "begin_after": "2020-01-01T00:00:00Z" });
    let events = run.list(&since, 100, false).await;
    let noted = &events[1].diagnostic[0].detail;
    assert!(events.len() == 2 && noted.contains("the backup 2 has no begin that can be read"), "{noted}");

    // What was found before a page failed is there, and the rest is said to be missing.
    run.backups(150, "many-");
    run.emulator.fault(Fault::status(403).on("dds").skip(1).times(9));
    let events = run.list(&wish, 1000, false).await;
    let said = &events.last().unwrap().diagnostic[0];
    assert_eq!((events.len(), &*said.summary), (101, "Search failed"));
    assert!(said.detail.starts_with("100 were found before this, but Terraform shows nothing"), "{}", said.detail);
}

#[tokio::test]
async fn line_82_a_host_that_has_had_enough_ends_the_search() {
    let run = Run::start(0.2).await;
    run.backups(3000, "many-");
    run.emulator.clear_journal();
    let config = whole(&run.schema.list_resource_schemas[TYPE], &json!({ "service": "dds" }));
    let request = tf::list_resource::Request {
        type_name: TYPE.to_owned(),
        config: wire(&config),
        limit: 0,
        ..Default::default()
    };
    run.emulator.fault(Fault { ms: Some(200), ..Fault::new(FaultKind::Delay).on("dds").times(100) });
    let mut events = run.host.provider().list_resource(request).await.unwrap().into_inner();
    assert!(events.message().await.unwrap().is_some());
    let at_first = run.emulator.journal().len();
    assert!(at_first < 30, "the first comes before the last page is read");
    drop(events);
    // Whoever reads on asks again five times a second.
    let mut calls = at_first;
    for quiet in 0.. {
        sleep(Duration::from_secs(1)).await;
        let now = run.emulator.journal().len();
        if now == calls && quiet > 0 {
            break;
        }
        calls = now;
    }
    assert!(calls < 30, "all pages were read");
}

/// What was found until then is not taken for all.
#[tokio::test]
async fn a_list_that_is_interrupted_says_so() {
    for (wish, whole) in [(json!({ "service": "dds" }), false), (json!({}), true), (json!({}), false)] {
        let run = Run::start(0.2).await;
        run.backups(900, "many-");
        // Nothing waits for that page to its end.
        run.emulator.fault(Fault::delay(600_000).on("dds").operation("list").skip(2).times(99));
        let events = run.list_until_stopped(&wish, whole, 3).await;
        let (last, before) = events.split_last().unwrap();
        assert!(before.iter().all(|event| event.identity.is_some()), "{wish}: nothing else is said");
        let [one] = &*last.diagnostic else { panic!("{wish}: {last:?}") };
        assert_eq!((&*one.summary, one.severity), ("Search was interrupted", 1), "{wish}");
        assert!(one.detail.contains(&format!("it had found {} so far", before.len())), "{}", one.detail);
        assert_eq!(run.emulator.journal().iter().filter(|call| call.operation == "list").count(), 3, "{wish}");
    }
    // Nobody misses what is beyond the limit.
    let run = Run::start(0.2).await;
    run.backups(3, "many-");
    let events = run.list(&json!({}), 3, false).await;
    assert_eq!(events.len(), 3);
}

#[tokio::test]
async fn a_list_says_that_the_others_are_there_only_if_they_are() {
    let run = Run::start(0.2).await;
    run.backups(150, "many-");
    let unread =
        || Fault { fields: vec!["id".to_owned()], ..Fault::new(FaultKind::Without).on("dds").operation("list") };
    let beyond = Fault::status(403).on("dds").operation("list").times(9);
    let (of_one, of_all) = (json!({ "service": "dds" }), json!({}));
    for (wish, limit, fails, expected, is_all) in [
        (&of_one, 1000, false, vec!["Some records cannot be read"], true),
        (&of_all, 1000, false, vec!["Some records cannot be read"], true),
        (&of_one, 20, false, vec!["Limit was reached", "Some records cannot be read"], false),
        (&of_one, 1000, true, vec!["Some records cannot be read", "Search failed"], false),
    ] {
        run.emulator.fault(unread());
        if fails {
            run.emulator.fault(beyond.clone());
        }
        let events = run.list(wish, limit, false).await;
        run.emulator.clear_faults();
        let said = events.iter().flat_map(|event| &event.diagnostic).collect::<Vec<_>>();
        assert_eq!(said.iter().map(|one| &*one.summary).collect::<Vec<_>>(), expected, "{wish} {limit}");
        let told = said.iter().any(|one| one.detail.contains("The others are all there"));
        assert_eq!(told, is_all, "{wish} {limit} {fails}");
    }
    // What does not tell what is asked for may be meant.
    for (field, wish) in [
        ("instance_id", json!({ "service": "dds", "instance_id": run.dds() })),
        ("name", json!({ "service": "dds", "name_prefix": "many-" })),
        ("begin_time", json!({ "service": "dds", "begin_after": "2020-01-01T00:00:00Z" })),
    ] {
        let lacks = Fault { fields: vec![field.to_owned()], ..unread() };
        run.emulator.fault(lacks.clone());
        let events = run.list(&wish, 1000, false).await;
        let said = events.iter().flat_map(|event| &event.diagnostic).collect::<Vec<_>>();
        assert_eq!(said.len(), 1, "{field}: {said:?}");
        assert!(said[0].detail.starts_with("100 records of dds cannot be read"), "{field}: {}", said[0].detail);
        run.emulator.fault(lacks);
        let name = "huaweidb_backups";
        let config = wire(&whole(&run.schema.data_source_schemas[name], &wish));
        let request = tf::read_data_source::Request { type_name: name.to_owned(), config, ..Default::default() };
        let said = run.host.provider().read_data_source(request).await.unwrap().into_inner().diagnostics;
        assert_eq!(summaries(&said), ["Some records cannot be read"], "{field}");
    }
}

#[tokio::test]
async fn a_found_backup_becomes_a_configuration_that_changes_nothing() {
    let run = Run::start(0.2).await;
    run.backups(1, "found-");
    let found = run.list(&json!({ "service": "dds" }), 1, true).await;
    let state = unwired(found[0].resource_object.as_ref());
    let request = tf::generate_resource_config::Request { type_name: TYPE.to_owned(), state: wire(&state) };
    let answer = run.host.provider().generate_resource_config(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics, []);
    let config = unwired(answer.config.as_ref());
    let expected = run.object(&json!({
        "service": "dds", "instance_id": run.dds(), "name": state["name"], "region": "eu-de",
        "description": state["description"],
    }));
    assert_eq!(config, expected, "nothing that cannot or need not be written");
    let request = tf::validate_resource_config::Request {
        type_name: TYPE.to_owned(),
        config: wire(&config),
        ..Default::default()
    };
    let said = run.host.provider().validate_resource_config(request).await.unwrap().into_inner().diagnostics;
    assert_eq!(summaries(&said), [""; 0]);
    let mut proposed = state.clone();
    for (name, value) in config.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
        proposed[name] = value.clone();
    }
    let plan = run.plan(&config, &state, &proposed).await;
    assert_eq!(unwired(plan.planned_state.as_ref()), state);

    // With a prefix, the name that came of it is left out.
    let prefixed = over(&state, &json!({ "name_prefix": "found-" }));
    let request = tf::generate_resource_config::Request { type_name: TYPE.to_owned(), state: wire(&prefixed) };
    let answer = run.host.provider().generate_resource_config(request).await.unwrap().into_inner();
    let config = unwired(answer.config.as_ref());
    assert_eq!((&config["name"], &config["name_prefix"]), (&Value::Null, &json!("found-")));
}

#[tokio::test]
async fn line_80_functions_are_pure_and_name_the_argument_to_blame() {
    let run = Run::unconfigured(0.2).await;
    let listed = run.host.provider().get_functions(tf::get_functions::Request {}).await.unwrap().into_inner();
    assert_eq!(listed.functions, run.schema.functions);
    assert_eq!(listed.functions.keys().collect::<Vec<_>>(), ["backup_name", "parse_instance_id", "select_prunable"]);
    let at = json!("2026-01-02T03:04:05Z");
    let name = run.call("backup_name", &[json!("nightly-"), at.clone()]).await.unwrap();
    assert_eq!(name, run.call("backup_name", &[json!("nightly-"), at.clone()]).await.unwrap());
    let name = name.as_str().unwrap();
    assert!(name.starts_with("nightly-20260102030405") && name.len() == 8 + 14 + 8, "{name}");
    assert_ne!(name, run.call("backup_name", &[json!("nightly-"), json!("2026-01-02T03:04:05.1Z")]).await.unwrap());

    for time in ["2026-01-02T03:04:05+01:00", "2026-01-02t03:04:05.25z", "2016-12-31T23:59:60Z"] {
        run.call("backup_name", &[json!("nightly-"), json!(time)]).await.unwrap();
    }
    // The same moment, written otherwise; what is less than a nanosecond is nothing.
    for same in ["2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05.0000000009Z", "2026-01-02T03:04:05.000000000000z"] {
        assert_eq!(run.call("backup_name", &[json!("nightly-"), json!(same)]).await.unwrap(), json!(name), "{same}");
    }
    let (why, _) = run.call("backup_name", &[json!("a"), json!("9999-12-31T23:59:59Z")]).await.unwrap_err();
    assert!(why.contains("out of range") && why.contains("9999-12-30T22:00:00"), "{why}");

    let parsed = |id: &str| [json!(format!("a89dab5e39394eccbdb77b19d57b0180{id}"))];
    for (ending, service, engine) in [
        ("in01", "rds", json!("MySQL")),
        ("in02", "dds", json!("MongoDB")),
        ("in03", "rds", json!("PostgreSQL")),
        ("in04", "rds", json!("SQLServer")),
        ("in06", "geminidb", Value::Null),
        ("in07", "taurusdb", json!("TaurusDB")),
        ("in09", "ddm", json!("DDM")),
        ("in14", "gaussdb", json!("GaussDB")),
    ] {
        let found = run.call("parse_instance_id", &parsed(ending)).await.unwrap();
        assert_eq!(found, json!({ "service": service, "engine": engine }), "{ending}");
    }

    let backup = |id: &str, day: u8, status: &str, kind: &str| {
        json!({
            "id": id, "instance_id": "i", "status": status, "type": kind,
            "begin_time": format!("2026-01-{day:02}T00:00:00Z"),
        })
    };
    let backups = json!([
        backup("a", 1, "COMPLETED", "manual"),
        backup("b", 2, "COMPLETED", "manual"),
        backup("c", 3, "COMPLETED", "manual"),
        backup("d", 4, "FAILED", "manual"),
        backup("e", 5, "COMPLETED", "auto"),
    ]);
    let now = json!("2026-02-01T00:00:00Z");
    for (keep_last, older_than, expected) in [
        (json!(1), Value::Null, json!(["a", "b"])),
        (json!(2), Value::Null, json!(["a"])),
        (Value::Null, json!("30d"), json!(["a"])),
        (Value::Null, json!("1h"), json!(["a", "b"])),
        (json!(1), json!("30d"), json!(["a"])),
        (Value::Null, Value::Null, json!([])),
    ] {
        let arguments = [backups.clone(), keep_last, older_than, now.clone()];
        assert_eq!(run.call("select_prunable", &arguments).await.unwrap(), expected, "{arguments:?}");
    }

    for (name, arguments, blamed) in [
        ("backup_name", vec![json!("1st"), at.clone()], Some(0)),
        ("backup_name", vec![json!("a"), json!("yesterday")], Some(1)),
        ("backup_name", vec![json!("a"), json!("9999-12-31T23:59:59Z")], Some(1)),
        ("backup_name", vec![json!("a"), json!("2026-02-30T00:00:00Z")], Some(1)),
        ("backup_name", vec![json!("a")], None),
        ("backup_name", vec![Value::Null, at.clone()], Some(0)),
        ("backup_name", vec![json!(7), at.clone()], Some(0)),
        ("backup_name", vec![json!("a"), json!("2026-01-02 03:04:05Z")], Some(1)),
        ("backup_name", vec![json!("a"), json!("20260102T030405Z")], Some(1)),
        ("backup_name", vec![json!("a"), json!("2026-01-02T03:04:05Z[UTC]")], Some(1)),
        ("backup_name", vec![json!("a"), json!("2026-01-02T03:04:05.Z")], Some(1)),
        ("backup_name", vec![json!("a"), json!("2026-01-02T03:04:05+24:00")], Some(1)),
        ("parse_instance_id", vec![json!("in02")], Some(0)),
        ("parse_instance_id", vec![json!(format!("{:32}in02", "a"))], Some(0)),
        ("parse_instance_id", vec![json!(format!("{}in02", "g".repeat(32)))], Some(0)),
        ("select_prunable", vec![json!([]), json!(-1), Value::Null, now.clone()], Some(1)),
        ("select_prunable", vec![json!([]), Value::Null, json!("long"), now.clone()], Some(2)),
        ("select_prunable", vec![json!([]), Value::Null, Value::Null, json!("now")], Some(3)),
        ("no_such", vec![], None),
    ] {
        let (text, argument) = run.call(name, &arguments).await.unwrap_err();
        assert_eq!(argument, blamed, "{name}: {text}");
        assert!(!text.ends_with('.'), "the CLI adds one: {text}");
    }
    // An empty value is null, as OpenTofu sends it.
    let mut request = tf::call_function::Request { name: "select_prunable".to_owned(), arguments: Vec::new() };
    for argument in [Some(backups), None, Some(json!("1h")), Some(now)] {
        request.arguments.push(argument.and_then(|value| wire(&value)).unwrap_or_default());
    }
    let answer = run.host.provider().call_function(request).await.unwrap().into_inner();
    assert_eq!(unwired(answer.result.as_ref()), json!(["a", "b"]));
    assert!(run.emulator.journal().is_empty());
}

/// An element that is none, without an id, and one that contradicts another.
#[tokio::test]
async fn backups_that_nobody_can_tell_apart_are_not_selected_from() {
    let run = Run::unconfigured(0.2).await;
    let begun = |id: &str, day: u8| {
        json!({
            "id": id, "instance_id": "i", "status": "COMPLETED", "type": "manual",
            "begin_time": format!("2026-01-{day:02}T00:00:00Z"),
        })
    };
    let select = async |backups: Value| {
        run.call("select_prunable", &[backups, json!(1), Value::Null, json!("2026-02-01T00:00:00Z")]).await
    };
    for odd in [
        json!([null]),
        json!([begun("", 1)]),
        json!([begun(" \t", 1)]),
        json!([begun("a", 1), begun("b", 2), begun("a", 5)]),
    ] {
        let (text, argument) = select(odd).await.unwrap_err();
        assert_eq!(argument, Some(0), "{text}");
    }
    let twice = json!([begun("a", 1), begun("b", 2), begun("a", 1)]);
    assert_eq!(select(twice).await.unwrap(), json!(["a"]), "the same once more");
}

#[tokio::test]
async fn functions_take_what_the_action_takes_and_make_valid_names() {
    let run = Run::unconfigured(0.2).await;
    let now = json!("2026-02-01T00:00:00Z");
    // Of which instance the others are is not known: each may be its last one.
    let begun = |id: &str, day: u8, instance_id: Value| {
        json!({
            "id": id, "instance_id": instance_id, "status": "COMPLETED", "type": "manual",
            "begin_time": format!("2026-01-{day:02}T00:00:00Z"),
        })
    };
    let backups = json!([
        begun("a", 1, Value::Null),
        begun("b", 2, Value::Null),
        begun("c", 3, json!(" ")),
        begun("d", 4, json!("i")),
        begun("e", 5, json!("i")),
    ]);
    let select =
        async |keep: u64| run.call("select_prunable", &[backups.clone(), json!(keep), Value::Null, now.clone()]).await;
    assert_eq!(select(0).await.unwrap(), json!(["d"]));
    assert_eq!(select(1_000_000).await.unwrap(), json!([]));
    let (why, at) = select(1_000_001).await.unwrap_err();
    assert_eq!((&*why, at), ("`keep_last` must be a whole number from 0 to 1000000, not 1000001", Some(1)));

    let name = async |time: &str| run.call("backup_name", &[json!("a-"), json!(time)]).await;
    for (time, begin) in
        [("9999-12-30T22:00:00.999999999Z", "a-99991230220000"), ("0000-01-01T00:00:00Z", "a-00000101000000")]
    {
        let name = name(time).await.unwrap();
        let name = name.as_str().unwrap();
        assert!(name.starts_with(begin) && name.len() == 2 + 14 + 8, "{name}");
    }
    let (why, at) = name("0000-01-01T00:00:00+23:59").await.unwrap_err();
    assert!(why.contains("the first moment is 0000-01-01T00:00:00Z") && at == Some(1), "{why}");
}

#[tokio::test]
async fn line_81_download_links_are_handed_out_and_given_back() {
    let run = Run::start(0.2).await;
    let backup = &run.backups(1, "download-")[0];
    let wish = json!({ "service": "dds", "backup_id": backup.id, "instance_id": run.dds() });
    let opened = run.open(&wish).await;
    assert_eq!(summaries(&opened.diagnostics), [""; 0]);
    assert_eq!(opened.renew_at, None);
    let result = unwired(opened.result.as_ref());
    for (name, value) in wish.as_object().unwrap() {
        assert_eq!(&result[name], value, "what is configured comes back");
    }
    assert_eq!(result["region"], Value::Null);
    let file = &result["files"][0];
    assert!(file["download_link"].as_str().unwrap().starts_with("http"), "{file}");
    assert!(file["expires_at"].as_str().unwrap().ends_with('Z'), "{file}");
    assert!(file["size_bytes"].as_u64().unwrap() > 0);
    for _ in 0..2 {
        let request = tf::renew_ephemeral_resource::Request {
            type_name: "huaweidb_backup_download".to_owned(),
            private: opened.private.clone(),
        };
        let renewed = run.host.provider().renew_ephemeral_resource(request).await.unwrap().into_inner();
        assert_eq!((renewed.diagnostics.len(), renewed.renew_at), (0, None));
        let request = tf::close_ephemeral_resource::Request {
            type_name: "huaweidb_backup_download".to_owned(),
            private: opened.private.clone(),
        };
        let closed = run.host.provider().close_ephemeral_resource(request).await.unwrap().into_inner();
        assert_eq!(closed.diagnostics, [], "twice is harmless");
    }

    let rds = NewBackups { instance_id: run.emulator.instance("rds"), ..NewBackups::default() };
    let rds = &run.emulator.add_backups(&rds)[0];
    let opened = run.open(&json!({ "service": "rds", "backup_id": rds.id })).await;
    assert_eq!(summaries(&opened.diagnostics), [""; 0]);
    assert!(!unwired(opened.result.as_ref())["files"].as_array().unwrap().is_empty());

    run.emulator.set_status(&backup.id, "BUILDING");
    assert_eq!(summaries(&run.open(&wish).await.diagnostics), ["Download links were not obtained"]);
    let name = "huaweidb_backup_download";
    let config = whole(&run.schema.ephemeral_resource_schemas[name], &json!({ "service": "dds", "backup_id": "b" }));
    let request = tf::validate_ephemeral_resource_config::Request { type_name: name.to_owned(), config: wire(&config) };
    let said = run.host.provider().validate_ephemeral_resource_config(request).await.unwrap().into_inner();
    assert_eq!(summaries(&said.diagnostics), ["Missing argument"]);

    // Of a service that has none, one error says so, and nothing of what would not help.
    let taurusdb = json!({ "service": "taurusdb", "backup_id": "b" });
    let config = wire(&whole(&run.schema.ephemeral_resource_schemas[name], &taurusdb));
    let request = tf::validate_ephemeral_resource_config::Request { type_name: name.to_owned(), config };
    let said = run.host.provider().validate_ephemeral_resource_config(request).await.unwrap().into_inner();
    for said in [said.diagnostics, run.open(&taurusdb).await.diagnostics] {
        assert_eq!(summaries(&said), ["Invalid argument value"]);
        assert!(said[0].detail.contains("must be \"dds\" or \"rds\""), "{}", said[0].detail);
    }
}

#[tokio::test]
async fn everything_offered_is_named_in_metadata() {
    let run = Run::unconfigured(0.2).await;
    let metadata = run.host.provider().get_metadata(tf::get_metadata::Request {}).await.unwrap().into_inner();
    let schema = &run.schema;
    let names = metadata.actions.iter().map(|one| &one.type_name).collect::<Vec<_>>();
    let expected = ["create_backup", "prune_backups", "restore_backup", "stop_backup"];
    assert!(names.iter().copied().eq(&expected.map(|name| format!("huaweidb_{name}"))), "{names:?}");
    assert_eq!(names, schema.action_schemas.keys().collect::<Vec<_>>());
    let names = metadata.list_resources.iter().map(|one| &one.type_name);
    assert!(names.eq(schema.list_resource_schemas.keys()));
    let names = metadata.ephemeral_resources.iter().map(|one| &one.type_name);
    assert!(names.eq(schema.ephemeral_resource_schemas.keys()));
    assert!(metadata.functions.iter().map(|one| &one.name).eq(schema.functions.keys()));
    let capabilities = metadata.server_capabilities.unwrap();
    assert!(capabilities.generate_resource_config && capabilities.move_resource_state);
}
