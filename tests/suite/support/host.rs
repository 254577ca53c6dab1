//! A plugin host, written by hand: starts the real binary the way Terraform does, reads its handshake, and talks to it.
//!
//! ```text
//! let host = Host::start().await;                            // mutual TLS, as Terraform does it
//! let reply = host.provider().get_metadata(Request {}).await;
//! let host = Launch::plaintext().env("TF_LOG", "TRACE").start().await.connect().await;
//! let host = Host::attach(&plugin::attach(Toy).await?).await; // a provider within the test's own process
//! ```
//!
//! The child gets an environment of its own: nothing of the developer's, and a scratch directory for its files. It is
//! killed when the host is dropped.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::Uri;
use huaweidb::plugin::Attached;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P521_SHA512,
};
use rustix::process::{Pid, Signal, kill_process};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tower_service::Service;

use super::checked::{Checked, Memory};
use super::proto::health::health_client::HealthClient;
use super::proto::plugin::Empty;
use super::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use super::proto::plugin::grpc_controller_client::GrpcControllerClient;
use super::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use super::proto::tfplugin6::provider_client::ProviderClient;
use super::started;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_terraform-provider-huaweidb");

/// What Terraform and OpenTofu put into a plugin's environment so that it knows who started it.
pub(crate) const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// So long a test waits for what comes at once on a quiet machine. Nothing is proven by it: whatever never comes ends there.
pub(crate) const NEVER: Duration = Duration::from_mins(2);

/// Messages of any size, as hosts take them.
const MESSAGE_BYTES: usize = 256 * 1024 * 1024;

/// How to start the binary.
#[must_use]
pub(crate) struct Launch {
    command: Command,
    scratch: TempDir,
    client: Option<Arc<Client>>,
}

impl Launch {
    /// As a person would: nothing in the environment.
    pub(crate) fn by_hand() -> Self {
        started::take_defaults();
        let scratch = tempfile::Builder::new().prefix("tfhost").tempdir().expect("a scratch directory");
        let mut command = Command::from(started::program(BINARY, scratch.path()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Launch { command, scratch, client: None }
    }

    /// As Terraform does with TLS switched off.
    pub(crate) fn plaintext() -> Self {
        Launch::by_hand()
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_MIN_PORT", "10000")
            .env("PLUGIN_MAX_PORT", "25000")
    }

    /// As Terraform does: with a certificate made for this one process.
    pub(crate) fn secured() -> Self {
        let client = Client::new();
        let mut launch = Launch::plaintext().env("PLUGIN_CLIENT_CERT", &client.pem);
        launch.client = Some(Arc::new(client));
        launch
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// Where the child's temporary files go.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Runs to the end, for a binary that has nothing to serve.
    pub(crate) async fn run(mut self) -> Ended {
        started::take_defaults(); // this may be another thread
        let output = timeout(NEVER, self.command.output()).await.expect("it ends").expect("it starts");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text on stdout"),
            stderr: String::from_utf8(output.stderr).expect("text on stderr"),
        }
    }

    /// Starts it and waits for its first line.
    pub(crate) async fn start(mut self) -> Plugin {
        started::take_defaults(); // this may be another thread
        let mut child = self.command.spawn().expect("the binary starts");
        let stderr = Lines::default();
        stderr.collect(child.stderr.take().expect("piped"));
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        timeout(NEVER, stdout.read_line(&mut line)).await.expect("a line in time").expect("text on stdout");
        let Some(line) = line.strip_suffix('\n') else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            panic!("no whole line on stdout: {line:?}; on stderr: {:#?}", stderr.so_far());
        };
        let line = line.to_owned();
        let more = Lines::default();
        more.collect(stdout);
        Plugin { child, line, stdout: more, stderr, scratch: self.scratch, client: self.client }
    }
}

/// What a finished process left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running plugin that has printed its first line.
pub(crate) struct Plugin {
    child: Child,
    /// The first line on stdout, without its end.
    pub(crate) line: String,
    stdout: Lines,
    stderr: Lines,
    scratch: TempDir,
    client: Option<Arc<Client>>,
}

impl Plugin {
    /// The fields of the handshake line.
    pub(crate) fn fields(&self) -> Vec<&str> {
        self.line.split('|').collect()
    }

    /// The path of its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        let fields = self.fields();
        assert_eq!(fields.get(2), Some(&"unix"), "{}", self.line);
        fields[3].into()
    }

    /// The certificate it announced, as a host decodes it.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        let field = self.fields()[5].to_owned();
        STANDARD_NO_PAD.decode(field).expect("unpadded base64").into()
    }

    /// Connects as the host it was started for.
    pub(crate) async fn connect(self) -> Host {
        let server = self.client.is_some().then(|| self.certificate());
        let wire = Connector { socket: self.socket(), client: self.client.clone().zip(server) };
        Host { channel: channel(wire).await, plugin: Some(self), memory: Arc::default() }
    }

    /// A connection of one's own making, before any TLS.
    pub(crate) async fn dial(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.expect("it listens")
    }

    /// Where its temporary files go.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// What followed the first line on stdout. Complete once the process has ended.
    pub(crate) fn stdout(&self) -> Vec<String> {
        self.stdout.so_far()
    }

    /// The lines on stderr so far. Complete once the process has ended.
    pub(crate) fn stderr(&self) -> Vec<String> {
        self.stderr.so_far()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Sends it a signal, by name: `TERM`.
    pub(crate) fn signal(&self, kind: Signal) {
        signal(self.id(), kind);
    }

    /// Waits for its end, and for all it wrote.
    pub(crate) async fn ends(&mut self) -> ExitStatus {
        let Ok(status) = timeout(NEVER, self.child.wait()).await else {
            panic!("it still runs; on stderr: {:#?}", self.stderr())
        };
        let status = status.expect("it is our child");
        timeout(NEVER, async { tokio::join!(self.stdout.complete(), self.stderr.complete()) })
            .await
            .expect("its outputs end with it");
        status
    }
}

/// Sends a process a signal.
pub(crate) fn signal(process_id: u32, signal: Signal) {
    let process_id =
        Pid::from_raw(process_id.try_into().expect("as the system counts them")).expect("one of a process");
    kill_process(process_id, signal).expect("a process that takes it");
}

/// A host that is connected to a plugin.
pub(crate) struct Host {
    channel: Channel,
    plugin: Option<Plugin>,
    memory: Arc<Memory>,
}

impl Host {
    /// Starts the binary as Terraform does and connects.
    pub(crate) async fn start() -> Self {
        Launch::secured().start().await.connect().await
    }

    /// Connects to a provider that is served from within this process.
    pub(crate) async fn attach(attached: &Attached) -> Self {
        let socket = attached.socket().expect("a unix socket").to_owned();
        Host { channel: channel(Connector { socket, client: None }).await, plugin: None, memory: Arc::default() }
    }

    /// Connects in plain text to whatever listens there.
    pub(crate) async fn at(socket: &Path) -> Self {
        Host {
            channel: channel(Connector { socket: socket.to_owned(), client: None }).await,
            plugin: None,
            memory: Arc::default(),
        }
    }

    /// The process, unless it is this one.
    pub(crate) fn plugin(&mut self) -> &mut Plugin {
        self.plugin.as_mut().expect("a process of its own")
    }

    /// The provider's calls. No answer passes that the strictest hosts would not take.
    pub(crate) fn provider(&self) -> Checked {
        Checked::new(self.unchecked(), Arc::clone(&self.memory))
    }

    /// The provider's calls without a look at the answers, for requests that no host sends.
    pub(crate) fn unchecked(&self) -> ProviderClient<Channel> {
        ProviderClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES)
    }

    /// The call that ends the plugin.
    pub(crate) fn controller(&self) -> GrpcControllerClient<Channel> {
        GrpcControllerClient::new(self.channel.clone())
    }

    /// The plugin's output streams.
    pub(crate) fn stdio(&self) -> GrpcStdioClient<Channel> {
        GrpcStdioClient::new(self.channel.clone())
    }

    /// The plugin's side connections.
    pub(crate) fn broker(&self) -> GrpcBrokerClient<Channel> {
        GrpcBrokerClient::new(self.channel.clone())
    }

    /// The plugin's health.
    pub(crate) fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel.clone())
    }

    /// Any service, for calls that are not in the definitions.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Closes the connection without a word, as a host that dies does.
    pub(crate) fn vanish(self) -> Plugin {
        self.plugin.expect("a process of its own")
    }

    /// Ends the plugin as Terraform does, and checks that it goes as it should: of itself and with success.
    pub(crate) async fn shut_down(self) -> Plugin {
        let Host { channel, plugin, .. } = self;
        let mut plugin = plugin.expect("a process of its own");
        GrpcControllerClient::new(channel).shutdown(Empty {}).await.expect("an answer to Shutdown");
        let status = plugin.ends().await;
        assert!(status.success(), "{status}; on stderr: {:#?}", plugin.stderr());
        plugin
    }
}

async fn channel(connector: Connector) -> Channel {
    Endpoint::from_static("http://unused")
        .initial_stream_window_size(Some(4 * 1024 * 1024))
        .initial_connection_window_size(Some(16 * 1024 * 1024))
        .connect_with_connector(connector)
        .await
        .expect("a connection")
}

/// The host's certificate and key.
pub(crate) struct Client {
    /// The certificate as it stands in the environment.
    pub(crate) pem: String,
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Client {
    /// A fresh one, in every detail as Terraform makes it.
    pub(crate) fn new() -> Self {
        const YEAR: Duration = Duration::from_hours(365 * 24);
        Client::until(SystemTime::now() + 30 * YEAR)
    }

    /// The same with another end.
    pub(crate) fn until(not_after: SystemTime) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).expect("a key on P-521");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a valid name");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "HashiCorp");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let now = SystemTime::now();
        params.not_before = (now - Duration::from_secs(30)).into();
        params.not_after = not_after.into();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyAgreement,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let made = params.self_signed(&key).expect("a certificate");
        Client { pem: pem(made.der()), certificate: made.der().clone(), key: key.serialize_der().into() }
    }

    /// Somebody who has seen the certificate in the environment but holds another key.
    pub(crate) fn thief(seen: &Client) -> Self {
        Client { certificate: seen.certificate.clone(), ..Client::new() }
    }

    /// TLS as the host speaks it: trusting exactly `server`.
    fn config(client: Option<&Client>, server: &CertificateDer<'static>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(server.clone()).expect("a certificate that can be trusted");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the usual versions")
            .with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let key = aws_lc_rs::sign::any_ecdsa_type(&client.key.clone_key().into()).expect("a key");
                // Not checked against each other, so that a thief can try.
                let pair = rustls::sign::CertifiedKey::new(vec![client.certificate.clone()], key);
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(pair)))
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    /// Speaks TLS over a wire, as `client` or as nobody.
    pub(crate) async fn secure(
        client: Option<&Client>,
        server: &CertificateDer<'static>,
        wire: UnixStream,
    ) -> io::Result<TlsStream<UnixStream>> {
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(Client::config(client, server))).connect(name, wire).await
    }
}

/// A certificate as text, in lines as long as is usual.
fn pem(certificate: &CertificateDer<'_>) -> String {
    let body = STANDARD.encode(certificate);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

impl Plugin {
    /// The certificate and key that this plugin was started for.
    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("started with TLS")
    }
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Connects to a socket, with TLS or without.
struct Connector {
    socket: PathBuf,
    client: Option<(Arc<Client>, CertificateDer<'static>)>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Wire>>;
    type Error = io::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (socket, client) = (self.socket.clone(), self.client.clone());
        Box::pin(async move {
            let wire = UnixStream::connect(socket).await?;
            Ok(TokioIo::new(match client {
                None => Box::new(wire) as Box<dyn Wire>,
                Some((client, server)) => Box::new(Client::secure(Some(&client), &server, wire).await?),
            }))
        })
    }
}

/// Lines that arrive in the background.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Vec<String>>, tokio_util::sync::CancellationToken)>);

impl Lines {
    fn collect(&self, from: impl AsyncRead + Send + Unpin + 'static) {
        let (lines, to) = (self.clone(), tokio_util::sync::CancellationToken::clone(&self.0.1));
        tokio::spawn(async move {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).await.is_ok_and(|bytes| bytes > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                lines.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                line.clear();
            }
            to.cancel();
        });
    }

    fn so_far(&self) -> Vec<String> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn complete(&self) {
        self.0.1.cancelled().await;
    }
}

/// Reads whatever still comes from a connection. `Ok` if the peer closed it in order.
pub(crate) async fn drain(mut wire: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    wire.read_to_end(&mut bytes).await.map(|_| bytes)
}
