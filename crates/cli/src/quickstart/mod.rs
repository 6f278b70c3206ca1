//! A whole cluster in one process, with something to ask.

mod sample;

use std::{path::Path, time::Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::multipart;
use serde_json::json;
use service::{Properties, shutdown};

use crate::{
    ask, pid_file,
    start::AllInOne,
    verbs::quick_start::{Content, QuickStart, bootstrap},
};

/// What is asked at the end, and what the user is shown to ask next.
const QUERIES: &[&str] = &[
    "select wine, region, sum(bottles) as bottles, avg(price) as price from wineOrders group by wine, region order by bottles desc limit 5",
    "select datetrunc('MONTH', orderedAt) as month, count(*), sum(total) from wineOrders where grapes = 'Riesling' group by month order by month limit 24",
    "select jsonextractscalar(customer, '$.address.city', 'STRING') as city, count(*) from wineOrders where organic = true group by city order by count(*) desc limit 5",
];

/// Runs until the process is asked to stop.
pub async fn run(args: QuickStart) -> Result<()> {
    let began = Instant::now();
    let properties = match &args.config_file {
        Some(path) => Properties::load(path)?,
        None => Properties::new(),
    };
    let temporary = match &args.data_dir {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("create a temporary folder")?),
    };
    let dir = match (&args.data_dir, &temporary) {
        (Some(dir), _) => dir.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => bail!("no folder for the data"),
    };
    let _pid_file = pid_file::write("quickstart");
    let cluster = AllInOne::start(&properties, &dir).await?;
    let controller = format!("http://localhost:{}", cluster.controller_addr().port());
    let broker = format!("http://localhost:{}", cluster.broker_addr().port());
    println!("cluster is up after {} ms", began.elapsed().as_millis());

    if let Some(zk) = &args.zk_address {
        println!("no ZooKeeper is needed: {zk} is accepted and not used");
    }
    if !args.bootstrap_table_dir.is_empty() {
        let port = cluster.controller_addr().port();
        let loaded = tokio::select! {
            loaded = bootstrap(&args.bootstrap_table_dir, port) => loaded,
            () = shutdown::signal() => { cluster.shutdown(shutdown::DRAIN).await; return Ok(()) }
        };
        loaded?;
    }
    if args.content == Content::Sample {
        let http = reqwest::Client::new();
        let loaded = tokio::select! {
            loaded = load_sample(&http, &controller) => loaded,
            () = shutdown::signal() => { cluster.shutdown(shutdown::DRAIN).await; return Ok(()) }
        };
        loaded.context("load the sample data")?;
        println!("table {} with {} rows in {} segments\n", sample::TABLE, sample::ROWS, sample::FILES);
        let answer = ask::query(&http, &broker, QUERIES[0], "").await?;
        println!("{}\n{}\n", QUERIES[0], ask::render(&answer)?);
        println!("ask on, in another terminal:");
        for query in &QUERIES[1..] {
            println!("  cuvee sql{} \"{query}\"", broker_flag(&broker));
        }
        println!();
    }
    println!("  REST API, to try out   {controller}/help");
    println!("  SQL over HTTP          {broker}/query/sql");
    match &args.data_dir {
        Some(dir) => println!("  data                   {}", dir.display()),
        None => println!("  data                   in a temporary folder, gone at the end (keep it with -dataDir DIR)"),
    }
    println!("Ctrl-C ends it.");
    tokio::select! {
        () = shutdown::signal() => {}
        () = cluster.failed() => bail!("a role has failed; see the log above"),
    }
    cluster.shutdown(shutdown::DRAIN).await;
    Ok(())
}

fn broker_flag(broker: &str) -> String {
    if broker == "http://localhost:8099" { String::new() } else { format!(" -broker {broker}") }
}

/// Creates the sample table through the REST API, as a user would. A table that is there already is kept.
async fn load_sample(http: &reqwest::Client, controller: &str) -> Result<()> {
    let there = http.get(format!("{controller}/segments/{}?type=OFFLINE", sample::TABLE)).send().await?;
    if there.status().is_success() {
        let segments: serde_json::Value = there.json().await?;
        if segments[0]["OFFLINE"].as_array().is_some_and(|s| s.len() >= sample::FILES) {
            return Ok(());
        }
    }
    for (path, body, known) in [("/schemas", sample::SCHEMA_JSON, 200), ("/tables", sample::TABLE_JSON, 409)] {
        let request = http.post(format!("{controller}{path}")).header("Content-Type", "application/json").body(body);
        let answer = request.send().await?;
        let status = answer.status();
        if !status.is_success() && status.as_u16() != known {
            bail!("POST {path}: {status} {}", answer.text().await?);
        }
    }
    let dir = tempfile::tempdir()?;
    for (i, path) in sample::write_files(dir.path())?.iter().enumerate() {
        upload(http, controller, path, i).await?;
    }
    Ok(())
}

async fn upload(http: &reqwest::Client, controller: &str, path: &Path, part: usize) -> Result<()> {
    let config = json!({
        "inputFormat": "json",
        "segmentNameGenerator.type": "fixed",
        "segmentNameGenerator.configs.segment.name": format!("{}_{part}", sample::TABLE),
    });
    let content = tokio::fs::read(path).await?;
    let form = multipart::Form::new().part("file", multipart::Part::bytes(content).file_name("orders.json"));
    let answer = http
        .post(format!("{controller}/ingestFromFile"))
        .query(&[
            ("tableNameWithType", format!("{}_OFFLINE", sample::TABLE)),
            ("batchConfigMapStr", config.to_string()),
        ])
        .multipart(form)
        .send()
        .await?;
    if !answer.status().is_success() {
        bail!("ingestFromFile: {} {}", answer.status(), answer.text().await?);
    }
    Ok(())
}
