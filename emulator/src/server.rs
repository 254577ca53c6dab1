//! Listeners and connections: carries bytes between sockets and the world, and breaks connections when told to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::Sleep;

use crate::clock;
use crate::control;
use crate::wire::{Answer, Ask};
use crate::world::{Dispatch, Manner, World};

/// The name of the control port among the doors.
pub(crate) const CONTROL: &str = "control";
/// Larger requests are not read.
const LARGEST_REQUEST: usize = 16 * 1024 * 1024;

/// The world, shared by all connections.
pub(crate) type Shared = Arc<Mutex<World>>;

/// Locks the world; a panic while it was locked is on record already.
pub(crate) fn locked(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Binds a free port.
pub(crate) fn bind(host: IpAddr) -> io::Result<(std::net::TcpListener, String)> {
    let listener = std::net::TcpListener::bind(SocketAddr::new(host, 0))?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Accepts connections at one door for as long as the runtime lives.
pub(crate) async fn serve(listener: TcpListener, door: &'static str, world: Shared) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: let some connections end.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(door, Arc::clone(&world), request));
            // Connections that end in an error have been broken by the client or by a fault.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(door: &'static str, world: Shared, request: Request<Incoming>) -> io::Result<Response<Pieces>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(io::Error::other(error.to_string())),
    };
    let ahead = locked(&world).modes.clock_ahead_seconds * 1000;
    let now = clock::now() + ahead;
    let path = head.uri.path().to_owned();
    let handled = catch_unwind(AssertUnwindSafe(|| {
        let mut world = locked(&world);
        if door == CONTROL {
            let (status, body) = control::answer(&mut world, &head.method, &path, &body, now);
            return Dispatch {
                answer: Some(Answer::json(status, &body)),
                wait_ms: 0,
                manner: Manner::Whole,
                late: None,
            };
        }
        let ask = Ask::new(head.method.clone(), &path, head.uri.query().unwrap_or_default(), head.headers, body);
        world.handle(door, &ask, now)
    }));
    let dispatch = handled.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let said = format!("{door}: {} {path}: {}", head.method, said.unwrap_or("a panic"));
        let answer = Answer::bytes(500, "text/plain", said.clone());
        locked(&world).panics.push(said);
        Dispatch { answer: Some(answer), wait_ms: 0, manner: Manner::Whole, late: None }
    });
    if let Some((ms, ask)) = dispatch.late {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            locked(&world).arrive(door, &ask, clock::now() + ahead);
        });
    }
    if dispatch.wait_ms > 0 {
        tokio::time::sleep(Duration::from_millis(dispatch.wait_ms)).await;
    }
    match dispatch.answer {
        Some(answer) if ahead != 0 => sent(answer.with("Date", clock::http_date(now)), dispatch.manner),
        Some(answer) => sent(answer, dispatch.manner),
        // An error here makes the server close the connection without a word.
        None => Err(io::Error::other("closed on purpose")),
    }
}

fn sent(answer: Answer, manner: Manner) -> io::Result<Response<Pieces>> {
    let length = match manner {
        Manner::Broken => answer.body.len().max(2),
        _ => answer.body.len(),
    };
    let mut response = Response::builder()
        .status(answer.status)
        .header("Content-Type", answer.content_type)
        .header("Content-Length", length);
    for (name, value) in answer.headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(io::Error::other)?;
        response = response.header(name, value);
    }
    response.body(Pieces::new(answer.body, manner)).map_err(io::Error::other)
}

/// A body that may come slowly or break off.
struct Pieces {
    rest: Bytes,
    piece: usize,
    /// Between pieces, and before breaking off so that the first half is on its way.
    nap: Option<(Duration, Pin<Box<Sleep>>)>,
    breaks: bool,
}

impl Pieces {
    fn new(mut rest: Bytes, manner: Manner) -> Self {
        let nap = |ms| {
            let pause = Duration::from_millis(ms);
            Some((pause, Box::pin(tokio::time::sleep(Duration::ZERO))))
        };
        match manner {
            Manner::Whole => Self { piece: rest.len(), rest, nap: None, breaks: false },
            Manner::Slow(ms) => Self { piece: rest.len().div_ceil(10).max(1), rest, nap: nap(ms), breaks: false },
            Manner::Broken => {
                rest.truncate(rest.len() / 2);
                Self { piece: rest.len(), rest, nap: nap(30), breaks: true }
            }
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some((pause, nap)) = &mut self.nap {
            ready!(nap.as_mut().poll(context));
            let next = tokio::time::Instant::now() + *pause;
            nap.as_mut().reset(next);
        }
        if self.rest.is_empty() {
            return Poll::Ready(self.breaks.then(|| Err(io::Error::other("broken off on purpose"))));
        }
        let length = self.piece.min(self.rest.len());
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        if self.breaks { SizeHint::new() } else { SizeHint::with_exact(self.rest.len() as u64) }
    }
}
