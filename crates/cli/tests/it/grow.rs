//! A cluster in one process becomes one of separate roles, on the data that it has.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use testkit::{
    fixture::CELLAR,
    process::{OneProcess, Role, wait_healthy},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_becomes_four() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let binary = Path::new(env!("CARGO_BIN_EXE_cuvee"));
    let mut one = OneProcess::start(binary, dir.path()).await?;
    CELLAR.load(&one.client).await?;
    let client = one.client.clone();
    ensure!(one.role.stop()? == Some(0), "the process does not stop with status 0");

    // The same ports and folders, so the same instances.
    let path = |name: &str| dir.path().join(name).to_str().map(str::to_owned).context("the folder's name is not UTF-8");
    let (config, controller_dir, server_dir) = (path("cluster.conf")?, path("data/controller")?, path("data/server")?);
    let address = client.controller.trim_start_matches("http://").to_owned();
    let args = ["StartController", "-configFile", &config, "-controllerHost", "localhost", "-dataDir", &controller_dir];
    let mut controller = Role::start(binary, "controller", &args, dir.path())?;
    wait_healthy(&mut controller, &format!("{}/health", client.controller)).await?;
    let join = ["-configFile", &config, "-controller", &address];
    let server = [&["StartServer", "-serverHost", "localhost", "-dataDir", &server_dir][..], &join].concat();
    let mut server = Role::start(binary, "server", &server, dir.path())?;
    wait_healthy(&mut server, &format!("{}/health", one.admin)).await?;
    let broker = [&["StartBroker", "-brokerHost", "localhost"][..], &join].concat();
    let mut broker = Role::start(binary, "broker", &broker, dir.path())?;
    wait_healthy(&mut broker, &format!("{}/health", client.broker)).await?;

    client.wait_for_rows("cellar", 8).await?;
    client.ingest_json("cellar", "later", "{\"id\":9,\"name\":\"Ivo\",\"day\":19600}\n").await?;
    client.wait_for_rows("cellar", 9).await
}
