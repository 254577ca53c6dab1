//! The real CLI, Terraform or OpenTofu, in a folder of its own, against the real binary.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use huaweidb_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value as Json;
use tempfile::TempDir;

use super::started::{program, take_defaults};

/// Head of every configuration: which provider is meant.
const HEAD: &str = r#"
terraform {
  required_providers {
    huaweidb = {
      source = "localhost/huaweidb/huaweidb"
    }
  }
}
"#;

/// A folder with a configuration and a state, and the environment its commands run in.
pub(crate) struct Workspace {
    cli: PathBuf,
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A command under way, in a process group of its own, as a shell would start it.
pub(crate) struct Running {
    child: Child,
}

/// The CLI to test with.
pub(crate) fn cli() -> &'static str {
    static FOUND: std::sync::OnceLock<&'static str> = std::sync::OnceLock::new();
    FOUND.get_or_init(|| {
        // It writes something into the folder.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runs =
            |name: &&str| program(name, folder.path()).arg("version").output().is_ok_and(|told| told.status.success());
        ["terraform", "tofu"].into_iter().find(runs).expect(
            "these tests drive the real CLI: put terraform (https://developer.hashicorp.com/terraform/install) or \
                 tofu (https://opentofu.org/docs/intro/install) on the PATH",
        )
    })
}

impl Workspace {
    /// An empty folder whose commands talk to this emulator.
    pub(crate) fn new(emulator: &Emulator) -> Self {
        Self::of(Path::new(cli()), emulator)
    }

    /// The same with a certain CLI.
    pub(crate) fn of(cli: &Path, emulator: &Emulator) -> Self {
        let ready: Json = emulator.ready();
        let text = |key: &str| ready[key].as_str().expect("the emulator says it").to_owned();
        let mut workspace = Workspace::bare_of(cli);
        workspace.set("HW_ACCESS_KEY", &text("access_key"));
        workspace.set("HW_SECRET_KEY", &text("secret_key"));
        workspace.set("HW_REGION_NAME", &text("region"));
        workspace.set("HW_PROJECT_ID", &text("project_id"));
        workspace.set("TF_VAR_endpoints", &ready["endpoints"].to_string());
        workspace
    }

    /// An empty folder without any credentials.
    pub(crate) fn bare() -> Self {
        Self::bare_of(Path::new(cli()))
    }

    /// The same with a certain CLI.
    pub(crate) fn bare_of(cli: &Path) -> Self {
        take_defaults();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let binary = Path::new(env!("CARGO_BIN_EXE_terraform-provider-huaweidb"));
        let binaries = binary.parent().expect("a binary lies in a folder");
        let settings = folder.path().join("cli.tfrc");
        let binaries = serde_json::to_string(binaries).expect("a path is text");
        let text = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"localhost/huaweidb/huaweidb\" = {binaries}\n  }}\n  direct {{}}\n}}\n"
        );
        fs::write(&settings, text).expect("the CLI's settings can be written");
        let mut workspace = Workspace { cli: cli.to_owned(), folder, environment: Vec::new() };
        workspace.set("TF_CLI_CONFIG_FILE", settings.to_str().expect("a temporary path is text"));
        workspace.set("CHECKPOINT_DISABLE", "1");
        workspace.set("TF_IN_AUTOMATION", "1");
        workspace.set("TF_INPUT", "0");
        workspace
    }

    /// Sets an environment variable for all commands.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Forgets an environment variable.
    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// The whole path of a file.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a temporary path is text").to_owned()
    }

    /// Writes `main.tf`: the head, a provider block with the emulator's endpoints, and this.
    pub(crate) fn configure(&self, body: &str) {
        self.write(
            "main.tf",
            &format!(
                "{HEAD}\nvariable \"endpoints\" {{\n  type    = map(string)\n  default = {{}}\n}}\n\n\
                 provider \"huaweidb\" {{\n  endpoints = var.endpoints\n}}\n\n{body}\n"
            ),
        );
    }

    /// Writes any file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a temporary file can be written");
    }

    /// Reads any file.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("the file is there")
    }

    /// Reads a file that may not be there.
    pub(crate) fn read_if_there(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(name)).ok()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(&self.cli);
        command.args(arguments);
        command
    }

    /// Any program, in this folder and environment.
    pub(crate) fn program(&self, path: &Path) -> Command {
        let mut command = program(path, self.folder.path());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut arguments = arguments.to_vec();
        if takes_no_color(arguments[0]) {
            arguments.insert(1, "-no-color");
        }
        let output = self.command(&arguments).output().expect("the CLI runs");
        Ran::from(output)
    }

    /// Starts a command in a process group of its own.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut arguments = arguments.to_vec();
        arguments.insert(1, "-no-color");
        let child = self
            .command(&arguments)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the CLI runs");
        Running { child }
    }

    /// Applies and expects success.
    #[track_caller]
    pub(crate) fn apply(&self) -> Ran {
        self.run(&["apply", "-auto-approve"]).succeeded()
    }

    /// Destroys and expects success.
    #[track_caller]
    pub(crate) fn destroy(&self) -> Ran {
        self.run(&["destroy", "-auto-approve"]).succeeded()
    }

    /// Plans and expects that nothing is to be done.
    #[track_caller]
    pub(crate) fn nothing_to_do(&self) {
        let ran = self.run(&["plan", "-detailed-exitcode"]);
        assert_eq!(ran.code, 0, "the second plan is not empty:\n{}", ran.all());
    }

    /// The attributes of a resource in the state, and whether it is tainted; `None` if it is not there.
    pub(crate) fn resource(&self, address: &str) -> Option<(Json, bool)> {
        let state: Json = serde_json::from_str(&self.run(&["state", "pull"]).out).ok()?;
        let (kind, name) = address.split_once('.').expect("type.name");
        let resource = state["resources"]
            .as_array()?
            .iter()
            .find(|one| one["mode"] == "managed" && one["type"] == kind && one["name"] == name)?;
        let instance = resource["instances"].as_array()?.first()?;
        Some((instance["attributes"].clone(), instance["status"] == "tainted"))
    }

    /// The value of an output.
    #[track_caller]
    pub(crate) fn output(&self, name: &str) -> Json {
        let ran = self.run(&["output", "-json", name]).succeeded();
        serde_json::from_str(&ran.out).expect("output -json is JSON")
    }
}

fn takes_no_color(command: &str) -> bool {
    const TAKE: &[&str] =
        &["plan", "apply", "destroy", "validate", "import", "output", "refresh", "init", "show", "test", "query"];
    TAKE.contains(&command)
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Both streams.
    pub(crate) fn all(&self) -> String {
        let mut all = self.out.clone();
        let _ = write!(all, "{}", self.err);
        all
    }

    /// Both streams without the frames and line breaks that the CLI puts around messages.
    pub(crate) fn words(&self) -> String {
        self.all()
            .split(|c: char| c.is_whitespace() || matches!(c, '│' | '╷' | '╵'))
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Expects exit code 0.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert!(self.code == 0, "exit code {}\n{}", self.code, self.all());
        self
    }

    /// Expects another exit code than 0.
    #[track_caller]
    pub(crate) fn failed(self) -> Self {
        assert!(self.code != 0, "exit code 0, where a failure is expected\n{}", self.all());
        self
    }

    /// Expects these words, wherever the CLI breaks its lines.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let all = self.words();
        let wanted = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(all.contains(&wanted), "{wanted:?} is not in:\n{}", self.all());
        self
    }
}

impl Running {
    /// Sends a signal to the whole process group, as a terminal does with Ctrl-C, unless it has ended already.
    pub(crate) fn signal_if_there(&mut self, signal: Signal) {
        if self.child.try_wait().expect("it is our child").is_none() {
            let _ = kill_process_group(Pid::from_child(&self.child), signal);
        }
    }

    /// Kills the provider's process, as soon as there is one; false if the command ended before.
    pub(crate) fn kill_provider(&mut self) -> bool {
        self.signal_provider(Signal::KILL)
    }

    /// Sends a signal to the provider's process alone, as soon as there is one; false if the command ended before.
    pub(crate) fn signal_provider(&mut self, signal: Signal) -> bool {
        loop {
            if let Some(provider) = self.provider() {
                if kill_process(provider, signal).is_ok() {
                    return true;
                }
            } else if self.child.try_wait().expect("it is our child").is_some() {
                return false;
            }
            std::thread::yield_now();
        }
    }

    /// The provider that the command has started and not yet ended.
    fn provider(&self) -> Option<Pid> {
        let children = format!("/proc/{0}/task", self.child.id());
        let tasks = fs::read_dir(children).ok()?.filter_map(Result::ok);
        let mut ids = tasks
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let id = ids.find(|id| {
            fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.starts_with("terraform-provi"))
        });
        Pid::from_raw(id?.parse().ok()?)
    }

    /// Waits for the end.
    pub(crate) fn finished(self) -> Ran {
        Ran::from(self.child.wait_with_output().expect("the CLI ends"))
    }
}
