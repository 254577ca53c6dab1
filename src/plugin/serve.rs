//! The server: from the handshake to the last connection.
//!
//! Everything that decides when this process ends lives here. It must not end while something it began in the cloud
//! could still be reported, and it must end when nobody is left to report to.

use std::convert::Infallible;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;
use tonic::codegen::Service;

use super::Provider;
use super::handshake::{self, Address, Declined, Terms};
use super::host::{Broker, Controller, Hosted, Pulse, Stdio};
use super::listen::{Door, Wire};
use super::log;
use super::mtls::ServerIdentity;
use super::proto::health::health_server::{self, HealthServer};
use super::proto::plugin::grpc_broker_server::{self, GrpcBrokerServer};
use super::proto::plugin::grpc_controller_server::{self, GrpcControllerServer};
use super::proto::plugin::grpc_stdio_server::{self, GrpcStdioServer};
use super::proto::tfplugin6::provider_server::{self, ProviderServer};
use super::rpc::Rpc;
use super::stop::{Running, Stop};

/// The largest message taken, as large as the Go SDK's limit.
const MESSAGE_BYTES: usize = 256 * 1024 * 1024;

/// How much of one call, and of all together, may be under way unread. Few round trips for a large message; the
/// memory is used only when such a message comes.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

/// Calls at once. Terraform makes ten unless told otherwise; the user's word is the limit, not ours.
const CALLS_AT_ONCE: u32 = 4096;

/// A peer that has not finished its TLS handshake by then is not the host.
const TLS_LIMIT: Duration = Duration::from_secs(10);

/// After `Shutdown` the host waits 2 s before it kills.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(800);

/// What operations get to end in when the host has gone without a word, or goes on without this process.
const STOP_GRACE: Duration = Duration::from_secs(4);

/// A host that was connected does not come back after this.
const GONE_AFTER: Duration = Duration::from_secs(2);

/// A host connects at once. One that never does has died, even if the process table does not show it.
const EXPECTED_WITHIN: Duration = Duration::from_mins(2);

/// How often to look whether the host is still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Serves a provider to the host that started this process, until the host is done.
///
/// This is the whole life of a plugin process: it fails if no host started it.
pub fn serve<P: Provider>(provider: P) -> ExitCode {
    log::install(provider.name(), handshake::variable);
    let outcome = run(async || serve_once(provider, handshake::agree(handshake::variable)?).await);
    if let Err(why) = &outcome
        && !matches!(why, NotServed::Declined(Declined::ByHand))
    {
        // If nobody reads it, nobody can be told.
        let _ = announce(&handshake::excuse(&why.to_string()));
    }
    farewell(outcome)
}

/// Serves a provider in the foreground, to every host that is told where: prints the value of `TF_REATTACH_PROVIDERS`
/// and ends on an interrupt. Only where there are no unix sockets does it matter whether it is `open_to_every_user`.
pub fn debug<P: Provider>(provider: P, open_to_every_user: bool) -> ExitCode {
    log::install(provider.name(), handshake::variable);
    let terms = Terms { open_to_every_user, ..Terms::default() };
    farewell(run(async || serve_attached(provider, &terms).await))
}

/// Serves a provider from within this process, as an acceptance test does.
///
/// There is no TLS: the socket's directory keeps others out.
pub async fn attach<P: Provider>(provider: P) -> io::Result<Attached> {
    let door = Door::open(&Terms::default())?;
    let address = door.address().clone();
    let reattach = handshake::reattach(provider.address(), &address, std::process::id());
    let server = Arc::new(Server::new(provider, Hosted::Attached, None));
    let stop = server.rpc.stop().token();
    let over = server.over.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = server.accept(&door) => {}
            () = server.over.cancelled() => {}
        }
    });
    Ok(Attached { reattach, address, _stop: stop.drop_guard(), _over: over.drop_guard() })
}

/// A provider that is served from within this process. Dropping it stops it.
#[derive(Debug)]
pub struct Attached {
    reattach: String,
    address: Address,
    /// Dropped in this order: what runs is asked to stop, then the server is over.
    _stop: DropGuard,
    _over: DropGuard,
}

impl Attached {
    /// The value of `TF_REATTACH_PROVIDERS` that makes Terraform use this server.
    pub fn reattach(&self) -> &str {
        &self.reattach
    }

    /// The path of its socket; `None` where there are no unix sockets.
    pub fn socket(&self) -> Option<&Path> {
        match &self.address {
            Address::Unix(path) => Some(path),
            Address::Tcp(_) => None,
        }
    }
}

/// Why this process does not serve.
#[derive(Debug, thiserror::Error)]
enum NotServed {
    #[error(transparent)]
    Declined(#[from] Declined),
    #[error("The provider could not start: {0}.")]
    Start(#[from] io::Error),
    #[error("The provider could not make its own certificate: {0}.")]
    Certificate(#[from] rcgen::Error),
    #[error("The provider could not set up TLS: {0}.")]
    Tls(#[from] rustls::Error),
}

fn farewell(outcome: Result<(), NotServed>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log::say(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Runs the server's life.
///
/// Two workers beside the main thread, however many processors there are: one answers, above all a request to stop,
/// while the other decodes something large, and a third thread would cost start-up time and memory for nothing. A
/// single thread would start a little faster, but one busy call would then hold up all others.
fn run(life: impl AsyncFnOnce() -> Result<(), NotServed>) -> Result<(), NotServed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(life());
    // Whoever still runs has had its time; a blocking name lookup must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

async fn serve_once<P: Provider>(provider: P, terms: Terms) -> Result<(), NotServed> {
    // Before the host knows of us: no signal ends this process. What the host wants it says itself, and a host that a
    // signal has ended is missed.
    let mut signals = Signals::hear()?;
    let parent = parent();
    let door = Door::open(&terms)?;
    let identity = terms.client_certificate.is_some().then(ServerIdentity::new).transpose()?;
    announce(&handshake::line(&terms, door.address(), identity.as_ref().map(ServerIdentity::certificate)))?;
    // The host needs a moment to read the line: what it does not have to wait for comes after.
    let tls = match identity.zip(terms.client_certificate) {
        Some((identity, client)) => Some(TlsAcceptor::from(Arc::new(identity.server_config(client)?))),
        None => None,
    };
    let server = Arc::new(Server::new(provider, Hosted::Once, tls));
    let grace = tokio::select! {
        () = server.accept(&door) => STOP_GRACE,
        () = server.over.cancelled() => SHUTDOWN_GRACE,
        () = signals.pass() => SHUTDOWN_GRACE,
        () = server.abandoned(parent) => {
            tracing::warn!("the host has gone without saying so: stopping");
            STOP_GRACE
        }
    };
    drop(door);
    server.rpc.stop().stop();
    server.wind_up(grace).await;
    Ok(())
}

async fn serve_attached<P: Provider>(provider: P, terms: &Terms) -> Result<(), NotServed> {
    let mut signals = Signals::hear()?;
    let door = Door::open(terms)?;
    let reattach = handshake::reattach(provider.address(), door.address(), std::process::id());
    announce(&format!("TF_REATTACH_PROVIDERS='{}'", reattach.replace('\'', r"'\''")))?;
    log::say("The provider runs. Export the line above where Terraform or OpenTofu runs; Ctrl-C here ends it.");
    let server = Arc::new(Server::new(provider, Hosted::Attached, None));
    tokio::select! {
        () = server.accept(&door) => {}
        () = signals.any() => {}
    }
    drop(door);
    let runs = server.connections.borrow().open;
    if runs > 0 {
        log::say(&format!(
            "Nobody new is served. Connected runs: {runs}; the provider ends when they have. Ctrl-C again ends it at once, and \
             what they do ends as an error."
        ));
    }
    tokio::select! {
        () = server.unattended() => {}
        () = signals.any() => {}
    }
    // The hosts that are still connected asked for nothing.
    server.rpc.stop().cut_off();
    server.wind_up(STOP_GRACE).await;
    Ok(())
}

/// Writes the one line that stdout is for.
fn announce(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// What all connections share.
struct Server<P: Provider> {
    rpc: Rpc<P>,
    companions: Companions,
    tls: Option<TlsAcceptor>,
    hosted: Hosted,
    /// Cancelled when there is nothing more to serve.
    over: CancellationToken,
    /// How many connections are open, and whether there ever was one.
    connections: watch::Sender<Connections>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Connections {
    open: usize,
    ever: bool,
}

impl<P: Provider> Server<P> {
    fn new(provider: P, hosted: Hosted, tls: Option<TlsAcceptor>) -> Self {
        let over = CancellationToken::new();
        let companions = Companions {
            controller: GrpcControllerServer::new(Controller { over: over.clone(), hosted }),
            stdio: GrpcStdioServer::new(Stdio { over: over.clone() }),
            broker: GrpcBrokerServer::new(Broker { over: over.clone() }),
            health: HealthServer::new(Pulse { over: over.clone() }),
        };
        let rpc = Rpc::new(provider, Stop::default());
        Server { rpc, companions, tls, hosted, over, connections: watch::Sender::default() }
    }

    /// Takes connections, each in a task of its own: none can hold up another.
    async fn accept(self: &Arc<Self>, door: &Door) {
        loop {
            match door.accept().await {
                Ok(wire) => {
                    let open = Open::one_more(&self.connections);
                    let server = Arc::clone(self);
                    tokio::spawn(async move {
                        server.connection(wire).await;
                        drop(open);
                    });
                }
                Err(error) => {
                    // Too many open files, or a peer that hung up early. The next one may do better.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn connection(&self, wire: Box<dyn Wire>) {
        let Some(tls) = &self.tls else { return self.converse(wire).await };
        match timeout(TLS_LIMIT, tls.accept(wire)).await {
            Ok(Ok(secured)) => self.converse(Box::new(secured)).await,
            Ok(Err(error)) => tracing::warn!(%error, "a connection was refused"),
            Err(_) => tracing::warn!("a connection was refused: it did not finish its TLS handshake"),
        }
    }

    /// Serves one connection until the peer closes it, or the server is over and every call is answered.
    async fn converse(&self, wire: Box<dyn Wire>) {
        let rpc = match self.hosted {
            // However often it connects, it is the same host.
            Hosted::Once => self.rpc.clone(),
            Hosted::Attached => self.rpc.for_another(),
        };
        // Nobody is left to report to once an attached host has hung up: what runs for it stops. A host that started
        // this process may come back, for a moment.
        let _gone = (self.hosted == Hosted::Attached).then(|| rpc.stop().token().drop_guard());
        let provider = ProviderServer::new(rpc.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(usize::MAX);
        let service = service_fn(|request| {
            let routes = Routes { provider: provider.clone(), companions: self.companions.clone() };
            let running = rpc.stop().running();
            async move { Ok::<_, Infallible>(routes.answer(request, running).await) }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_concurrent_streams(CALLS_AT_ONCE)
            .max_pending_accept_reset_streams(CALLS_AT_ONCE as usize)
            .serve_connection(TokioIo::new(wire), service);
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = self.over.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // A host that is done closes without ceremony.
        if let Err(error) = outcome
            && !self.over.is_cancelled()
        {
            tracing::debug!(%error, "a connection broke");
        }
    }

    /// Waits until no connection is open.
    async fn unattended(&self) {
        // An error would mean that the sender is gone, and `self` holds it.
        let _ = self.connections.subscribe().wait_for(|now| now.open == 0).await;
    }

    /// The host has gone without a word.
    async fn abandoned(&self, started_by: Option<u32>) {
        let begun = Instant::now();
        let mut last_seen = begun;
        loop {
            sleep(LOOK_EVERY).await;
            let now = Instant::now();
            let Connections { open, ever } = *self.connections.borrow();
            if open > 0 {
                last_seen = now;
            }
            let patience = if ever { GONE_AFTER } else { EXPECTED_WITHIN };
            if now - last_seen >= patience || parent() != started_by {
                return;
            }
        }
    }

    /// Lets operations end that were told to, and connections drain, for as long as `grace` allows.
    async fn wind_up(&self, grace: Duration) {
        let _ = timeout(grace, async {
            self.rpc.stop().idle().await;
            self.over.cancel();
            self.unattended().await;
        })
        .await;
    }
}

/// One connection that is open.
struct Open(watch::Sender<Connections>);

impl Open {
    fn one_more(connections: &watch::Sender<Connections>) -> Self {
        connections.send_modify(|now| *now = Connections { open: now.open + 1, ever: true });
        Open(connections.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|now| now.open -= 1);
    }
}

/// The services beside the provider. A clone costs a few counters.
#[derive(Clone)]
struct Companions {
    controller: GrpcControllerServer<Controller>,
    stdio: GrpcStdioServer<Stdio>,
    broker: GrpcBrokerServer<Broker>,
    health: HealthServer<Pulse>,
}

/// What one call may be meant for.
struct Routes<P: Provider> {
    provider: ProviderServer<Rpc<P>>,
    companions: Companions,
}

impl<P: Provider> Routes<P> {
    /// Answers one call. Hosts send a fixed authority, so the path alone says what is wanted.
    async fn answer(mut self, request: Request<Incoming>, running: Running) -> Response<Body> {
        let companions = &mut self.companions;
        let service = request.uri().path().split('/').nth(1);
        if service == Some(provider_server::SERVICE_NAME) {
            let Ok(response) = self.provider.call(request).await;
            drop(running);
            return response;
        }
        // Their streams stay open as long as the server runs.
        drop(running);
        let Ok(response) = match service {
            Some(grpc_controller_server::SERVICE_NAME) => companions.controller.call(request).await,
            Some(grpc_stdio_server::SERVICE_NAME) => companions.stdio.call(request).await,
            Some(grpc_broker_server::SERVICE_NAME) => companions.broker.call(request).await,
            Some(health_server::SERVICE_NAME) => companions.health.call(request).await,
            _ => Ok(tonic::Status::unimplemented("no such service").into_http()),
        };
        response
    }
}

/// The process that started this one. Another answer later means that it has ended.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere nothing is known")]
fn parent() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

#[cfg(not(unix))]
fn parent() -> Option<u32> {
    None
}

/// The signals that would otherwise end this process in the middle of something. From [`Signals::hear`] on none does.
struct Signals {
    #[cfg(unix)]
    heard: [tokio::signal::unix::Signal; 4],
    #[cfg(not(unix))]
    interrupt: tokio::signal::windows::CtrlC,
    #[cfg(not(unix))]
    breaks: tokio::signal::windows::CtrlBreak,
    #[cfg(not(unix))]
    close: tokio::signal::windows::CtrlClose,
}

#[cfg(unix)]
impl Signals {
    fn hear() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            heard: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
            ],
        })
    }

    /// The next one.
    async fn any(&mut self) {
        let [interrupt, terminate, hang_up, quit] = &mut self.heard;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn hear() -> io::Result<Self> {
        use tokio::signal::windows;
        Ok(Signals { interrupt: windows::ctrl_c()?, breaks: windows::ctrl_break()?, close: windows::ctrl_close()? })
    }

    /// The next one.
    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.breaks.recv() => {}
            _ = self.close.recv() => {}
        }
    }
}

impl Signals {
    /// Lets them pass, for ever. Terminals and supervisors send them to every process: under a host it is the host that
    /// says what they mean.
    async fn pass(&mut self) {
        loop {
            self.any().await;
            tracing::info!("a signal was left to the host: only its stop, or its end, ends what runs");
        }
    }
}
