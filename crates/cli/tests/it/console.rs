//! The console in a real browser, headless: what a person would see after the page has asked the API.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use testkit::{InProcess, fixture::CELLAR};

/// The browser, by the names that distributions give it.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success()))
}

/// The page's elements once nothing is asked any more.
fn seen(browser: &str, url: &str) -> Result<String> {
    let profile = tempfile::tempdir()?;
    let out = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--virtual-time-budget=6000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--dump-dom", url])
        .output()
        .with_context(|| format!("{browser} does not run"))?;
    ensure!(out.status.success(), "{browser} ended with {}: {}", out.status, String::from_utf8_lossy(&out.stderr));
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_page_shows_the_cluster_and_answers() -> Result<()> {
    let Some(browser) = browser() else {
        println!("skipped: there is no Chromium here");
        return Ok(());
    };
    let cluster = InProcess::start().await?;
    let controller = cluster.client.controller.clone();
    let page = tokio::task::spawn_blocking({
        let controller = controller.clone();
        move || seen(browser, &format!("{controller}/"))
    });
    let page = page.await??;
    for part in ["healthy", "1 of 1 alive", "No table yet", "ingestFromFile"] {
        ensure!(page.contains(part), "an empty cluster's page lacks {part:?}:\n{page}");
    }

    CELLAR.load(&cluster.client).await?;
    let rows = CELLAR.rows();
    let link = format!("{controller}/#q=select%20count(*)%20as%20bottles_seen%20from%20{}", CELLAR.name);
    let page = tokio::task::spawn_blocking(move || seen(browser, &link)).await??;
    for part in [CELLAR.name, &format!("{rows} rows"), "bottles_seen", &format!(">{rows}<"), "docs scanned"] {
        ensure!(page.contains(part), "the page lacks {part:?}:\n{page}");
    }
    Ok(())
}
