//! The fifteen statements of the scan benchmark, and some of other kinds, in process: from a bound query to merged rows.
//!
//! `cargo bench -p cuvee-benches --bench scan -- [NAME…]`. Environment: `BENCH_ROWS` (6000000), `BENCH_DIR` (where
//! segments are kept between runs; default the system's temporary directory), `BENCH_RUNS` (11). Prints the median
//! of the runs in milliseconds with one thread and with two, and the processor time of the
//! calling thread (Linux), which other programs on the machine disturb less.

use std::{path::PathBuf, time::Instant};

use benches::{Result, TABLE, schema, segments};
use engine::{Engine, EngineConfig, ExecuteContext};
use query::{BindContext, Bound, BoundQuery, Catalog, TableInfo};
use segment::reader::{Forward, Ids, SegmentReader};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OPTIONS: &str = "SET numGroupsLimit=20000000; SET groupTrimThreshold=1000000000; ";

const QUERIES: &[(&str, &str)] = &[
    ("Q1", "SELECT COUNT(*) FROM t WHERE c_nation = 'CHINA'"),
    ("Q1b", "SELECT COUNT(*) FROM t WHERE c_nation = 'CHINA' AND s_nation = 'FRANCE' AND p_category = 'MFGR#23'"),
    ("Q2a", "SELECT SUM(lo_extendedprice * lo_discount) FROM t WHERE lo_discount BETWEEN 1 AND 3 AND lo_quantity < 25"),
    (
        "Q2b",
        "SELECT SUM(lo_extendedprice * lo_discount) FROM t WHERE lo_discount BETWEEN 1 AND 3 AND lo_quantity < 25 \
         AND d_year = 1993",
    ),
    (
        "Q3a",
        "SELECT c_nation, s_nation, SUM(lo_revenue) FROM t WHERE c_region = 'ASIA' AND s_region = 'ASIA' \
         GROUP BY c_nation, s_nation ORDER BY c_nation, s_nation LIMIT 1000",
    ),
    (
        "Q3b",
        "SELECT d_year, p_brand1, SUM(lo_revenue) FROM t WHERE p_category = 'MFGR#12' AND s_region = 'AMERICA' \
         GROUP BY d_year, p_brand1 ORDER BY d_year, p_brand1 LIMIT 1000",
    ),
    (
        "Q3c",
        "SELECT c_nation, p_category, SUM(lo_revenue), SUM(lo_supplycost) FROM t \
         GROUP BY c_nation, p_category ORDER BY c_nation, p_category LIMIT 1000",
    ),
    ("Q4a", "SELECT c_name, SUM(lo_revenue) AS revenue FROM t GROUP BY c_name ORDER BY revenue DESC, c_name LIMIT 10"),
    (
        "Q4b",
        "SELECT p_partkey, SUM(lo_revenue) AS revenue FROM t GROUP BY p_partkey ORDER BY revenue DESC, p_partkey LIMIT 10",
    ),
    (
        "Q5",
        "SELECT lo_orderkey, lo_orderdate, c_name, c_city, s_city, p_name, lo_quantity, lo_discount, lo_revenue, \
         lo_supplycost FROM t WHERE p_partkey = 12345 LIMIT 100000",
    ),
    ("Q6a", "SELECT COUNT(DISTINCT c_name) FROM t WHERE s_region = 'ASIA'"),
    ("Q6b", "SELECT COUNT(DISTINCT p_partkey) FROM t WHERE lo_discount = 5"),
    ("Q7", "SELECT d_year, SUM(lo_revenue), SUM(lo_supplycost) FROM t GROUP BY d_year ORDER BY d_year LIMIT 100"),
    (
        "Q8",
        "SELECT d_year, SUM(lo_revenue) FROM t WHERE c_city = 'CHINA    4' AND s_nation = 'FRANCE' \
         GROUP BY d_year ORDER BY d_year LIMIT 100",
    ),
    (
        "Q9",
        "SELECT c_name, p_brand1, SUM(lo_revenue) AS revenue FROM t WHERE s_region = 'ASIA' \
         GROUP BY c_name, p_brand1 ORDER BY revenue DESC, c_name, p_brand1 LIMIT 10",
    ),
    // What the fifteen leave out.
    ("distinct-grouped", "SELECT c_nation, COUNT(DISTINCT c_name) FROM t GROUP BY c_nation LIMIT 100"),
    (
        "filtered",
        "SELECT c_nation, SUM(lo_revenue) FILTER (WHERE s_region = 'ASIA'), COUNT(*) FROM t GROUP BY c_nation LIMIT 100",
    ),
    (
        "percentile",
        "SELECT c_nation, PERCENTILETDIGEST(lo_revenue, 95) FROM t WHERE d_year = 1995 GROUP BY c_nation LIMIT 100",
    ),
    ("hll", "SELECT c_nation, DISTINCTCOUNTHLL(p_partkey) FROM t GROUP BY c_nation LIMIT 100"),
    ("distinct-pairs", "SELECT DISTINCT c_city, s_nation FROM t ORDER BY c_city, s_nation LIMIT 10000"),
    ("top-rows", "SELECT c_name, lo_revenue FROM t ORDER BY lo_revenue DESC LIMIT 10"),
    (
        "by-month",
        "SELECT dateTrunc('month', lo_ts), COUNT(*) FROM t GROUP BY dateTrunc('month', lo_ts) ORDER BY 1 LIMIT 100",
    ),
    ("like", "SELECT COUNT(*) FROM t WHERE p_name LIKE '%0777%'"),
    (
        "limited",
        "SET numGroupsLimit=100000; SELECT p_partkey, SUM(lo_revenue) FROM t GROUP BY p_partkey ORDER BY 2 DESC LIMIT 10",
    ),
    ("case", "SELECT SUM(CASE WHEN s_region = 'ASIA' THEN lo_revenue ELSE 0 END) FROM t"),
    (
        "nulls",
        "SET enableNullHandling=true; SELECT c_nation, SUM(lo_revenue) FROM t WHERE lo_discount > 3 GROUP BY c_nation LIMIT 100",
    ),
];

struct One(TableInfo);

impl Catalog for One {
    fn table(&self, name: &str) -> Option<TableInfo> {
        name.eq_ignore_ascii_case(TABLE).then(|| self.0.clone())
    }
}

fn bound(sql: &str, catalog: &One) -> Result<BoundQuery> {
    let options = if sql.contains("numGroupsLimit") { "" } else { OPTIONS };
    let statement = query::parse(&format!("{options}{}", sql.replace(" FROM t", &format!(" FROM {TABLE}"))))?;
    match query::bind(&statement, catalog, &BindContext::new(1_700_000_000_000))? {
        Bound::Query(query) => Ok(*query),
        Bound::Answer(_) => Err("the broker would answer this statement alone".into()),
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Time that this thread has run, 0 where the system does not tell.
fn thread_cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

/// How the first segment holds its columns.
fn print_encodings(segment: &dyn SegmentReader) {
    for name in segment.column_names() {
        let Some(column) = segment.column(name) else { continue };
        let form = match column.forward() {
            Forward::Ids(Ids::U8(_)) => "ids u8",
            Forward::Ids(Ids::U16(_)) => "ids u16",
            Forward::Ids(Ids::U32(_)) => "ids u32",
            Forward::Sorted { .. } => "sorted",
            Forward::MultiIds { .. } => "multi-value ids",
            Forward::I32(_) => "raw i32",
            Forward::I64(_) => "raw i64",
            Forward::F32(_) => "raw f32",
            Forward::F64(_) => "raw f64",
            Forward::Var => "raw, variable",
        };
        let inverted = if column.inverted().is_some() { ", inverted" } else { "" };
        println!("{name:<18} {form}{inverted}, {} values", column.cardinality());
    }
}

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let directory =
        std::env::var_os("BENCH_DIR").map_or_else(|| std::env::temp_dir().join("cuvee-bench"), PathBuf::from);
    let runs = number("BENCH_RUNS", 11);
    let readers = segments(&directory, number("BENCH_ROWS", 6_000_000))?;
    if std::env::var_os("BENCH_ENCODINGS").is_some() {
        print_encodings(readers[0].as_ref());
    }
    let catalog = One(TableInfo::new(schema()?));
    let engines: Vec<(usize, Engine)> = [1, 2]
        .into_iter()
        .map(|threads| (threads, Engine::new(EngineConfig { threads, ..EngineConfig::default() })))
        .collect();
    let context = ExecuteContext { final_values: true, host_name: "bench".to_owned(), ..ExecuteContext::default() };
    println!(
        "{:<16} {:>9} {:>9} {:>9} {:>9} {:>8} {:>12}",
        "query", "1 thread", "(cpu)", "2 threads", "(cpu)", "rows", "docs"
    );
    for (name, sql) in QUERIES.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        let query = bound(sql, &catalog)?;
        let mut line = format!("{name:<16}");
        let (mut rows, mut docs) = (0, 0);
        for (_, engine) in &engines {
            let mut times = Vec::with_capacity(runs);
            let mut cpu = Vec::with_capacity(runs);
            for _ in 0..runs {
                let busy = thread_cpu_ms();
                let start = Instant::now();
                let result = engine.execute(&query, &readers, &context);
                times.push(start.elapsed().as_secs_f64() * 1e3);
                cpu.push(thread_cpu_ms() - busy);
                if let Some(exception) = result.exceptions.first() {
                    return Err(format!("{name}: {}", exception.message).into());
                }
                rows = result.batch.map_or(0, |batch| batch.num_rows());
                docs = result.stats.num_docs_scanned;
            }
            times.sort_by(f64::total_cmp);
            cpu.sort_by(f64::total_cmp);
            line += &format!(" {:>9.3} {:>9.3}", times[runs / 2], cpu[runs / 2]);
        }
        println!("{line} {rows:>8} {docs:>12}");
    }
    Ok(())
}
