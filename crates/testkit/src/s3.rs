//! An S3-compatible server on a loopback port, its buckets directories of a temporary one.

use std::net::SocketAddr;
use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// Who may sign requests.
pub const ACCESS_KEY: &str = "test-access-key";
pub const SECRET_KEY: &str = "test-secret-key";

/// A running server; it ends when dropped.
pub struct S3Server {
    addr: SocketAddr,
    root: TempDir,
    accepting: AbortHandle,
}

impl S3Server {
    /// Starts a server with empty buckets of these names.
    pub async fn start(buckets: &[&str]) -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        for bucket in buckets {
            std::fs::create_dir(root.path().join(bucket))?;
        }
        let files = s3s_fs::FileSystem::new(root.path()).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // They end with the server, also those that clients keep open.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let connection = server.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
                connections.spawn(async move {
                    // A client that goes away is no matter of the server.
                    let _ = connection.await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { addr, root, accepting: accepting.abort_handle() })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The directory of a bucket: its objects are the files in it.
    pub fn bucket(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    /// Puts an object into a bucket without asking the server.
    pub fn place(&self, bucket: &str, key: &str, content: impl AsRef<[u8]>) -> std::io::Result<()> {
        let file = self.bucket(bucket).join(key);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        std::fs::write(file, content)
    }

    /// Properties for the file system of `prefix`, for example `pinot.controller.storage.factory.s3.`.
    pub fn properties(&self, prefix: &str) -> Vec<(String, String)> {
        [
            ("region", "us-east-1"),
            ("endpoint", &self.endpoint()),
            ("accessKey", ACCESS_KEY),
            ("secretKey", SECRET_KEY),
            ("disableAcl", "false"),
        ]
        .into_iter()
        .map(|(key, value)| (format!("{prefix}{key}"), value.to_owned()))
        .collect()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
