//! Settings that are wrong, through the real CLI: each is told at once, as what it is, word for word.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use huaweidb_emulator::{Emulator, Modes, Options};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};

use crate::messages::book::Book;
use crate::support::cli::Workspace;

/// A mistake takes no longer than that. It should be 3 seconds, which the table shows; who tries again tries a hundred times,
/// which takes many minutes.
const LIMIT: Duration = Duration::from_mins(2);

/// What listens on a port of this machine, until the test ends.
fn listening(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one").to_string();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || answer(stream));
        }
    });
    address
}

/// A server of TLS that hangs up on whoever speaks something else.
fn hangs_up_on_http() -> String {
    let (address, _) = with_certificate("127.0.0.1", [2020, 2120]);
    let behind = address.replace("https://", "");
    let front = listening(move |mut stream| {
        let mut first = [0; 1];
        if stream.peek(&mut first).is_ok_and(|length| length == 1) && first[0] == 0x16 {
            let mut server = TcpStream::connect(&behind).expect("it listens");
            let mut back = (server.try_clone().expect("one more"), stream.try_clone().expect("one more"));
            let answers = thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
            let _ = std::io::copy(&mut stream, &mut server);
            let _ = server.shutdown(Shutdown::Write);
            let _ = answers.join();
        } else {
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    format!("http://{front}")
}

/// A server with a certificate for this name and these years, behind which nobody answers, and the certificate.
fn with_certificate(name: &str, years: [i32; 2]) -> (String, String) {
    server(name, years, false)
}

/// The same; it may want a certificate of whoever calls it.
fn server(name: &str, years: [i32; 2], asks_for_one: bool) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(years[0], 1, 1);
    params.not_after = rcgen::date_time_ymd(years[1], 1, 1);
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("the key's own form");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("usual versions");
    let config = if asks_for_one {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        config.with_client_cert_verifier(clients.build().expect("a verifier"))
    } else {
        config.with_no_client_auth()
    };
    let config = config.with_single_cert(vec![certificate], key);
    let config = Arc::new(config.expect("key and certificate fit"));
    let address = listening(move |mut stream| {
        let mut session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a session");
        while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
        // What it has to say arrives only if it hears the other out.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (format!("https://{address}"), pem)
}

/// What answers each first message so, hears the other out, and says no more.
fn one_answer(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> String {
    listening(move |mut stream| {
        let mut asked = [0; 4096];
        let length = stream.read(&mut asked).unwrap_or_default();
        let _ = stream.write_all(&answer(&asked[..length]));
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

/// A proxy that answers everybody so.
fn proxy(answer: &'static str) -> String {
    listening(move |mut stream| {
        let mut asked = [0; 1024];
        let _ = stream.read(&mut asked);
        let _ = stream.write_all(answer.as_bytes());
    })
}

/// A port where nobody listens, now or later: it is taken, so that no other test gets it.
fn nobody() -> String {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = socket.local_addr().expect("it has one").to_string();
    std::mem::forget(socket);
    address
}

/// A folder whose provider block holds this, and a plan that asks for the instances of a service.
fn workspace(emulator: &Emulator, block: &str, variables: &[(&str, &str)]) -> Workspace {
    let mut workspace = Workspace::new(emulator);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
        workspace.set(name, "");
    }
    workspace.set("HW_MAX_RETRIES", "100");
    for (name, value) in variables {
        workspace.set(name, value);
    }
    workspace.configure("data \"huaweidb_instances\" \"all\" {\n  service = \"dds\"\n}\n");
    let main = workspace
        .read("main.tf")
        .replace("endpoints = var.endpoints", &format!("endpoints = var.endpoints\n  {block}"));
    workspace.write("main.tf", &main);
    workspace
}

/// What a failing plan said, diagnostic by diagnostic.
#[expect(clippy::print_stdout, reason = "a table for those who ask for it: --nocapture")]
fn said(workspace: &Workspace, case: &str) -> String {
    let begun = Instant::now();
    let ran = workspace.run(&["plan", "-json"]).failed();
    let took = begun.elapsed();
    assert!(took < LIMIT, "{case}: {took:?}\n{}", ran.all());
    println!("{:5.1} s  {case}", took.as_secs_f64());
    let lines = ran.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told = lines.filter_map(|line| {
        // The CLI has a warning of its own about how it finds the binary.
        let one =
            line.get("diagnostic").filter(|one| one["summary"] != "Provider development overrides are in effect")?;
        Some(format!("{}: {}\n{}", one["severity"].as_str()?, one["summary"].as_str()?, one["detail"].as_str()?))
    });
    let told = told.collect::<Vec<_>>().join("\n");
    assert!(told.contains("error: "), "{case}: {}", ran.all());
    for words in ["hush", "cloud's support"] {
        // The CLI shows lines of the configuration too.
        assert!(!ran.all().contains(words), "{case}: {words:?} in\n{}", ran.all());
    }
    told + "\n"
}

/// Entries of `clouds.yaml`, each wrong in its way.
const CLOUDS: &str = "\
clouds:
  here: { region_name: eu-de }
  odd: { region_name: 'eu-de ' }
  half: { auth: { ak: AK } }
  list: { auth: { ak: AK, sk: [hush] } }
  map: { auth: { ak: AK, sk: { hush: hush } } }
  number: { auth: { ak: AK, sk: 0123 } }
  truth: { auth: { ak: AK, sk: true } }
  unseen: { auth: { username: me, domain_name: acme, password: \"hu\u{200b}sh\" } }
  text: { auth: hush }
  verify: { verify: maybe, auth: { ak: AK, sk: hush } }
  authority: { cacert: /no/ca.pem, auth: { ak: AK, sk: hush } }
  word: hush
  nothing: { auth: { username: me } }
";

/// What `secure.yaml` says of some of them.
const SECURE: &str =
    "clouds: { odd: { auth: { ak: AK } }, half: { auth: { sk: 'hush ' } }, list: { auth: { ak: 7 } } }\n";

/// Profiles of KooCLI, each wrong in its way.
const PROFILES: &str = r#"{"current": "break", "profiles": [
    {"name": "break", "mode": "AKSK", "accessKeyId": "AK", "secretAccessKey": "hush\n"},
    {"name": "unseen", "mode": "AKSK", "accessKeyId": "\ufeffAK", "secretAccessKey": "hush"},
    {"name": "quotes", "mode": "AKSK", "accessKeyId": "AK", "secretAccessKey": "'hush'"},
    {"name": "list", "mode": "AKSK", "accessKeyId": "AK", "secretAccessKey": ["hush"]},
    {"name": "number", "mode": "SSO", "ssoAuth": {"stsToken": {"accessKeyId": 1234, "secretAccessKey": "hush"}}},
    {"name": "half", "mode": "AKSK", "accessKeyId": "AK"},
    {"name": "locked", "mode": "AKSK", "accessKeyId": "9f3c==:ab", "secretAccessKey": "hush=by=koocli"}
]}"#;

#[test]
fn mistakes_in_files_and_odd_characters_are_told_at_once_as_what_they_are() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let mut book = Book::default();
    let region = ("HW_REGION_NAME", "eu-de");
    let no_keys = [region, ("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", "")];
    let clouds = [no_keys.as_slice(), &[("OS_CLIENT_CONFIG_FILE", "clouds.yaml")]].concat();
    let secure = [clouds.as_slice(), &[("OS_CLIENT_SECURE_FILE", "hidden.yaml")]].concat();
    let profile = |name| [no_keys.as_slice(), &[("HW_SHARED_CONFIG_FILE", "koo.json"), ("HW_PROFILE", name)]].concat();
    let without_keys = |more: &[(&'static str, &'static str)]| [no_keys.as_slice(), more].concat();
    for (case, block, variables) in [
        ("an odd value in secure.yaml", "cloud = \"half\"", secure.clone()),
        ("half a key pair in secure.yaml", "cloud = \"odd\"", secure.clone()),
        ("a number in secure.yaml", "cloud = \"list\"", secure.clone()),
        ("nothing in either of them", "cloud = \"nothing\"", clouds.clone()),
        ("half a key pair in clouds.yaml, half in a variable", "", {
            let more = [("OS_CLOUD", "half"), ("HW_SECRET_KEY", "hush")];
            [clouds.as_slice(), &more].concat()
        }),
        ("a user in clouds.yaml, a password in a variable", "", {
            let more = [("OS_CLOUD", "nothing"), ("OS_PASSWORD", "hush")];
            [clouds.as_slice(), &more].concat()
        }),
        ("half a key pair in a profile, half in the block", "secret_key = \"hush\"", profile("half")),
        ("a list for a secret key", "cloud = \"list\"", clouds.clone()),
        ("a map for a secret key", "cloud = \"map\"", clouds.clone()),
        ("a number for a secret key", "cloud = \"number\"", clouds.clone()),
        ("a truth for a secret key", "cloud = \"truth\"", clouds.clone()),
        ("a text for all settings", "cloud = \"text\"", clouds.clone()),
        ("a text for an entry", "cloud = \"word\"", clouds.clone()),
        ("neither on nor off in clouds.yaml", "cloud = \"verify\"", clouds.clone()),
        ("no such file of certificates, in clouds.yaml", "cloud = \"authority\"", clouds.clone()),
        ("an invisible character in clouds.yaml", "cloud = \"unseen\"", clouds.clone()),
        ("a line break in a profile", "", profile("break")),
        ("an invisible character in a profile", "", profile("unseen")),
        ("quotes in a profile", "", profile("quotes")),
        ("a list in a profile", "", profile("list")),
        ("a number in a profile", "", profile("number")),
        ("a profile that is encrypted", "", profile("locked")),
        ("no such profile", "", profile("nowhere")),
        ("an invisible character in a secret key", "", vec![("HW_SECRET_KEY", "hush\u{200b}")]),
        ("an invisible character in an access key", "", vec![("HW_ACCESS_KEY", "\u{feff}AK")]),
        ("an invisible character in a token", "", without_keys(&[("OS_TOKEN", "hu\u{ad}sh")])),
        ("an invisible character in a security token", "", vec![("HW_SECURITY_TOKEN", "hush\u{2060}")]),
        (
            "an invisible character in a password",
            "",
            without_keys(&[("OS_USERNAME", "me"), ("OS_DOMAIN_NAME", "acme"), ("OS_PASSWORD", "\u{a0}hush")]),
        ),
        ("an invisible character in the block", "token = \"hush\u{200b}\"", without_keys(&[])),
        ("an invisible character in an address", "", vec![("OS_AUTH_URL", "https://iam.\u{200b}example.com")]),
        (
            "an invisible character in the address of a service",
            "",
            vec![("TF_VAR_endpoints", "{\"dds\": \"https://dds.\u{200b}example.com\"}")],
        ),
        ("a letter that no key has", "", vec![("HW_SECRET_KEY", "hush\u{435}")]),
        ("a header in the user agent", "", vec![("HW_TF_CUSTOM_UA", "ci/1\r\nX-Evil: 1")]),
        ("a line break in the CLI's user agent", "", vec![("TF_APPEND_USER_AGENT", "ci/1\n")]),
        ("bytes that are no text in the user agent", "", vec![("TF_APPEND_USER_AGENT", "ci/\u{fffd}")]),
        ("a letter that no header has", "", vec![("HW_TF_CUSTOM_UA", "büro/1")]),
        ("a line break in the proxy's address", "", vec![("HTTPS_PROXY", "http://me:hush@proxy\n:3128")]),
        ("bytes that are no text in a list of hosts", "", vec![("NO_PROXY", "example.com,\u{fffd}.example.org")]),
        ("an agency of the environment without an account", "", vec![("HW_ASSUME_ROLE_AGENCY_NAME", "ops")]),
        (
            "keys of an agency that are to live too long",
            "",
            vec![
                ("HW_ASSUME_ROLE_AGENCY_NAME", "ops"),
                ("HW_ASSUME_ROLE_DOMAIN_ID", "0123"),
                ("HW_ASSUME_ROLE_DURATION", "86400"),
                ("TF_VAR_endpoints", "{\"sts\": \"https://sts.example.com\"}"),
            ],
        ),
    ] {
        let workspace = workspace(&emulator, block, &variables);
        workspace.write("clouds.yaml", CLOUDS);
        workspace.write("hidden.yaml", SECURE);
        workspace.write("koo.json", PROFILES);
        book.text(case, &said(&workspace, case));
    }
    assert!(emulator.journal().is_empty(), "nothing was sent");
    book.is("mistakes-in-files");
}

#[test]
fn every_mistake_in_the_settings_is_told_at_once_as_what_it_is() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let mut book = Book::default();
    let role = "assume_role {\n    agency_name = \"ops\"\n  }";
    for (case, block, variables) in [
        ("no region", "", [("HW_REGION_NAME", "")].as_slice()),
        ("an access key alone", "", &[("HW_SECRET_KEY", "")]),
        ("a secret key alone", "", &[("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", ""), ("OS_SECRET_KEY", "hush")]),
        ("halves of different places", "access_key = \"AK\"", &[]),
        (
            "a user of the block, a password of the environment",
            "user_name = \"me\"\n  domain_name = \"acme\"",
            &[("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", ""), ("OS_USERNAME", "you"), ("OS_PASSWORD", "hush")],
        ),
        (
            "a password of the block, a user of the environment",
            "password = \"hush\"\n  domain_name = \"acme\"",
            &[("HW_USER_NAME", "you")],
        ),
        (
            "a user and a password of different variables",
            "",
            &[
                ("HW_ACCESS_KEY", ""),
                ("HW_SECRET_KEY", ""),
                ("HW_USER_NAME", "me"),
                ("HW_DOMAIN_NAME", "acme"),
                ("OS_PASSWORD", "hush"),
            ],
        ),
        ("a line break in a variable", "", &[("HW_PROJECT_ID", "0123\n")]),
        ("a value in quotes", "", &[("HW_REGION_NAME", "\"eu-de\"")]),
        ("white space around a key", "", &[("HW_SECRET_KEY", " hush")]),
        ("a user without a password", "user_name = \"me\"", &[("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", "")]),
        ("a password without a user", "", &[("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", ""), ("OS_PASSWORD", "hush")]),
        (
            "a user without an account",
            "",
            &[("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", ""), ("OS_PASSWORD", "hush"), ("OS_USERNAME", "me")],
        ),
        ("retries that are no number", "", &[("HW_MAX_RETRIES", "many")]),
        ("too many retries", "max_retries = 101", &[]),
        ("neither on nor off", "", &[("HW_INSECURE", "maybe")]),
        ("a cloud that is no domain", "", &[("HW_CLOUD", "otc")]),
        ("plain http for IAM", "", &[("OS_AUTH_URL", "http://iam.example.com/v3")]),
        ("an address without a host", "", &[("OS_AUTH_URL", "https://")]),
        ("a service that does not exist", "", &[("TF_VAR_endpoints", r#"{"dss": "https://dds.example.com"}"#)]),
        ("plain http for a service", "", &[("TF_VAR_endpoints", r#"{"dds": "http://dds.example.com"}"#)]),
        ("a password in an address", "", &[("TF_VAR_endpoints", r#"{"dds": "https://me:hush@dds.example.com"}"#)]),
        ("no such file of certificates", "", &[("OS_CACERT", "/no/ca.pem")]),
        ("a file without certificates", "cacert_file = \"main.tf\"", &[]),
        (
            "a certificate that is cut",
            "",
            &[("OS_CACERT", "# our authority\n-----BEGIN CERTIFICATE-----\nMIIBdzCCAR2gAwIBAgIUBc")],
        ),
        ("an agency without an account", role, &[]),
        (
            "keys that live too short",
            "",
            &[
                ("HW_ASSUME_ROLE_AGENCY_NAME", "ops"),
                ("HW_ASSUME_ROLE_DOMAIN_NAME", "acme"),
                ("HW_ASSUME_ROLE_DURATION", "60"),
            ],
        ),
        ("no such shared file", "shared_config_file = \"nowhere.json\"", &[]),
        ("a broken shared file", "shared_config_file = \"main.tf\"", &[]),
        ("a cloud that clouds.yaml does not have", "cloud = \"otc\"", &[("OS_CLIENT_CONFIG_FILE", "clouds.yaml")]),
        (
            "a broken clouds.yaml, which may name the region",
            "",
            &[("HW_REGION_NAME", ""), ("OS_CLOUD", "otc"), ("OS_CLIENT_CONFIG_FILE", "broken.yaml")],
        ),
        (
            "an odd value in clouds.yaml",
            "cloud = \"odd\"",
            &[("HW_REGION_NAME", ""), ("OS_CLIENT_CONFIG_FILE", "clouds.yaml")],
        ),
        ("a project id that is none", "", &[("HW_PROJECT_ID", "a/../b")]),
        ("a broken clouds.yaml", "cloud = \"otc\"", &[("OS_CLIENT_CONFIG_FILE", "broken.yaml")]),
        ("a profile and an entry", "cloud = \"otc\"\n  profile = \"p\"", &[]),
        ("a region that is no name", "", &[("HW_REGION_NAME", "cn north 4")]),
    ] {
        let workspace = workspace(&emulator, block, variables);
        workspace.write("clouds.yaml", CLOUDS);
        workspace.write("broken.yaml", "clouds: [hush");
        book.text(case, &said(&workspace, case));
    }
    assert!(emulator.journal().is_empty(), "nothing was sent");
    book.is("mistakes-in-settings");
}

/// What is wrong with an address may be in the middle of a password, so it is told without the address.
#[test]
fn an_address_that_is_none_or_cannot_exist_is_refused_and_no_password_is_shown() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let mut book = Book::default();
    for (case, block, variables) in [
        ("a password in a malformed address", "", [("OS_AUTH_URL", "https://me:hush/1@iam.example.com")].as_slice()),
        ("a password before a port that is none", "", &[("HW_AUTH_URL", "https://me:hush@iam.example.com:99999")]),
        ("a password that looks like the host", "", &[("HW_AUTH_URL", "https://hush/1@iam.example.com")]),
        ("a password that looks like the host and a query", "", &[("HW_AUTH_URL", "https://hush?1@iam.example.com")]),
        (
            "a password in the malformed address of a service",
            "",
            &[("TF_VAR_endpoints", r#"{"dds": "https://me:hush/1@dds.example.com"}"#)],
        ),
        ("an address with a password for a region", "", &[("HW_REGION_NAME", "https://me:hush@example.com")]),
        (
            "a region that is too long for a host",
            "",
            &[("HW_REGION_NAME", "eu-deeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee")],
        ),
        ("a region that begins with a hyphen", "", &[("OS_REGION_NAME", "-eu-de"), ("HW_REGION_NAME", "")]),
        ("a cloud that ends with a hyphen", "", &[("HW_CLOUD", "example-.com")]),
        ("a host that cannot exist", "", &[("TF_VAR_endpoints", r#"{"dds": "https://-a.example.com"}"#)]),
        (
            "a host that cannot exist either",
            "",
            &[("HW_AUTH_URL", "https://iam.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com")],
        ),
    ] {
        let workspace = workspace(&emulator, block, variables);
        book.text(case, &said(&workspace, case));
    }
    assert!(emulator.journal().is_empty(), "nothing was sent");
    book.is("mistakes-in-addresses");
}

#[test]
fn a_cloud_that_cannot_be_reached_is_told_at_once_with_the_reason() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let mut book = Book::default();
    let at = |address: &str| json!({ "dds": address }).to_string();
    let far = at("https://dds.example.com");
    let plain = emulator.endpoint("dds").replace("http://", "https://");
    let through = |proxy: String| vec![("TF_VAR_endpoints", far.clone()), ("HTTPS_PROXY", proxy)];
    let dds = |address: String| vec![("TF_VAR_endpoints", at(&address))];
    for (case, variables) in [
        ("an authority that nobody knows", dds(with_certificate("127.0.0.1", [2020, 2120]).0)),
        ("a certificate for another name", {
            let (address, pem) = with_certificate("dds.example.com", [2020, 2120]);
            [dds(address), vec![("OS_CACERT", pem)]].concat()
        }),
        ("a certificate that has expired", dds(with_certificate("127.0.0.1", [2020, 2021]).0)),
        ("a certificate of the future", dds(with_certificate("127.0.0.1", [2110, 2120]).0)),
        ("https to what speaks http", dds(plain)),
        ("http to what speaks TLS", dds(with_certificate("127.0.0.1", [2020, 2120]).0.replace("https://", "http://"))),
        (
            "http to what speaks TLS, and says so",
            dds(format!(
                "http://{}",
                proxy("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
            )),
        ),
        ("nobody listens", dds(format!("https://{}", nobody()))),
        (
            "nobody listens at IAM",
            vec![
                ("TF_VAR_endpoints", "{}".to_owned()),
                ("HW_PROJECT_ID", String::new()),
                ("OS_AUTH_URL", format!("http://{}/v3", nobody())),
            ],
        ),
        ("a proxy that wants a login", through(proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))),
        (
            "a proxy that refused the login",
            through(format!("http://me:hush@{}", proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))),
        ),
        ("a proxy that lets nobody through", through(proxy("HTTP/1.1 403 Forbidden\r\n\r\n"))),
        ("a proxy that is none", through(proxy("220 mail.example.com ESMTP\r\n"))),
        ("a proxy that hangs up", through(proxy(""))),
        ("http to what speaks TLS, and hangs up", dds(hangs_up_on_http())),
        ("a server that wants a certificate of ours", {
            let (address, pem) = server("127.0.0.1", [2020, 2120], true);
            [dds(address), vec![("OS_CACERT", pem)]].concat()
        }),
        ("a server that hangs up at once", dds(format!("https://{}", one_answer(|_| Vec::new())))),
        (
            "a proxy that lets nobody through without its page",
            through(one_answer(|_| b"HTTP/1.1 200 OK\r\n\r\n<html>Log in first</html>".to_vec())),
        ),
        ("a proxy that hangs up after a good word", through(one_answer(|_| b"HTTP/1.1 200 OK\r\n\r\n".to_vec()))),
        ("a proxy whose password ends its host", through("http://hush/1@127.0.0.1:3128".to_owned())),
        ("a proxy whose host cannot exist", through("http://me:hush@-a.example.com:3128".to_owned())),
        ("a proxy that is not there", through(format!("http://{}", nobody()))),
        ("a proxy of http called by https", through(format!("https://{}", proxy("HTTP/1.1 400 Bad Request\r\n\r\n")))),
        ("a proxy of another kind", through("socks5://127.0.0.1:1080".to_owned())),
        ("a proxy without a host", through("http://".to_owned())),
    ] {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let workspace = workspace(&emulator, "", &variables);
        // What is on the way is asked for two seconds what it is: a machine that stalls gets no answer, so it is asked again.
        let told = (0..3).find_map(|nth| {
            let begun = Instant::now();
            let told = said(&workspace, case);
            (begun.elapsed() < Duration::from_secs(5) || nth == 2).then_some(told)
        });
        book.text(case, &told.expect("the last one counts"));
    }
    assert!(emulator.journal().is_empty(), "nothing was sent");
    book.is("mistakes-on-the-way");

    // Name servers answer in more than one way.
    for (case, variables) in [
        ("no such host", vec![("TF_VAR_endpoints", at("https://dds.invalid"))]),
        ("no such region", vec![("TF_VAR_endpoints", "{}".to_owned()), ("HW_CLOUD", "cloud.invalid".to_owned())]),
        ("no such proxy", through("proxy.invalid:3128".to_owned())),
    ] {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let told = said(&workspace(&emulator, "", &variables), case);
        let known = ["there is no host", "there is no such host", "could not be looked up"];
        assert!(known.iter().any(|words| told.contains(words)) && told.contains("HTTPS_PROXY"), "{case}: {told}");
    }
}

/// What says nothing at all takes as long as a connection may, once.
#[test]
fn silence_at_an_address_or_a_proxy_that_somebody_gave_is_told_after_one_try() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let mute = || listening(|mut stream| while stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {});
    let good_word = || {
        listening(|mut stream| {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
        })
    };
    let drips = || {
        listening(|mut stream| {
            let _ = stream.read(&mut [0; 1024]);
            stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a limit");
            while stream.write_all(b"H").is_ok() && stream.read(&mut [0; 1]).map_or(true, |length| length > 0) {}
        })
    };
    let far = json!({ "dds": "https://dds.example.com" }).to_string();
    let through = |proxy: String| vec![("TF_VAR_endpoints", far.clone()), ("HTTPS_PROXY", proxy)];
    let address = format!("https://{}", mute());
    let cases = [
        ("an address that never answers", vec![("TF_VAR_endpoints", json!({ "dds": address }).to_string())]),
        ("a proxy that says nothing", through(mute())),
        ("a proxy that stops after a good word", through(good_word())),
        ("a proxy that says little by little nothing", through(drips())),
    ];
    let told = thread::scope(|scope| {
        let emulator = &emulator;
        let running = cases.each_ref().map(|(case, variables)| {
            scope.spawn(move || {
                let variables: Vec<(&str, &str)> =
                    variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
                said(&workspace(emulator, "", &variables), case)
            })
        });
        running.map(|one| one.join().expect("it is told"))
    });
    let mut book = Book::default();
    for ((case, _), told) in cases.iter().zip(told) {
        book.text(case, &told);
    }
    book.is("mistakes-of-silence");
}

#[test]
fn an_identity_that_does_not_fit_is_told_at_once() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let mut book = Book::default();
    let (domain, domain_id, agency) = emulator.delegation();
    let role = |agency: &str, by: &str, domain: &str| {
        format!("assume_role {{\n    agency_name = \"{agency}\"\n    {by} = \"{domain}\"\n  }}")
    };
    let user = |name: &'static str, value: String| {
        vec![("HW_ACCESS_KEY", String::new()), ("HW_SECRET_KEY", String::new()), (name, value)]
    };
    let mut password = user("HW_USER_PASSWORD", "hush".to_owned());
    password.extend([("HW_USER_NAME", emulator.user_name()), ("HW_DOMAIN_NAME", emulator.domain_name())]);
    let good_password = || {
        let mut own = password.clone();
        own[2].1 = emulator.password();
        own
    };
    for (case, block, variables) in [
        ("a wrong secret key", String::new(), vec![("HW_SECRET_KEY", "hushhushhushhush".to_owned())]),
        ("an access key that nobody knows", String::new(), vec![("HW_ACCESS_KEY", "NOBODYS0KEY".to_owned())]),
        ("a wrong password", String::new(), password.clone()),
        ("a password with a project that does not exist", String::new(), {
            let mut own = good_password();
            own.extend([("HW_PROJECT_ID", String::new()), ("HW_PROJECT_NAME", "eu-de_nowhere".to_owned())]);
            own
        }),
        ("a password with the id of a project that does not exist", String::new(), {
            let mut own = good_password();
            own.push(("HW_PROJECT_ID", "0123456789".to_owned()));
            own
        }),
        ("a security token that is none", String::new(), {
            let (access, secret, _) = emulator.issue_temporary_key(3600.0);
            vec![("HW_ACCESS_KEY", access), ("HW_SECRET_KEY", secret), ("HW_SECURITY_TOKEN", "hush".to_owned())]
        }),
        ("a token that is none", String::new(), user("HW_AUTH_TOKEN", "hush".to_owned())),
        (
            "a project that does not exist",
            String::new(),
            vec![("HW_PROJECT_ID", String::new()), ("HW_PROJECT_NAME", "eu-de_nowhere".to_owned())],
        ),
        ("a project of the account that signs in", role(&agency, "domain_name", &domain), Vec::new()),
        ("the same by the account's id", role(&agency, "domain_id", &domain_id), Vec::new()),
        ("an agency that does not exist", role("nobody", "domain_name", &domain), Vec::new()),
        ("an account that does not exist", role(&agency, "domain_name", "nowhere"), Vec::new()),
    ] {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let workspace = workspace(&emulator, &block, &variables);
        book.text(case, &said(&workspace, case));
    }
    // Six minutes ahead are no mistake, sixteen are.
    for (seconds, is_wrong) in [(16 * 60, true), (-16 * 60, true), (6 * 60, false)] {
        let modes = Modes { clock_ahead_seconds: seconds, ..Modes::default() };
        let elsewhere = Emulator::start_now(&Options { modes, ..Options::default() }).expect("the emulator starts");
        let workspace = workspace(&elsewhere, "", &[]);
        if is_wrong {
            let case = format!("a clock that is {} minutes off", seconds / 60);
            book.text(&case, &said(&workspace, &case));
            // Each signature that is refused counts towards the lock of the key.
            let refused = elsewhere.journal().iter().filter(|call| call.status == Some(401)).count();
            assert_eq!(refused, 1, "{case}");
        } else {
            workspace.run(&["plan"]).succeeded();
        }
    }
    book.is("mistakes-of-identity");
}

#[test]
fn certificates_below_a_comment_in_any_encoding_are_taken() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (_, pem) = with_certificate("127.0.0.1", [2020, 2120]);
    let workspace = workspace(&emulator, "cacert_file = \"ca.pem\"", &[]);
    for (comment, is_taken) in [(b"# Beh\xf6rde\n".as_slice(), true), (b"\x30\x82\xff", false)] {
        let text = if is_taken { pem.as_bytes() } else { b"" };
        std::fs::write(workspace.path("ca.pem"), [comment, text].concat()).expect("a file");
        let ran = workspace.run(&["plan"]);
        if is_taken {
            ran.succeeded();
        } else {
            ran.failed().says("openssl x509 -inform der");
        }
    }
}
