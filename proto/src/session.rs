//! An instance's session with the controller.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::MAX_MESSAGE_BYTES;
use crate::v1::cluster_client::ClusterClient as Generated;
use crate::v1::instance_message::Message;
use crate::v1::{ControllerMessage, InstanceMessage, Register};

/// How many messages may wait on the way to the controller before the sender has to wait.
pub const SESSION_QUEUE: usize = 256;

/// Opens sessions with the controller.
#[async_trait]
pub trait ClusterClient: Send + Sync + 'static {
    /// Registers and opens the session. The first message received is a snapshot or a refusal.
    ///
    /// The session lives until either half of it is dropped or the controller ends it; whoever holds it connects
    /// again, after a pause that grows, with everything it holds in `register.segments`.
    async fn connect(&self, register: Register) -> Result<Session, SessionError>;
}

/// Both halves of an open session.
pub struct Session {
    /// To the controller: heartbeats, states, replies. Closed when the session is over.
    pub sender: mpsc::Sender<InstanceMessage>,
    /// From the controller. Its end, or an error, is the end of the session.
    pub messages: BoxStream<'static, Result<ControllerMessage, SessionError>>,
}

/// Why a session could not be opened or has ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("the controller cannot be reached")]
    Unreachable(#[source] tonic::Status),
    #[error("the controller ended the session: {0}")]
    Ended(String),
    #[error("the controller is shutting down")]
    ShuttingDown,
}

/// Sessions over gRPC.
#[derive(Clone, Debug)]
pub struct GrpcClusterClient {
    client: Generated<Channel>,
}

impl GrpcClusterClient {
    /// Over a channel that connects when needed and again after a failure.
    pub fn new(channel: Channel) -> Self {
        let client = Generated::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { client }
    }
}

#[async_trait]
impl ClusterClient for GrpcClusterClient {
    async fn connect(&self, register: Register) -> Result<Session, SessionError> {
        let (sender, receiver) = mpsc::channel(SESSION_QUEUE);
        let first = InstanceMessage { message: Some(Message::Register(register)) };
        // The queue is new and has room, and its receiver is alive.
        sender.send(first).await.map_err(|_| SessionError::ShuttingDown)?;
        let mut client = self.client.clone();
        let response = client.session(ReceiverStream::new(receiver)).await.map_err(from_status)?;
        let messages = response.into_inner().map(|message| message.map_err(from_status)).boxed();
        Ok(Session { sender, messages })
    }
}

fn from_status(status: tonic::Status) -> SessionError {
    match status.code() {
        tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Cancelled | tonic::Code::DeadlineExceeded => {
            SessionError::Unreachable(status)
        }
        _ => SessionError::Ended(status.message().to_owned()),
    }
}
