//! The real binary under a hand-written host. Each test names the line of the conformance checklist that it proves.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};
use tonic::{Code, Request};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::host::{BINARY, COOKIE, Client, Host, Launch, NEVER, Plugin, drain, signal};
use crate::support::proto::health::HealthCheckRequest;
use crate::support::proto::plugin::{ConnInfo, Empty};
use crate::support::proto::tfplugin6 as tf;
use crate::support::started::program;
use crate::support::value::wire;

const SECOND: Duration = Duration::from_secs(1);

/// Something that every provider answers.
async fn ask(host: &Host) -> Result<tf::get_metadata::Response, tonic::Status> {
    host.provider().get_metadata(tf::get_metadata::Request {}).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn line_01_by_hand_there_is_an_explanation_and_nothing_else() {
    for cookie in [None, Some(""), Some("wrong")] {
        let mut launch = Launch::by_hand();
        if let Some(cookie) = cookie {
            launch = launch.env(COOKIE.0, cookie);
        }
        let ended = launch.run().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("Terraform") && ended.stderr.contains("plugin"), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1);
    }
}

#[tokio::test]
async fn line_02_without_a_certificate_the_conversation_is_in_plain_text() {
    let host = Launch::plaintext().start().await.connect().await;
    ask(&host).await.unwrap();
    let plugin = host.shut_down().await;
    let fields = plugin.fields();
    assert_eq!(
        (fields[0], fields[1], fields[2], fields[4], fields[5], fields.len()),
        ("1", "6", "unix", "grpc", "", 6)
    );
    assert!(Path::new(fields[3]).is_absolute());
    assert!(plugin.stdout().is_empty(), "one line only, but then: {:?}", plugin.stdout());
}

#[tokio::test]
async fn line_02_an_empty_certificate_variable_is_none() {
    let host = Launch::plaintext().env("PLUGIN_CLIENT_CERT", "").start().await.connect().await;
    ask(&host).await.unwrap();
}

#[tokio::test]
async fn line_03_fifty_starts_with_mutual_tls_all_succeed() {
    let mut certificates = BTreeSet::new();
    for _ in 0..50 {
        let plugin = Launch::secured().start().await;
        certificates.insert(plugin.certificate().to_vec());
        ask(&plugin.connect().await).await.unwrap();
    }
    assert_eq!(certificates.len(), 50, "each process has its own");
}

#[tokio::test]
async fn line_04_the_servers_certificate_is_one_that_hosts_trust() {
    let plugin = Launch::secured().start().await;
    let der = plugin.certificate();
    let (rest, certificate) = X509Certificate::from_der(&der).unwrap();
    assert!(rest.is_empty());
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names, [GeneralName::DNSName("localhost")]);
    let purposes = certificate.extended_key_usage().unwrap().unwrap();
    assert!(purposes.value.server_auth);
    let now =
        i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let validity = certificate.validity();
    assert!(validity.not_before.timestamp() <= now - 60, "{validity:?}");
    assert!(validity.not_after.timestamp() > now + 10 * 365 * 24 * 60 * 60, "{validity:?}");
}

/// Whether a connection survives its TLS handshake. With TLS 1.3 a client hears of a refusal only when it reads.
async fn served(client: Option<&Client>, plugin: &crate::support::host::Plugin) -> bool {
    let Ok(mut wire) = Client::secure(client, &plugin.certificate(), plugin.dial().await).await else { return false };
    // The opening of an HTTP/2 conversation; a server that takes part answers with its settings.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    if wire.write_all(preface).await.is_err() || wire.flush().await.is_err() {
        return false;
    }
    let mut first = [0; 9];
    wire.read_exact(&mut first).await.is_ok_and(|_| first[3] == 4)
}

#[tokio::test]
async fn line_05_only_the_host_itself_is_served() {
    let plugin = Launch::secured().start().await;
    assert!(!served(None, &plugin).await, "nobody");
    assert!(!served(Some(&Client::new()), &plugin).await, "another host");
    assert!(!served(Some(&Client::thief(plugin.client())), &plugin).await, "the certificate without its key");
    assert!(served(Some(plugin.client()), &plugin).await, "the host");
    let mut plain = plugin.dial().await;
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let answer = drain(plain).await.unwrap_or_default();
    assert_ne!(answer.get(3), Some(&4), "no settings in plain text: {answer:?}");
    ask(&plugin.connect().await).await.unwrap();
}

#[tokio::test]
async fn line_05_a_stuck_handshake_holds_up_nobody() {
    // After ten seconds they are cut off: a machine that needs longer tells nothing.
    for _ in 0..5 {
        let plugin = Launch::secured().start().await;
        let since = Instant::now();
        let stuck = [plugin.dial().await, plugin.dial().await, plugin.dial().await];
        let host = plugin.connect().await;
        ask(&host).await.unwrap();
        let told = stuck.map(|stuck| stuck.try_read(&mut [0]).map_err(|error| error.kind()));
        if since.elapsed() < SECOND * 9 {
            assert_eq!(told, [Err(ErrorKind::WouldBlock); 3], "nobody waited until it was cut off");
            return;
        }
    }
    panic!("somebody waited, or the machine is too slow to tell");
}

#[tokio::test]
async fn line_06_http2_is_negotiated() {
    let plugin = Launch::secured().start().await;
    let wire = Client::secure(Some(plugin.client()), &plugin.certificate(), plugin.dial().await).await.unwrap();
    assert_eq!(wire.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn line_07_an_unusable_certificate_is_fatal() {
    let whole = Client::new().pem;
    for pem in ["nonsense", &whole[..whole.len() / 2], &whole.replace("MI", "IM")] {
        let ended = Launch::plaintext().env("PLUGIN_CLIENT_CERT", pem).run().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        // In place of the line, for the host to show.
        assert!(ended.stdout.contains("PLUGIN_CLIENT_CERT") && !ended.stdout.contains('|'), "{ended:?}");
        assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
        assert!(ended.stderr.contains("PLUGIN_CLIENT_CERT"), "{ended:?}");
        assert!(!ended.stderr.contains("panic"), "{ended:?}");
    }
}

#[tokio::test]
async fn line_08_the_socket_is_private_and_gone_afterwards() {
    let elsewhere = tempfile::tempdir().unwrap();
    for chosen in [None, Some(elsewhere.path())] {
        let mut launch = Launch::secured();
        if let Some(dir) = chosen {
            launch = launch.env("PLUGIN_UNIX_SOCKET_DIR", dir);
        }
        let plugin = launch.start().await;
        let socket = plugin.socket();
        let (dir, parent) = (socket.parent().unwrap().to_owned(), chosen.unwrap_or(plugin.scratch()).to_owned());
        assert_eq!(dir.parent(), Some(parent.as_path()));
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        let _plugin = plugin.connect().await.shut_down().await; // holds its scratch directory
        assert!(!dir.exists());
        assert_eq!(fs::read_dir(parent).unwrap().count(), 0, "nothing is left behind");
    }
}

#[tokio::test]
async fn line_08_a_socket_directory_that_is_not_there_is_an_error() {
    let launch = Launch::secured();
    let missing = launch.scratch().join("missing");
    let ended = launch.env("PLUGIN_UNIX_SOCKET_DIR", &missing).run().await;
    assert_eq!(
        (ended.code, ended.stdout.contains("missing"), ended.stdout.contains('|')),
        (Some(1), true, false),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("missing"), "{ended:?}");
}

#[tokio::test]
async fn line_09_the_seventh_field_is_for_those_who_ask() {
    for (asked, fields) in [(None, 6), (Some(""), 6), (Some("true"), 7)] {
        let mut launch = Launch::secured();
        if let Some(asked) = asked {
            launch = launch.env("PLUGIN_MULTIPLEX_GRPC", asked);
        }
        let plugin = launch.start().await;
        assert_eq!(plugin.fields().len(), fields, "{}", plugin.line);
        assert!(plugin.fields().get(6).is_none_or(|field| field.parse::<bool>().is_ok()), "{}", plugin.line);
        ask(&plugin.connect().await).await.unwrap();
    }
}

#[tokio::test]
async fn line_10_version_six_is_announced_to_everyone() {
    for versions in ["5", "6,5", "5,6", "6", "", "nonsense"] {
        let plugin = Launch::secured().env("PLUGIN_PROTOCOL_VERSIONS", versions).start().await;
        assert_eq!(plugin.fields()[1], "6", "{versions}");
    }
}

#[tokio::test]
async fn line_12_shutdown_ends_streams_and_process_at_once() {
    let host = Host::start().await;
    let mut outputs = host.stdio().stream_stdio(()).await.unwrap().into_inner();
    let offers = tokio_stream::once(ConnInfo { service_id: 7, ..ConnInfo::default() });
    let offers = tokio_stream::StreamExt::chain(offers, tokio_stream::pending());
    let mut broker = host.broker().start_stream(offers).await.unwrap().into_inner();
    let mut health = host.health().watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(health.message().await.unwrap().unwrap().status, 1);
    host.shut_down().await; // checks time and exit code
    assert!(outputs.message().await.unwrap().is_none(), "ended in order");
    assert!(broker.message().await.unwrap().is_none(), "ended in order, nothing echoed");
    assert!(health.message().await.unwrap().is_none(), "ended in order");
}

#[tokio::test]
async fn line_12_after_shutdown_no_new_connection_is_taken() {
    let host = Launch::plaintext().start().await.connect().await;
    let plugin = host.shut_down().await;
    assert!(tokio::net::UnixStream::connect(plugin.socket()).await.is_err());
}

#[tokio::test]
async fn line_13_the_output_stream_stays_open_and_silent() {
    let host = Launch::secured().env("TF_LOG", "TRACE").start().await.connect().await;
    let mut outputs = host.stdio().stream_stdio(()).await.unwrap().into_inner();
    for _ in 0..5 {
        ask(&host).await.unwrap();
    }
    assert!(timeout(SECOND / 2, outputs.message()).await.is_err(), "neither an item nor an end");
}

#[tokio::test]
async fn line_14_it_is_healthy() {
    let host = Host::start().await;
    for service in ["", "plugin"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        assert_eq!(host.health().check(request).await.unwrap().into_inner().status, 1, "{service:?}");
    }
    let other = HealthCheckRequest { service: "other".to_owned() };
    assert_eq!(host.health().check(other).await.unwrap_err().code(), Code::NotFound);
}

/// A configuration with one text of this many bytes.
fn large_config(bytes: u32) -> tf::DynamicValue {
    let mut msgpack = vec![0x81, 0xa4]; // a map with one member, a text of 4 bytes
    msgpack.extend(b"name");
    msgpack.push(0xdb); // a text with its length in 4 bytes
    msgpack.extend(bytes.to_be_bytes());
    msgpack.resize(msgpack.len() + bytes as usize, b'x');
    tf::DynamicValue { msgpack, json: Vec::new() }
}

#[tokio::test]
async fn line_15_a_hundred_megabytes_are_taken() {
    let host = Host::start().await;
    let request = tf::validate_resource_config::Request {
        type_name: "huaweidb_manual_backup".to_owned(),
        config: Some(large_config(100_000_000)),
        client_capabilities: None,
    };
    timeout(NEVER, host.provider().validate_resource_config(request)).await.expect("an answer").unwrap();
}

/// Whether a line on stderr is one that hosts take for a log entry.
#[track_caller]
fn check_log_line(line: &str) -> Value {
    let Ok(entry) = serde_json::from_str::<Value>(line) else { panic!("no JSON: {line}") };
    let text = |key: &str| entry[key].as_str().unwrap_or_else(|| panic!("no text in {key}: {line}"));
    assert!(["trace", "debug", "info", "warn", "error"].contains(&text("@level")), "{line}");
    text("@message");
    let time = text("@timestamp");
    let shape: String = time.chars().map(|one| if one.is_ascii_digit() { '0' } else { one }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{line}");
    assert!(line.len() < 64 * 1024, "{} bytes", line.len());
    entry
}

#[tokio::test]
async fn line_17_every_line_on_stderr_is_a_log_entry() {
    let plugin = Launch::secured().env("TF_LOG", "TRACE").start().await;
    assert!(!served(None, &plugin).await); // is logged
    let host = plugin.connect().await;
    ask(&host).await.unwrap();
    host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    let plugin = host.shut_down().await;
    let lines = plugin.stderr();
    assert!(!lines.is_empty());
    for line in &lines {
        let entry = check_log_line(line);
        let ours = entry["@module"].as_str().unwrap().starts_with("huaweidb");
        assert!(ours || ["warn", "error"].contains(&entry["@level"].as_str().unwrap()), "{line}");
    }
    assert!(lines.iter().any(|line| line.contains("a connection was refused")), "{lines:#?}");
}

#[tokio::test]
async fn line_17_nothing_is_written_that_nobody_asked_for() {
    for (variables, quiet) in [
        (&[][..], true),
        (&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER_HUAWEIDB", "OFF")], true),
        (&[("TF_LOG_PROVIDER_HUAWEIDB", "ERROR")], true),
        (&[("TF_LOG_PROVIDER_HUAWEIDB", "WARN")], false),
        (&[("TF_LOG_PROVIDER", "warn")], false),
        (&[("TF_LOG", "JSON")], false),
    ] {
        let launch = variables.iter().fold(Launch::secured(), |launch, (name, value)| launch.env(name, value));
        let plugin = launch.start().await;
        assert!(!served(None, &plugin).await); // a warning
        let plugin = plugin.connect().await.shut_down().await;
        assert_eq!(plugin.stderr().is_empty(), quiet, "{variables:?}: {:?}", plugin.stderr());
    }
}

/// What a provider in debug mode prints for the shell.
fn reattach(plugin: &Plugin) -> Value {
    let value = plugin.line.strip_prefix("TF_REATTACH_PROVIDERS='").and_then(|rest| rest.strip_suffix('\''));
    serde_json::from_str(value.expect("a line for the shell")).expect("the line is JSON")
}

#[tokio::test]
async fn line_20_a_first_signal_in_debug_mode_lets_connected_runs_end_and_a_second_one_does_not() {
    for twice in [false, true] {
        let mut plugin = Launch::by_hand().arg("--debug").start().await;
        let value = reattach(&plugin);
        let socket = Path::new(value["localhost/huaweidb/huaweidb"]["Addr"]["String"].as_str().unwrap());
        let host = Host::at(socket).await;
        ask(&host).await.unwrap();
        plugin.signal(Signal::INT);
        timeout(NEVER, async {
            // Whoever connected before that line might be counted in it.
            while !plugin.stderr().iter().any(|line| line.contains("Connected runs: ")) {
                sleep(SECOND / 50).await;
            }
            while UnixStream::connect(socket).await.is_ok() {
                sleep(SECOND / 50).await;
            }
        })
        .await
        .expect("nobody new is served");
        sleep(SECOND).await; // longer than it needs to end
        ask(&host).await.unwrap();
        if twice {
            plugin.signal(Signal::TERM);
        } else {
            drop(host);
        }
        let status = plugin.ends().await;
        assert!(status.success(), "{status}");
        let said = plugin.stderr().join("\n");
        assert!(said.contains("Connected runs: 1;") && said.contains("Ctrl-C again"), "{said}");
    }
}

#[tokio::test]
async fn line_20_debug_mode_tells_how_to_reattach_and_outlives_its_hosts() {
    let mut plugin = Launch::by_hand().arg("--debug").start().await;
    let value = reattach(&plugin);
    let members: Vec<_> = value.as_object().unwrap().iter().collect();
    let [(address, server)] = members[..] else { panic!("one provider: {value}") };
    assert_eq!(address, "localhost/huaweidb/huaweidb");
    let socket = Path::new(server["Addr"]["String"].as_str().unwrap());
    let expected = json!({
        "Protocol": "grpc", "ProtocolVersion": 6, "Pid": plugin.id(), "Test": true,
        "Addr": {"Network": "unix", "String": socket},
    });
    assert_eq!(*server, expected);
    assert_eq!(fs::metadata(socket.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    for _ in 0..2 {
        let host = Host::at(socket).await;
        ask(&host).await.unwrap();
        host.controller().shutdown(Empty {}).await.unwrap();
        ask(&host).await.unwrap();
    }
    sleep(3 * SECOND).await; // longer than a process with a host would stay without it
    assert!(plugin.runs());
    plugin.signal(Signal::INT);
    let status = plugin.ends().await;
    assert!(status.success(), "{status}");
    assert!(!socket.parent().unwrap().exists());
}

/// Has any of these an error? A call that only warns has done what was asked.
fn has_error(diagnostics: &[tf::Diagnostic]) -> bool {
    diagnostics.iter().any(|one| one.severity() == tf::diagnostic::Severity::Error)
}

/// Makes each of these calls and gives what came back: the call's name with its diagnostics, or its status.
macro_rules! answers {
    ($host:expr, $($call:ident $request:expr),* $(,)?) => {
        [$((
            stringify!($call),
            $host.unchecked().$call($request).await.map(|answer| answer.into_inner().diagnostics),
        )),*]
    };
}

#[tokio::test]
async fn line_26_an_unknown_type_is_an_error_and_no_accident() {
    let host = Host::start().await;
    let type_name = || "huaweidb_no_such_thing".to_owned();
    let object = || wire(&json!({ "id": "x" }));
    let answers = answers!(
        host,
        validate_resource_config tf::validate_resource_config::Request {
            type_name: type_name(), config: object(), ..Default::default()
        },
        validate_data_resource_config tf::validate_data_resource_config::Request {
            type_name: type_name(), config: object()
        },
        upgrade_resource_state tf::upgrade_resource_state::Request {
            type_name: type_name(),
            raw_state: Some(tf::RawState { json: b"{}".to_vec(), ..Default::default() }),
            ..Default::default()
        },
        read_resource tf::read_resource::Request {
            type_name: type_name(), current_state: object(), ..Default::default()
        },
        plan_resource_change tf::plan_resource_change::Request {
            type_name: type_name(),
            config: object(),
            proposed_new_state: object(),
            prior_state: wire(&Value::Null),
            ..Default::default()
        },
        apply_resource_change tf::apply_resource_change::Request {
            type_name: type_name(),
            config: object(),
            planned_state: object(),
            prior_state: wire(&Value::Null),
            ..Default::default()
        },
        import_resource_state tf::import_resource_state::Request {
            type_name: type_name(), id: "x".to_owned(), ..Default::default()
        },
        move_resource_state tf::move_resource_state::Request {
            target_type_name: type_name(),
            source_type_name: type_name(),
            source_state: Some(tf::RawState { json: b"{}".to_vec(), ..Default::default() }),
            ..Default::default()
        },
        read_data_source tf::read_data_source::Request {
            type_name: type_name(), config: object(), ..Default::default()
        },
    );
    for (call, answer) in answers {
        let diagnostics = answer.unwrap_or_else(|status| panic!("{call}: {status}"));
        assert!(has_error(&diagnostics), "{call}: {diagnostics:?}");
    }
    ask(&host).await.unwrap();
}

/// Makes each of these calls and gives what became of it.
macro_rules! outcomes {
    ($host:expr, $($call:ident $request:expr),* $(,)?) => {
        vec![$((stringify!($call), $host.unchecked().$call($request).await.map(|_| ()))),*]
    };
}

/// No call may end in any other way, and none may have panicked.
async fn check_outcomes(host: Host, outcomes: Vec<(&str, Result<(), tonic::Status>)>) {
    for (call, outcome) in outcomes {
        let status = outcome.err().map(|status| status.code());
        assert!(matches!(status, None | Some(Code::Unimplemented)), "{call}: {status:?}");
    }
    ask(&host).await.expect("it still answers");
    assert!(!host.shut_down().await.stderr().iter().any(|line| line.contains("panic")));
}

#[tokio::test]
async fn line_62_every_call_is_answered_or_unimplemented() {
    let host = Host::start().await;
    let outcomes = outcomes!(
        host,
        get_metadata tf::get_metadata::Request::default(),
        get_provider_schema tf::get_provider_schema::Request::default(),
        validate_provider_config tf::validate_provider_config::Request::default(),
        validate_resource_config tf::validate_resource_config::Request::default(),
        validate_data_resource_config tf::validate_data_resource_config::Request::default(),
        upgrade_resource_state tf::upgrade_resource_state::Request::default(),
        get_resource_identity_schemas tf::get_resource_identity_schemas::Request::default(),
        upgrade_resource_identity tf::upgrade_resource_identity::Request::default(),
        configure_provider tf::configure_provider::Request::default(),
        read_resource tf::read_resource::Request::default(),
        plan_resource_change tf::plan_resource_change::Request::default(),
        apply_resource_change tf::apply_resource_change::Request::default(),
        import_resource_state tf::import_resource_state::Request::default(),
        move_resource_state tf::move_resource_state::Request::default(),
        read_data_source tf::read_data_source::Request::default(),
        generate_resource_config tf::generate_resource_config::Request::default(),
        validate_ephemeral_resource_config tf::validate_ephemeral_resource_config::Request::default(),
        open_ephemeral_resource tf::open_ephemeral_resource::Request::default(),
        renew_ephemeral_resource tf::renew_ephemeral_resource::Request::default(),
        close_ephemeral_resource tf::close_ephemeral_resource::Request::default(),
        list_resource tf::list_resource::Request::default(),
        validate_list_resource_config tf::validate_list_resource_config::Request::default(),
        get_functions tf::get_functions::Request::default(),
        call_function tf::call_function::Request::default(),
        validate_state_store_config tf::validate_state_store::Request::default(),
        configure_state_store tf::configure_state_store::Request::default(),
        read_state_bytes tf::read_state_bytes::Request::default(),
        write_state_bytes tokio_stream::once(tf::write_state_bytes::RequestChunk::default()),
        lock_state tf::lock_state::Request::default(),
        unlock_state tf::unlock_state::Request::default(),
        get_states tf::get_states::Request::default(),
        delete_state tf::delete_state::Request::default(),
        plan_action tf::plan_action::Request::default(),
        invoke_action tf::invoke_action::Request::default(),
        validate_action_config tf::validate_action_config::Request::default(),
        stop_provider tf::stop_provider::Request::default(),
    );
    assert_eq!(outcomes.len(), 36, "all that the definitions name");
    check_outcomes(host, outcomes).await;
}

#[tokio::test]
async fn line_62_garbage_is_answered_like_any_mistake() {
    let host = Host::start().await;
    let mut outcomes = Vec::new();
    let kind = || "huaweidb_manual_backup".to_owned();
    let raw = |json: &[u8]| Some(tf::RawState { json: json.to_vec(), ..Default::default() });
    for garbage in [&b"\xc1"[..], b"\x81", b"\xdf\xff\xff\xff\xff", b"\xa3abc", b"\x90", &[0x91; 10_000]] {
        let value = || Some(tf::DynamicValue { msgpack: garbage.to_vec(), json: Vec::new() });
        let private = garbage.to_vec();
        outcomes.extend(outcomes!(
            host,
            validate_provider_config tf::validate_provider_config::Request { config: value() },
            configure_provider tf::configure_provider::Request { config: value(), ..Default::default() },
            validate_resource_config tf::validate_resource_config::Request {
                type_name: kind(), config: value(), ..Default::default()
            },
            validate_data_resource_config tf::validate_data_resource_config::Request {
                type_name: "huaweidb_backup".to_owned(), config: value()
            },
            upgrade_resource_state tf::upgrade_resource_state::Request {
                type_name: kind(), raw_state: raw(garbage), ..Default::default()
            },
            upgrade_resource_state tf::upgrade_resource_state::Request {
                type_name: kind(), raw_state: raw(b"[1e999999999]"), ..Default::default()
            },
            read_resource tf::read_resource::Request {
                type_name: kind(), current_state: value(), private: private.clone(), ..Default::default()
            },
            plan_resource_change tf::plan_resource_change::Request {
                type_name: kind(),
                config: value(),
                prior_state: value(),
                proposed_new_state: value(),
                prior_private: private.clone(),
                ..Default::default()
            },
            apply_resource_change tf::apply_resource_change::Request {
                type_name: kind(),
                config: value(),
                prior_state: value(),
                planned_state: value(),
                planned_private: private.clone(),
                ..Default::default()
            },
            import_resource_state tf::import_resource_state::Request {
                type_name: kind(), id: "///".to_owned(), ..Default::default()
            },
            move_resource_state tf::move_resource_state::Request {
                target_type_name: kind(),
                source_type_name: kind(),
                source_state: raw(garbage),
                ..Default::default()
            },
            read_data_source tf::read_data_source::Request {
                type_name: "huaweidb_backup".to_owned(), config: value(), ..Default::default()
            },
        ));
    }
    check_outcomes(host, outcomes).await;
}

#[tokio::test]
async fn line_62_what_is_not_offered_is_unimplemented() {
    let host = Host::start().await;
    for path in ["/tfplugin6.Provider/NoSuchCall", "/tfplugin5.Provider/GetSchema", "/no.Such/Service", "/", "/x"] {
        let mut grpc = tonic::client::Grpc::new(host.channel());
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
        let answer = grpc.unary(Request::new(Empty {}), path.parse().unwrap(), codec).await;
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented, "{path}");
    }
    ask(&host).await.unwrap();
}

#[tokio::test]
async fn line_71_an_interrupt_from_the_terminal_is_not_for_us() {
    let mut host = Host::start().await;
    for _ in 0..3 {
        host.plugin().signal(Signal::INT);
        ask(&host).await.unwrap();
    }
    sleep(3 * SECOND / 2).await;
    assert!(host.plugin().runs());
    host.shut_down().await;
}

#[tokio::test]
async fn line_72_no_signal_to_the_provider_alone_ends_what_its_host_goes_on_with() {
    let mut host = Host::start().await;
    for kind in [Signal::TERM, Signal::HUP, Signal::QUIT, Signal::INT, Signal::TERM] {
        host.plugin().signal(kind);
        ask(&host).await.unwrap();
    }
    sleep(3 * SECOND / 2).await; // idle
    ask(&host).await.unwrap();
    host.shut_down().await;
}

#[tokio::test]
async fn line_73_after_a_stop_other_calls_are_answered() {
    let host = Host::start().await;
    for _ in 0..3 {
        let stopped = host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap().into_inner();
        assert_eq!(stopped.error, "");
        ask(&host).await.unwrap();
    }
}

#[tokio::test]
async fn line_74_many_calls_at_once_are_answered() {
    let host = Host::start().await;
    let calls: Vec<_> = (0..500)
        .map(|n| {
            let mut provider = host.provider();
            let mut health = host.health();
            tokio::spawn(async move {
                match n % 3 {
                    0 => health.check(HealthCheckRequest::default()).await.map(|_| ()),
                    1 => provider.stop_provider(tf::stop_provider::Request {}).await.map(|_| ()),
                    _ => provider.get_metadata(tf::get_metadata::Request {}).await.map(|_| ()),
                }
            })
        })
        .collect();
    for call in calls {
        timeout(NEVER, call).await.expect("an answer").unwrap().unwrap();
    }
}

#[tokio::test]
async fn line_75_a_host_that_vanishes_is_not_outlived() {
    let host = Host::start().await;
    let outputs = host.stdio().stream_stdio(()).await.unwrap();
    ask(&host).await.unwrap();
    drop(outputs);
    let mut plugin = host.vanish();
    let dir = plugin.socket().parent().unwrap().to_owned();
    let status = plugin.ends().await;
    assert!(status.success(), "{status}");
    assert!(!dir.exists());
}

#[tokio::test]
async fn line_75_a_parent_that_dies_before_it_connects_is_not_outlived() {
    let scratch = tempfile::tempdir().unwrap();
    // A shell as the host: it starts the plugin, says who it is, and waits.
    let mut shell = tokio::process::Command::from(program("sh", scratch.path()))
        .args(["-c", "\"$0\" & wait", BINARY])
        .env(COOKIE.0, COOKIE.1)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = shell.stdout.take().unwrap();
    let mut first = [0; 4];
    stdout.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"1|6|");
    signal(shell.id().unwrap(), Signal::KILL);
    shell.wait().await.unwrap();
    // The plugin holds the other end of the pipe for as long as it lives.
    timeout(NEVER, drain(stdout)).await.expect("it has ended").unwrap();
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn the_command_line_is_small() {
    for (argument, code, on_stdout, says) in [
        ("--version", 0, true, concat!("terraform-provider-huaweidb ", env!("CARGO_PKG_VERSION"))),
        ("-version", 0, true, "plugin protocol 6.11"),
        ("--help", 0, true, "--debug"),
        ("-h", 0, true, "--version"),
        ("--nonsense", 2, false, "Usage"),
        ("serve", 2, false, "Usage"),
    ] {
        let ended = Launch::plaintext().arg(argument).run().await; // the cookie makes no difference
        assert_eq!(ended.code, Some(code), "{argument}: {ended:?}");
        let (speaking, silent) =
            if on_stdout { (&ended.stdout, &ended.stderr) } else { (&ended.stderr, &ended.stdout) };
        assert!(speaking.contains(says) && silent.is_empty(), "{argument}: {ended:?}");
    }
    let ended = Launch::by_hand().arg("--version").arg("--help").run().await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
}
