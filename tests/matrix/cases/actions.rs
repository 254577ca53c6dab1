//! Actions: by hand, around changes, and around the end.

use std::time::{Duration, Instant};

use huaweidb_emulator::{Emulator, Fault, NewBackups};
use rustix::process::Signal;

use super::shared::{self, emulator, example, names, pause, wait_until};
use crate::cli::Workspace;
use crate::offers::Cli;

/// An action that takes a backup whose name begins with the action's.
fn taking(emulator: &Emulator, name: &str) -> String {
    let instance = emulator.instance("dds");
    format!(
        "action \"huaweidb_create_backup\" \"{name}\" {{\n  config {{\n    service     = \"dds\"\n    instance_id = \"{instance}\"\n    \
         name_prefix = \"{name}-\"\n  }}\n}}\n"
    )
}

/// A trigger that runs it at an event.
fn at(event: &str, action: &str, more: &str) -> String {
    format!(
        "    action_trigger {{\n      events  = [{event}]\n      actions = [action.huaweidb_create_backup.{action}]\n{more}    }}\n"
    )
}

/// An object of another provider, whose life triggers them.
fn object(input: &str, triggers: &str) -> String {
    format!("resource \"terraform_data\" \"db\" {{\n  input = {input:?}\n\n  lifecycle {{\n{triggers}  }}\n}}\n")
}

/// The beginnings of the names of all backups, in the order in which they were begun.
fn taken(emulator: &Emulator) -> Vec<String> {
    let begin = |name: String| name.rsplit_once('-').expect("a prefix").0.to_owned();
    emulator.backups().into_iter().map(|backup| begin(backup.name)).collect()
}

fn invoke(workspace: &Workspace, action: &str) -> crate::cli::Ran {
    workspace.run(&["apply", "-auto-approve", &format!("-invoke=action.{action}")])
}

pub(super) fn invoked(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let instance = emulator.instance("dds");
    workspace.configure(&format!(
        r#"{}
action "huaweidb_stop_backup" "emergency" {{
  config {{
    service         = "dds"
    instance_id     = "{instance}"
    all_on_instance = true
  }}
}}
variable "dry_run" {{
  type    = bool
  default = true
}}
action "huaweidb_prune_backups" "old" {{
  config {{
    service     = "dds"
    instance_id = "{instance}"
    name_prefix = "by-hand-"
    keep_last   = 1
    older_than  = "0s"
    dry_run     = var.dry_run
  }}
}}
"#,
        taking(&emulator, "by-hand")
    ));
    workspace.run(&["validate"]).succeeded();
    let ran = invoke(&workspace, "huaweidb_create_backup.by-hand").succeeded();
    ran.says("COMPLETED").says("Actions: 1 invoked");
    assert_eq!(taken(&emulator), ["by-hand"]);

    let invoke_old = "-invoke=action.huaweidb_prune_backups.old";
    let old =
        NewBackups { instance_id: instance, name_prefix: "by-hand-".to_owned(), count: 2, ..NewBackups::default() };
    emulator.add_backups(&old);
    workspace.run(&["apply", "-auto-approve", invoke_old]).succeeded().says("dry_run");
    assert_eq!(emulator.backups().len(), 3);
    workspace.run(&["plan", "-var=dry_run=false", "-out=saved", invoke_old]).succeeded();
    workspace.run(&["show", "-json", "saved"]).succeeded();
    workspace.run(&["apply", "saved"]).succeeded();
    assert_eq!(emulator.backups().len(), 1, "{:?}", names(&emulator));

    invoke(&workspace, "huaweidb_stop_backup.emergency").failed();
    emulator.set_pace(|pace| {
        pace.backup_seconds = 600.0;
        pace.stop_seconds = Some(0.2);
    });
    // An interrupt ends the waiting at once; the backup goes on, and is stopped by another action.
    let mut running = workspace.start(&["apply", "-auto-approve", "-invoke=action.huaweidb_create_backup.by-hand"]);
    wait_until("the backup is being taken", || emulator.backups().len() == 2);
    pause(Duration::from_millis(500));
    running.signal_if_there(Signal::INT);
    running.finished().failed();
    assert!(emulator.backups().iter().any(|row| row.status == "BUILDING"));
    invoke(&workspace, "huaweidb_stop_backup.emergency").succeeded();
    wait_until("it is stopped", || emulator.backups().iter().all(|row| row.status != "BUILDING"));
    assert_eq!(emulator.totals().stopped, 1);
}

pub(super) fn around_changes(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let events = ["before_create", "after_create", "before_update", "after_update"];
    let name = |event: &str| event.replace('_', "-");
    let actions: String = events.iter().map(|event| taking(&emulator, &name(event))).collect();
    let triggers: String = events.iter().map(|event| at(event, &name(event), "")).collect();
    let configure = |input: &str| workspace.configure(&format!("{actions}{}", object(input, &triggers)));
    configure("1");
    let plan = workspace.run(&["plan", "-out=saved"]).succeeded();
    plan.says("1 to add").says("Actions: 2 to invoke");
    workspace.run(&["show", "-json", "saved"]).succeeded().says("before-create");
    workspace.run(&["apply", "saved"]).succeeded().says("Actions: 2 invoked");
    assert_eq!(taken(&emulator), ["before-create", "after-create"]);
    workspace.nothing_to_do();
    configure("2");
    workspace.apply().says("1 changed").says("Actions: 2 invoked");
    assert_eq!(taken(&emulator), ["before-create", "after-create", "before-update", "after-update"]);
    assert!(emulator.backups().iter().all(|row| row.status == "COMPLETED"));
    workspace.nothing_to_do();
    workspace.destroy();
    assert_eq!(emulator.backups().len(), 4, "what actions took is nobody's to destroy");
    managed_and_pruned(cli);
}

/// A pruning that fits a backup in the state: refused in the plan, unless that is kept, or leaves the state.
fn managed_and_pruned(cli: &Cli) {
    const REFUSED: &str = "Pruning may delete a managed backup";
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let managed = shared::backup(&emulator, "  name = \"old-managed\"");
    workspace.configure(&managed);
    workspace.apply();
    seed(&emulator);
    let prune = |keep_ids: &str| {
        let [_, (kind, mut wish), _] = wishes(&emulator);
        wish.retain(|(name, _)| !matches!(*name, "keep_last" | "older_than"));
        let more = [("keep_last", "0"), ("older_than", "\"0s\""), ("allow_last", "true"), ("keep_ids", keep_ids)];
        wish.extend(more.map(|(name, value)| (name, value.to_owned())));
        action(kind, "a", &wish)
    };
    let trigger = at("after_create, after_update", "a", "").replace("create_backup", "prune_backups");
    let configure = |managed: &str, keep_ids: &str, input: &str| {
        workspace.configure(&format!("{managed}{}{}", prune(keep_ids), object(input, &trigger)));
    };
    let kept = format!("[{}.id]", shared::ADDRESS);
    configure(&managed, "null", "1");
    workspace.run(&["plan"]).failed().says(REFUSED).says("old-managed").says("keep_ids");
    workspace.run(&["apply", "-auto-approve"]).failed().says(REFUSED);
    assert_eq!(emulator.backups().len(), 4, "nothing is deleted: {:?}", names(&emulator));
    // As young as it is, and with so few that are newer: until the action runs that may change.
    let young = prune("null").replace("\"0s\"", "\"30d\"").replace("keep_last = 0", "keep_last = 9");
    assert!(young.contains("30d") && young.contains("keep_last = 9"), "{young}");
    workspace.configure(&format!("{managed}{young}{}", object("1", &trigger)));
    workspace.run(&["plan"]).failed().says(REFUSED);
    configure(&managed, &kept, "1");
    workspace.apply().says("Actions: 1 invoked");
    assert_eq!(names(&emulator), ["old-managed"]);
    workspace.nothing_to_do();

    // Nor where the backup waits for what triggers the action, so that some plan it after the pruning.
    seed(&emulator);
    for protected in ["false", "true"] {
        let arguments = format!(
            "  name = \"old-managed\"\n  depends_on = [terraform_data.db]\n  deletion_protection = {protected}"
        );
        configure(&shared::backup(&emulator, &arguments), "null", "2");
        workspace.run(&["apply", "-auto-approve"]).failed().says(REFUSED);
        assert_eq!(emulator.backups().len(), 4, "nothing is deleted: {:?}", names(&emulator));
    }
    configure(&managed, &kept, "1");

    // By hand, the provider hears of nothing but what the action names.
    invoke(&workspace, "huaweidb_prune_backups.a").succeeded();
    assert_eq!(names(&emulator), ["old-managed"]);

    // What leaves the state is no error, whoever decides that; nor is what a destroy deletes, unless its first plan leaves it.
    configure(&managed, "null", "2");
    workspace.run(&["plan"]).failed().says(REFUSED);
    // Unless the host plans it after the pruning: a replacement of the host's own is not known then.
    let replaced = workspace.run(&["plan", &format!("-replace={}", shared::ADDRESS)]);
    assert!(replaced.code == 0 || replaced.all().contains(REFUSED), "{}", replaced.all());
    workspace.run(&["plan", "-destroy", "-refresh=false"]).succeeded();
    configure(&managed.replace("old-managed", "old-renamed"), "null", "2");
    workspace.run(&["plan"]).succeeded();
    configure("", "null", "2");
    workspace.run(&["plan"]).succeeded();
    configure(&managed, &kept, "2");
    workspace.destroy();
    assert!(emulator.backups().is_empty(), "{:?}", names(&emulator));
}

pub(super) fn failing(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    // Wrong in itself: refused by validate and plan, with its line.
    let wrong = taking(&emulator, "first").replace("\"dds\"", "\"ddm\"");
    workspace.configure(&wrong);
    let line = 1 + workspace.read("main.tf").lines().position(|line| line.contains("\"ddm\"")).expect("it is there");
    let refused = workspace.run(&["validate"]).failed();
    refused.says("This service takes no manual backups").says(&format!("main.tf line {line}"));

    // Failed in the cloud: what it was to come before does not happen.
    let configure = |input: &str| {
        let triggers = at("before_create, before_update", "first", "");
        workspace.configure(&format!("{}{}", taking(&emulator, "first"), object(input, &triggers)));
    };
    configure("1");
    workspace.apply();
    configure("2");
    emulator.fault(Fault::refusal(403, "DBS.280063").on("dds").method("POST"));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup was not created");
    let (state, _) = workspace.resource("terraform_data.db").expect("it is in the state");
    assert_eq!(state["input"]["value"], "1", "the update waits for a backup: {state}");
    workspace.apply().says("1 changed");
    assert_eq!(taken(&emulator), ["first", "first"]);
    workspace.nothing_to_do();
}

pub(super) fn around_destroy(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let by_caller =
        taking(&emulator, "before-destroy").replace(&format!("\"{}\"", emulator.instance("dds")), "caller.input");
    let actions = format!("{by_caller}{}", taking(&emulator, "after-destroy"));
    let triggers =
        format!("{}{}", at("before_destroy", "before-destroy", ""), at("after_destroy", "after-destroy", ""));
    let instance = emulator.instance("dds");
    workspace.configure(&format!("{actions}{}", object(&instance, &triggers)));
    workspace.apply();
    assert!(emulator.backups().is_empty());
    workspace.run(&["plan", "-destroy"]).succeeded().says("Actions: 2 to invoke");
    workspace.destroy().says("1 destroyed");
    assert_eq!(taken(&emulator), ["before-destroy", "after-destroy"]);

    // A failed action before a destroy does not stop it, whatever is asked for; what follows a failed one is the same.
    for answer in ["halt", "taint", "continue"] {
        let triggers = at("before_destroy", "before-destroy", &format!("      on_failure = {answer}\n"));
        workspace.configure(&format!("{by_caller}{}", object(&instance, &triggers)));
        workspace.apply();
        emulator.fault(Fault::refusal(403, "DBS.280063").on("dds").method("POST"));
        let ran = workspace.run(&["destroy", "-auto-approve"]).succeeded();
        ran.says("Backup was not created");
        assert!(workspace.resource("terraform_data.db").is_none(), "{answer}");
    }
}

pub(super) fn examples(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let action = |name: &str| example(&format!("actions/huaweidb_{name}/action.tf"));
    let actions = ["create_backup", "prune_backups", "stop_backup"].map(action).concat();
    workspace.configure(&actions);
    workspace.apply();
    assert!(emulator.backups().is_empty());
    workspace.configure(&actions.replace("\"4.4\"", "\"5.0\""));
    workspace.apply();
    assert_eq!(taken(&emulator), ["before-change"]);
    workspace.nothing_to_do();
    invoke(&workspace, "huaweidb_prune_backups.old").succeeded();
    invoke(&workspace, "huaweidb_stop_backup.emergency").succeeded();

    workspace.write("found.tfquery.hcl", &example("list-resources/huaweidb_manual_backup/list-resource.tfquery.hcl"));
    workspace.run(&["query"]).succeeded().says("before-change");
}

/// The arguments of an action that would do something: names, and the terms of their values.
type Arguments<'a> = Vec<(&'a str, String)>;

fn line(name: &str, value: &str) -> String {
    format!("    {name} = {value}\n")
}

/// An action block.
fn action(kind: &str, name: &str, arguments: &Arguments<'_>) -> String {
    let lines: String = arguments.iter().map(|(name, value)| line(name, value)).collect();
    format!("action \"huaweidb_{kind}\" \"{name}\" {{\n  config {{\n{lines}  }}\n}}\n")
}

/// An object whose creation triggers an action.
fn trigger(kind: &str, name: &str) -> String {
    format!(
        "resource \"terraform_data\" \"{name}\" {{\n  lifecycle {{\n    action_trigger {{\n      events  = [after_create]\n      \
         actions = [action.huaweidb_{kind}.{name}]\n    }}\n  }}\n}}\n"
    )
}

/// What each action needs to do something.
fn wishes(emulator: &Emulator) -> [(&'static str, Arguments<'static>); 3] {
    let instance = format!("{:?}", emulator.instance("dds"));
    let text = |text: &str| format!("{text:?}");
    let head = |more: &[(&'static str, String)]| {
        let mut all = vec![("service", text("dds")), ("instance_id", instance.clone())];
        all.extend_from_slice(more);
        all
    };
    [
        ("create_backup", head(&[("name_prefix", text("made-")), ("timeout", text("5m"))])),
        (
            "prune_backups",
            head(&[
                ("name_prefix", text("old-")),
                ("keep_last", "1".to_owned()),
                ("older_than", text("1h")),
                ("dry_run", "false".to_owned()),
                ("timeout", text("5m")),
            ]),
        ),
        ("stop_backup", head(&[("all_on_instance", "true".to_owned()), ("timeout", text("5m"))])),
    ]
}

/// Values with which an action must not do anything: the action, the argument, and the term of the value.
const WRONG: &[(&str, &str, &str)] = &[
    ("create_backup", "service", "null"),
    ("create_backup", "service", "\"mainframe\""),
    ("create_backup", "instance_id", "null"),
    ("create_backup", "instance_id", "tostring(null)"),
    ("create_backup", "instance_id", "\"\""),
    ("create_backup", "name_prefix", "null"),
    ("create_backup", "name_prefix", "\"1\""),
    // Beside the prefix.
    ("create_backup", "name", "\"second\""),
    ("create_backup", "description", "\"a<b\""),
    ("create_backup", "wait_for_completion", "\"maybe\""),
    ("create_backup", "region", "\"eu_de\""),
    ("create_backup", "timeout", "\"5x\""),
    ("create_backup", "timeout", "\"-5m\""),
    ("prune_backups", "service", "null"),
    ("prune_backups", "service", "\"mongo\""),
    ("prune_backups", "instance_id", "null"),
    ("prune_backups", "instance_id", "tostring(null)"),
    ("prune_backups", "instance_id", "\"\""),
    ("prune_backups", "name_prefix", "null"),
    ("prune_backups", "name_prefix", "tostring(null)"),
    ("prune_backups", "keep_last", "null"),
    ("prune_backups", "keep_last", "tonumber(null)"),
    ("prune_backups", "keep_last", "-1"),
    ("prune_backups", "keep_last", "1.5"),
    ("prune_backups", "older_than", "null"),
    ("prune_backups", "older_than", "tostring(null)"),
    ("prune_backups", "older_than", "\"soon\""),
    ("prune_backups", "older_than", "\"-1d\""),
    ("prune_backups", "keep_ids", "[null]"),
    ("prune_backups", "keep_ids", "[\"\"]"),
    ("prune_backups", "dry_run", "\"maybe\""),
    ("prune_backups", "allow_last", "\"maybe\""),
    ("prune_backups", "region", "\"eu_de\""),
    ("prune_backups", "timeout", "\"5x\""),
    ("prune_backups", "timeout", "\"-5m\""),
    ("stop_backup", "service", "null"),
    ("stop_backup", "service", "\"taurusdb\""),
    ("stop_backup", "instance_id", "null"),
    ("stop_backup", "instance_id", "tostring(null)"),
    // Beside all of them.
    ("stop_backup", "backup_id", "\"b1br02\""),
    ("stop_backup", "all_on_instance", "null"),
    ("stop_backup", "all_on_instance", "tobool(null)"),
    ("stop_backup", "all_on_instance", "false"),
    ("stop_backup", "ignore_if_not_running", "\"maybe\""),
    ("stop_backup", "region", "\"eu_de\""),
    ("stop_backup", "timeout", "\"5x\""),
];

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Literal,
    Variable,
    Local,
    Object,
}

const SOURCES: [Source; 4] = [Source::Literal, Source::Variable, Source::Local, Source::Object];

impl Source {
    /// What has to be in the configuration so that the value is there under that name.
    fn head(self, name: &str, value: &str) -> String {
        // A variable's default calls no functions; its type makes the null what it is.
        let typed = [("tostring", "string"), ("tonumber", "number"), ("tobool", "bool")];
        let kind = typed.iter().find(|(call, _)| value.starts_with(call)).map(|(_, kind)| kind);
        match (self, kind) {
            (Source::Literal, _) => String::new(),
            (Source::Variable, Some(kind)) => {
                format!("variable \"{name}\" {{\n  type    = {kind}\n  default = null\n}}\n")
            }
            (Source::Variable, None) => format!("variable \"{name}\" {{\n  default = {value}\n}}\n"),
            (Source::Local, _) => format!("locals {{\n  {name} = {value}\n}}\n"),
            (Source::Object, _) => {
                format!("resource \"terraform_data\" \"{name}\" {{\n  input = {{ v = {value} }}\n}}\n")
            }
        }
    }

    /// How it is written where it is used.
    fn term(self, name: &str, value: &str) -> String {
        match self {
            Source::Literal => value.to_owned(),
            Source::Variable => format!("var.{name}"),
            Source::Local => format!("local.{name}"),
            Source::Object => format!("terraform_data.{name}.output.v"),
        }
    }
}

/// The same wishes with one value replaced by a term, or added.
fn with(
    wishes: &[(&'static str, Arguments<'static>); 3],
    kind: &str,
    argument: &'static str,
    term: &str,
) -> Arguments<'static> {
    let mut wish = wishes.iter().find(|(one, _)| *one == kind).expect("it is an action").1.clone();
    wish.retain(|(name, _)| *name != argument);
    wish.push((argument, term.to_owned()));
    wish
}

/// Three backups to prune.
fn seed(emulator: &Emulator) {
    let old = NewBackups {
        instance_id: emulator.instance("dds"),
        name_prefix: "old-".to_owned(),
        count: 3,
        begin_time: Some("2026-01-01T00:00:00Z".to_owned()),
        ..NewBackups::default()
    };
    emulator.add_backups(&old);
}

/// Values that a variable, a local or another object turns out to have are checked as literal ones are: when planned,
/// invoked and triggered.
pub(super) fn values(cli: &Cli) {
    let emulator = emulator(600.0);
    let wishes = wishes(&emulator);
    seed(&emulator);
    let untouched = |what: &str| {
        let written = emulator.journal().into_iter().find(|call| call.method != "GET");
        assert!(written.is_none() && emulator.backups().len() == 3, "{what}: {written:?}");
    };

    // By hand: planned, and invoked.
    let by_hand = |from: Source| {
        let workspace = cli.workspace(&emulator);
        if from == Source::Object {
            let objects = WRONG.iter().enumerate().map(|(nth, (.., wrong))| from.head(&format!("v{nth}"), wrong));
            let objects: String = objects.collect();
            workspace.write("objects.tf", &objects);
            workspace.configure("");
            workspace.apply();
        }
        for (nth, (kind, argument, wrong)) in WRONG.iter().enumerate() {
            let name = format!("v{nth}");
            let head = if from == Source::Object { String::new() } else { from.head(&name, wrong) };
            let wish = with(&wishes, kind, argument, &from.term(&name, wrong));
            workspace.configure(&format!("{head}{}", action(kind, "a", &wish)));
            let invoke = format!("-invoke=action.huaweidb_{kind}.a");
            // An apply plans too, and is the same with a value of any source.
            let mut commands = vec![vec!["apply", "-auto-approve", &invoke]];
            if from == Source::Variable {
                commands.push(vec!["plan", &invoke]);
            }
            for command in commands {
                let ran = workspace.run(&command).failed();
                let what = format!("{from:?} {kind} {argument} {wrong} {command:?}");
                assert!(ran.all().contains("Error: ") && !ran.all().contains("panic"), "{what}: {}", ran.all());
                untouched(&what);
            }
        }
    };
    let ended = std::thread::scope(|scope| {
        let running = SOURCES.chunks(2).map(|pair| scope.spawn(|| pair.iter().for_each(|from| by_hand(*from))));
        let running = running.collect::<Vec<_>>();
        running.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    if let Some(panic) = ended.into_iter().find_map(Result::err) {
        panic!("{}", panic.downcast_ref::<String>().map_or("it panicked", String::as_str));
    }

    // All of them triggered: by what is known in the plan, and by what an object turns out to be in the apply.
    for from in SOURCES {
        let workspace = cli.workspace(&emulator);
        let mut body = String::new();
        for (nth, (kind, argument, wrong)) in WRONG.iter().enumerate() {
            let (name, value) = (format!("a{nth}"), format!("v{nth}"));
            body.push_str(&from.head(&value, wrong));
            body.push_str(&action(kind, &name, &with(&wishes, kind, argument, &from.term(&value, wrong))));
            body.push_str(&trigger(kind, &name));
        }
        workspace.configure(&body);
        let validated = workspace.run(&["validate"]);
        let ran = match from {
            Source::Literal => validated,
            Source::Variable | Source::Local => workspace.run(&["plan"]),
            Source::Object => {
                workspace.run(&["plan"]).succeeded();
                workspace.run(&["apply", "-auto-approve"])
            }
        };
        let ran = ran.failed();
        for (nth, wrong) in WRONG.iter().enumerate() {
            let (kind, ..) = wrong;
            let named = format!("action.huaweidb_{kind}.a{nth}");
            let lines = [
                format!("{named},"),
                format!("in action \"huaweidb_{kind}\" \"a{nth}\""),
                format!("in resource \"terraform_data\" \"a{nth}\""),
            ];
            let all = ran.all();
            let errors = &all[all.find("\nError: ").unwrap_or(all.len())..];
            assert!(lines.iter().any(|line| errors.contains(line)), "{from:?}: {named} ({wrong:?}):\n{errors}");
        }
        if from != Source::Object {
            workspace.run(&["apply", "-auto-approve"]).failed();
        }
        untouched(&format!("{from:?}, triggered"));
    }
}

/// Good ones do their work wherever they come from.
pub(super) fn good_values(cli: &Cli) {
    let emulator = emulator(600.0);
    emulator.set_pace(|pace| {
        pace.stop_seconds = Some(0.2);
        pace.delete_seconds = Some(0.2);
    });
    let wishes = wishes(&emulator);
    seed(&emulator);
    for (nth, source) in ["literal", "var.w", "local.w", "terraform_data.w"].into_iter().enumerate() {
        for (kind, wish) in &wishes {
            let workspace = cli.workspace(&emulator);
            let object: String = wish.iter().map(|(name, value)| line(name, value)).collect();
            let head = match source {
                "var.w" => format!("variable \"w\" {{\n  default = {{\n{object}  }}\n}}\n"),
                "local.w" => format!("locals {{\n  w = {{\n{object}  }}\n}}\n"),
                "terraform_data.w" => format!("resource \"terraform_data\" \"w\" {{\n  input = {{\n{object}  }}\n}}\n"),
                _ => String::new(),
            };
            let term = |name: &str, value: &str| match source {
                "literal" => value.to_owned(),
                "terraform_data.w" => format!("{source}.output.{name}"),
                _ => format!("{source}.{name}"),
            };
            let mut wish: Arguments<'_> = wish.iter().map(|(name, value)| (*name, term(name, value))).collect();
            if *kind == "create_backup" {
                wish.push(("wait_for_completion", "false".to_owned()));
            }
            let triggered = nth % 2 == 1;
            let trigger = if triggered { trigger(kind, "a") } else { String::new() };
            workspace.configure(&format!("{head}{}{trigger}", action(kind, "a", &wish)));
            if triggered {
                workspace.apply();
            } else {
                workspace.run(&["apply", "-auto-approve", &format!("-invoke=action.huaweidb_{kind}.a")]).succeeded();
            }
            let done = emulator.backups();
            let running = done.iter().filter(|row| row.status == "BUILDING").count();
            let old = done.iter().filter(|row| row.name.starts_with("old-")).count();
            let expected = match *kind {
                "create_backup" => (1, 3),
                "prune_backups" => (1, 1),
                _ => (0, 1),
            };
            assert_eq!((running, old), expected, "{source} {kind}");
        }
        for row in emulator.backups() {
            emulator.vanish(&row.id);
        }
        seed(&emulator);
    }
}

/// An interrupt at any point of an action: no crash, the action's own last word, and no backup of the same apply outside
/// the state.
pub(super) fn interrupted(cli: &Cli) {
    for kind in ["create_backup", "prune_backups", "stop_backup"] {
        for calls in 1..=10 {
            let emulator = emulator(3.0);
            let wishes = wishes(&emulator);
            let old = NewBackups {
                instance_id: emulator.instance("dds"),
                name_prefix: "old-".to_owned(),
                count: 30,
                begin_time: Some("2026-01-01T00:00:00Z".to_owned()),
                ..NewBackups::default()
            };
            emulator.add_backups(&old);
            if kind == "stop_backup" {
                emulator.set_pace(|pace| pace.stop_seconds = Some(3.0));
                let running = NewBackups {
                    instance_id: emulator.instance("dds"),
                    name: Some("running".to_owned()),
                    status: "BUILDING".to_owned(),
                    ..NewBackups::default()
                };
                emulator.add_backups(&running);
            }
            emulator.fault(Fault::delay(80));
            let workspace = cli.workspace(&emulator);
            let wish = &wishes.iter().find(|(one, _)| *one == kind).expect("it is an action").1;
            let beside = shared::resource(&emulator, "geminidb", "b", "  name = \"in-the-state\"");
            workspace.configure(&format!("{}{}{beside}", action(kind, "a", wish), trigger(kind, "a")));
            let mut running = workspace.start(&["apply", "-auto-approve"]);
            // The plan of a pruning looks once at what it would delete.
            let by_plan = usize::from(kind == "prune_backups");
            let of_action =
                || emulator.journal().iter().filter(|call| call.service == "dds").count().saturating_sub(by_plan);
            // Where it needs fewer calls, somewhere near its end.
            let began = Instant::now();
            wait_until("the action asks", || of_action() >= calls || began.elapsed() > Duration::from_secs(5));
            running.signal_if_there(Signal::INT);
            let ran = running.finished();
            let what = format!("{kind} after {calls} calls:\n{}", ran.all());
            assert!(ran.code <= 1 && !ran.all().contains("panic"), "exit code {}, {what}", ran.code);
            // A host that hears progress after the interrupt, which was on its way, listens no further.
            let all = ran.all();
            let heard_late = all.split("Interrupt received").nth(1).is_some_and(|rest| {
                rest.contains(&format!("Action action.huaweidb_{kind}.a (triggered by"))
                    && rest.contains("execution halted")
            });
            if ran.code == 1 && of_action() > 0 && !heard_late {
                let words = ["Pruning was stopped", "Backup was not", "Search failed", "Backup may have been"];
                assert!(
                    words.iter().any(|word| ran.all().contains(word)) || ran.all().contains("Action complete"),
                    "{what}"
                );
                assert!(!ran.all().contains("`timeout`"), "{what}");
            }
            let in_state = workspace.resource(shared::ADDRESS).map(|(attributes, _)| attributes["id"].clone());
            for row in emulator.backups().iter().filter(|row| row.name == "in-the-state") {
                assert_eq!(in_state, Some(row.id.clone().into()), "{what}");
            }
        }
    }
}
