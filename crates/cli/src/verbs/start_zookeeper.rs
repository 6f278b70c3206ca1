//! `StartZookeeper`: stays alive where start scripts and compose files expect a ZooKeeper.

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use clap::Args;
use service::shutdown;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{Group, Verb};
use crate::pid_file;

/// Health checks that are answered at the same time; further ones wait.
const MAX_CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StartZookeeper {
    /// Port at which health checks are answered.
    #[arg(long, value_name = "PORT", default_value_t = 2181)]
    pub zk_port: u16,
    /// Accepted; nothing is kept.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl Verb for StartZookeeper {
    const NAME: &'static str = "StartZookeeper";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Not needed: answers the health checks of compose files, and keeps nothing.";
    const DETAILS: &'static str = "\
The cluster's state is in a file of the controller. This verb exists so that start scripts and compose files with a ZooKeeper
step go on working: it holds the port open and answers `ruok` with `imok`. It is no ZooKeeper; clients that speak its protocol
are turned away.";
    const EXAMPLES: &'static [&'static str] = &["StartZookeeper -zkPort 2181"];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.zk_port))
            .await
            .with_context(|| format!("listen on port {}", self.zk_port))?;
        let _pid_file = pid_file::write("zookeeper");
        println!(
            "No ZooKeeper is needed, and this is none: the controller keeps the cluster's state. Port {} answers health checks.",
            listener.local_addr()?.port()
        );
        tokio::select! {
            () = serve(listener) => {}
            () = shutdown::signal() => {}
        }
        Ok(())
    }
}

async fn serve(listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(async move {
                    if let Ok(Ok(true)) = tokio::time::timeout(PATIENCE, answer(stream)).await {
                        tracing::warn!(
                            "{peer} speaks ZooKeeper's protocol and was turned away: there is no ZooKeeper here"
                        );
                    }
                    drop(place);
                });
            }
            // Too many open files, for example: a moment later it may go on.
            Err(error) => {
                tracing::warn!("accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Answers one four-letter word. Gives whether the other side spoke something else.
async fn answer(mut stream: TcpStream) -> std::io::Result<bool> {
    let mut word = [0u8; 4];
    if stream.read_exact(&mut word).await.is_err() {
        return Ok(false);
    }
    let text = match &word {
        b"ruok" => "imok",
        b"srvr" | b"stat" => "This is not a ZooKeeper: none is needed here.\nMode: standalone\n",
        _ => return Ok(true),
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn health_checks_are_answered_and_clients_turned_away() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener));
        for (sent, answered) in [("ruok", "imok"), ("\0\0\0-", ""), ("stat", "This is not")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            assert!(text.starts_with(answered) && text.is_empty() == answered.is_empty(), "{sent}: {text}");
        }
        server.abort();
    }
}
