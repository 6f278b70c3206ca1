//! How fast a CSV file becomes a segment.
//!
//!     cargo bench -p cuvee-ingest --bench csv -- [rows in millions, default 1.5] [threads, default all]
//!
//! Makes a file like the flat lineorder table of the Star Schema Benchmark (21 columns, sorted by time, otherwise
//! uniformly random), then times three things: reading and converting on one thread without a segment, the whole load
//! without secondary indexes, and the whole load with eight inverted indexes and a bloom filter.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    sync::Arc,
    time::Instant,
};

use connectors::format::{self, Format, ReadOptions};
use ingest::{
    Pipeline,
    batch::{BatchJob, ingest_file},
};
use model::{Schema, TableConfig};
use serde_json::json;

const INVERTED: [&str; 8] =
    ["c_nation", "c_city", "s_nation", "s_city", "p_brand1", "p_category", "p_partkey", "c_name"];
const NOW_MS: i64 = 1_700_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo passes `--bench`.
    let mut args = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let rows = (args.next().map_or(Ok(1.5), |a| a.parse::<f64>())? * 1e6) as u64;
    let threads = args.next().map(|a| a.parse()).transpose()?;
    let root = tempfile::tempdir()?;
    let input = root.path().join("lineorder.csv");
    write_file(&input, rows)?;
    let megabytes = fs::metadata(&input)?.len() / 1_000_000;
    println!("{rows} rows, {megabytes} MB");

    let schema = Arc::new(schema()?);
    let plain = Arc::new(table(false)?);
    let cpu = cpu_seconds();
    let seconds = read_only(&input, &schema, &plain)?;
    let cpu = cpu_seconds() - cpu;
    println!("read and convert, 1 thread:   {:>9.0} rows/s, {cpu:.2} s of CPU", rows as f64 / seconds);
    for (what, table) in
        [("load, no indexes:            ", plain), ("load, 8 inverted and a bloom:", Arc::new(table(true)?))]
    {
        let (before, cpu) = (rss_mb("VmRSS"), cpu_seconds());
        let start = Instant::now();
        let report = load(&input, root.path(), &schema, &table, threads)?;
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(report.rows_indexed, rows);
        println!(
            "{what} {:>9.0} rows/s, {seconds:.2} s, {:.2} s of CPU, {:.1} bytes/row, peak resident {} MB, {before} before",
            rows as f64 / seconds,
            cpu_seconds() - cpu,
            report.segment.size_bytes as f64 / rows as f64,
            rss_mb("VmHWM"),
        );
        fs::remove_file(&report.segment.file)?;
    }
    Ok(())
}

fn read_only(input: &Path, schema: &Schema, table: &TableConfig) -> Result<f64, Box<dyn std::error::Error>> {
    let start = Instant::now();
    let pipeline = Pipeline::new(schema, table, NOW_MS)?;
    let options = ReadOptions { columns: pipeline.input_columns(), ..ReadOptions::default() };
    let mut reader = format::open(input, "lineorder.csv", Format::Csv, &options)?;
    while let Some(job) = reader.next_job()? {
        pipeline.run(job()?, NOW_MS)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

fn load(
    input: &Path,
    root: &Path,
    schema: &Arc<Schema>,
    table: &Arc<TableConfig>,
    threads: Option<usize>,
) -> Result<ingest::batch::BatchReport, ingest::Error> {
    let config = BTreeMap::from([("inputFormat".to_owned(), "csv".to_owned())]);
    let dirs = (root.to_owned(), root.to_owned());
    let (schema, table) = (schema.clone(), table.clone());
    let mut job = BatchJob::from_config_map(&config, input.to_owned(), "lineorder.csv", schema, table, dirs, NOW_MS)?;
    job.threads = threads.unwrap_or(job.threads);
    ingest_file(&job)
}

fn schema() -> Result<Schema, model::SchemaError> {
    let fields = |names: &[(&str, &str)]| {
        names.iter().map(|(name, ty)| json!({"name": name, "dataType": ty})).collect::<Vec<_>>()
    };
    let dimensions = [
        ("lo_orderkey", "INT"),
        ("lo_orderdate", "INT"),
        ("lo_quantity", "INT"),
        ("lo_discount", "INT"),
        ("c_name", "STRING"),
        ("c_city", "STRING"),
        ("c_nation", "STRING"),
        ("c_region", "STRING"),
        ("s_city", "STRING"),
        ("s_nation", "STRING"),
        ("s_region", "STRING"),
        ("p_partkey", "INT"),
        ("p_name", "STRING"),
        ("p_mfgr", "STRING"),
        ("p_category", "STRING"),
        ("p_brand1", "STRING"),
        ("d_year", "INT"),
    ];
    Schema::from_json(&json!({
        "schemaName": "lineorder",
        "dimensionFieldSpecs": fields(&dimensions),
        "metricFieldSpecs": fields(&[("lo_extendedprice", "INT"), ("lo_revenue", "INT"), ("lo_supplycost", "INT")]),
        "dateTimeFieldSpecs": [{"name": "lo_ts", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH",
                                "granularity": "1:MILLISECONDS"}],
    }))
}

fn table(indexes: bool) -> Result<TableConfig, model::TableConfigError> {
    let index = if indexes {
        json!({"loadMode": "MMAP", "invertedIndexColumns": INVERTED, "bloomFilterColumns": ["p_partkey"]})
    } else {
        json!({"loadMode": "MMAP"})
    };
    TableConfig::from_json(&json!({
        "tableName": "lineorder", "tableType": "OFFLINE", "tenants": {}, "metadata": {}, "tableIndexConfig": index,
        "segmentsConfig": {"timeColumnName": "lo_ts", "replication": "1"},
    }))
}

fn write_file(path: &Path, rows: u64) -> std::io::Result<()> {
    const NATIONS: [&str; 25] = [
        "ALGERIA",
        "ETHIOPIA",
        "KENYA",
        "MOROCCO",
        "MOZAMBIQUE",
        "ARGENTINA",
        "BRAZIL",
        "CANADA",
        "PERU",
        "UNITED STATES",
        "CHINA",
        "INDIA",
        "INDONESIA",
        "JAPAN",
        "VIETNAM",
        "FRANCE",
        "GERMANY",
        "ROMANIA",
        "RUSSIA",
        "UNITED KINGDOM",
        "EGYPT",
        "IRAN",
        "IRAQ",
        "JORDAN",
        "SAUDI ARABIA",
    ];
    const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    out.write_all(
        b"lo_orderkey,lo_orderdate,lo_ts,lo_quantity,lo_discount,lo_extendedprice,lo_revenue,lo_supplycost,c_name,\
          c_city,c_nation,c_region,s_city,s_nation,s_region,p_partkey,p_name,p_mfgr,p_category,p_brand1,d_year\n",
    )?;
    let mut line = String::new();
    for row in 0..rows {
        let day = row * 637 / rows;
        let (year, month, date) = (1992 + day / 365, day % 365 / 31 + 1, day % 28 + 1);
        let orderdate = year * 10_000 + month * 100 + date;
        let ts = 694_224_000_000 + row * (637 * 86_400_000 / rows.max(1));
        let (customer, part, s_city) = (random(30_000), random(200_000), random(250));
        let (c_city, brand) = (customer % 250, part % 1000);
        let (quantity, discount) = (random(50) + 1, random(11));
        let unit = 90_000 + (part + 1) / 10 % 20_001 + 100 * ((part + 1) % 1000);
        let price = quantity * unit;
        let (c_nation, s_nation) = (NATIONS[(c_city / 10) as usize], NATIONS[(s_city / 10) as usize]);
        line.clear();
        let written = writeln!(
            line,
            "{},{orderdate},{ts},{quantity},{discount},{price},{},{},Customer#{:09},{:<9.9}{},{c_nation},{},{:<9.9}{},{s_nation},{},{},Part#{:09},MFGR#{},MFGR#{}{},MFGR#{}{}{:02},{year}",
            row / 4 + 1,
            price * (100 - discount) / 100,
            6 * unit / 10,
            customer + 1,
            c_nation,
            c_city % 10,
            REGIONS[(c_city / 50) as usize],
            s_nation,
            s_city % 10,
            REGIONS[(s_city / 50) as usize],
            part + 1,
            part + 1,
            brand / 200 + 1,
            brand / 200 + 1,
            brand / 40 % 5 + 1,
            brand / 200 + 1,
            brand / 40 % 5 + 1,
            brand % 40 + 1,
        );
        if written.is_ok() {
            out.write_all(line.as_bytes())?;
        }
    }
    out.flush()
}

/// A line of `/proc/self/status` in MB; 0 where there is none.
fn rss_mb(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with(key)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// User and system time of this process so far, where `/proc` has it. Unlike the clock it does not count what other
/// processes take.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
