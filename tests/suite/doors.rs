//! Nobody gets in, and nothing gets out unprotected.

use std::time::{Duration, SystemTime};

use huaweidb_emulator::{Emulator, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::hostile::{deep_type, nested, peak_mib};
use crate::support::cli::Workspace;
use crate::support::host::proto::tfplugin6 as tf;
use crate::support::host::{Client, Host, Launch};

/// Whether somebody with that certificate gets an answer over TLS.
async fn is_answered(client: &Client, plugin: &crate::support::host::Plugin) -> bool {
    let Ok(mut wire) = Client::secure(Some(client), &plugin.certificate(), plugin.dial().await).await else {
        return false;
    };
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let sent = wire.write_all(preface).await.is_ok() && wire.flush().await.is_ok();
    let mut first = [0; 9];
    sent && wire.read_exact(&mut first).await.is_ok()
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused_even_if_it_is_the_hosts_own() {
    let now = SystemTime::now();
    for (until, expected) in [(now - Duration::from_secs(5), false), (now + Duration::from_mins(10), true)] {
        let host = Client::until(until);
        let plugin = Launch::plaintext().env("PLUGIN_CLIENT_CERT", &host.pem).start().await;
        assert_eq!(is_answered(&host, &plugin).await, expected);
        assert!(!is_answered(&Client::until(until), &plugin).await, "another one");
    }
}

fn backup(emulator: &Emulator) -> String {
    format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n  name        = \"door\"\n}}\n",
        emulator.instance("dds")
    )
}

#[test]
fn plain_http_is_for_this_machine_only() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.2)).unwrap();
    for (variable, value) in [
        ("TF_VAR_endpoints", r#"{"dds": "http://dds.example.com"}"#),
        ("TF_VAR_endpoints", r#"{"iam": "http://192.0.2.7:8080"}"#),
        ("TF_VAR_endpoints", r#"{"dds": "http://localhost.example.com"}"#),
        ("TF_VAR_endpoints", r#"{"dds": "http://127.0.0.1@192.0.2.7/"}"#),
        ("HW_AUTH_URL", "http://iam.example.com/v3"),
    ] {
        let mut workspace = Workspace::new(&emulator);
        workspace.set("TF_VAR_endpoints", "{}");
        workspace.set(variable, value);
        workspace.configure(&backup(&emulator));
        workspace.run(&["plan"]).failed().says("Error: Invalid");
    }
    assert!(emulator.journal().is_empty(), "nothing was sent");
}

#[test]
fn whoever_switches_the_check_of_certificates_off_is_warned() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.2)).unwrap();
    for (variable, value, warned) in
        [("HW_INSECURE", "true", true), ("OS_INSECURE", "1", true), ("HW_INSECURE", "false", false)]
    {
        let mut workspace = Workspace::new(&emulator);
        workspace.set(variable, value);
        workspace.configure(&backup(&emulator));
        let ran = workspace.run(&["plan"]).succeeded();
        assert_eq!(
            ran.words().contains("TLS certificates are not checked"),
            warned,
            "{variable}={value}:\n{}",
            ran.all()
        );
    }
}

fn is_error(diagnostics: &[tf::Diagnostic]) -> bool {
    diagnostics.iter().any(|one| one.severity == 1)
}

/// Few bytes that claim to be much, and many that mean little.
#[tokio::test]
async fn hostile_values_are_errors_and_cost_no_memory() {
    let mut host = Host::start().await;
    let many_nulls = [&b"\xdd\x00\xff\xff\xff"[..], &vec![0xc0; 0xff_ffff]].concat();
    let msgpack: [Vec<u8>; 9] = [
        b"\xdd\xff\xff\xff\xff".to_vec(),
        b"\xdf\xff\xff\xff\xff".to_vec(),
        b"\xdb\xff\xff\xff\xff".to_vec(),
        b"\xc9\xff\xff\xff\xff\x0c".to_vec(),
        nested(0x91, 1_000_000),
        nested(0x81, 1_000_000),
        many_nulls,
        deep_type(),
        b"\xc1".to_vec(),
    ];
    let json = [
        "[".repeat(1_000_000),
        "{\"a\":".repeat(1_000_000),
        format!("[{}0]", "0,".repeat(12_000_000)),
        format!("{{\"service\": {}}}", "9".repeat(1_000_000)),
        "{\"service\": 1e999999999}".to_owned(),
        "{\"service\": \"\\ud800\"}".to_owned(),
        "nul".to_owned(),
    ];
    let values = msgpack.into_iter().map(|msgpack| tf::DynamicValue { msgpack, json: Vec::new() });
    let values =
        values.chain(json.iter().map(|json| tf::DynamicValue { msgpack: Vec::new(), json: json.clone().into() }));
    for value in values {
        let request = tf::validate_resource_config::Request {
            type_name: "huaweidb_manual_backup".to_owned(),
            config: Some(value.clone()),
            ..Default::default()
        };
        let answer = host.provider().validate_resource_config(request).await.unwrap().into_inner();
        assert!(is_error(&answer.diagnostics), "{:?}", &value.msgpack.get(..20));
        let request = tf::read_resource::Request {
            type_name: "huaweidb_manual_backup".to_owned(),
            current_state: Some(value),
            ..Default::default()
        };
        let answer = host.provider().read_resource(request).await.unwrap().into_inner();
        assert!(is_error(&answer.diagnostics));
    }
    for json in json {
        let request = tf::upgrade_resource_state::Request {
            type_name: "huaweidb_manual_backup".to_owned(),
            version: 0,
            raw_state: Some(tf::RawState { json: json.into_bytes(), ..Default::default() }),
        };
        let answer = host.provider().upgrade_resource_state(request).await.unwrap().into_inner();
        assert!(is_error(&answer.diagnostics));
    }
    let peak = peak_mib(host.plugin().id());
    assert!(peak < 1024, "{peak} MiB");
    // It still works.
    let schema = host.provider().get_metadata(tf::get_metadata::Request {}).await.unwrap().into_inner();
    assert!(!schema.resources.is_empty());
}
