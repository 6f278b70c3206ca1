//! A controller over a store of many tables: how long its start, its lists and its changes take.
//!
//! `cargo bench -p cuvee-benches --bench controller [-- tables segments-a-table]`; 1,000 and 100 without numbers. Ends
//! with status 1 when a limit is not held.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use controller::cluster::{
    Change, Cluster, InstanceEntry, JsonText, SchemaEntry, SegmentEntry, SegmentRecord, TableEntry,
};
use controller::{Controller, ControllerConfig, Deps};
use metadata::{EmbeddedStore, MetadataStore};
use model::{Schema, TableConfig};
use serde_json::{Value, json};
use service::Properties;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const START: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_millis(100);
const CREATION: Duration = Duration::from_millis(50);
/// Each call is asked so often; the median counts.
const CALLS: usize = 9;

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (tables, segments) = (numbers.first().copied().unwrap_or(1_000), numbers.get(1).copied().unwrap_or(100));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(tables, segments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn config(dir: &Path) -> Outcome<ControllerConfig> {
    let mut properties = Properties::new();
    properties.set("controller.port", "0");
    properties.set("controller.host", "127.0.0.1");
    properties.set("controller.access.protocols.http.host", "127.0.0.1");
    properties.set("controller.data.dir", dir.join("deep").display().to_string());
    Ok(ControllerConfig::from_properties(&properties)?)
}

fn schema(name: &str) -> Value {
    let dimensions: Vec<Value> =
        (0..20).map(|i| json!({ "name": format!("column{i}"), "dataType": "STRING" })).collect();
    json!({
        "schemaName": name, "dimensionFieldSpecs": dimensions,
        "dateTimeFieldSpecs": [{ "name": "ts", "dataType": "LONG", "format": "EPOCH|MILLISECONDS", "granularity": "1:DAYS" }],
    })
}

fn table(name: &str) -> Value {
    json!({
        "tableName": name, "tableType": "OFFLINE",
        "segmentsConfig": { "replication": "2", "timeColumnName": "ts" },
        "tenants": {}, "tableIndexConfig": { "invertedIndexColumns": ["column1", "column2"] }, "metadata": {},
    })
}

fn segment(table: usize, number: usize) -> SegmentEntry {
    let columns: Vec<Value> = (0..20)
        .map(|i| {
            json!({
                "name": format!("column{i}"), "dataType": "STRING", "cardinality": 1000 + number,
                "min": format!("a{table}"), "max": format!("z{number}"), "hasDictionary": true,
            })
        })
        .collect();
    let start = 1_700_000_000_000 + number as i64 * 86_400_000;
    let record = SegmentRecord {
        download_url: format!("http://127.0.0.1:9000/segments/table{table}/segment{number}"),
        deep_store_path: Some(format!("table{table}/segment{number}")),
        crc: (table * 1_000_003 + number).to_string(),
        packed_size_bytes: 10_000_000,
        total_docs: 1_000_000,
        creation_time_ms: start,
        push_time_ms: start,
        start_time_ms: Some(start),
        end_time_ms: Some(start + 86_399_999),
        metadata: JsonText::new(&json!({ "segmentName": format!("segment{number}"), "columns": columns })),
        ..SegmentRecord::default()
    };
    let servers = [number % 4, (number + 1) % 4].map(|i| (format!("Server_s{i}_8098"), "ONLINE".to_owned()));
    SegmentEntry::new(record, BTreeMap::from(servers))
}

/// Writes the store as a controller would have.
async fn fill(dir: &Path, tables: usize, segments: usize) -> Outcome<()> {
    let store: Arc<dyn MetadataStore> = Arc::new(EmbeddedStore::open(dir.join("cluster.redb")).await?);
    let cluster = Cluster::load(config(dir)?, 9000, store).await?;
    let instances = (0..4)
        .map(|i| {
            let tags = vec!["DefaultTenant_OFFLINE".to_owned(), "DefaultTenant_REALTIME".to_owned()];
            InstanceEntry::new(format!("Server_s{i}_8098"), format!("s{i}"), 8098, "SERVER", tags)
        })
        .chain([InstanceEntry::new(
            "Broker_b_8099".to_owned(),
            "b".to_owned(),
            8099,
            "BROKER",
            vec!["DefaultTenant_BROKER".to_owned()],
        )])
        .map(Change::PutInstance)
        .collect();
    cluster.write(|_| Ok((instances, ()))).await?;
    for number in 0..tables {
        let name = format!("table{number}");
        let config = TableConfig::from_json(&table(&name))?.with_default_tenants();
        let mut changes = vec![
            Change::PutSchema(SchemaEntry::new(Schema::from_json(&schema(&name))?)),
            Change::PutTable(TableEntry::new(config, true, 1_700_000_000_000, 1_700_000_000_000)),
        ];
        changes.extend((0..segments).map(|i| Change::PutSegment {
            table: format!("{name}_OFFLINE"),
            segment: format!("segment{i}"),
            entry: segment(number, i),
        }));
        cluster.write(|_| Ok((changes, ()))).await?;
    }
    Ok(())
}

/// Prints a line and gives whether the limit is held.
fn held(what: &str, took: Duration, limit: Duration, bytes: usize) -> bool {
    let good = took <= limit;
    let verdict = if good { "" } else { "  TOO SLOW" };
    println!(
        "{what:<62} {:>9.2} ms  of {:>5} ms {bytes:>10} bytes{verdict}",
        took.as_secs_f64() * 1e3,
        limit.as_millis()
    );
    good
}

async fn run(tables: usize, segments: usize) -> Outcome<bool> {
    let dir = tempfile::tempdir()?;
    let started = Instant::now();
    fill(dir.path(), tables, segments).await?;
    println!("{tables} tables, {} segments written in {:.1} s", tables * segments, started.elapsed().as_secs_f64());

    let started = Instant::now();
    let store: Arc<dyn MetadataStore> = Arc::new(EmbeddedStore::open(dir.path().join("cluster.redb")).await?);
    let handle = Controller::new(config(dir.path())?, Deps::new(store)).start().await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = |path: &str| format!("http://{}{path}", handle.addr());
    client.get(url("/health")).send().await?.error_for_status()?;
    let mut good = held("start, until /health answers", started.elapsed(), START, 0);

    for path in [
        "/tables",
        "/tables?type=offline&sortType=creationTime",
        "/tables/table7",
        "/schemas",
        "/schemas/table7",
        "/schemas/info",
        "/tableConfigs",
        "/tableConfigs/table7",
        "/tables/table7/idealstate",
        "/tables/table7/externalview",
        "/tables/table7/segmentsStatus",
        "/segments/table7",
        "/segments/table7/servers",
        "/segments/table7/zkmetadata",
        "/segments/table7/segment7/metadata",
        "/instances",
        "/instances/Server_s1_8098",
        "/instances/dropInstance/validate?instanceNames=Server_s1_8098",
        "/tenants",
        "/tenants/DefaultTenant",
        "/tenants/DefaultTenant/tables?withTableProperties=true",
        "/brokers",
        "/v2/brokers/tables",
        "/tables/livebrokers",
        "/databases",
        "/leader/tables",
        "/zk/ls?path=/PinotCluster/PROPERTYSTORE/CONFIGS/TABLE",
        "/zk/lsl?path=/PinotCluster/PROPERTYSTORE/CONFIGS/TABLE",
        "/zk/getChildren?path=/PinotCluster/PROPERTYSTORE/SEGMENTS/table7_OFFLINE",
        "/zk/get?path=/PinotCluster/EXTERNALVIEW/brokerResource",
    ] {
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..CALLS {
            let asked = Instant::now();
            let answer = client.get(url(path)).send().await?.error_for_status()?;
            bytes = answer.bytes().await?.len();
            times.push(asked.elapsed());
        }
        times.sort_unstable();
        good &= held(&format!("GET {path}"), times[CALLS / 2], CALL, bytes);
    }

    let mut times = Vec::new();
    for i in 0..CALLS {
        let name = format!("new{i}");
        let answer = client.post(url("/schemas")).json(&schema(&name)).send().await?;
        answer.error_for_status()?;
        let asked = Instant::now();
        let answer = client.post(url("/tables")).json(&table(&name)).send().await?;
        answer.error_for_status()?;
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    good &= held("POST /tables", times[CALLS / 2], CREATION, 0);
    handle.shutdown(Duration::from_secs(5)).await;
    Ok(good)
}
