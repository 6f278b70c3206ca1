//! How fast files of each format become segments.
//!
//!     cargo bench -p cuvee-ingest --bench formats -- [rows in millions, default 1] [threads, default all] [format…]
//!
//! Makes a file like the flat lineorder table of the Star Schema Benchmark (21 columns, sorted by time, otherwise
//! uniformly random) in every format, then times for each: reading and converting on one thread without a segment, and
//! the whole load without secondary indexes. CSV is also loaded with eight inverted indexes and a bloom filter. In the
//! end 2,000 small CSV files are made into 2,000 segments, one after another.

mod lineorder;
mod write;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Instant};

use connectors::format::{self, Format, ReadOptions};
use ingest::{
    Pipeline,
    batch::{BatchJob, ingest_file},
};
use model::{Schema, TableConfig};

const NOW_MS: i64 = 1_700_000_000_000;
const SMALL_FILES: usize = 2_000;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    // Cargo passes `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let rows = (args.first().map_or(Ok(1.0), |a| a.parse::<f64>())? * 1e6) as u64;
    let threads = args.get(1).map(|a| a.parse()).transpose()?;
    let only = args.get(2..).unwrap_or_default();
    let root = tempfile::tempdir()?;
    let csv = root.path().join("lineorder.csv");
    lineorder::write_file(&csv, rows)?;
    let schema = Arc::new(lineorder::schema()?);
    let plain = Arc::new(lineorder::table(false)?);
    for name in ["csv", "json", "parquet", "arrow", "orc", "avro"] {
        if !only.is_empty() && !only.iter().any(|o| o == name) {
            continue;
        }
        let input = root.path().join(format!("lineorder.{name}"));
        if name != "csv" {
            write::convert(&csv, &schema, name, &input)?;
        }
        let load = Load { input: &input, format: name, root: root.path(), schema: &schema, threads };
        let megabytes = fs::metadata(&input)?.len() as f64 / 1e6;
        println!("{name}: {rows} rows, {megabytes:.0} MB");
        let cpu = cpu_seconds();
        let seconds = load.read_only(&plain)?;
        println!(
            "  read and convert, 1 thread {:>9.0} rows/s, {:.2} s of CPU",
            rows as f64 / seconds,
            cpu_seconds() - cpu
        );
        load.timed("load, no indexes          ", &plain, rows)?;
        if name == "csv" {
            load.timed("load, 8 inverted, bloom   ", &Arc::new(lineorder::table(true)?), rows)?;
        } else {
            fs::remove_file(&input)?;
        }
    }
    let small = root.path().join("small.csv");
    lineorder::write_file(&small, 50)?;
    let load = Load { input: &small, format: "csv", root: root.path(), schema: &schema, threads: Some(1) };
    let (start, cpu) = (Instant::now(), cpu_seconds());
    for _ in 0..SMALL_FILES {
        fs::remove_file(load.run(&plain)?.segment.file)?;
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!(
        "{SMALL_FILES} files of 50 rows: {seconds:.2} s, {cpu:.2} s of CPU, {:.2} ms a file",
        seconds * 1e3 / SMALL_FILES as f64
    );
    Ok(())
}

struct Load<'a> {
    input: &'a Path,
    format: &'a str,
    root: &'a Path,
    schema: &'a Arc<Schema>,
    threads: Option<usize>,
}

impl Load<'_> {
    fn timed(&self, what: &str, table: &Arc<TableConfig>, rows: u64) -> Result<(), Failed> {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let report = self.run(table)?;
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(report.rows_indexed, rows);
        println!(
            "  {what} {:>9.0} rows/s, {:.0} MB/s, {seconds:.2} s, {:.2} s of CPU, {:.1} bytes/row, peak resident {} MB",
            rows as f64 / seconds,
            report.bytes_read as f64 / 1e6 / seconds,
            cpu_seconds() - cpu,
            report.segment.size_bytes as f64 / rows as f64,
            rss_mb("VmHWM"),
        );
        fs::remove_file(&report.segment.file)?;
        Ok(())
    }

    fn read_only(&self, table: &TableConfig) -> Result<f64, Failed> {
        let start = Instant::now();
        let pipeline = Pipeline::new(self.schema, table, NOW_MS)?;
        let options = ReadOptions { columns: pipeline.input_columns(), ..ReadOptions::default() };
        let mut reader = format::open(self.input, "lineorder", self.format.parse::<Format>()?, &options)?;
        while let Some(job) = reader.next_job()? {
            pipeline.run(job()?, NOW_MS)?;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    fn run(&self, table: &Arc<TableConfig>) -> Result<ingest::batch::BatchReport, ingest::Error> {
        let config = BTreeMap::from([("inputFormat".to_owned(), self.format.to_owned())]);
        let dirs = (self.root.to_owned(), self.root.to_owned());
        let (schema, table) = (self.schema.clone(), table.clone());
        let mut job =
            BatchJob::from_config_map(&config, self.input.to_owned(), "lineorder", schema, table, dirs, NOW_MS)?;
        job.threads = self.threads.unwrap_or(job.threads);
        ingest_file(&job)
    }
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
