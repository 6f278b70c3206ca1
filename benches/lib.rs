//! Data for the benchmarks: a flat Star Schema Benchmark `lineorder`, built through the segment creator.
//!
//! 21 columns; 30,000 customers, 200,000 parts, 250 cities, 25 nations, 5 regions, 1,000 brands, 25 categories,
//! 7 years; rows sorted by time over four segments; all else uniform and independent.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray},
    datatypes::{Field, Schema as ArrowSchema},
};
use model::{IndexingConfig, Schema};
use rand::{Rng, SeedableRng, rngs::StdRng};
use segment::{
    ImmutableSegment,
    creator::{CreatorOptions, SegmentCreator},
    reader::SegmentReader,
};

/// Segments, each a quarter of the years.
pub const PARTS: usize = 4;
pub const TABLE: &str = "lineorder_flat";

const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];
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
const INTS: [&str; 6] = ["lo_orderkey", "lo_orderdate", "lo_quantity", "lo_discount", "p_partkey", "d_year"];
const METRICS: [&str; 3] = ["lo_extendedprice", "lo_revenue", "lo_supplycost"];
const TEXTS: [&str; 11] = [
    "c_name",
    "c_city",
    "c_nation",
    "c_region",
    "s_city",
    "s_nation",
    "s_region",
    "p_name",
    "p_mfgr",
    "p_category",
    "p_brand1",
];
const INVERTED: [&str; 8] =
    ["c_nation", "c_city", "s_nation", "s_city", "p_brand1", "p_category", "p_partkey", "c_name"];
const DAY_MS: i64 = 86_400_000;
/// 1992-01-01.
const FIRST_DAY: i64 = 8_035;
const DAYS: i64 = 2_557;

/// Failures are the benchmark's end.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

pub fn schema() -> Result<Arc<Schema>> {
    let field = |name: &&str, ty: &str| serde_json::json!({"name": name, "dataType": ty});
    let mut dimensions: Vec<_> = INTS.iter().map(|name| field(name, "INT")).collect();
    dimensions.extend(TEXTS.iter().map(|name| field(name, "STRING")));
    let metrics: Vec<_> = METRICS.iter().map(|name| field(name, "INT")).collect();
    let json = serde_json::json!({
        "schemaName": TABLE, "dimensionFieldSpecs": dimensions, "metricFieldSpecs": metrics,
        "dateTimeFieldSpecs": [{"name": "lo_ts", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH",
                                "granularity": "1:MILLISECONDS"}],
    });
    Ok(Arc::new(Schema::from_json(&json)?))
}

/// Opens the segments of `rows` rows in `directory`, building those that are missing.
pub fn segments(directory: &Path, rows: usize) -> Result<Vec<Arc<dyn SegmentReader>>> {
    std::fs::create_dir_all(directory)?;
    let mut out: Vec<Arc<dyn SegmentReader>> = Vec::new();
    for part in 0..PARTS {
        let file = directory.join(format!("lineorder-{rows}-{part}.segment"));
        if !file.exists() {
            build(part, rows, &file)?;
        }
        out.push(ImmutableSegment::open(&file)?);
    }
    Ok(out)
}

fn build(part: usize, rows: usize, file: &Path) -> Result<()> {
    let mut indexing = IndexingConfig::default();
    indexing.inverted.extend(INVERTED.iter().map(|name| (*name).to_owned()));
    let work_dir = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let mut creator = SegmentCreator::new(CreatorOptions {
        segment_name: format!("lineorder_{part}"),
        table_name: format!("{TABLE}_OFFLINE"),
        schema: schema()?,
        indexing,
        time_column: Some("lo_ts".to_owned()),
        output_file: file.to_path_buf(),
        work_dir,
        memory_budget_bytes: 1 << 30,
    })?;
    let mut rng = StdRng::seed_from_u64(part as u64 + 1);
    let (first, end) = (rows * part / PARTS, rows * (part + 1) / PARTS);
    let span = DAYS * DAY_MS / PARTS as i64;
    let mut times: Vec<i64> = (first..end).map(|_| rng.random_range(0..span) + span * part as i64).collect();
    times.sort_unstable();
    let cities: Vec<String> = NATIONS.iter().flat_map(|n| (0..10).map(move |i| format!("{n:<9.9}{i}"))).collect();
    let mut at = first;
    for chunk in times.chunks(65_536) {
        creator.append(&batch(chunk, at, &cities, &mut rng)?)?;
        at += chunk.len();
    }
    creator.finish()?;
    Ok(())
}

fn batch(times: &[i64], first: usize, cities: &[String], rng: &mut StdRng) -> Result<RecordBatch> {
    let n = times.len();
    let mut draw = |below: i32| -> Vec<i32> { (0..n).map(|_| rng.random_range(0..below)).collect() };
    let (customer, key, s_city) = (draw(30_000), draw(200_000), draw(250));
    let (quantity, discount) = (draw(50), draw(11));
    let unit: Vec<i32> = key.iter().map(|k| 90_000 + (k + 1) / 10 % 20_001 + 100 * ((k + 1) % 1000)).collect();
    let price: Vec<i32> = quantity.iter().zip(&unit).map(|(q, u)| (q + 1) * u).collect();
    let dates: Vec<(i32, i32)> = times.iter().map(|t| civil(FIRST_DAY + (t / DAY_MS).min(DAYS - 1))).collect();
    let ints = |values: Vec<i32>| -> ArrayRef { Arc::new(Int32Array::from(values)) };
    let texts = |f: &dyn Fn(usize) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values((0..n).map(f))) };
    let city = |c: i32| cities[c as usize].clone();
    let brand = |k: i32| k % 1_000;
    let category = |k: i32| format!("MFGR#{}{}", brand(k) / 200 + 1, brand(k) / 40 % 5 + 1);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("lo_orderkey", ints((0..n).map(|i| ((first + i) / 4 + 1) as i32).collect())),
        ("lo_orderdate", ints(dates.iter().map(|d| d.0).collect())),
        ("lo_ts", Arc::new(Int64Array::from_iter_values(times.iter().map(|t| t + FIRST_DAY * DAY_MS)))),
        ("lo_quantity", ints(quantity.iter().map(|q| q + 1).collect())),
        ("lo_discount", ints(discount.clone())),
        ("lo_extendedprice", ints(price.clone())),
        (
            "lo_revenue",
            ints(
                price.iter().zip(&discount).map(|(&p, &d)| (i64::from(p) * i64::from(100 - d) / 100) as i32).collect(),
            ),
        ),
        ("lo_supplycost", ints(unit.iter().map(|u| 6 * u / 10).collect())),
        ("c_name", texts(&|i| format!("Customer#{:09}", customer[i] + 1))),
        ("c_city", texts(&|i| city(customer[i] % 250))),
        ("c_nation", texts(&|i| NATIONS[(customer[i] % 250 / 10) as usize].to_owned())),
        ("c_region", texts(&|i| REGIONS[(customer[i] % 250 / 50) as usize].to_owned())),
        ("s_city", texts(&|i| city(s_city[i]))),
        ("s_nation", texts(&|i| NATIONS[(s_city[i] / 10) as usize].to_owned())),
        ("s_region", texts(&|i| REGIONS[(s_city[i] / 50) as usize].to_owned())),
        ("p_partkey", ints(key.iter().map(|k| k + 1).collect())),
        ("p_name", texts(&|i| format!("Part#{:09}", key[i] + 1))),
        ("p_mfgr", texts(&|i| format!("MFGR#{}", brand(key[i]) / 200 + 1))),
        ("p_category", texts(&|i| category(key[i]))),
        ("p_brand1", texts(&|i| format!("{}{:02}", category(key[i]), brand(key[i]) % 40 + 1))),
        ("d_year", ints(dates.iter().map(|d| d.1).collect())),
    ];
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = ArrowSchema::new(columns.iter().map(field).collect::<Vec<Field>>());
    Ok(RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect())?)
}

/// `yyyymmdd` and the year of a day since 1970-01-01.
fn civil(days: i64) -> (i32, i32) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    ((year * 10_000 + month * 100 + day) as i32, year as i32)
}
