//! The whole floor against a tiny server on this machine that answers as each test tells it to.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, Notify};
use tokio::time::{sleep, timeout};
use url::Url;

use super::patience::Patience;
use super::*;

static DDS: Product = Product { key: "dds", host: |_, _| "dds" };

const SECRET_KEY: &str = "the-secret-key";
const SECURITY_TOKEN: &str = "the-security-token";
const PASSWORD: &str = "the-password";
const TOKEN: &str = "the-token";

/// Settings that are complete; tests change what they are about.
pub(super) fn settings() -> Settings {
    Settings {
        region: "eu-de".to_owned(),
        cloud: None,
        credentials: key(None),
        assume_role: None,
        project_id: None,
        project_name: None,
        endpoints: std::collections::BTreeMap::new(),
        unsent_token: None,
        auth_url: None,
        auth_url_from: String::new(),
        project_from: "HW_PROJECT_ID".to_owned(),
        insecure: false,
        authorities: Authorities::default(),
        proxy: None,
        max_retries: 3,
        user_agent: "test/1".to_owned(),
    }
}

fn key(security_token: Option<&str>) -> Credentials {
    Credentials::Key {
        access_key: "AKEXAMPLE".to_owned(),
        secret_key: SECRET_KEY.to_owned().into(),
        security_token: security_token.map(|token| token.to_owned().into()),
    }
}

fn password() -> Credentials {
    Credentials::Password {
        user_name: Some("terraform".to_owned()),
        user_id: None,
        password: PASSWORD.to_owned().into(),
        domain_name: Some("ACME".to_owned()),
        domain_id: None,
    }
}

/// Longer than any test.
const HOUR: Duration = Duration::from_hours(1);
/// What does not come within this time never does. Nothing here takes as long, however busy the machine.
const NEVER: Duration = Duration::from_mins(2);

const PATIENCE: Patience = Patience {
    connect: NEVER,
    given: NEVER,
    idle: NEVER,
    total: NEVER,
    grace: NEVER,
    after_stop: NEVER,
    metadata: NEVER,
    first_wait: Duration::from_millis(20),
    longest_wait: Duration::from_millis(40),
    largest_bytes: 10_000,
};

/// For a peer that is silent, and so never faster.
const SILENCE: Patience =
    Patience { idle: Duration::from_millis(400), metadata: Duration::from_millis(250), ..PATIENCE };

/// For a peer that answers, but not to a question in TLS, which comes after a connection that broke.
const PROBED: Patience = Patience { idle: Duration::from_secs(5), ..PATIENCE };

fn context() -> Context {
    Context { deadline: Instant::now() + NEVER, stop: CancellationToken::new() }
}

fn within(limit: Duration) -> Context {
    Context { deadline: Instant::now() + limit, ..context() }
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What the server does.
#[derive(Clone)]
enum Do {
    /// Sends this and waits for the next request.
    Send(String),
    /// Sends this and closes.
    SendAndClose(String),
    /// Sends this, then a byte now and then, for ever.
    Trickle(String),
    /// Sends this and says nothing more.
    Hang(String),
    /// Takes its time first.
    Later(Duration, Box<Do>),
    /// Waits for others first.
    Together(Arc<Barrier>, Box<Do>),
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Do {
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    Do::Send(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()))
}

fn ok(body: &Json) -> Do {
    answer(200, &[("Content-Type", "application/json"), ("X-Request-Id", "r1")], &body.to_string())
}

fn close() -> Do {
    Do::SendAndClose(String::new())
}

struct Peer {
    url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Told of each request.
    asked: Arc<Notify>,
}

impl Peer {
    /// Answers with what `script` says; it gets the number of requests before and the request.
    async fn start(script: impl Fn(usize, &Seen) -> Do + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = Peer { url, seen: Arc::default(), asked: Arc::default() };
        let (seen, asked, script) = (Arc::clone(&server.seen), Arc::clone(&server.asked), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&asked), Arc::clone(&script)));
            }
        });
        server
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path() == path).count()
    }

    /// A cloud whose products are all at this server.
    fn cloud(&self, settings: Settings) -> Cloud {
        self.with(settings, PATIENCE)
    }

    fn with(&self, settings: Settings, patience: Patience) -> Cloud {
        let endpoints = ["iam", "dds"].map(|key| (key.to_owned(), self.url.clone())).into();
        Cloud::with_patience(Settings { endpoints, ..settings }, patience).unwrap()
    }

    /// The same, with the project known.
    fn simple(&self) -> Cloud {
        self.patient(PATIENCE)
    }

    /// The same, with limits of its own.
    fn patient(&self, patience: Patience) -> Cloud {
        self.with(Settings { project_id: Some("p1".to_owned()), ..settings() }, patience)
    }
}

async fn serve<S, F>(mut stream: S, seen: Arc<Mutex<Vec<Seen>>>, asked: Arc<Notify>, script: Arc<F>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(usize, &Seen) -> Do,
{
    while let Some(request) = receive(&mut stream).await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        asked.notify_one();
        let mut what = script(number, &request);
        match what {
            Do::Later(wait, then) => {
                sleep(wait).await;
                what = *then;
            }
            Do::Together(all, then) => {
                all.wait().await;
                what = *then;
            }
            _ => {}
        }
        let (text, goes_on) = match &what {
            Do::Send(text) => (text, true),
            Do::SendAndClose(text) | Do::Trickle(text) | Do::Hang(text) => (text, false),
            Do::Later(..) | Do::Together(..) => return,
        };
        if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match what {
            Do::Trickle(_) => {
                while stream.write_all(b" ").await.is_ok() && stream.flush().await.is_ok() {
                    sleep(Duration::from_millis(50)).await;
                }
            }
            Do::Hang(_) => sleep(2 * HOUR).await,
            _ => {}
        }
        if !goes_on {
            return;
        }
    }
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let (method, target) = (first.next()?, first.next()?);
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut request = Seen { at: Instant::now(), method, target, headers, body: String::new() };
    let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}

fn list() -> Call {
    Call::get(&DDS, "/v3/{project_id}/backups").with("name", "my backup").with("limit", "10")
}

fn create() -> Call {
    Call::post(&DDS, "/v3/{project_id}/backups", Some(json!({"backup": {"name": "ü"}})))
}

fn projects(id: &str, name: &str) -> Json {
    json!({"projects": [{"id": id, "name": name}]})
}

fn token_answer(token: &str, project_id: &str, seconds: i64) -> Do {
    let now = Timestamp::now();
    let ends = now + jiff::SignedDuration::from_secs(seconds);
    let body = json!({"token": {
        "expires_at": ends.to_string(), "issued_at": now.to_string(), "project": {"id": project_id, "name": "eu-de"}
    }});
    answer(201, &[("X-Subject-Token", token)], &body.to_string())
}

fn keys(access: &str, seconds: i64) -> Json {
    let ends = Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    json!({"credential": {
        "access": access, "secret": SECRET_KEY, "securitytoken": SECURITY_TOKEN, "expires_at": ends.to_string()
    }})
}

/// Whether the signature is right for what arrived.
fn is_signed(seen: &Seen, secret_key: &str) -> bool {
    let authorization = seen.header("authorization").unwrap();
    let (access_key, rest) =
        authorization.strip_prefix("SDK-HMAC-SHA256 Access=").unwrap().split_once(", SignedHeaders=").unwrap();
    let names = rest.split_once(", ").unwrap().0;
    let headers = names.split(';').map(|name| (name, seen.header(name).unwrap())).collect::<Vec<_>>();
    let url = Url::parse(&format!("http://{}{}", seen.header("host").unwrap(), seen.target)).unwrap();
    let request = sign::Request { method: &seen.method, url: &url, headers: &headers, body: seen.body.as_bytes() };
    let key = sign::Key { access_key, secret_key };
    sign::authorization(request, key, seen.header("x-sdk-date").unwrap()) == authorization
}

#[tokio::test]
async fn a_call_goes_out_signed_and_comes_back_read() {
    let server = Peer::start(|_, seen| match seen.method.as_str() {
        "POST" => {
            answer(202, &[("Date", "Tue, 03 Jun 2025 08:12:38 GMT"), ("X-Request-Id", "r7")], "{\"job_id\": \"j\"}")
        }
        _ => answer(204, &[], ""),
    })
    .await;
    let cloud = server.cloud(Settings {
        project_id: Some("p1".to_owned()),
        credentials: key(Some(SECURITY_TOKEN)),
        ..settings()
    });

    let reply = cloud.send(&context(), &create().header("X-Language", "en-us")).await.unwrap();
    assert_eq!((reply.status, reply.body.json()), (202, json!({"job_id": "j"})));
    assert_eq!(reply.date, Some("2025-06-03T08:12:38Z".parse().unwrap()));
    assert_eq!(reply.request_id.as_deref(), Some("r7"));
    let reply = cloud.send(&context(), &list()).await.unwrap();
    assert_eq!((reply.status, reply.body.json()), (204, Json::Null));

    let [create, list] = server.seen().try_into().unwrap();
    assert_eq!(create.target, "/v3/p1/backups");
    assert_eq!(create.body, "{\"backup\":{\"name\":\"ü\"}}");
    assert_eq!(create.header("x-language"), Some("en-us"));
    assert_eq!(list.target, "/v3/p1/backups?limit=10&name=my%20backup");
    assert_eq!(list.header("x-language"), None);
    for seen in [&create, &list] {
        assert!(is_signed(seen, SECRET_KEY), "{seen:?}");
        assert!(!is_signed(seen, "another"), "{seen:?}");
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header("user-agent"), Some("test/1"));
        assert_eq!(seen.header("x-project-id"), Some("p1"));
        assert_eq!(seen.header("x-security-token"), Some(SECURITY_TOKEN));
        assert_eq!(seen.header("x-auth-token"), None);
    }
    assert!(
        create
            .header("authorization")
            .unwrap()
            .contains("SignedHeaders=host;x-language;x-project-id;x-sdk-date;x-security-token, ")
    );
}

#[tokio::test]
async fn a_body_less_put_says_so() {
    let server = Peer::start(|_, _| ok(&json!({}))).await;
    server.simple().send(&context(), &Call::put(&DDS, "/v3/{project_id}/x", None)).await.unwrap();
    assert_eq!(server.seen()[0].header("content-length"), Some("0"));
}

#[tokio::test]
async fn only_safe_calls_are_repeated_after_a_server_error() {
    let server = Peer::start(|number, seen| match (seen.method.as_str(), number) {
        ("GET", 0) => answer(503, &[], ""),
        ("GET", 1) => answer(502, &[], "<html>bad gateway</html>"),
        ("GET", _) => ok(&json!({"backups": []})),
        _ => answer(500, &[], "{\"error_code\": \"DBS.280005\", \"error_msg\": \"server error\"}"),
    })
    .await;
    let cloud = server.simple();
    cloud.send(&context(), &list()).await.unwrap();
    assert_eq!(server.seen().len(), 3);
    assert!(server.seen().iter().all(|seen| is_signed(seen, SECRET_KEY)));

    let error = cloud.send(&context(), &create()).await.unwrap_err();
    assert_eq!(server.seen().len(), 4, "a create is not sent twice");
    assert!(error.may_be_applied());
    assert_eq!(error.refusal().unwrap().code, "DBS.280005");
}

#[tokio::test]
async fn patience_has_an_end() {
    let server = Peer::start(|_, _| answer(500, &[], "")).await;
    let error = server.simple().send(&context(), &list()).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().status, 500);
    assert_eq!(server.seen().len(), 4, "once, and three times again");
}

#[tokio::test]
async fn throttling_waits_as_long_as_the_cloud_says() {
    let server = Peer::start(|number, _| match number {
        0 => answer(429, &[("Retry-After", "1")], "{\"error_code\": \"APIGW.0308\", \"error_msg\": \"slow down\"}"),
        1 => answer(400, &[], "{\"error_code\": \"DBS.280443\", \"error_msg\": \"too frequent\"}"),
        _ => ok(&json!({})),
    })
    .await;
    let begun = Instant::now();
    server.simple().send(&context(), &create()).await.unwrap();
    assert_eq!(server.seen().len(), 3, "a throttled create was not carried out");
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_throttled_host_is_not_stormed() {
    let server = Peer::start(|number, _| match number {
        0 => answer(429, &[("Retry-After", "5")], ""),
        1..8 => Do::Later(Duration::from_millis(50), Box::new(answer(429, &[("Retry-After", "1")], ""))),
        _ => ok(&json!({})),
    })
    .await;
    let cloud = server.simple();
    let first = cloud.send(&within(Duration::from_secs(4)), &list()).await.unwrap_err();
    assert!(matches!(first, Error::DeadlinePassed { last: Some(_), .. }), "{first:?}");
    let calls = (0..20).map(|_| {
        let cloud = cloud.clone();
        tokio::spawn(async move { cloud.send(&context(), &list()).await })
    });
    let calls = calls.collect::<Vec<_>>();
    while server.seen().len() < 4 {
        sleep(Duration::from_millis(20)).await;
    }
    // All wait for the moment that was named. One tries then and finds the host still busy; no other tries meanwhile.
    for (before, after) in server.seen().iter().zip(server.seen().iter().skip(1)) {
        assert!(after.at - before.at >= Duration::from_secs(1), "{:?}", after.at - before.at);
    }
    for call in calls {
        call.abort();
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Peer::start(|_, _| ok(&json!({}))).await;
    let target = other.url.to_string();
    let server = Peer::start(move |_, _| answer(302, &[("Location", &target)], "")).await;
    let error = server.simple().send(&context(), &list()).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.status, 302);
    assert!(refusal.message.contains("redirect to 127.0.0.1"), "{}", refusal.message);
    assert!(advice(refusal).unwrap().contains("redirect"));
    assert!(!error.may_be_applied());
    assert_eq!((server.seen().len(), other.seen().len()), (1, 0));
}

#[tokio::test]
async fn keys_without_a_security_token_are_told_of_one_that_is_set_elsewhere() {
    let elsewhere = || Some("HW_SECURITY_TOKEN".to_owned());
    for (credentials, message, expected) in [
        (key(None), "ak AKEXAMPLE not exist", elsewhere()),
        (key(None), "verify security token fail", elsewhere()),
        (key(None), "verify aksk signature fail", None),
        (key(Some(SECURITY_TOKEN)), "verify security token fail", None),
    ] {
        let body = format!(r#"{{"error_code": "APIGW.0301", "error_msg": "{message}"}}"#);
        let server = Peer::start(move |_, _| answer(401, &[], &body)).await;
        let settings =
            Settings { project_id: Some("p1".to_owned()), credentials, unsent_token: elsewhere(), ..settings() };
        let error = server.cloud(settings).send(&context(), &create()).await.unwrap_err();
        assert_eq!(error.refusal().unwrap().unsent_token, expected, "{message}");
    }
}

#[tokio::test]
async fn bad_answers_are_clear_errors() {
    let chunked =
        format!("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x4000));
    let endless = Patience { total: Duration::from_secs(1), ..PATIENCE };
    for (what, expected) in [
        (answer(200, &[("Content-Type", "text/html")], "<html>login</html>"), "text/html"),
        (answer(200, &[], "{\"backups\": ["), "not valid JSON"),
        (answer(200, &[], &"x".repeat(10_001)), "larger than 10000"),
        (Do::Send(chunked), "larger than 10000"),
        (Do::SendAndClose("HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"a\":".to_owned()), "broke off"),
        (Do::Hang("HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{".to_owned()), "broke off: nothing was heard for"),
        (Do::Trickle("HTTP/1.1 200 X\r\nContent-Length: 10000\r\n\r\n{".to_owned()), "no complete answer within"),
        (Do::Hang(String::new()), "no complete answer within"),
        (close(), "the connection broke before the answer"),
        (Do::SendAndClose("nonsense\r\n\r\n".to_owned()), "the connection broke before the answer"),
    ] {
        let patience = match what {
            Do::Hang(_) => SILENCE,
            Do::Trickle(_) => endless,
            _ => PATIENCE,
        };
        let server = Peer::start(move |_, _| what.clone()).await;
        let error = server.patient(patience).send(&context(), &create()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(error.may_be_applied(), "{error}");
        assert_eq!(server.seen().len(), 1, "{error}");
    }
}

/// Hangs up on every request, and answers a question in TLS with these bytes, or not at all.
async fn hangs_up(of_tls: &'static [u8]) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = [0];
            let is_tls = stream.read_exact(&mut first).await.is_ok() && first == [22];
            if is_tls && !of_tls.is_empty() {
                stream.write_all(of_tls).await.unwrap();
            } else if is_tls {
                silent.push(stream);
            }
        }
    });
    Peer { url, seen: Arc::default(), asked: Arc::default() }
}

#[tokio::test]
async fn only_of_a_question_a_break_may_mean_that_the_port_speaks_tls() {
    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
    for (of_tls, is_told) in [(ALERT, true), (&[], false)] {
        let peer = hangs_up(of_tls).await;
        let cloud = peer.patient(if is_told { PATIENCE } else { SILENCE });
        let error = cloud.send(&context(), &list()).await.unwrap_err();
        assert_eq!(error.to_string().contains("did not answer in HTTP"), is_told, "{error}");
        let error = cloud.send(&context(), &create()).await.unwrap_err();
        assert!(error.may_be_applied(), "{error}");
    }
}

#[tokio::test]
async fn what_went_wrong_is_known_even_if_the_words_are_not() {
    for what in [
        answer(500, &[], &"x".repeat(10_001)),
        Do::SendAndClose("HTTP/1.1 500 X\r\nContent-Length: 100\r\n\r\n{\"error_code\"".to_owned()),
    ] {
        let server = Peer::start(move |_, _| what.clone()).await;
        let error = server.simple().send(&context(), &create()).await.unwrap_err();
        assert_eq!(error.refusal().unwrap().status, 500);
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_if_that_is_safe() {
    let server = Peer::start(|number, _| match number {
        0 => close(),
        1 => Do::SendAndClose("HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{".to_owned()),
        _ => ok(&json!({"backups": []})),
    })
    .await;
    server.patient(PROBED).send(&context(), &list()).await.unwrap();
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn what_could_not_be_sent_is_not_applied() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let gone = Peer { url, seen: Arc::default(), asked: Arc::default() };
    let error = gone.simple().send(&context(), &create()).await.unwrap_err();
    assert!(matches!(error, Error::Unanswered { may_be_applied: false, .. }), "{error:?}");
    assert!(error.lasts() && error.to_string().contains("refused the connection"), "{error}");
}

#[tokio::test]
async fn a_create_is_sent_again_if_it_never_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = Url::parse(&format!("http://{address}")).unwrap();
    let host = Peer { url, seen: Arc::default(), asked: Arc::default() };
    let cloud = host.cloud(Settings { project_id: Some("p1".to_owned()), max_retries: 100, ..settings() });
    let serves = async |listener: TcpListener| {
        let script = Arc::new(|_: usize, _: &Seen| {
            Do::SendAndClose("HTTP/1.1 200 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}".to_owned())
        });
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, Arc::clone(&host.seen), Arc::clone(&host.asked), script));
    };
    // The host has answered before; then it is away for a moment.
    let (reply, ()) = tokio::join!(async { cloud.send(&context(), &list()).await }, serves(listener));
    assert_eq!(reply.unwrap().status, 200);
    let (reply, ()) = tokio::join!(async { cloud.send(&context(), &create()).await }, async {
        sleep(Duration::from_millis(100)).await;
        serves(TcpListener::bind(address).await.unwrap()).await;
    });
    assert_eq!(reply.unwrap().status, 200);
    assert_eq!(host.seen().len(), 2);
}

#[tokio::test]
async fn a_stop_wakes_a_sleeper_at_once() {
    // Not woken it would sleep for as long as it may.
    let server = Peer::start(|_, _| answer(429, &[("Retry-After", "3600")], "")).await;
    let cloud = server.simple();
    let context = within(2 * HOUR);
    let create = create();
    let (ended, ()) = tokio::join!(timeout(NEVER, cloud.send(&context, &create)), async {
        sleep(Duration::from_millis(200)).await;
        context.stop.cancel();
    });
    let ended = ended.expect("it is woken");
    assert!(matches!(ended, Err(Error::Stopped { .. })), "{ended:?}");
    assert_eq!(server.seen().len(), 1);
    assert!(matches!(cloud.send(&context, &create).await, Err(Error::Stopped { .. })));
    assert_eq!(server.seen().len(), 1, "nothing is sent after a stop");
}

#[tokio::test]
async fn a_request_under_way_is_finished() {
    let server = Peer::start(|_, _| Do::Later(Duration::from_millis(200), Box::new(ok(&json!({"id": "b1"}))))).await;
    let cloud = server.simple();
    let context = context();
    let create = create();
    let (ended, ()) = tokio::join!(cloud.send(&context, &create), async {
        server.asked.notified().await;
        context.stop.cancel();
    });
    assert_eq!(ended.unwrap().body.json()["id"], "b1");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever_for_an_answer() {
    let trickle = "HTTP/1.1 200 X\r\nContent-Length: 10000\r\n\r\n{";
    let server = Peer::start(move |_, _| Do::Trickle(trickle.to_owned())).await;
    let (after_stop, grace) = (Duration::from_millis(200), Duration::from_millis(600));
    let cloud = server.patient(Patience { idle: 2 * HOUR, total: 2 * HOUR, after_stop, grace, ..PATIENCE });
    for (call, grace, may_be_applied) in [(list(), after_stop, false), (create(), grace, true)] {
        let context = within(2 * HOUR);
        let (ended, stopped_at) = tokio::join!(timeout(NEVER, cloud.send(&context, &call)), async {
            server.asked.notified().await;
            context.stop.cancel();
            Instant::now()
        });
        let took = stopped_at.elapsed();
        let error = ended.expect("for a moment").unwrap_err();
        assert_eq!(matches!(error, Error::Stopped { .. }), !may_be_applied, "{error:?}");
        assert_eq!(error.may_be_applied(), may_be_applied, "{error:?}");
        assert!(took >= grace, "{took:?}");
    }
    assert_eq!(server.seen().len(), 2, "nothing is sent again");
}

#[tokio::test]
async fn the_deadline_holds() {
    let server = Peer::start(|_, _| answer(429, &[("Retry-After", "7200")], "{\"error_code\": \"APIGW.0308\"}")).await;
    let (cloud, soon, create) = (server.simple(), within(HOUR), create());
    let error = timeout(NEVER, cloud.send(&soon, &create)).await.expect("a wait beyond the deadline is not begun");
    let error = error.unwrap_err();
    assert!(matches!(&error, Error::DeadlinePassed { last: Some(last), .. } if last.refusal().is_some()), "{error:?}");
    assert!(!error.may_be_applied());

    let error = server.simple().send(&within(Duration::ZERO), &create).await.unwrap_err();
    assert!(matches!(error, Error::DeadlinePassed { last: None, .. }), "{error:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_create_under_way_may_overrun_the_deadline_a_little() {
    let server = Peer::start(|_, _| Do::Later(Duration::from_secs(4), Box::new(ok(&json!({}))))).await;
    let cloud = server.simple();
    let soon = || within(Duration::from_secs(3));
    assert!(cloud.send(&soon(), &create()).await.is_ok(), "cut off, nobody would know what became of it");
    let error = cloud.send(&soon(), &list()).await.unwrap_err();
    assert!(matches!(error, Error::DeadlinePassed { .. }), "{error:?}");
}

#[tokio::test]
async fn ten_calls_look_the_project_up_once() {
    let server = Peer::start(|_, seen| match seen.path() {
        "/v3/projects" => Do::Later(Duration::from_millis(50), Box::new(ok(&projects("p9", "eu-de")))),
        _ => ok(&json!({})),
    })
    .await;
    let cloud = server.cloud(settings());
    let calls = (0..10).map(|_| {
        let cloud = cloud.clone();
        tokio::spawn(async move { cloud.send(&context(), &list()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!(server.count("/v3/projects"), 1);
    assert_eq!(server.count("/v3/p9/backups"), 10);
    let lookup = &server.seen()[0];
    assert_eq!(lookup.target, "/v3/projects?name=eu-de");
    assert_eq!(lookup.header("x-project-id"), None, "it is not known yet");
    assert!(is_signed(lookup, SECRET_KEY));
    assert_eq!(cloud.project_id(&context()).await.unwrap(), "p9");
    assert_eq!(server.count("/v3/projects"), 1);
}

#[tokio::test]
async fn without_the_right_to_search_the_own_projects_are_listed() {
    let server = Peer::start(|_, seen| match seen.path() {
        "/v3/projects" => answer(403, &[], "{\"error\": {\"code\": 403, \"message\": \"forbidden\"}}"),
        "/v3/auth/projects" => {
            ok(&json!({"projects": [{"id": "p1", "name": "eu-de"}, {"id": "p2", "name": "eu-de_team"}]}))
        }
        _ => ok(&json!({})),
    })
    .await;
    let team = Settings { project_name: Some("eu-de_team".to_owned()), ..settings() };
    assert_eq!(server.cloud(team).project_id(&context()).await.unwrap(), "p2");

    let server = Peer::start(|_, _| answer(403, &[("X-IAM-Trace-Id", "t1")], "")).await;
    let error = server.cloud(settings()).send(&context(), &list()).await.unwrap_err();
    assert!(matches!(&error, Error::Setup(text) if text.contains("may not list projects (request t1)")), "{error}");
}

#[tokio::test]
async fn another_region_has_its_own_project_and_shares_the_rest() {
    let server = Peer::start(|_, seen| match seen.target.as_str() {
        "/v3/projects?name=eu-nl" => ok(&projects("p-nl", "eu-nl")),
        _ => ok(&json!({})),
    })
    .await;
    let cloud = server.simple();
    let other = cloud.in_region("eu-nl");
    assert_eq!((cloud.region(), other.region()), ("eu-de", "eu-nl"));
    other.send(&context(), &list()).await.unwrap();
    cloud.in_region("eu-nl").send(&context(), &list()).await.unwrap();
    other.in_region("eu-de").send(&context(), &list()).await.unwrap();
    assert_eq!(server.count("/v3/projects"), 1);
    assert_eq!(server.count("/v3/p-nl/backups"), 2);
    assert_eq!(server.count("/v3/p1/backups"), 1);
    let error = cloud.in_region("cn-north-4/").send(&context(), &list()).await.unwrap_err();
    assert!(matches!(error, Error::Setup(_)), "{error:?}");
}

#[tokio::test]
async fn ten_calls_fetch_one_token() {
    let server = Peer::start(|_, seen| match seen.path() {
        "/v3/auth/tokens" => Do::Later(Duration::from_millis(50), Box::new(token_answer(TOKEN, "p5", 86400))),
        _ => ok(&json!({})),
    })
    .await;
    let cloud = server.cloud(Settings { credentials: password(), ..settings() });
    let calls = (0..10).map(|_| {
        let cloud = cloud.clone();
        tokio::spawn(async move { cloud.send(&context(), &list()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!(server.count("/v3/auth/tokens"), 1);
    assert_eq!(server.count("/v3/p5/backups"), 10, "the token names its project");
    let seen = server.seen();
    assert_eq!(seen[0].target, "/v3/auth/tokens?nocatalog=true");
    assert_eq!(seen[0].json()["auth"]["scope"]["project"]["name"], "eu-de");
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(seen[1].header("x-auth-token"), Some(TOKEN));
    assert_eq!(seen[1].header("authorization"), None);

    cloud.in_region("eu-nl").send(&context(), &list()).await.unwrap();
    let logins = server.seen().into_iter().filter(|seen| seen.path() == "/v3/auth/tokens").collect::<Vec<_>>();
    assert_eq!(logins.len(), 2, "a token is bound to a project");
    assert_eq!(logins[1].json()["auth"]["scope"]["project"]["name"], "eu-nl");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = Peer::start(|number, seen| match seen.path() {
        "/v3/auth/tokens" => token_answer(&format!("token-{number}"), "p5", 86400),
        _ if seen.header("x-auth-token") == Some("token-0") => {
            answer(401, &[], "{\"error_code\": \"APIGW.0301\", \"error_msg\": \"token expires\"}")
        }
        _ => ok(&json!({})),
    })
    .await;
    let cloud = server.cloud(Settings { credentials: password(), max_retries: 0, ..settings() });
    cloud.send(&context(), &create()).await.unwrap();
    let paths = server.seen().iter().map(|seen| seen.path().to_owned()).collect::<Vec<_>>();
    assert_eq!(paths, ["/v3/auth/tokens", "/v3/p5/backups", "/v3/auth/tokens", "/v3/p5/backups"]);

    let server = Peer::start(|_, seen| match seen.path() {
        "/v3/auth/tokens" => token_answer(TOKEN, "p5", 86400),
        _ => answer(403, &[], "{\"error_code\": \"DBS.280056\", \"error_msg\": \"invalid token\"}"),
    })
    .await;
    let cloud = server.cloud(Settings { credentials: password(), ..settings() });
    let error = cloud.send(&context(), &create()).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().code, "DBS.280056");
    assert_eq!((server.count("/v3/auth/tokens"), server.count("/v3/p5/backups")), (2, 2));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let server = Peer::start(|number, seen| match seen.path() {
        "/v3/auth/tokens" => token_answer(&format!("token-{number}"), "p5", if number == 0 { 1 } else { 86400 }),
        _ => ok(&json!({})),
    })
    .await;
    let cloud = server.cloud(Settings { credentials: password(), ..settings() });
    cloud.send(&context(), &list()).await.unwrap();
    sleep(Duration::from_millis(1100)).await;
    cloud.send(&context(), &list()).await.unwrap();
    assert_eq!(server.count("/v3/auth/tokens"), 2);
    assert!(server.seen()[3].header("x-auth-token").unwrap().starts_with("token-2"));
}

#[tokio::test]
async fn a_wrong_password_is_shown_once() {
    let body = include_str!("../../tests/data/cloud-api/error.iam.401.response.json");
    let server = Peer::start(move |_, _| answer(401, &[], body)).await;
    let cloud = server.cloud(Settings { credentials: password(), ..settings() });
    for cloud in [cloud.clone(), cloud.clone(), cloud.in_region("eu-nl")] {
        let error = cloud.send(&context(), &list()).await.unwrap_err();
        assert_eq!(error.refusal().unwrap().message, "The username or password is wrong.");
    }
    assert_eq!(server.seen().len(), 1, "repeated failures lock the user");
}

#[tokio::test]
async fn a_wrong_secret_key_is_shown_once() {
    let body = "{\"error_code\": \"APIGW.0301\", \"error_msg\": \"Incorrect IAM authentication information: verify aksk signature fail\"}";
    let server = Peer::start(move |_, _| Do::Later(Duration::from_millis(20), Box::new(answer(401, &[], body)))).await;
    let cloud = server.simple();
    let calls = (0..10).map(|_| {
        let cloud = cloud.clone();
        tokio::spawn(async move { cloud.send(&context(), &list()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        let error = call.await.unwrap().unwrap_err();
        assert!(advice(error.refusal().unwrap()).unwrap().contains("secret key"));
    }
    assert_eq!(server.seen().len(), 1, "five wrong signatures lock the key");
}

#[tokio::test]
async fn an_accepted_key_waits_for_nobody() {
    let all_ten = Arc::new(Barrier::new(10));
    let server = Peer::start(move |number, _| match number {
        0 => ok(&json!({})),
        _ => Do::Together(Arc::clone(&all_ten), Box::new(ok(&json!({})))),
    })
    .await;
    let cloud = server.patient(Patience { idle: HOUR, total: HOUR, ..PATIENCE });
    cloud.send(&context(), &list()).await.unwrap();
    let calls = (0..10).map(|_| {
        let cloud = cloud.clone();
        tokio::spawn(async move { cloud.send(&context(), &list()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_ready_token_knows_its_project() {
    let own = include_str!("../../tests/data/cloud-api/iam.token.response.json");
    let server = Peer::start(move |_, seen| match seen.path() {
        "/v3/auth/tokens" => answer(200, &[], own),
        _ => ok(&json!({})),
    })
    .await;
    let credentials = Credentials::Token(TOKEN.to_owned().into());
    let cloud = server.cloud(Settings { credentials: credentials.clone(), ..settings() });
    cloud.send(&context(), &list()).await.unwrap();
    let [question, call] = server.seen().try_into().unwrap();
    assert_eq!((question.method.as_str(), question.header("x-subject-token")), ("GET", Some(TOKEN)));
    assert_eq!(call.path(), "/v3/619d3e78f61b4be68bc5aa0b59edcf7b/backups");
    assert_eq!((call.header("x-auth-token"), call.header("x-subject-token")), (Some(TOKEN), None));

    let error = cloud.in_region("eu-nl").send(&context(), &list()).await.unwrap_err();
    assert!(error.to_string().contains("the token is for the project \"eu-de\""), "{error}");

    let server = Peer::start(|_, _| answer(401, &[], "{\"error_code\": \"APIGW.0301\"}")).await;
    let cloud = server.cloud(Settings { credentials, project_id: Some("p1".to_owned()), ..settings() });
    assert!(cloud.send(&context(), &list()).await.is_err());
    assert_eq!(server.seen().len(), 1, "a ready token cannot be renewed");
}

fn metadata(server: &Peer) -> Settings {
    let looked_for = "No credentials were found.".to_owned();
    Settings {
        credentials: Credentials::Metadata { address: server.url.clone(), looked_for },
        project_id: Some("p1".to_owned()),
        ..settings()
    }
}

#[tokio::test]
async fn metadata_hands_out_keys() {
    for has_tokens in [true, false] {
        let server = Peer::start(move |_, seen| match seen.path() {
            "/meta-data/latest/api/token" if has_tokens => answer(200, &[], "metadata-token"),
            "/meta-data/latest/api/token" => answer(404, &[], ""),
            "/openstack/latest/securitykey" => ok(&keys("AKMETADATA", 86400)),
            _ => ok(&json!({})),
        })
        .await;
        let cloud = server.cloud(metadata(&server));
        cloud.send(&context(), &list()).await.unwrap();
        cloud.send(&context(), &list()).await.unwrap();
        let [token, keys, call, _] = server.seen().try_into().unwrap();
        assert_eq!(token.method, "PUT");
        assert_eq!(token.header("x-metadata-token-ttl-seconds"), Some("21600"));
        assert_eq!(keys.header("x-metadata-token"), has_tokens.then_some("metadata-token"));
        assert_eq!(call.header("x-security-token"), Some(SECURITY_TOKEN));
        assert!(call.header("authorization").unwrap().contains("Access=AKMETADATA,"));
        assert!(is_signed(&call, SECRET_KEY));
    }
}

#[tokio::test]
async fn refused_metadata_keys_are_fetched_anew_once() {
    let server = Peer::start(|number, seen| match seen.path() {
        "/meta-data/latest/api/token" => answer(200, &[], "metadata-token"),
        "/openstack/latest/securitykey" => ok(&keys(&format!("AK{number}"), 86400)),
        _ => answer(401, &[], "{\"error_code\": \"APIGW.0301\", \"error_msg\": \"security token expired\"}"),
    })
    .await;
    let error = server.cloud(metadata(&server)).send(&context(), &list()).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().status, 401);
    let calls = server.seen().into_iter().filter(|seen| seen.path() == "/v3/p1/backups").collect::<Vec<_>>();
    assert_eq!(calls.len(), 2);
    assert_ne!(calls[0].header("authorization"), calls[1].header("authorization"));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_metadata() {
    let server = Peer::start(|_, _| Do::Hang(String::new())).await;
    let patience = Patience { idle: HOUR, total: HOUR, metadata: HOUR, ..PATIENCE };
    let cloud = server.with(metadata(&server), patience);
    let context = within(2 * HOUR);
    let (ended, ()) = tokio::join!(timeout(NEVER, cloud.sign_in(&context)), async {
        server.asked.notified().await;
        context.stop.cancel();
    });
    let ended = ended.expect("it does not");
    assert!(matches!(ended, Err(Error::Stopped { .. })), "{ended:?}");
}

#[tokio::test]
async fn without_metadata_the_error_lists_what_was_looked_for() {
    for (what, expected) in [
        (Do::Hang(String::new()), "no answer in time"),
        (answer(500, &[], ""), "status 500"),
        (close(), "was of no use"),
        (answer(200, &[], "{}"), "it handed out no keys"),
    ] {
        let patience = if matches!(what, Do::Hang(_)) { SILENCE } else { PATIENCE };
        let server = Peer::start(move |_, _| what.clone()).await;
        let error = server.with(metadata(&server), patience).send(&context(), &list()).await.unwrap_err();
        assert!(matches!(error, Error::Setup(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("No credentials were found.") && text.contains(expected), "{text}");
    }
    let server = Peer::start(|_, seen| match seen.method.as_str() {
        "PUT" => answer(405, &[], ""),
        _ => answer(401, &[], "Please configure Cloud Service Agency first."),
    })
    .await;
    let error = server.cloud(metadata(&server)).send(&context(), &list()).await.unwrap_err();
    assert!(error.to_string().contains("this instance has no agency"), "{error}");
}

fn role(by_name: bool) -> AssumeRole {
    AssumeRole {
        agency_name: "agency".to_owned(),
        domain_name: by_name.then(|| "TARGET".to_owned()),
        domain_id: (!by_name).then(|| "d-target".to_owned()),
        duration_seconds: None,
    }
}

#[tokio::test]
async fn an_agency_is_assumed_at_iam() {
    for by_name in [true, false] {
        let server = Peer::start(|_, seen| match seen.path() {
            "/v3/auth/domains" => ok(&json!({"domains": [{"id": "d-own", "name": "OWN"}]})),
            "/v3.0/OS-CREDENTIAL/securitytokens" => answer(201, &[], &keys("AKROLE", 3600).to_string()),
            "/v3/projects" => ok(&projects("p-target", "eu-de")),
            _ => ok(&json!({})),
        })
        .await;
        let cloud = server.cloud(Settings { assume_role: Some(role(by_name)), ..settings() });
        cloud.send(&context(), &list()).await.unwrap();
        cloud.send(&context(), &list()).await.unwrap();
        let [domains, assume, lookup, call, _] = server.seen().try_into().unwrap();
        assert!(domains.header("authorization").unwrap().contains("Access=AKEXAMPLE,"));
        assert_eq!((assume.header("x-domain-id"), assume.header("x-project-id")), (Some("d-own"), None));
        let asked = &assume.json()["auth"]["identity"]["assume_role"];
        assert_eq!(asked["domain_name"] == "TARGET", by_name);
        assert_eq!(asked["domain_id"] == "d-target", !by_name);
        assert_eq!(asked["duration_seconds"], 3600);
        assert!(is_signed(&assume, SECRET_KEY));
        for seen in [&lookup, &call] {
            assert!(seen.header("authorization").unwrap().contains("Access=AKROLE,"));
            assert_eq!(seen.header("x-security-token"), Some(SECURITY_TOKEN));
        }
        assert_eq!(call.path(), "/v3/p-target/backups");
    }
}

#[tokio::test]
async fn an_agency_is_assumed_at_the_token_service_where_there_is_one() {
    let server = Peer::start(|_, seen| match seen.path() {
        "/v3/auth/domains" => answer(404, &[], ""),
        "/v5/agencies/assume" => ok(&json!({"credentials": {
            "access_key_id": "AKROLE", "secret_access_key": SECRET_KEY, "security_token": SECURITY_TOKEN,
            "expiration": "2999-01-01T00:00:00Z"
        }})),
        _ => ok(&json!({})),
    })
    .await;
    let endpoints = ["iam", "dds", "sts"].map(|key| (key.to_owned(), server.url.clone())).into();
    let settings =
        Settings { endpoints, assume_role: Some(role(false)), project_id: Some("p1".to_owned()), ..settings() };
    Cloud::with_patience(settings, PATIENCE).unwrap().send(&context(), &list()).await.unwrap();
    let [_, assume, call] = server.seen().try_into().unwrap();
    assert_eq!(assume.json()["agency_urn"], "iam::d-target:agency:agency");
    assert!(call.header("authorization").unwrap().contains("Access=AKROLE,"));
}

#[tokio::test]
async fn an_agency_is_assumed_with_a_login() {
    let server = Peer::start(|_, seen| match seen.path() {
        "/v3/auth/tokens" => token_answer(TOKEN, "", 86400),
        "/v3.0/OS-CREDENTIAL/securitytokens" => answer(201, &[], &keys("AKROLE", 3600).to_string()),
        _ => ok(&json!({})),
    })
    .await;
    let project_id = Some("p1".to_owned());
    let cloud =
        server.cloud(Settings { credentials: password(), assume_role: Some(role(false)), project_id, ..settings() });
    cloud.send(&context(), &list()).await.unwrap();
    let [login, assume, call] = server.seen().try_into().unwrap();
    assert_eq!(login.json()["auth"]["scope"], json!({"domain": {"name": "ACME"}}));
    assert_eq!((assume.header("x-auth-token"), assume.header("authorization")), (Some(TOKEN), None));
    assert!(call.header("authorization").unwrap().contains("Access=AKROLE,"));
    assert_eq!(call.header("x-auth-token"), None);
}

#[tokio::test]
async fn https_needs_a_certificate_that_is_trusted() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let der = made.cert.der().clone();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        base64::engine::general_purpose::STANDARD.encode(&der)
    );
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_no_client_auth().with_single_cert(vec![der], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
    let server = Peer { url, seen: Arc::default(), asked: Arc::default() };
    let (seen, asked) = (Arc::clone(&server.seen), Arc::clone(&server.asked));
    tokio::spawn(async move {
        let script = Arc::new(|_: usize, _: &Seen| ok(&json!({})));
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&asked), Arc::clone(&script)));
            }
        }
    });
    let with = |insecure, cacert: Option<&str>| Settings {
        insecure,
        authorities: cacert.map(|pem| Authorities::read(pem).unwrap()).unwrap_or_default(),
        project_id: Some("p1".to_owned()),
        ..settings()
    };
    let error = server.cloud(with(false, None)).send(&context(), &create()).await.unwrap_err();
    assert!(!error.may_be_applied() && error.to_string().contains("certificate"), "{error}");
    assert!(server.seen().is_empty());
    server.cloud(with(false, Some(&pem))).send(&context(), &create()).await.unwrap();
    server.cloud(with(true, None)).send(&context(), &create()).await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    let url = |text| Some(Url::parse(text).unwrap());
    for (settings, expected) in [
        (Settings { region: String::new(), ..settings() }, "region"),
        (Settings { region: "eu-de.evil.com/".to_owned(), ..settings() }, "region"),
        (Settings { cloud: Some("a/b".to_owned()), ..settings() }, "cloud"),
        (Settings { auth_url: url("http://iam.example.com/v3"), ..settings() }, "plain http"),
        (
            Settings { endpoints: [("dds".to_owned(), url("http://10.0.0.1").unwrap())].into(), ..settings() },
            "plain http",
        ),
        (Settings { user_agent: "a\nb".to_owned(), ..settings() }, "user agent"),
    ] {
        let error = Cloud::new(settings).unwrap_err();
        assert!(matches!(&error, Error::Setup(text) if text.contains(expected)), "{expected}: {error:?}");
    }
    assert!(Cloud::new(settings()).is_ok());
}

#[tokio::test]
async fn ids_that_climb_are_refused() {
    let server = Peer::start(|_, _| ok(&json!({}))).await;
    for id in ["", ".", ".."] {
        let call = Call::delete(&DDS, format!("/v3/{{project_id}}/backups/{}", segment(id)));
        assert!(matches!(server.simple().send(&context(), &call).await, Err(Error::Setup(_))), "{id}");
    }
    assert!(server.seen().is_empty());
    let call = Call::delete(&DDS, format!("/v3/{{project_id}}/backups/{}", segment("a/../b?c")));
    server.simple().send(&context(), &call).await.unwrap();
    assert_eq!(server.seen()[0].target, "/v3/p1/backups/a%2F..%2Fb%3Fc");
}

/// Everything that is logged, at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        event.record(&mut |field: &tracing::field::Field, value: &dyn fmt::Debug| {
            writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
        });
    }
}

#[tokio::test]
async fn every_retry_is_logged_with_its_reason() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let log = Log::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let server = Peer::start(|number, _| match number {
        0 => answer(503, &[], "{\"error_code\": \"DBS.200998\", \"error_msg\": \"busy for a moment\"}"),
        1 => close(),
        2 => answer(429, &[], "{\"error_code\": \"APIGW.0308\"}"),
        _ => ok(&json!({"backups": []})),
    })
    .await;
    server.patient(PROBED).send(&context(), &list()).await.unwrap();
    drop(guard);
    let logged = log.0.lock().unwrap().clone();
    assert_eq!(logged.matches("message=trying again").count(), 3, "{logged}");
    for reason in ["status 503", "DBS.200998", "the connection broke before the answer", "status 429"] {
        assert!(logged.contains(reason), "{reason}: {logged}");
    }
}

#[tokio::test]
async fn no_secret_is_seen_anywhere() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let log = Log::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    // A gateway that repeats what it refuses, as some do.
    let script = |_: usize, seen: &Seen| match seen.path() {
        "/v3/auth/tokens" if seen.method == "POST" && !seen.body.contains("wrong") => token_answer(TOKEN, "p1", 86400),
        "/v3/projects" => answer(503, &[], ""),
        _ => {
            let echo = format!("verify aksk signature fail, canonicalRequest:{:?}|{}", seen.headers, seen.body);
            let message = json!({"error_code": "APIGW.0301", "error_msg": echo});
            answer(401, &[("Date", "Tue, 03 Jun 2025 08:12:38 GMT")], &message.to_string())
        }
    };
    let mut said = String::new();
    let project_id = || Some("p1".to_owned());
    let wrong = match password() {
        Credentials::Password { user_name, user_id, domain_name, domain_id, .. } => Credentials::Password {
            user_name,
            user_id,
            domain_name,
            domain_id,
            password: format!("wrong-{PASSWORD}").into(),
        },
        other => other,
    };
    for settings in [
        Settings { project_id: project_id(), ..settings() },
        Settings { project_id: project_id(), credentials: key(Some(SECURITY_TOKEN)), ..settings() },
        Settings { project_id: project_id(), credentials: Credentials::Token(TOKEN.to_owned().into()), ..settings() },
        Settings { credentials: password(), ..settings() },
        Settings { credentials: wrong, ..settings() },
        Settings { assume_role: Some(role(true)), credentials: key(Some(SECURITY_TOKEN)), ..settings() },
        settings(),
    ] {
        let server = Peer::start(script).await;
        writeln!(said, "{settings:?}").unwrap();
        let cloud = server.cloud(settings);
        let error = cloud.send(&context(), &create()).await.unwrap_err();
        writeln!(said, "{cloud:?}\n{error}\n{error:?}\n{:#?}", cloud.in_region("eu-nl")).unwrap();
    }
    drop(guard);
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.contains("/v3/p1/backups") && logged.contains("canonical_request"), "{logged}");
    assert!(said.contains("***") && said.contains("AKEXAMPLE"), "{said}");
    for (what, text) in [("logs", &logged), ("errors and Debug", &said)] {
        for secret in [SECRET_KEY, SECURITY_TOKEN, PASSWORD, TOKEN] {
            // `the-token` is told apart from the field names around it by its quotes and hyphens.
            assert!(!text.contains(secret), "{secret} in {what}: {text}");
        }
        let signatures = text.split("Signature=").skip(1);
        assert!(signatures.into_iter().all(|rest| rest.starts_with("***")), "{what}: {text}");
    }
}

#[tokio::test]
async fn a_wrong_clock_shows_both_times() {
    let text =
        "calc aksk signature fail:signature expired, signature time:20260528T092752Z,server time:20260528T094410Z";
    let body = json!({"error_code": "APIGW.0301", "error_msg": text}).to_string();
    let server = Peer::start(move |_, _| answer(401, &[("Date", "Tue, 03 Jun 2025 08:12:38 GMT")], &body)).await;
    let error = server.simple().send(&context(), &list()).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert!(refusal.message.contains("the cloud's: 2025-06-03T08:12:38Z"), "{}", refusal.message);
    assert!(refusal.message.contains("this machine's clock: 2"), "{}", refusal.message);
    assert!(advice(refusal).unwrap().contains("clock"));
    assert_eq!(server.seen().len(), 1, "a signature failure is never repeated");
}

#[test]
fn a_path_may_differ_by_partition() {
    let call = Call::get(&DDS, "/v3.1/x").path_in("otc.t-systems.com", "/v3/x");
    for (partition, path) in [
        ("myhuaweicloud.com", "/v3.1/x"),
        ("otc.t-systems.com", "/v3/x"),
        ("sc.otc.t-systems.com", "/v3/x"),
        ("private.example.com", "/v3.1/x"),
    ] {
        assert_eq!(call.path_there(partition), path, "{partition}");
    }
    assert_eq!(Call::get(&DDS, "/v3/y").path_there("otc.t-systems.com"), "/v3/y");
}
