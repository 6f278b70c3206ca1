//! A cluster of real processes answers as one process does, and goes on when roles die.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::{fixture::CELLAR, process::Processes, sql, until};

use crate::sql_files::sql_files;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_files_on_separate_processes() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let cluster = Processes::start(Path::new(env!("CARGO_BIN_EXE_cuvee")), dir.path(), 2).await?;
    CELLAR.load(&cluster.client).await?;
    let files = sql_files();
    ensure!(files.len() >= 3, "the SQL files are gone");
    for file in files {
        sql::run_file(&cluster.client, &file).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_go_on_without_a_controller_and_roles_rejoin() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut cluster = Processes::start(Path::new(env!("CARGO_BIN_EXE_cuvee")), dir.path(), 1).await?;
    CELLAR.load(&cluster.client).await?;
    let client = cluster.client.clone();
    let count = "select count(*) from cellar";

    cluster.controller.kill()?;
    ensure!(client.rows(count).await? == vec![vec![json!(8)]], "the broker does not answer without a controller");

    // A server that restarts while there is no controller answers from its own disk.
    cluster.servers[0].kill()?;
    let dead = client.query(count, "").await?;
    ensure!(
        dead["exceptions"].as_array().is_some_and(|e| !e.is_empty()) && dead["partialResult"] == true,
        "a dead server is not named: {dead}"
    );
    cluster.servers[0].restart()?;
    until("the restarted server to answer", || async {
        (client.rows(count).await.ok()? == vec![vec![json!(8)]]).then_some(())
    })
    .await?;

    cluster.controller.restart()?;
    cluster.wait().await?;
    client.ingest_json("cellar", "later", "{\"id\":9,\"name\":\"Ivo\",\"day\":19600}\n").await?;
    client.wait_for_rows("cellar", 9).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_stop_in_good_order() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut cluster = Processes::start(Path::new(env!("CARGO_BIN_EXE_cuvee")), dir.path(), 1).await?;
    for role in [&mut cluster.minion, &mut cluster.broker, &mut cluster.servers[0], &mut cluster.controller] {
        ensure!(role.stop()? == Some(0), "a role does not stop with status 0");
    }
    Ok(())
}
