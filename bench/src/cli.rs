//! The real CLI in a folder of its own, with an eye on the provider's memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use huaweidb_emulator::{BackupRow, Emulator};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::table::Problem;

const BUILT_IN: &str = "terraform.io/builtin/terraform";

/// How many instances the backups are spread over, one after the other.
pub(crate) const INSTANCES: usize = 10;
/// The name of the backup at `count.index`.
const NAME: &str = "format(\"bench-%d-%04d\", count.index % 10, floor(count.index / 10) + 1)";

/// A provider that is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Ours,
    /// The official provider, for comparison.
    Peer,
}

impl Whose {
    fn name(self) -> &'static str {
        match self {
            Whose::Ours => "huaweidb",
            Whose::Peer => "huaweicloud",
        }
    }

    fn address(self) -> String {
        format!("localhost/huaweidb/{}", self.name())
    }

    /// Its resource for backups of a service, and the argument beside instance and name that says which service.
    pub(crate) fn resource(self, service: &str) -> (String, String) {
        match self {
            Whose::Ours => ("huaweidb_manual_backup".to_owned(), format!("  service     = \"{service}\"\n")),
            Whose::Peer => (format!("huaweicloud_{service}_backup"), String::new()),
        }
    }

    /// What it calls the endpoint of a service of the emulator.
    fn endpoint(self, service: &str) -> &str {
        match (self, service) {
            (Whose::Peer, "taurusdb") => "gaussdb",
            (Whose::Peer, "gaussdb") => "opengauss",
            _ => service,
        }
    }
}

/// A folder with a configuration and a state.
pub(crate) struct Folder {
    place: TempDir,
    whose: Whose,
    /// A copy of the binary that only runs from here use, so that they can be told from others.
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// A finished run.
pub(crate) struct Ran {
    pub(crate) took: Duration,
    /// The most memory that a provider's process had, in bytes.
    pub(crate) peak_bytes: u64,
    /// What all of the provider's processes computed.
    pub(crate) computed: Duration,
    /// The lines it printed, and when.
    pub(crate) lines: Vec<(Instant, String)>,
}

impl Folder {
    pub(crate) fn new(binary: &Path) -> Result<Self, Problem> {
        Self::of(Whose::Ours, binary)
    }

    pub(crate) fn of(whose: Whose, binary: &Path) -> Result<Self, Problem> {
        let folder = tempfile::tempdir()?;
        let bin = folder.path().join("bin");
        fs::create_dir(&bin)?;
        let copy = bin.join(format!("terraform-provider-{}", whose.name()));
        fs::copy(binary, &copy).map_err(|error| format!("{}: {error}", binary.display()))?;
        let settings = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"{}\" = {}\n  }}\n  direct {{}}\n}}\n",
            whose.address(),
            json!(bin)
        );
        fs::write(folder.path().join("cli.tfrc"), settings)?;
        let environment = vec![
            ("TF_CLI_CONFIG_FILE", folder.path().join("cli.tfrc").to_string_lossy().into_owned()),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
        ];
        Ok(Folder { place: folder, whose, binary: copy, environment })
    }

    /// Configures backups of an emulator: `resources` beside the provider block.
    pub(crate) fn configure(&mut self, emulator: &Emulator, resources: &str) -> Result<(), Problem> {
        let ready = emulator.ready();
        for (name, key) in [
            ("HW_ACCESS_KEY", "access_key"),
            ("HW_SECRET_KEY", "secret_key"),
            ("HW_REGION_NAME", "region"),
            ("HW_PROJECT_ID", "project_id"),
        ] {
            self.environment.push((name, ready[key].as_str().unwrap_or_default().to_owned()));
        }
        let endpoints = ready["endpoints"].as_object().into_iter().flatten();
        let endpoints: Json =
            endpoints.map(|(service, url)| (self.whose.endpoint(service).to_owned(), url.clone())).collect();
        self.environment.push(("TF_VAR_endpoints", endpoints.to_string()));
        let (name, address) = (self.whose.name(), self.whose.address());
        self.write(
            "main.tf",
            &format!(
                "terraform {{\n  required_providers {{\n    {name} = {{ source = \"{address}\" }}\n  }}\n}}\n\
                 variable \"endpoints\" {{ type = map(string) }}\n\
                 provider \"{name}\" {{ endpoints = var.endpoints }}\n{resources}\n"
            ),
        )
    }

    /// One resource per backup, and a state in which they are.
    pub(crate) fn with_backups(&mut self, emulator: &Emulator, backups: &[BackupRow]) -> Result<(), Problem> {
        self.with_blocks(emulator, backups, backups.len())
    }

    /// The same in several resource blocks of so many each.
    pub(crate) fn with_blocks(
        &mut self,
        emulator: &Emulator,
        backups: &[BackupRow],
        each: usize,
    ) -> Result<(), Problem> {
        // Literal expressions: the CLI evaluates what a `for_each` or a large local says once for every instance.
        let name = if backups.len() == 1 { json!(backups[0].name).to_string() } else { NAME.to_owned() };
        let ids: Vec<_> = backups.iter().take(INSTANCES).map(|backup| &backup.instance_id).collect();
        let service = backups.first().map_or("dds", |backup| &backup.service);
        let (kind, argument) = self.whose.resource(service);
        let blocks = backups.chunks(each).enumerate().map(|(nth, block)| {
            format!(
                "resource \"{kind}\" \"b{nth}\" {{\n  count       = {}\n{argument}  \
                 instance_id = {}[count.index % {INSTANCES}]\n  name        = {}\n}}\n",
                block.len(),
                json!(ids),
                from(&name, nth * each),
            )
        });
        self.configure(emulator, &blocks.collect::<String>())?;
        let attributes = |backup: &BackupRow| match self.whose {
            Whose::Peer => json!({
                "id": backup.id, "instance_id": backup.instance_id, "name": backup.name, "region": backup.region,
                "description": backup.description,
            }),
            Whose::Ours => json!({
                "id": backup.id, "service": backup.service, "instance_id": backup.instance_id, "name": backup.name,
                "description": if backup.service == "rds" { None } else { Some(&backup.description) },
                "wait_for_completion": true, "on_destroy": "delete", "deletion_protection": false, "region": backup.region, "databases": [],
                "status": backup.status, "type": backup.kind, "instance_name": backup.instance_name,
                "begin_time": backup.begin_time, "end_time": backup.end_time, "size_bytes": backup.size_bytes,
            }),
        };
        self.state(&kind, &self.whose.address(), &backups.iter().map(attributes).collect::<Vec<_>>(), each)
    }

    /// The floor: as many built-in resources in blocks of so many each, with the name as the only argument.
    pub(crate) fn with_nothing(&mut self, backups: &[BackupRow], each: usize) -> Result<(), Problem> {
        self.built_in(
            backups,
            each,
            |first| from(NAME, first),
            |backup| json!({ "type": "string", "value": backup.name }),
        )
    }

    /// The floor with the arguments that a backup has.
    pub(crate) fn with_arguments(&mut self, backups: &[BackupRow]) -> Result<(), Problem> {
        let ids: Vec<_> = backups.iter().take(INSTANCES).map(|backup| &backup.instance_id).collect();
        let input =
            format!("{{ service = \"dds\", instance_id = {}[count.index % {INSTANCES}], name = {NAME} }}", json!(ids));
        self.built_in(
            backups,
            backups.len(),
            |_| input.clone(),
            |backup| {
                json!({
                    "type": ["object", { "service": "string", "instance_id": "string", "name": "string" }],
                    "value": { "service": "dds", "instance_id": backup.instance_id, "name": backup.name },
                })
            },
        )
    }

    fn built_in(
        &mut self,
        backups: &[BackupRow],
        each: usize,
        input: impl Fn(usize) -> String,
        value: impl Fn(&BackupRow) -> Json,
    ) -> Result<(), Problem> {
        let blocks = backups.chunks(each).enumerate().map(|(nth, block)| {
            let (count, input) = (block.len(), input(nth * each));
            format!("resource \"terraform_data\" \"b{nth}\" {{\n  count = {count}\n  input = {input}\n}}\n")
        });
        self.write("main.tf", &blocks.collect::<String>())?;
        let attributes = |backup: &BackupRow| {
            let value = value(backup);
            json!({ "id": backup.id, "input": value, "output": value, "triggers_replace": null })
        };
        self.state("terraform_data", BUILT_IN, &backups.iter().map(attributes).collect::<Vec<_>>(), each)
    }

    fn state(&self, kind: &str, provider: &str, attributes: &[Json], each: usize) -> Result<(), Problem> {
        let resource = |(block, attributes): (usize, &[Json])| {
            let instances = attributes.iter().enumerate().map(|(nth, attributes)| {
                json!({ "index_key": nth, "schema_version": 0, "attributes": attributes, "sensitive_attributes": [] })
            });
            json!({
                "mode": "managed", "type": kind, "name": format!("b{block}"),
                "provider": format!("provider[\"{provider}\"]"), "each": "list", "instances": instances.collect::<Vec<_>>(),
            })
        };
        let state = json!({
            "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "6d1f2b44-7d1b-4b56-9e0f-0d3b7d0f9a11",
            "outputs": {}, "check_results": null,
            "resources": attributes.chunks(each).enumerate().map(resource).collect::<Vec<_>>(),
        });
        self.write("terraform.tfstate", &state.to_string())
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Problem> {
        Ok(fs::write(self.place.path().join(name), text)?)
    }

    /// Runs the CLI to its end; any exit code but `expected` is a problem.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Ran, Problem> {
        let cli =
            if Path::new("/usr/local/bin/terraform").exists() || found("terraform") { "terraform" } else { "tofu" };
        let mut command = Command::new(cli);
        command.args(arguments).current_dir(self.place.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Nothing of whoever measures gets in.
        command.env_clear().env("LANG", "C").env("HOME", self.place.path());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let over = Arc::new(AtomicBool::new(false));
        let watcher = {
            let (over, binary) = (Arc::clone(&over), self.binary.clone());
            std::thread::spawn(move || {
                let mut seen = BTreeMap::new();
                while !over.load(Ordering::Relaxed) {
                    seen.extend(processes_of(&binary));
                    pause(Duration::from_millis(10));
                }
                seen
            })
        };
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let mut err = child.stderr.take().ok_or("no stderr")?;
        let err = std::thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).map(|_| text).unwrap_or_default()
        });
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().ok_or("no stdout")?).lines() {
            lines.push((Instant::now(), line?));
        }
        let status = child.wait()?;
        let took = begun.elapsed();
        over.store(true, Ordering::Relaxed);
        let seen = watcher.join().map_err(|_| "the watcher of processes ended")?;
        let err = err.join().unwrap_or_default();
        if !matches!(status.code(), Some(0 | 2)) {
            return Err(format!("{cli} {arguments:?}: {status}: {}", err.chars().take(600).collect::<String>()).into());
        }
        let peak_bytes = seen.values().map(|process| process.peak_bytes).max().unwrap_or(0);
        let computed = seen.values().map(|process| process.computed).sum();
        Ok(Ran { took, peak_bytes, computed, lines })
    }
}

/// An expression of `count.index` in a block whose first backup is that one of all.
fn from(expression: &str, first: usize) -> String {
    if first == 0 {
        expression.to_owned()
    } else {
        expression.replace("count.index", &format!("({first} + count.index)"))
    }
}

#[expect(clippy::disallowed_methods, reason = "there is no runtime here: this watches a process from outside")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn found(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).exists()))
}

/// What a process used until it was looked at.
struct Used {
    peak_bytes: u64,
    computed: Duration,
}

/// The processes that run this binary, by their numbers.
fn processes_of(binary: &Path) -> Vec<(u32, Used)> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let of_process = |process: fs::DirEntry| {
        let number: u32 = process.file_name().to_str()?.parse().ok()?;
        let folder = process.path();
        if fs::read_link(folder.join("exe")).ok()? != binary {
            return None;
        }
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let peak_kib: u64 = peak.trim().trim_end_matches("kB").trim().parse().ok()?;
        // Fields 14 and 15, in hundredths of a second; the second field, a name in parentheses, may hold blanks.
        let times = fs::read_to_string(folder.join("stat")).ok()?;
        let times = times.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
        let hundredths: u64 = times.filter_map(|time| time.parse::<u64>().ok()).sum();
        Some((number, Used { peak_bytes: peak_kib * 1024, computed: Duration::from_millis(hundredths * 10) }))
    };
    processes.flatten().filter_map(of_process).collect()
}
