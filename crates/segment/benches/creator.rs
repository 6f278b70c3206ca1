//! Creator throughput on 21 mixed columns with 8 inverted indexes and a bloom filter; opening; packing.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{hint::black_box, path::Path, sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray},
    datatypes::{Field, Schema as ArrowSchema},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::{BloomConfig, DataType, FieldSpec, IndexingConfig, Schema};
use segment::{BuiltSegment, CreatorOptions, Dictionary, ImmutableSegment, SegmentCreator, SegmentReader};

const ROWS: usize = 1_500_000;
const BATCH: usize = 16_384;
const INVERTED: [&str; 8] =
    ["c_nation", "c_city", "s_nation", "s_city", "p_brand1", "p_category", "p_partkey", "c_name"];

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

/// Name, number of distinct values (0: ascending), prefix of text.
const COLUMNS: [(&str, u64, Option<&str>); 21] = [
    ("lo_orderkey", 400_000, None),
    ("lo_orderdate", 2_557, None),
    ("lo_quantity", 50, None),
    ("lo_discount", 11, None),
    ("c_name", 30_000, Some("Customer#00000")),
    ("c_city", 250, Some("UNITED KI")),
    ("c_nation", 25, Some("NATION ")),
    ("c_region", 5, Some("REGION ")),
    ("s_city", 250, Some("UNITED ST")),
    ("s_nation", 25, Some("NATION ")),
    ("s_region", 5, Some("REGION ")),
    ("p_partkey", 200_000, None),
    ("p_name", 10_000, Some("lavender spring ")),
    ("p_mfgr", 5, Some("MFGR#")),
    ("p_category", 25, Some("MFGR#")),
    ("p_brand1", 1_000, Some("MFGR#")),
    ("d_year", 7, None),
    ("lo_extendedprice", 5_000_000, None),
    ("lo_revenue", 5_000_000, None),
    ("lo_supplycost", 100_000, None),
    ("lo_ts", 0, None),
];

fn schema() -> Schema {
    let fields = COLUMNS.iter().map(|&(name, _, text)| match name {
        "lo_ts" => FieldSpec::date_time(name, DataType::Long, "1:MILLISECONDS:EPOCH", "1:MILLISECONDS"),
        "lo_extendedprice" | "lo_revenue" | "lo_supplycost" => FieldSpec::metric(name, DataType::Int),
        _ => FieldSpec::dimension(name, if text.is_some() { DataType::String } else { DataType::Int }),
    });
    Schema::new("lineorder", fields.collect())
}

fn batches(rows: usize) -> Vec<RecordBatch> {
    let mut rng = Rng(42);
    let batch = |first: usize| {
        let len = BATCH.min(rows - first);
        let mut fields = Vec::new();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for (name, distinct, text) in COLUMNS {
            let array: ArrayRef = match text {
                Some(prefix) => Arc::new(StringArray::from_iter_values(
                    (0..len).map(|_| format!("{prefix}{}", rng.below(distinct))),
                )),
                None if distinct == 0 => Arc::new(Int64Array::from_iter_values(
                    (first..first + len).map(|i| 700_000_000_000 + i as i64 * 40),
                )),
                None => Arc::new(Int32Array::from_iter_values((0..len).map(|_| rng.below(distinct) as i32))),
            };
            fields.push(Field::new(name, array.data_type().clone(), true));
            columns.push(array);
        }
        RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).unwrap()
    };
    (0..rows).step_by(BATCH).map(batch).collect()
}

fn build(dir: &Path, batches: &[RecordBatch], inverted: &[&str]) -> BuiltSegment {
    let indexing = IndexingConfig {
        inverted: inverted.iter().map(|s| (*s).to_owned()).collect(),
        bloom: [("p_partkey".to_owned(), BloomConfig::default())].into(),
        ..IndexingConfig::default()
    };
    let mut creator = SegmentCreator::new(CreatorOptions {
        segment_name: "lineorder_0".to_owned(),
        table_name: "lineorder_OFFLINE".to_owned(),
        schema: Arc::new(schema()),
        indexing,
        time_column: Some("lo_ts".to_owned()),
        output_file: dir.join("lineorder_0"),
        work_dir: dir.to_owned(),
        memory_budget_bytes: 256 << 20,
    })
    .unwrap();
    for batch in batches {
        creator.append(batch).unwrap();
    }
    creator.finish().unwrap()
}

fn creator(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let data = batches(ROWS);
    let mut group = c.benchmark_group("creator");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(8));
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("21 columns, 8 inverted", |b| b.iter(|| black_box(build(dir.path(), &data, &INVERTED))));
    group.bench_function("21 columns, no index", |b| b.iter(|| black_box(build(dir.path(), &data, &[]))));
    group.finish();
}

fn lookups(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let built = build(dir.path(), &batches(ROWS), &INVERTED);
    let mut group = c.benchmark_group("reader");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.bench_function("open", |b| b.iter(|| ImmutableSegment::open(&built.file).unwrap()));
    let segment = ImmutableSegment::open(&built.file).unwrap();
    group.bench_function("verify", |b| b.iter(|| segment.verify().unwrap()));
    let name = segment.column("c_name").unwrap();
    let dictionary: &dyn Dictionary = name.dictionary().unwrap();
    let mut rng = Rng(9);
    group.bench_function("dictionary id_of, 30,000 texts", |b| {
        b.iter(|| dictionary.id_of(&dictionary.value(rng.below(30_000) as u32 % dictionary.len())))
    });
    group.bench_function("inverted, 200,000 values", |b| {
        let index = segment.column("p_partkey").unwrap().inverted().unwrap();
        b.iter(|| index.docs(rng.below(100_000) as u32))
    });
    group.bench_function("inverted, 25 values, 4 %", |b| {
        let index = segment.column("c_nation").unwrap().inverted().unwrap();
        b.iter(|| index.docs(rng.below(25) as u32))
    });
    group.bench_function("values_range, 4,096 texts", |b| b.iter(|| name.values_range(8_192..12_288)));
    let docs: Vec<u32> = (0..4096).map(|i| i * 300).collect();
    group.bench_function("values, 4,096 scattered texts", |b| b.iter(|| name.values(&docs)));
    group.finish();
}

criterion_group!(benches, creator, lookups);
criterion_main!(benches);
