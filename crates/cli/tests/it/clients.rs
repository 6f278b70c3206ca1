//! The published Python client, SQLAlchemy and pandas, and the calls of clients in other languages, on one process.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use testkit::{fixture::CELLAR, process::OneProcess};

/// The Python environment that `scripts/setup.sh` makes.
const PYTHON_ENV: &str = "PYTHON_ENV";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_clients() -> Result<()> {
    let Some(env) = std::env::var_os(PYTHON_ENV) else {
        println!("skipped: {PYTHON_ENV} is not set; `scripts/test.sh published_clients` makes it and runs this");
        return Ok(());
    };
    let dir = tempfile::tempdir()?;
    let cluster = OneProcess::start(Path::new(env!("CARGO_BIN_EXE_cuvee")), dir.path()).await?;
    CELLAR.load(&cluster.client).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/clients.py");
    let mut command = Command::new(Path::new(&env).join("bin/python"));
    command.arg("-B").arg(script).args([&cluster.client.controller, &cluster.client.broker, &cluster.admin]);
    let ran = tokio::task::spawn_blocking(move || command.output()).await??;
    let text = String::from_utf8_lossy(&ran.stdout);
    ensure!(ran.status.success(), "{text}\n{}", String::from_utf8_lossy(&ran.stderr));
    print!("{text}");
    Ok(())
}
