//! The commands of README and exercises do what the pages say: each page is followed on a cluster of its own.
//!
//! With `CUVEE_DOCS_CLUSTER="CONTROLLER BROKER ADMIN"` (host:port each) and `CUVEE_DOCS_CLI` (a command that takes verbs) the
//! pages are followed on a cluster that runs already, such as the one of docker-compose.yml.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use testkit::{
    docs::{How, Reader, blocks},
    process::free_port,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `cuvee` as the reader types it, with the ports that are free here.
fn wrapper(binary: &Path, ports: &[u16], config: &Path) -> String {
    let (binary, config) = (binary.display(), config.display());
    format!(
        r#"case "$1" in
  sql) exec "{binary}" "$@" -broker http://localhost:{broker} ;;
  PostQuery) exec "{binary}" "$@" -brokerPort {broker} ;;
  [qQ]uick[sS]tart) exec "{binary}" "$@" -configFile "{config}" ;;
esac
if "{binary}" "$1" -help 2>/dev/null | grep -q -- -controllerPort; then exec "{binary}" "$@" -controllerPort {controller}; fi
exec "{binary}" "$@""#,
        controller = ports[0],
        broker = ports[1],
    )
}

fn reader(dir: &Path) -> Result<(Reader, bool)> {
    let examples = root().join("examples");
    if let Ok(cluster) = std::env::var("CUVEE_DOCS_CLUSTER") {
        let addresses: Vec<&str> = cluster.split_whitespace().collect();
        ensure!(addresses.len() == 3, "CUVEE_DOCS_CLUSTER holds three addresses");
        let here = ["localhost:9000", "localhost:8099", "localhost:8097"]
            .into_iter()
            .zip(addresses)
            .map(|(page, address)| (page.to_owned(), address.to_owned()))
            .collect();
        let cli = std::env::var("CUVEE_DOCS_CLI").context("CUVEE_DOCS_CLI is not set")?;
        return Ok((Reader::new(dir, &examples, &format!("exec {cli} \"$@\""), here, Vec::new())?, true));
    }
    let ports = [free_port()?, free_port()?, free_port()?, free_port()?, free_port()?];
    let keys = [
        "controller.port",
        "pinot.broker.client.queryPort",
        "pinot.server.adminapi.port",
        "pinot.server.netty.port",
        "pinot.minion.port",
    ];
    let config = dir.join("ports.conf");
    let text: String = keys.iter().zip(ports).map(|(key, port)| format!("{key}={port}\n")).collect();
    std::fs::write(&config, text)?;
    let mut here: Vec<(String, String)> =
        [("localhost:9000", ports[0]), ("localhost:8099", ports[1]), ("localhost:8097", ports[2])]
            .map(|(page, port)| (page.to_owned(), format!("localhost:{port}")))
            .into();
    // A second server and broker, as their start commands name them.
    for page in ["8199", "8198", "8197"] {
        here.push((page.to_owned(), free_port()?.to_string()));
    }
    // Folders that the pages name belong to the reader.
    for page in ["/tmp/cuvee", "/var/lib/cuvee"] {
        here.push((page.to_owned(), format!("{}{page}", dir.display())));
    }
    let health = [ports[0], ports[1], ports[2]].map(|port| format!("http://localhost:{port}/health")).into();
    let script = wrapper(Path::new(env!("CARGO_BIN_EXE_cuvee")), &ports, &config);
    Ok((Reader::new(dir, &examples, &script, here, health)?, false))
}

/// Follows a page; `fewest` is the number of commands below which the page, or the search for them, is broken.
fn follow(page: &str, fewest: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (mut reader, running) = reader(dir.path())?;
    let text = std::fs::read_to_string(root().join(page)).with_context(|| format!("read {page}"))?;
    let found = blocks(&text).with_context(|| page.to_owned())?;
    let run = found.iter().filter(|block| block.how == How::Run).count();
    ensure!(run >= fewest, "{page} has only {run} commands that are run");
    for block in found.iter().filter(|block| !(running && block.how == How::Background)) {
        reader.follow(block, &root()).with_context(|| format!("{page}, line {}", block.line))?;
    }
    Ok(())
}

#[test]
fn exercises() -> Result<()> {
    follow("docs/exercises.md", 20)
}

#[test]
fn readme() -> Result<()> {
    follow("README.md", 3)
}

#[test]
fn ingestion() -> Result<()> {
    follow("docs/ingestion.md", 4)
}

#[test]
fn deployment() -> Result<()> {
    follow("docs/deployment.md", 0)
}

/// What the packaged settings and the page about them name is read somewhere.
#[test]
fn documented_keys_are_read() -> Result<()> {
    let sources = sources(&root())?;
    let mut names: Vec<(String, String)> = Vec::new();
    let page = std::fs::read_to_string(root().join("docs/configuration.md"))?;
    for key in page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
        if key.contains('.') {
            names.push(("docs/configuration.md".to_owned(), key.to_owned()));
        }
    }
    for file in std::fs::read_dir(root().join("packaging/conf"))? {
        let file = file?.path();
        for line in std::fs::read_to_string(&file)?.lines() {
            // A setting that is commented out has no blank after its `#`.
            let line = line.trim_start_matches('#');
            if let Some((key, _)) = line.split_once('=').filter(|(key, _)| !key.contains(' ')) {
                names.push((file.display().to_string(), key.to_owned()));
            }
        }
    }
    ensure!(names.len() > 50, "only {} keys are found", names.len());
    for (place, key) in names {
        let job = key.strip_prefix("controller.").and_then(|rest| rest.strip_suffix(".frequencyPeriod"));
        let read = match (key.split_once(".storage.factory."), job) {
            (Some((role, _)), _) => format!("\"{role}.storage.factory."),
            (None, Some(job)) => format!("period(\"{job}\""),
            (None, None) => format!("\"{key}\""),
        };
        ensure!(sources.contains(&read), "{place}: nothing reads {key}");
    }
    Ok(())
}

/// The sources of the roles and the binary, but the list of keys that are accepted without being read.
fn sources(root: &Path) -> Result<String> {
    let mut text = String::new();
    let mut folders: Vec<PathBuf> =
        ["broker/src", "controller/src", "server/src", "minion/src", "crates/cli/src", "crates/service/src"]
            .map(|folder| root.join(folder))
            .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("config/known.rs") {
                text.push_str(&std::fs::read_to_string(&path)?);
            }
        }
    }
    Ok(text)
}
