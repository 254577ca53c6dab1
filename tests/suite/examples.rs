//! Every example is applied on the emulator, planned again without a change, and destroyed; every command that the guides
//! print is run as printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use huaweidb_emulator::{Emulator, NewBackups, NewInstance, Options};
use tempfile::TempDir;

use crate::docs::files;
use crate::support::cli::{Workspace, cli};
use crate::support::host::BINARY;
use crate::support::started::program;

/// Kinds whose examples need a newer CLI than the oldest one that is tested with; their own tests speak the protocol.
const NEWER: &[&str] = &["actions/", "list-resources/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The instance of the vendor's own examples, which some of ours name too.
const FROM_THE_VENDOR: &str = "a89dab5e39394eccbdb77b19d57b0180in02";

/// An emulator where backups take no time to speak of and every instance has two of last year.
fn furnished() -> Emulator {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.1)).expect("the emulator starts");
    emulator.add_instance(&NewInstance {
        id: Some(FROM_THE_VENDOR.to_owned()),
        service: "dds".to_owned(),
        name: "from-the-vendor".to_owned(),
        ..NewInstance::default()
    });
    for instance in emulator.instances() {
        emulator.add_backups(&NewBackups {
            service: Some(instance.service.clone()),
            instance_id: instance.id.clone(),
            count: 2,
            name_prefix: "older-".to_owned(),
            status: "COMPLETED".to_owned(),
            ..NewBackups::default()
        });
    }
    emulator
}

/// The examples that pages show: a resource, a data source, a function at a time.
fn shown() -> Vec<String> {
    let examples = root().join("examples");
    files(&examples, &examples)
        .into_iter()
        .filter(|(_, path)| path.extension().is_some_and(|ending| ending == "tf"))
        .map(|(name, _)| name)
        .filter(|name| {
            let kinds = ["resources/", "data-sources/", "functions/", "ephemeral-resources/"];
            kinds.iter().any(|kind| name.starts_with(kind))
        })
        .collect()
}

#[test]
fn every_example_of_the_reference_pages_is_applied() {
    let examples = shown();
    assert!(examples.len() >= 7, "{examples:?}");
    for name in examples {
        let emulator = furnished();
        let before = emulator.backups().len();
        let mut text = read(&format!("examples/{name}"));
        if name.ends_with("import-by-identity.tf") {
            assert!(text.contains("identity = {"), "{name}"); // Terraform 1.12 and newer
            continue;
        }
        let nets = text.contains("\"huaweidb_final_backup\"");
        let imported = name.contains("/import") && !nets;
        if imported {
            // The id of a backup is not known before it is taken.
            let made = emulator.add_backups(&NewBackups {
                service: Some("dds".to_owned()),
                instance_id: emulator.instance("dds"),
                count: 1,
                name: Some("made-by-hand".to_owned()),
                status: "COMPLETED".to_owned(),
                ..NewBackups::default()
            });
            let id = text.split('"').find(|word| word.starts_with("dds/")).expect("an import id").to_owned();
            let printed = id.rsplit('/').next().expect("a backup id");
            text = text.replace(printed, &made[0].id);
        }
        let workspace = Workspace::new(&emulator);
        workspace.configure(&text);
        if name.ends_with("import-generated.tf") {
            workspace.run(&["plan", "-generate-config-out=found.tf"]).succeeded().says("1 to import");
            let (provider, without) = text.lines().partition::<Vec<_>, _>(|line| line.contains("provider"));
            assert_eq!(provider.len(), 1, "{text}");
            workspace.configure(&without.join("\n"));
        }
        workspace.apply();
        let retains = text.contains("\"retain\"");
        workspace.nothing_to_do();
        let nets = if nets { workspace.run(&["state", "list"]).succeeded().out.lines().count() } else { 0 };
        let destroyed = workspace.destroy();
        assert!(nets == 0 || destroyed.words().contains("Final backup was taken"), "{name}: {}", destroyed.all());
        let left = emulator.backups().len();
        assert_eq!(left, before + usize::from(retains) + nets, "{name} leaves something behind");
    }
    assert!(NEWER.iter().all(|kind| !shown().iter().any(|name| name.starts_with(kind))));
}

#[test]
fn the_scenarios_do_what_they_say() {
    let emulator = furnished();
    let older = emulator.backups().len();
    let here = |name: &str| {
        let mut workspace = Workspace::new(&emulator);
        workspace.write("main.tf", &read(&format!("examples/scenarios/{name}/main.tf")));
        workspace.set("TF_VAR_instance_id", &emulator.instance("dds"));
        workspace
    };

    let mut gate = here("backup-gate");
    gate.set("TF_VAR_schema_version", "42");
    gate.apply();
    gate.nothing_to_do();
    let first = gate.output("backup_id");
    gate.set("TF_VAR_schema_version", "43");
    assert_eq!(gate.run(&["plan", "-detailed-exitcode"]).code, 2);
    gate.apply();
    assert_ne!(gate.output("backup_id"), first);
    assert_eq!(emulator.backups().len(), older + 2, "the gate keeps what it took");

    let mut rotation = here("nightly-rotation");
    rotation.set("TF_VAR_first_night", "2026-04-01");
    for (tonight, nights) in [("2026-04-01", 1), ("2026-04-02", 2), ("2026-04-07", 7), ("2026-04-09", 7)] {
        rotation.set("TF_VAR_tonight", tonight);
        rotation.apply();
        assert_eq!(rotation.output("nights").as_object().unwrap().len(), nights, "{tonight}");
        assert!(rotation.output("nights")[tonight].is_string());
        rotation.nothing_to_do();
    }
    rotation.destroy();

    let restore = here("restore");
    restore.apply();
    let found = restore.output("restore_from");
    assert!(found["backup_id"].is_string() && found["size_bytes"].is_number(), "{found}");
    restore.nothing_to_do();
    restore.destroy();

    emulator.set_pace(|pace| {
        pace.backup_seconds = 600.0;
        pace.stop_seconds = Some(0.2);
        pace.delete_seconds = Some(0.2);
    });
    let emergency = here("emergency-stop");
    emergency.apply();
    assert_eq!(emergency.output("status"), "BUILDING");
    emergency.nothing_to_do();
    emergency.destroy();
    assert_eq!(emulator.backups().len(), older + 2);
    assert!(emulator.totals().stopped >= 1);
    let scenarios = fs::read_dir(root().join("examples/scenarios")).unwrap().count();
    // The drill needs a newer CLI: see `newer_examples.rs` and the matrix.
    assert_eq!(scenarios, 4 + 1, "a scenario that this test does not apply");
}

/// A sandbox of its own for the commands of one page.
struct Shell {
    folder: TempDir,
}

impl Shell {
    fn new() -> Self {
        Shell { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn sandbox(&self) -> PathBuf {
        self.folder.path().join("sandbox")
    }

    /// Runs a script in the checkout, as somebody would who types it there, stopping at the first failure.
    fn run(&self, script: &str) -> Output {
        let mut command = program("bash", self.folder.path());
        command.args(["-e", "-u", "-o", "pipefail", "-c", script]).current_dir(root()).stdin(Stdio::null());
        let binaries = Path::new(BINARY).parent().expect("a binary lies in a folder");
        // The binaries under test, instead of building them once more.
        command
            .env("HUAWEIDB_BINARIES", binaries)
            .env("SANDBOX", self.sandbox())
            .env("DEMO", self.folder.path().join("demo"));
        command.env("TF_IN_AUTOMATION", "1").output().expect("bash runs")
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.run("bash examples/sandbox.sh stop");
    }
}

/// The commands of a page, in order: its `sh` blocks.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("\n```").enumerate().filter(|(index, _)| index % 2 == 1).map(|(_, block)| block);
    blocks.filter_map(|block| block.strip_prefix("sh\n")).map(str::to_owned).collect()
}

/// What a page prints and other tests or CI run.
const ELSEWHERE: &[&str] = &["make test", "make lint", "make install"];

fn run_as_printed(page: &str) -> usize {
    // With OpenTofu the same commands are typed with its name.
    let blocks = commands(&read(page));
    let lines = blocks.join("\n");
    let lines = if cli() == "tofu" { lines.replace("terraform ", "tofu ") } else { lines };
    let script = lines.lines().filter(|line| !ELSEWHERE.contains(line)).collect::<Vec<_>>().join("\n");
    let shell = Shell::new();
    let ran = shell.run(&script);
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{page} prints commands that fail:\n{script}\n\n{said}");
    if page == "README.md" {
        // What comes after it on the page is typed by the reader, and the CLI colours that.
        let demo = said.split("All files of this run").next().unwrap_or_default();
        assert!(!demo.contains('\u{1b}'), "`make demo` writes control codes into a pipe");
    }
    if let Some(secret) = fs::read_to_string(shell.sandbox().join("emulator.json")).ok().and_then(|text| {
        let rest = text.split("\"secret_key\":\"").nth(1)?;
        rest.split('"').next().map(str::to_owned)
    }) {
        assert!(!said.contains(&secret), "{page}");
    }
    blocks.len()
}

macro_rules! pages {
    ($($test:ident: $page:literal),* $(,)?) => {
        const PAGES: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $test() {
                assert!(run_as_printed($page) > 0, "{} prints no command", $page);
            }
        )*
    };
}

pages! {
    commands_of_the_readme: "README.md",
    commands_of_getting_started: "docs/guides/getting-started.md",
    commands_of_backup_before_migration: "docs/guides/backup-before-migration.md",
    commands_of_restore: "docs/guides/restore.md",
    commands_of_migrate: "docs/guides/migrate.md",
    commands_of_open_telekom_cloud: "docs/guides/open-telekom-cloud.md",
    commands_of_credentials: "docs/guides/credentials.md",
    commands_of_air_gapped: "docs/guides/air-gapped.md",
    commands_of_debugging: "docs/guides/debugging.md",
    commands_of_testing: "docs/guides/testing.md",
}

#[test]
fn no_page_prints_commands_that_nobody_runs() {
    let guides = root().join("docs/guides");
    for name in files(&guides, root()).into_keys() {
        let prints = !commands(&read(&name)).is_empty();
        assert!(!prints || PAGES.contains(&name.as_str()), "{name} prints commands: add it to `pages!`");
    }
}
