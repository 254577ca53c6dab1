//! Nobody gets in, and nothing gets out unprotected.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use huaweidb_emulator::{Emulator, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::hostile::{deep_type, nested, peak_mib};
use crate::support::cli::Workspace;
use crate::support::host::{Client, Host, Launch, Plugin};
use crate::support::proto::tfplugin6 as tf;

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

/// Where a provider says that it listens, in either kind of first line.
fn listens_at(plugin: &Plugin) -> PathBuf {
    match plugin.line.strip_prefix("TF_REATTACH_PROVIDERS='").and_then(|rest| rest.strip_suffix('\'')) {
        None => plugin.socket(),
        Some(value) => {
            let value: serde_json::Value = serde_json::from_str(value).expect("the line is JSON");
            let at = &value["localhost/huaweidb/huaweidb"]["Addr"];
            assert_eq!(at["Network"], "unix", "{value}");
            at["String"].as_str().expect("an address").into()
        }
    }
}

/// What another user meets who connects there, where this one is allowed to become another.
#[cfg(target_os = "linux")]
fn as_nobody(socket: &Path) -> Option<std::io::ErrorKind> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let socket = socket.to_owned();
    // Only this thread becomes somebody else, and it ends with it.
    let visit = move || {
        let (user, group) = (Uid::from_raw(65_534), Gid::from_raw(65_534));
        set_thread_groups(&[]).ok()?;
        set_thread_res_gid(group, group, group).ok()?;
        set_thread_res_uid(user, user, user).ok()?;
        Some(std::os::unix::net::UnixStream::connect(socket).expect_err("nobody else gets in").kind())
    };
    std::thread::spawn(visit).join().expect("it ends")
}

/// A way to start the binary, by name.
type Start = (&'static str, fn() -> Launch);

/// For whoever may not become another user, what the system goes by: the directory's owner and mode.
#[tokio::test]
async fn no_other_user_can_connect_however_the_provider_listens() {
    let long = "x".repeat(120);
    let launches: [Start; 3] =
        [("TLS", Launch::secured), ("no TLS", Launch::plaintext), ("--debug", || Launch::by_hand().arg("--debug"))];
    for (name, launch) in launches {
        for long_path in [false, true] {
            let mut launch = launch();
            launch = launch.env("PLUGIN_UNIX_SOCKET_GROUP", "nogroup");
            if long_path {
                let deep = launch.scratch().join(&long);
                fs::create_dir(&deep).unwrap();
                launch = launch.env("TMPDIR", deep);
            }
            let plugin = launch.start().await;
            let socket = listens_at(&plugin);
            let folder = fs::metadata(socket.parent().unwrap()).unwrap();
            let me = fs::metadata(plugin.scratch()).unwrap().uid();
            assert_eq!((folder.uid(), folder.mode() & 0o7777), (me, 0o700), "{name}, {long_path}: {socket:?}");
            assert_eq!(tcp_ports(&plugin), 0, "{name}: it has no other door");
            #[cfg(target_os = "linux")]
            if let Some(kind) = as_nobody(&socket) {
                assert_eq!(kind, std::io::ErrorKind::PermissionDenied, "{name}, {long_path}: {socket:?}");
            }
            tokio::net::UnixStream::connect(&socket).await.expect("its own user gets in");
        }
    }
}

/// How many TCP sockets the process has.
fn tcp_ports(plugin: &Plugin) -> usize {
    let Ok(files) = fs::read_dir(format!("/proc/{}/fd", plugin.id())) else { return 0 };
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{}/net/{name}", plugin.id())));
    let table = tables.map(Result::unwrap_or_default).join("\n");
    let inodes: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().nth(9)).collect();
    files
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .filter(|link| {
            let inode = link.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
            inode.is_some_and(|inode| inodes.contains(&inode))
        })
        .count()
}

#[tokio::test]
async fn a_folder_for_temporary_files_that_is_not_there_is_named() {
    let says =
        "could not start: TMPDIR is /nowhere/at/all, where no directory for its socket can be made: No such file";
    for (launch, is_for_a_host) in [(Launch::plaintext(), true), (Launch::by_hand().arg("--debug"), false)] {
        let ended = launch.env("TMPDIR", "/nowhere/at/all").run().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(says), "{ended:?}");
        assert_eq!(ended.stdout.contains(says), is_for_a_host, "{ended:?}");
        assert_eq!(ended.stdout.lines().count(), usize::from(is_for_a_host), "{ended:?}");
    }
    // The CLI shows the line that it cannot read, and makes no directories itself.
    let emulator = Emulator::start_now(&Options::default()).unwrap();
    let mut workspace = Workspace::new(&emulator);
    workspace.set("TMPDIR", "/nowhere/at/all");
    workspace.configure(&backup(&emulator));
    workspace.run(&["plan"]).failed().says(says);
}

#[tokio::test]
async fn an_empty_variable_for_temporary_files_is_as_good_as_none() {
    let plugin = Launch::plaintext().env("TMPDIR", "").start().await;
    assert!(plugin.socket().starts_with("/tmp"), "{:?}", plugin.socket());
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
        let answer = host.unchecked().validate_resource_config(request).await.unwrap().into_inner();
        assert!(is_error(&answer.diagnostics), "{:?}", &value.msgpack.get(..20));
        let request = tf::read_resource::Request {
            type_name: "huaweidb_manual_backup".to_owned(),
            current_state: Some(value),
            ..Default::default()
        };
        let answer = host.unchecked().read_resource(request).await.unwrap().into_inner();
        assert!(is_error(&answer.diagnostics));
    }
    for json in json {
        let request = tf::upgrade_resource_state::Request {
            type_name: "huaweidb_manual_backup".to_owned(),
            version: 0,
            raw_state: Some(tf::RawState { json: json.into_bytes(), ..Default::default() }),
        };
        let answer = host.unchecked().upgrade_resource_state(request).await.unwrap().into_inner();
        assert!(is_error(&answer.diagnostics));
    }
    let peak = peak_mib(host.plugin().id());
    assert!(peak < 1024, "{peak} MiB");
    // It still works.
    let schema = host.provider().get_metadata(tf::get_metadata::Request {}).await.unwrap().into_inner();
    assert!(!schema.resources.is_empty());
}
