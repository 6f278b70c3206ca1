//! The `Cluster` service: sessions over gRPC, and the same sessions for roles in this process.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use proto::session::{ClusterClient, SESSION_QUEUE, Session, SessionError};
use proto::v1::cluster_server::Cluster as Service;
use proto::v1::{ControllerMessage, InstanceMessage, Register, instance_message};
use service::Tasks;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::{Cluster, sessions};

/// Sessions over gRPC.
pub(crate) struct ClusterService {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) tasks: Tasks,
}

#[async_trait]
impl Service for ClusterService {
    type SessionStream = BoxStream<'static, Result<ControllerMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<InstanceMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut incoming = request.into_inner();
        let first = incoming.message().await?;
        let Some(instance_message::Message::Register(register)) = first.and_then(|first| first.message) else {
            return Err(Status::invalid_argument("the first message of a session has to be a registration"));
        };
        let (out, receiver) = mpsc::channel(sessions::OUT_QUEUE);
        // A broken stream is the end of the session.
        let incoming = incoming.take_while(|message| futures::future::ready(message.is_ok()));
        let incoming = incoming.filter_map(|message| futures::future::ready(message.ok())).boxed();
        self.tasks.spawn("session", sessions::run(Arc::clone(&self.cluster), register, incoming, out));
        Ok(Response::new(ReceiverStream::new(receiver).map(Ok).boxed()))
    }
}

/// Sessions without a socket, for roles in the controller's process.
#[derive(Clone)]
pub struct InProcessClient {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) tasks: Tasks,
}

#[async_trait]
impl ClusterClient for InProcessClient {
    async fn connect(&self, register: Register) -> Result<Session, SessionError> {
        if self.tasks.cancelled().is_cancelled() {
            return Err(SessionError::ShuttingDown);
        }
        let (sender, receiver) = mpsc::channel(SESSION_QUEUE);
        let (out, messages) = mpsc::channel(sessions::OUT_QUEUE);
        let incoming = ReceiverStream::new(receiver).boxed();
        self.tasks.spawn("session", sessions::run(Arc::clone(&self.cluster), register, incoming, out));
        Ok(Session { sender, messages: ReceiverStream::new(messages).map(Ok).boxed() })
    }
}
