//! Every way to sign in, through the real CLI: arguments, environment, profile, and what is said when it fails.

use huaweidb_emulator::{Emulator, Modes, Options};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::json;

use crate::support::cli::Workspace;
use crate::support::host::BINARY;
use crate::support::started::program;

fn emulator() -> Emulator {
    Emulator::start_now(&Options::with_backups_of(0.2)).expect("the emulator starts")
}

/// A folder that knows the emulator's addresses and nothing else.
fn stranger(emulator: &Emulator) -> Workspace {
    let mut workspace = Workspace::bare();
    workspace.set("TF_VAR_endpoints", &emulator.ready()["endpoints"].to_string());
    workspace.set("HW_REGION_NAME", &emulator.region());
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n  name_prefix = \"signed-\"\n}}\n",
        emulator.instance("dds")
    ));
    workspace
}

/// The whole life of a backup with these variables; what the calls to the service showed.
fn lives_with(emulator: &Emulator, variables: &[(&str, &str)]) -> Vec<String> {
    let mut workspace = stranger(emulator);
    for (name, value) in variables {
        workspace.set(name, value);
    }
    emulator.clear_journal();
    workspace.apply();
    workspace.nothing_to_do();
    workspace.destroy();
    assert!(emulator.backups().is_empty());
    let mut shown: Vec<String> =
        emulator.journal().into_iter().filter(|call| call.service == "dds").map(|call| call.auth).collect();
    shown.sort();
    shown.dedup();
    shown
}

#[test]
fn keys_from_either_providers_variables() {
    let emulator = emulator();
    let (ak, sk) = (emulator.access_key(), emulator.secret_key());
    assert_eq!(lives_with(&emulator, &[("HW_ACCESS_KEY", &ak), ("HW_SECRET_KEY", &sk)]), ["aksk"]);
    let lookups = emulator.journal().iter().filter(|call| call.path.ends_with("/v3/projects")).count();
    assert!(lookups > 0, "without a project id it is looked up");
    assert_eq!(lives_with(&emulator, &[("OS_ACCESS_KEY", &ak), ("OS_SECRET_KEY", &sk), ("OS_CLOUD", "otc")]), ["aksk"]);
}

#[test]
fn a_user_and_a_password_sign_in_once_per_process() {
    let emulator = emulator();
    let variables = [
        ("OS_USERNAME", emulator.user_name()),
        ("OS_PASSWORD", emulator.password()),
        ("OS_DOMAIN_NAME", emulator.domain_name()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(lives_with(&emulator, &variables), ["token"]);
    let logins = emulator
        .journal()
        .iter()
        .filter(|call| call.path.ends_with("/v3/auth/tokens") && call.method == "POST")
        .count();
    assert!((1..=6).contains(&logins), "{logins} logins for the few processes of three commands");
}

/// `clouds.yaml` beside the configuration, its secrets elsewhere.
#[test]
fn an_entry_of_clouds_yaml_signs_in() {
    let emulator = emulator();
    for (secret, shown) in [
        (format!("password: {}", emulator.password()), "token"),
        (format!("ak: {}, sk: {}", emulator.access_key(), emulator.secret_key()), "aksk"),
    ] {
        let mut workspace = stranger(&emulator);
        workspace.unset("HW_REGION_NAME");
        workspace.write(
            "clouds.yaml",
            &format!(
                "clouds:\n  here:\n    auth:\n      username: {}\n      user_domain_name: {}\n    region_name: {}\n    \
                 interface: public\n",
                emulator.user_name(),
                emulator.domain_name(),
                emulator.region()
            ),
        );
        workspace.write("hidden.yaml", &format!("\u{feff}clouds: {{ here: {{ auth: {{ {secret} }} }} }}\n"));
        workspace.set("OS_CLIENT_SECURE_FILE", "hidden.yaml");
        workspace.set("OS_CLOUD", "there");
        let said = workspace.run(&["plan"]).failed().says("has no cloud \"there\"; it has: here.");
        assert!(!said.all().contains(&emulator.password()));
        workspace.set("OS_CLOUD", "here");
        emulator.clear_journal();
        workspace.apply();
        workspace.nothing_to_do();
        workspace.destroy();
        assert!(emulator.journal().iter().filter(|call| call.service == "dds").all(|call| call.auth == shown));
    }
}

#[test]
fn a_token_that_expires_on_the_way_is_renewed() {
    let emulator = Emulator::start_now(&Options {
        modes: Modes { token_seconds: 1.0, ..Modes::default() },
        ..Options::with_backups_of(2.5)
    })
    .expect("the emulator starts");
    let mut workspace = stranger(&emulator);
    workspace.set("HW_USER_NAME", &emulator.user_name());
    workspace.set("HW_USER_PASSWORD", &emulator.password());
    workspace.set("HW_DOMAIN_NAME", &emulator.domain_name());
    workspace.apply();
    assert_eq!(emulator.backups().len(), 1);
    assert_eq!(emulator.backups()[0].status, "COMPLETED");
}

#[test]
fn a_ready_token_works_and_cannot_be_renewed() {
    let emulator = emulator();
    let token = emulator.issue_token(3600.0);
    assert_eq!(lives_with(&emulator, &[("HW_AUTH_TOKEN", &token)]), ["token"]);
    let mut workspace = stranger(&emulator);
    workspace.set("OS_TOKEN", "no-such-token");
    let ran = workspace.run(&["apply", "-auto-approve"]).failed();
    assert!(!ran.all().contains("no-such-token"));
    assert!(emulator.backups().is_empty());
}

#[test]
fn a_role_of_another_account_is_assumed() {
    let emulator = emulator();
    let (domain, _, agency) = emulator.delegation();
    let project = emulator.delegated_project_id(&emulator.region());
    let wanted = json!({ "service": "dds", "name": "theirs", "project_id": project });
    let instance = emulator.add_instance(&serde_json::from_value(wanted).expect("an instance")).id;
    let mut workspace = stranger(&emulator);
    workspace.set("HW_ACCESS_KEY", &emulator.access_key());
    workspace.set("HW_SECRET_KEY", &emulator.secret_key());
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{instance}\"\n  name_prefix = \"role-\"\n}}\n"
    ));
    let main = workspace.read("main.tf").replace(
        "endpoints = var.endpoints",
        &format!("endpoints = var.endpoints\n  assume_role {{\n    agency_name = \"{agency}\"\n    domain_name = \"{domain}\"\n  }}"),
    );
    workspace.write("main.tf", &main);
    workspace.apply();
    workspace.nothing_to_do();
    assert_eq!(emulator.backups()[0].project_id, project, "the backup belongs to the other account");
    workspace.destroy();
}

#[test]
fn a_koocli_profile_gives_keys_and_region() {
    let emulator = emulator();
    let mut workspace = stranger(&emulator);
    workspace.set("HW_REGION_NAME", "");
    let file = |access: &str, secret: &str| {
        json!({ "current": "other", "profiles": [
            { "name": "ci", "mode": "AKSK", "accessKeyId": access, "secretAccessKey": secret, "region": emulator.region() }
        ] })
        .to_string()
    };
    // Windows puts a mark before a text.
    workspace.write("config.json", &format!("\u{feff}{}", file(&emulator.access_key(), &emulator.secret_key())));
    workspace.set("HW_SHARED_CONFIG_FILE", "config.json");
    workspace.run(&["plan"]).failed().says("no profile \"other\"; it has: ci");
    workspace.set("HW_PROFILE", "ci");
    workspace.apply();
    workspace.nothing_to_do();
    workspace.write("config.json", &file("0a0b0c==:", "sealed=by=koocli=and=unreadable"));
    let ran = workspace.run(&["plan"]).failed().says("--cli-auth-encrypt=false");
    assert!(!ran.all().contains("sealed=by"));
}

#[test]
fn a_wrong_secret_key_is_told_once_and_never_tried_again() {
    let emulator = emulator();
    let mut workspace = stranger(&emulator);
    workspace.set("HW_ACCESS_KEY", &emulator.access_key());
    workspace.set("HW_SECRET_KEY", "WrongSecretKeyWrongSecretKeyWrongSecretK");
    workspace.set("HW_PROJECT_ID", &emulator.project_id());
    let ran = workspace.run(&["apply", "-auto-approve"]).failed().says("401").says("APIGW.0301");
    assert!(!ran.all().contains("WrongSecretKey"));
    let refused = emulator.journal().iter().filter(|call| call.status == Some(401)).count();
    assert_eq!(refused, 1, "five failures would lock the key");
    assert!(emulator.backups().is_empty());
}

#[test]
fn a_project_that_may_not_be_listed_is_found_among_the_callers_own() {
    let emulator = Emulator::start_now(&Options {
        modes: Modes { project_list_forbidden: true, ..Modes::default() },
        ..Options::with_backups_of(0.2)
    })
    .expect("the emulator starts");
    let (ak, sk) = (emulator.access_key(), emulator.secret_key());
    assert_eq!(lives_with(&emulator, &[("HW_ACCESS_KEY", &ak), ("HW_SECRET_KEY", &sk)]), ["aksk"]);
    let mut workspace = stranger(&emulator);
    workspace.set("HW_ACCESS_KEY", &ak);
    workspace.set("HW_SECRET_KEY", &sk);
    workspace.set("HW_PROJECT_NAME", "eu-de_nobody");
    workspace.run(&["apply", "-auto-approve"]).failed().says("eu-de_nobody");
}

/// A pipe would be waited for, a device fills the memory, and none of them holds settings.
#[test]
fn only_regular_files_of_a_bearable_size_are_read() {
    let emulator = emulator();
    for variable in ["OS_CACERT", "HW_SHARED_CONFIG_FILE"] {
        let mut workspace = Workspace::new(&emulator);
        workspace.configure("data \"huaweidb_instances\" \"all\" {\n  service = \"dds\"\n}\n");
        workspace.write("large", &"x".repeat(1024 * 1024 + 1));
        mkfifo(workspace.path("pipe").as_str(), Mode::S_IRWXU).expect("a pipe can be made");
        let [pipe, large] = ["pipe", "large"].map(|name| workspace.path(name));
        let regular = "cannot be read: it is not a regular file";
        for (path, why) in [
            (pipe.as_str(), regular),
            ("/dev/zero", regular),
            ("/tmp", regular),
            (&large, "cannot be read: it is larger than 1 MiB"),
            ("/proc/self/mem", "cannot be read"),
            // A regular file, as it says, that waits for what the kernel has to say.
            ("/proc/kmsg", "cannot be read: it is empty"),
        ] {
            workspace.set(variable, path);
            workspace.run(&["plan"]).failed().says(&format!("{path} {why}"));
        }
    }
}

/// A profile's name that is no text is not as if there were none: then the environment's keys would act.
#[test]
fn a_variable_that_is_no_text_lets_nobody_else_act() {
    use std::os::unix::ffi::OsStrExt as _;
    let emulator = emulator();
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    for name in [
        "HW_PROFILE",
        "HW_PROJECT_ID",
        "OS_CLOUD",
        "OS_USERNAME",
        "OS_CLIENT_SECURE_FILE",
        "HTTPS_PROXY",
        "NO_PROXY",
        "HW_TF_CUSTOM_UA",
        "TF_APPEND_USER_AGENT",
    ] {
        let ran = program(BINARY, std::path::Path::new("/nowhere/at/all"))
            .arg("doctor")
            .envs([("HW_ACCESS_KEY", &*access), ("HW_SECRET_KEY", &*secret), ("HW_REGION_NAME", "eu-de")])
            .env(name, std::ffi::OsStr::from_bytes(b"te\xffam"))
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("{name} holds bytes that are no text (UTF-8).")), "{said}");
    }
    assert!(emulator.journal().is_empty(), "nothing was sent");
}
