//! `kill -9` at random moments: what was acknowledged is there and whole, what was not is gone or whole.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use testkit::{Client, process::OneProcess, until};

const ROUNDS: usize = 50;

/// What a client knows of a table.
#[derive(Debug)]
struct Known {
    name: String,
    /// Rows of all uploads that were acknowledged.
    rows: i64,
    /// Rows of the upload that was under way when the process was killed.
    unsure: i64,
}

/// Everything that the clients were told.
#[derive(Debug, Default)]
struct Told {
    tables: Vec<Known>,
    next: usize,
    /// A table whose creation was not acknowledged; it may exist or not.
    maybe: Option<String>,
}

fn lines(rows: i64) -> String {
    (0..rows)
        .map(|i| format!("{{\"id\":{i},\"name\":\"name {}\",\"tags\":[\"a{}\",\"b\"]}}\n", i % 97, i % 7))
        .collect()
}

/// Creates tables and uploads files until it is stopped from outside.
async fn work(client: &Client, told: &mut Told) -> Result<()> {
    loop {
        if told.tables.len() < 3 || told.next.is_multiple_of(9) {
            let name = format!("crash{}", told.next);
            told.next += 1;
            told.maybe = Some(name.clone());
            let schema = json!({"schemaName": name, "dimensionFieldSpecs": [
                {"name": "id", "dataType": "INT"}, {"name": "name", "dataType": "STRING"},
                {"name": "tags", "dataType": "STRING", "singleValueField": false}]});
            let table = json!({"tableName": name, "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
                "tableIndexConfig": {"invertedIndexColumns": ["name"]}, "metadata": {}});
            client.create_table(&schema, &table).await?;
            told.maybe = None;
            told.tables.push(Known { name, rows: 0, unsure: 0 });
        }
        told.next += 1;
        let postfix = format!("p{}", told.next);
        let rows = [10, 500, 5_000][told.next % 3];
        let index = told.next % told.tables.len();
        let known = &mut told.tables[index];
        known.unsure = rows;
        client.ingest_json(&known.name, &postfix, &lines(rows)).await?;
        known.unsure = 0;
        known.rows += rows;
    }
}

/// Checks every promise against the restarted cluster; what was unsure is known afterwards.
async fn check(client: &Client, told: &mut Told) -> Result<()> {
    for known in &mut told.tables {
        let (status, text) = client.get(&format!("/tables/{}", known.name)).await?;
        ensure!(status.is_success() && text.contains("OFFLINE"), "table {} is lost: {status} {text}", known.name);
        let sql = format!("select count(*), sum(id), count(tags) from {}", known.name);
        let wanted = [known.rows, known.rows + known.unsure];
        let found = until(&format!("{wanted:?} rows in {}", known.name), || async {
            let answer = client.query(&sql, "").await.ok()?;
            let quiet = answer["exceptions"].as_array().is_some_and(Vec::is_empty);
            let rows = answer["resultTable"]["rows"][0][0].as_i64()?;
            (quiet && wanted.contains(&rows)).then_some(rows)
        })
        .await?;
        let segments: serde_json::Value =
            serde_json::from_str(&client.get(&format!("/segments/{}", known.name)).await?.1)?;
        let listed = segments[0]["OFFLINE"].as_array().map_or(0, Vec::len);
        ensure!((listed > 0) == (found > 0), "{} segments with {found} rows in {}", listed, known.name);
        (known.rows, known.unsure) = (found, 0);
    }
    if let Some(name) = told.maybe.take() {
        // Half a creation leaves at most its schema; doing it again works.
        for path in [format!("/tables/{name}?type=offline&retention=0d"), format!("/schemas/{name}")] {
            let (status, text) = client.delete(&path).await?;
            ensure!(status.is_success() || status.as_u16() == 404, "cannot clean up {name}: {status} {text}");
        }
    }
    Ok(())
}

/// Files below a folder, or none when it is not there.
fn files(dir: &Path) -> Vec<String> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            out.extend(files(&entry.path()));
        } else {
            out.push(entry.path().display().to_string());
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_kill_9() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut cluster = OneProcess::start(Path::new(env!("CARGO_BIN_EXE_cuvee")), dir.path()).await?;
    let mut told = Told::default();
    let mut moment = 12_345_u64;
    for round in 0..ROUNDS {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let span = Duration::from_millis(5 + (moment >> 33) % 300);
        // The moment of the kill is drawn, not waited for: that is what is tested.
        if let Ok(ended) = tokio::time::timeout(span, work(&cluster.client, &mut told)).await {
            ended.with_context(|| format!("round {round}: a request failed before the kill"))?;
        }
        cluster.kill_and_restart().await.with_context(|| format!("round {round}"))?;
        check(&cluster.client, &mut told).await.with_context(|| format!("round {round}, killed after {span:?}"))?;
    }
    let rows: i64 = told.tables.iter().map(|t| t.rows).sum();
    ensure!(told.tables.len() >= 3 && rows > 0, "the rounds did nothing: {told:?}");
    let left = files(&dir.path().join("data/controller/.work"));
    ensure!(left.is_empty(), "work files are left behind: {left:?}");
    Ok(())
}
