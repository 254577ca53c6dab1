//! The companion services that a plugin host expects beside the provider: controller, output streams, broker, health.
//!
//! Terraform needs the first to end the process in order; the others have nothing to say here. Their streams stay
//! open and silent, because ending early looks like a crash, and end when the server is over, because a server that
//! waits for its streams would otherwise never be done.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::proto::health::health_check_response::ServingStatus;
use super::proto::health::health_server::Health;
use super::proto::health::{HealthCheckRequest, HealthCheckResponse};
use super::proto::plugin::grpc_broker_server::GrpcBroker;
use super::proto::plugin::grpc_controller_server::GrpcController;
use super::proto::plugin::grpc_stdio_server::GrpcStdio;
use super::proto::plugin::{ConnInfo, Empty, StdioData};

/// Who ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hosted {
    /// The one host that started it, for one run.
    Once,
    /// A person or a test; many hosts come and go.
    Attached,
}

/// The host's handle on this process.
pub(super) struct Controller {
    /// Cancelled when the host says that it is done.
    pub(super) over: CancellationToken,
    pub(super) hosted: Hosted,
}

#[async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        match self.hosted {
            // The answer still gets out: the connection drains before it closes.
            Hosted::Once => self.over.cancel(),
            // One run is done, and the process serves many.
            Hosted::Attached => {}
        }
        Ok(Response::new(Empty {}))
    }
}

/// The stream on which a plugin may send what was written to its outputs. Hosts read the real outputs too, and log
/// anything that comes here as unexpected.
pub(super) struct Stdio {
    pub(super) over: CancellationToken,
}

#[async_trait]
impl GrpcStdio for Stdio {
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        Ok(Response::new(Box::pin(Silence::until(&self.over))))
    }
}

/// Side connections between host and plugin. None is ever wanted.
pub(super) struct Broker {
    pub(super) over: CancellationToken,
}

#[async_trait]
impl GrpcBroker for Broker {
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<BoxStream<ConnInfo>>, Status> {
        Ok(Response::new(Box::pin(Deaf { offers: request.into_inner(), silence: Silence::until(&self.over) })))
    }
}

/// The standard health service.
pub(super) struct Pulse {
    pub(super) over: CancellationToken,
}

impl Pulse {
    /// The whole server, or the name under which plugin hosts ask.
    fn status(service: &str) -> ServingStatus {
        match service {
            "" | "plugin" => ServingStatus::Serving,
            _ => ServingStatus::ServiceUnknown,
        }
    }
}

#[async_trait]
impl Health for Pulse {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        match Pulse::status(&request.get_ref().service) {
            ServingStatus::Serving => Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() })),
            _ => Err(Status::not_found("no such service")),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<BoxStream<HealthCheckResponse>>, Status> {
        let now = HealthCheckResponse { status: Pulse::status(&request.get_ref().service).into() };
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(now)).chain(Silence::until(&self.over)))))
    }
}

/// A stream without items that ends when the server is over.
struct Silence<T> {
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    _item: std::marker::PhantomData<fn() -> T>,
}

impl<T> Silence<T> {
    fn until(over: &CancellationToken) -> Self {
        Silence { over: Box::pin(over.clone().cancelled_owned()), _item: std::marker::PhantomData }
    }
}

impl<T> Stream for Silence<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.over.as_mut().poll(context).map(|()| None)
    }
}

/// Silence, while what the host offers is read and dropped. Ends with the offers.
struct Deaf {
    offers: Streaming<ConnInfo>,
    silence: Silence<ConnInfo>,
}

impl Stream for Deaf {
    type Item = Result<ConnInfo, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Poll::Ready(offer) = Pin::new(&mut self.offers).poll_next(context) {
            match offer {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(None),
            }
        }
        Pin::new(&mut self.silence).poll_next(context)
    }
}
