//! Nothing leaks: all outputs of all flows, at the loudest log level, are searched for every secret in use.

use std::io::Write as _;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use huaweidb_emulator::{Emulator, Fault, FaultKind, NewInstance, Options};
use serde_json::json;

use crate::support::cli::{Ran, Workspace};

/// How somebody signs in.
#[derive(Clone, Copy, Debug)]
enum By {
    Key,
    SecurityToken,
    Password,
    Token,
    Agency,
    File,
}

fn workspace(emulator: &Emulator, by: By) -> (Workspace, Vec<String>) {
    let mut workspace = Workspace::new(emulator);
    let mut secrets = Vec::new();
    let (account, account_id, agency) = emulator.delegation();
    if !matches!(by, By::Key | By::SecurityToken | By::Agency) {
        workspace.unset("HW_ACCESS_KEY");
        workspace.unset("HW_SECRET_KEY");
    }
    match by {
        By::Key => workspace.unset("HW_PROJECT_ID"),
        By::SecurityToken => {
            // Nobody knows it, so that every call is refused.
            let token = "a/security+token=that/nobody+else/must=see".to_owned();
            workspace.set("HW_SECURITY_TOKEN", &token);
            secrets.push(token);
        }
        By::Password => {
            workspace.unset("HW_PROJECT_ID");
            workspace.set("HW_USER_NAME", &emulator.user_name());
            workspace.set("HW_USER_PASSWORD", &emulator.password());
            workspace.set("HW_DOMAIN_NAME", &emulator.domain_name());
        }
        By::Token => {
            let token = emulator.issue_token(3600.0);
            workspace.set("HW_AUTH_TOKEN", &token);
            secrets.push(token);
        }
        By::Agency => {
            workspace.set("HW_ASSUME_ROLE_AGENCY_NAME", &agency);
            workspace.set("HW_ASSUME_ROLE_DOMAIN_NAME", &account);
            workspace.set("HW_ASSUME_ROLE_DOMAIN_ID", &account_id);
            workspace.set("HW_PROJECT_ID", &emulator.delegated_project_id(&emulator.region()));
        }
        By::File => {
            let profile = json!({
                "name": "p", "mode": "AKSK", "accessKeyId": emulator.access_key(), "secretAccessKey": emulator.secret_key(),
                "securityToken": "", "region": emulator.region(), "projectId": emulator.project_id(),
            });
            workspace.write("config.json", &json!({ "current": "p", "profiles": [profile] }).to_string());
            let path = workspace.path("config.json");
            workspace.set("HW_SHARED_CONFIG_FILE", &path);
        }
    }
    workspace.set("TF_LOG", "TRACE");
    (workspace, secrets)
}

/// As in an address.
fn percent(secret: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    secret.bytes().map(one).collect()
}

/// The same with what need not be encoded.
fn every_byte(secret: &str) -> String {
    let one = |byte: u8| format!("%{byte:02X}");
    secret.bytes().map(one).collect()
}

/// All but the ends of it.
fn inner(secret: &str) -> &str {
    secret.get(1..secret.len().saturating_sub(1)).unwrap_or_default()
}

/// A gateway that repeats what it was sent.
fn echo(secrets: &[String]) -> Fault {
    let said = format!("verify aksk signature fail, request was: {}", secrets.join(" "));
    Fault::status(401).body(json!({ "error_code": "APIGW.0301", "error_msg": said }))
}

fn flows(by: By) -> usize {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.2)).expect("the emulator starts");
    let (workspace, mut secrets) = workspace(&emulator, by);
    let instance = match by {
        By::Agency => {
            let project_id = Some(emulator.delegated_project_id(&emulator.region()));
            let wanted = NewInstance {
                service: "dds".to_owned(),
                name: "theirs".to_owned(),
                project_id,
                ..NewInstance::default()
            };
            emulator.add_instance(&wanted).id
        }
        _ => emulator.instance("dds"),
    };
    let block = |name: &str, instance: &str| {
        format!(
            "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{instance}\"\n  name        = \
             \"{name}\"\n}}\ndata \"huaweidb_instances\" \"all\" {{\n  service = \"dds\"\n}}\n"
        )
    };
    workspace.configure(&block("quiet", &instance));
    let mut outputs: Vec<Ran> = Vec::new();
    let run = |arguments: &[&str]| workspace.run(arguments);
    outputs.push(run(&["validate"]));
    outputs.push(run(&["plan", "-out=plan"]));
    let worked = outputs.last().is_some_and(|ran| ran.code == 0);
    assert_eq!(worked, !matches!(by, By::SecurityToken), "{by:?}: {}", last_words(&outputs));
    outputs.push(run(&["apply", "-auto-approve"]));
    outputs.push(run(&["show", "-json"]));
    // What went to the cloud comes back in all kinds of answers. A secret key never goes there, and who logs in gets other
    // tokens in every process.
    let sent = if matches!(by, By::Token | By::SecurityToken) { secrets.clone() } else { Vec::new() };
    let header = sent.first().cloned().unwrap_or_default();
    let encoded: Vec<String> = sent.iter().map(|secret| STANDARD.encode(secret)).collect();
    let escaped: Vec<String> = sent.iter().map(|secret| percent(secret)).collect();
    let every: Vec<String> = sent.iter().map(|secret| every_byte(secret)).collect();
    let cut: Vec<String> = sent.iter().map(|secret| inner(secret).to_owned()).collect();
    let with_id = |id: &str| echo(&sent).header("X-Request-Id", id);
    for fault in [
        echo(&sent),
        echo(&encoded),
        echo(&escaped),
        echo(&every),
        echo(&cut),
        with_id(&every_byte(header.get(..30).unwrap_or_default())),
        with_id(&STANDARD.encode(inner(&header))),
        with_id(&header),
        with_id(&STANDARD.encode(&header)),
        with_id(&percent(&header)),
        with_id(&format!("{}{header}", "r".repeat(90))),
        Fault::status(500).body(json!(sent.join("\n"))),
        Fault::status(200).body(json!(format!("not JSON: {}", sent.join(" ")))),
        Fault::status(200).body(json!({ "backups": [{ "id": 1, "name": sent }] })),
        Fault::status(200).body(json!({ "backups": header, "instances": header, "total_count": header })),
        Fault::status(200).body(json!({ "backups": [header], "instances": [header] })),
        Fault::status(200).body(json!({ "backups": [{ "id": "1", "size": header, "datastore": header }] })),
        Fault::new(FaultKind::Redirect),
        Fault::new(FaultKind::CloseBefore),
    ] {
        emulator.fault(fault.on("dds").method("GET").times(2));
        outputs.push(run(&["plan"]));
        emulator.clear_faults();
    }
    if worked {
        assert_eq!(outputs[2].code, 0, "{by:?}: {}", last_words(&outputs[..3]));
        outputs.push(run(&["show", "-json", "plan"]));
        outputs.push(run(&["providers", "schema", "-json"]));
        emulator.fault(echo(&sent).on("dds").operation("delete"));
        outputs.push(run(&["destroy", "-auto-approve"]));
        outputs.push(run(&["destroy", "-auto-approve"]));
    }
    secrets.extend(emulator.secrets());
    let encoded: Vec<String> = secrets.iter().map(|secret| STANDARD_NO_PAD.encode(secret)).collect();
    let pieces: Vec<String> = secrets.iter().map(|secret| STANDARD_NO_PAD.encode(inner(secret))).collect();
    secrets.extend(pieces.into_iter().map(|text| text[..text.len() - 1].to_owned()));
    let forms = |secret: &String| [percent(secret), every_byte(secret), inner(secret).to_owned()];
    secrets.extend(secrets.iter().flat_map(forms).collect::<Vec<_>>());
    // Its last character is no secret of its own.
    secrets.extend(encoded.into_iter().map(|text| text[..text.len() - 1].to_owned()));
    assert!(!secrets.is_empty());
    let mut texts: Vec<String> = outputs.iter().map(Ran::all).collect();
    texts.extend(
        ["terraform.tfstate", "terraform.tfstate.backup"].iter().filter_map(|name| workspace.read_if_there(name)),
    );
    // Half a secret is too much.
    let parts: Vec<&str> = secrets.iter().flat_map(|secret| [&secret[..16], &secret[secret.len() - 16..]]).collect();
    for line in texts.iter().flat_map(|text| text.lines()) {
        for part in &parts {
            assert!(!line.contains(part), "{by:?}: {part:.8}… shows up in: {line:.600}");
        }
        for word in ["Signature=", "Authorization:", "X-Auth-Token:", "X-Subject-Token:", "X-Security-Token:"] {
            assert!(!line.contains(word), "{by:?}: {line:.600}");
        }
    }
    let lines = texts.iter().map(|text| text.lines().count()).sum();
    assert!(texts.iter().any(|text| text.contains("huaweidb::cloud")), "{by:?}: the log of the cloud floor is there");
    lines
}

fn last_words(outputs: &[Ran]) -> String {
    let all = outputs.last().map(Ran::all).unwrap_or_default();
    all[all.floor_char_boundary(all.len().saturating_sub(3000))..].to_owned()
}

macro_rules! by {
    ($($name:ident: $by:expr,)*) => {
        $(#[test]
        fn $name() {
            let began = Instant::now();
            let lines = flows($by);
            let line = format!(
                "secrets, {:?}: {lines} lines of output searched, none found; {:.0} s",
                $by,
                began.elapsed().as_secs_f64()
            );
            writeln!(std::io::stderr(), "{line}").expect("stderr is there");
            assert!(lines > 100, "TRACE has much to tell");
        })*
    };
}

by! {
    a_secret_key_stays_secret: By::Key,
    a_security_token_stays_secret: By::SecurityToken,
    a_password_and_its_tokens_stay_secret: By::Password,
    a_ready_token_stays_secret: By::Token,
    the_keys_of_an_agency_stay_secret: By::Agency,
    the_keys_of_a_file_stay_secret: By::File,
}
