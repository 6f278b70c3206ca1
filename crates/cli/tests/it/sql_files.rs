//! The SQL test files on a cluster in one process.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use testkit::{InProcess, fixture::CELLAR, sql};

/// All `.slt` files, sorted.
pub fn sql_files() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/tests/sql");
    let mut files: Vec<_> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "slt"));
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_files_in_one_process() -> Result<()> {
    let cluster = InProcess::start().await?;
    CELLAR.load(&cluster.client).await?;
    let files = sql_files();
    ensure!(files.len() >= 3, "the SQL files are gone");
    for file in files {
        sql::run_file(&cluster.client, &file).await?;
    }
    Ok(())
}
