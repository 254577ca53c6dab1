//! Restores: the moments that there are, and what is overwritten, by hand, by a trigger and in a drill.

use std::fmt::Write as _;

use huaweidb_emulator::{Emulator, Fault, FaultKind, NewBackups, NewInstance};
use rustix::process::Signal;
use serde_json::json;

use super::shared::{SERVICES, emulator, example, wait_until};
use crate::cli::Workspace;
use crate::offers::Cli;

/// A source with a completed backup, and an instance to overwrite.
struct Drill {
    source: String,
    backup: String,
    target: String,
}

impl Drill {
    fn of(emulator: &Emulator, service: &str) -> Self {
        // Not every engine can be restored.
        let engine = match service {
            "geminidb" => Some("mongodb"),
            "rds" => Some("MySQL"),
            _ => None,
        };
        let source = engine.map_or_else(
            || emulator.instance(service),
            |engine| {
                let (service, engine) = (service.to_owned(), Some(engine.to_owned()));
                let wanted = NewInstance { service, engine, name: "source".to_owned(), ..NewInstance::default() };
                emulator.add_instance(&wanted).id
            },
        );
        let row = emulator.instances().into_iter().find(|row| row.id == source).expect("it exists");
        let (service, engine) = (service.to_owned(), Some(row.engine));
        let scratch = NewInstance { service, engine, name: "scratch".to_owned(), ..NewInstance::default() };
        let backup = emulator.add_backups(&NewBackups::of(&source)).remove(0).id;
        Drill { source, backup, target: emulator.add_instance(&scratch).id }
    }

    /// The action that restores it.
    fn action(&self, service: &str, more: &str) -> String {
        let Drill { source, backup, target } = self;
        format!(
            "action \"huaweidb_restore_backup\" \"{service}\" {{\n  config {{\n    service            = \"{service}\"\n    \
             backup_id          = \"{backup}\"\n    source_instance_id = \"{source}\"\n    target_instance_id = \
             \"{target}\"\n{more}  }}\n}}\n"
        )
    }

    fn holds(&self, emulator: &Emulator) -> (String, String) {
        let row = emulator.instances().into_iter().find(|row| row.id == self.target).expect("it exists");
        (row.contents, row.status)
    }
}

const CONFIRMED: &str = "    overwrite          = true\n";

/// An object whose creation comes after the restore.
fn triggered(service: &str, input: &str) -> String {
    format!(
        "resource \"terraform_data\" \"after\" {{\n  input = \"{input}\"\n\n  lifecycle {{\n    action_trigger {{\n      events  = \
         [before_create, before_update]\n      actions = [action.huaweidb_restore_backup.{service}]\n    }}\n  }}\n}}\n"
    )
}

fn invoke(workspace: &Workspace, service: &str) -> crate::cli::Ran {
    workspace.run(&["apply", "-auto-approve", &format!("-invoke=action.huaweidb_restore_backup.{service}")])
}

fn orders(emulator: &Emulator) -> usize {
    emulator.journal().iter().filter(|call| call.operation == "restore").count()
}

pub(super) fn times(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    // 2026-01-31T00:00:00Z, two hours before and after
    let (midnight, hour) = (1_769_817_600_000, 3_600_000);
    let mut text = String::new();
    for service in SERVICES {
        let instance = emulator.instance(service);
        emulator.set_restore_times(&instance, &[(midnight - 2 * hour, midnight + 2 * hour)]);
        let _ = write!(
            text,
            "data \"huaweidb_restore_times\" \"{service}\" {{\n  service     = \"{service}\"\n  instance_id = \"{instance}\"\n  \
             start_date  = \"2026-01-30\"\n  end_date    = \"2026-01-31\"\n  time        = \"2026-01-31T03:00:00+01:00\"\n}}\n\
             output \"{service}\" {{\n  value = data.huaweidb_restore_times.{service}\n}}\n"
        );
    }
    workspace.configure(&text);
    workspace.apply();
    for service in SERVICES {
        let found = workspace.output(service);
        let window = json!([{ "start": "2026-01-30T22:00:00Z", "end": "2026-01-31T02:00:00Z" }]);
        assert_eq!((&found["windows"], &found["covers"]), (&window, &json!(true)), "{service}");
        assert_eq!(found["latest_milliseconds"], json!(midnight + 2 * hour), "{service}");
    }
    workspace.nothing_to_do();
    workspace.configure(&text.replace("T03:00:00+01:00", "T03:00:00Z"));
    workspace.apply();
    assert_eq!(workspace.output("rds")["covers"], json!(false));
    workspace.configure(&text.replace("2026-01-30", "2026-02-01"));
    workspace.run(&["validate"]).failed().says("`end_date` lies before `start_date`").says("main.tf line");
    workspace.configure(&example("data-sources/huaweidb_restore_times/data-source.tf"));
    workspace.apply();
    workspace.nothing_to_do();
}

pub(super) fn invoked(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    for service in SERVICES {
        let drill = Drill::of(&emulator, service);
        workspace.configure(&drill.action(service, CONFIRMED));
        workspace.run(&["validate"]).succeeded();
        invoke(&workspace, service).succeeded().says("has begun: job").says("The restore has completed");
        assert_eq!(drill.holds(&emulator), (drill.backup.clone(), "IDLE".to_owned()), "{service}");
    }
    let done = orders(&emulator);
    let drill = Drill::of(&emulator, "dds");
    for (more, said) in [
        ("", "overwrite"),
        ("    overwrite          = false\n", "Restore was not confirmed"),
        (
            "    overwrite          = true\n    restore_time       = \"2026-01-01T00:00:00Z\"\n",
            "Give exactly one of them",
        ),
    ] {
        workspace.configure(&drill.action("dds", more));
        workspace.run(&["validate"]).failed().says(said);
    }
    // Not written, wherever it comes from.
    let from_variable = "    overwrite          = var.sure\n";
    let variable = "variable \"sure\" {\n  type    = bool\n  default = false\n}\n";
    workspace.configure(&format!("{variable}{}", drill.action("dds", from_variable)));
    invoke(&workspace, "dds").failed().says("Restore was not confirmed");
    emulator.keep_busy(&drill.target, 600.0);
    workspace.configure(&drill.action("dds", CONFIRMED));
    invoke(&workspace, "dds").failed().says("the target cannot take it");
    emulator.keep_busy(&drill.target, 0.0);
    assert_eq!(orders(&emulator), done, "nothing was sent");
    emulator.fault(Fault::new(FaultKind::CloseAfter).on("dds").operation("restore"));
    invoke(&workspace, "dds").failed().says("Restore may have begun: no usable answer came");
    assert_eq!(orders(&emulator), done + 1, "it is not sent again");
    wait_until("it has ended", || drill.holds(&emulator).1 == "IDLE");
    workspace.run(&["plan", "-out=saved", "-invoke=action.huaweidb_restore_backup.dds"]).succeeded();
    workspace.run(&["show", "-json", "saved"]).succeeded();
    workspace.run(&["apply", "saved"]).succeeded().says("The restore has completed");
}

pub(super) fn triggered_by_changes(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let drill = Drill::of(&emulator, "rds");
    let configure =
        |input: &str| workspace.configure(&format!("{}{}", drill.action("rds", CONFIRMED), triggered("rds", input)));
    configure("1");
    emulator.fault(Fault::new(FaultKind::FailBackup).on("rds").operation("restore"));
    workspace
        .run(&["apply", "-auto-approve"])
        .failed()
        .says("Restore failed")
        .says("Failed to restore the DB instance.");
    assert!(workspace.resource("terraform_data.after").is_none(), "what comes after waits for the restore");
    workspace.apply().says("The restore has completed");
    assert_eq!(drill.holds(&emulator), (drill.backup.clone(), "IDLE".to_owned()));
    workspace.nothing_to_do();
    configure("2");
    emulator.fault(Fault::refusal(403, "DBS.280063").on("rds").operation("restore"));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Restore was not begun");
    let (state, _) = workspace.resource("terraform_data.after").expect("it is in the state");
    assert_eq!(state["input"]["value"], "1");
    workspace.apply();
    workspace.nothing_to_do();
}

/// An interrupt, or the end of the provider, at any point: no crash, no second order, and a restore that has begun is told as
/// such by whoever is left to tell.
pub(super) fn interrupted(cli: &Cli) {
    for (signal, calls) in
        (1..=10).map(|calls| (Signal::INT, calls)).chain([3, 5, 7, 9].map(|calls| (Signal::KILL, calls)))
    {
        let emulator = emulator(3600.0);
        let workspace = cli.workspace(&emulator);
        let drill = Drill::of(&emulator, "dds");
        workspace.configure(&format!("{}{}", drill.action("dds", CONFIRMED), triggered("dds", "1")));
        emulator.fault(Fault::delay(80));
        let mut running = workspace.start(&["apply", "-auto-approve"]);
        wait_until("the action asks", || emulator.journal().len() >= calls);
        if signal == Signal::KILL {
            running.kill_provider();
        } else {
            running.signal_if_there(signal);
        }
        let ran = running.finished();
        let what = format!("{signal:?} after {calls} calls:\n{}", ran.all());
        assert!(ran.code == 1 && !ran.all().contains("panic"), "exit code {}, {what}", ran.code);
        assert!(orders(&emulator) <= 1, "{what}");
        assert!(workspace.resource("terraform_data.after").is_none(), "{what}");
        assert!(!ran.all().contains("The restore has completed"), "{what}");
        let goes_on = ran.all().contains("Restore goes on") || ran.all().contains("Restore may have begun");
        if emulator.totals().restored == 0 {
            assert!(!goes_on, "{what}");
        } else {
            // Newer ones drop what an action says after a stop, and a provider that was killed says nothing.
            assert!(goes_on || signal == Signal::KILL || cli.is_at_least("1.16"), "{what}");
            assert_eq!(drill.holds(&emulator).1, "RESTORING", "{what}");
            let again = workspace.run(&["apply", "-auto-approve"]).failed();
            again.says("Restore was not begun: the target cannot take it");
            assert_eq!(orders(&emulator), 1, "{what}");
        }
    }
}

pub(super) fn drill(cli: &Cli) {
    let emulator = emulator(0.3);
    let mut workspace = cli.workspace(&emulator);
    let drill = Drill::of(&emulator, "dds");
    workspace.write("main.tf", &example("scenarios/restore-drill/main.tf"));
    workspace.set("TF_VAR_instance_id", &drill.source);
    workspace.set("TF_VAR_scratch_instance_id", &drill.target);
    workspace.set("TF_VAR_check_command", "echo \"$BACKUP_ID\" >> checked");
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let on = |workspace: &mut Workspace, day: &str| workspace.set("TF_VAR_drill", day);
    on(&mut workspace, &today);
    workspace.apply().says("The restore has completed");
    assert_eq!(drill.holds(&emulator), (drill.backup.clone(), "IDLE".to_owned()));
    assert_eq!(workspace.read("checked").trim(), drill.backup);
    let verdict = workspace.output("verdict");
    assert_eq!((&verdict["day"], &verdict["backup_id"]), (&json!(today), &json!(drill.backup)));
    workspace.nothing_to_do();

    // A newer backup is another drill.
    let begin = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(30);
    let newer = NewBackups { begin_time: Some(begin.to_string()), ..NewBackups::of(&drill.source) };
    let newer = emulator.add_backups(&newer).remove(0).id;
    workspace.run(&["plan"]).succeeded().says("1 to add, 1 to change, 1 to destroy").says("Actions: 1 to invoke");
    assert_eq!(orders(&emulator), 1);

    // One whose restore fails, and one whose check fails: the last good verdict stays, whatever is refreshed, and the next apply
    // tries again.
    on(&mut workspace, "2026-01-31");
    emulator.fault(Fault::new(FaultKind::FailBackup).on("dds").operation("restore"));
    let the_last_good_one_is_kept = |workspace: &Workspace| {
        let is_kept = || {
            let verdict = workspace.output("verdict");
            assert_eq!((&verdict["day"], &verdict["backup_id"]), (&json!(today), &json!(drill.backup)));
        };
        is_kept();
        let ran = workspace.run(&["apply", "-auto-approve", "-refresh-only"]).succeeded();
        assert!(!ran.words().contains("more than a week ago"), "{}", ran.all());
        is_kept();
        // What the plan changes.
        workspace.run(&["plan"]).succeeded().says(&format!("- day = \"{today}\"")).says("known after apply");
    };
    workspace.run(&["apply", "-auto-approve"]).failed().says("Restore failed");
    the_last_good_one_is_kept(&workspace);
    workspace.set("TF_VAR_check_command", "false");
    workspace.run(&["apply", "-auto-approve"]).failed().says("local-exec");
    the_last_good_one_is_kept(&workspace);
    workspace.set("TF_VAR_check_command", "true");
    let ran = workspace.apply();
    assert_eq!(orders(&emulator), 4);
    let verdict = workspace.output("verdict");
    assert_eq!((&verdict["day"], &verdict["backup_id"]), (&json!("2026-01-31"), &json!(newer)));
    // And that day is long gone.
    assert!(ran.words().contains("more than a week ago"), "{}", ran.all());
    workspace.destroy();
}
