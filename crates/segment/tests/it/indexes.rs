//! Each index against a naive oracle on random data.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use model::{BloomConfig, DataType, IndexingConfig, PartitionConfig, PartitionFunction, Value};
use roaring::RoaringBitmap;
use segment::{BloomReader, ColumnReader, Forward, ImmutableSegment, SegmentReader};

use crate::support::{all_indexes, batches, build, schema};

/// Dict ids of each doc.
fn ids(column: &dyn ColumnReader, docs: u32) -> Vec<Vec<u32>> {
    match column.forward() {
        Forward::Ids(ids) => (0..docs as usize).map(|d| vec![ids.get(d)]).collect(),
        Forward::Sorted { starts } => {
            let run = |d: u32| starts.partition_point(|&s| s <= d) as u32 - 1;
            (0..docs).map(|d| vec![run(d)]).collect()
        }
        Forward::MultiIds { offsets, ids } => (0..docs as usize)
            .map(|d| (offsets[d] as usize..offsets[d + 1] as usize).map(|at| ids.get(at)).collect())
            .collect(),
        _ => panic!("no dictionary"),
    }
}

fn open(rows: usize, distinct: u64, indexing: &IndexingConfig) -> (tempfile::TempDir, Arc<ImmutableSegment>) {
    let dir = tempfile::tempdir().unwrap();
    let schema = schema();
    let built = build(dir.path(), "s", &schema, indexing.clone(), &batches(&schema, rows, distinct));
    let segment = ImmutableSegment::open_verified(&built.file).unwrap();
    (dir, segment)
}

#[test]
fn inverted_and_counts() {
    for (rows, distinct) in [(500, 12), (20_000, 15_000)] {
        let (_dir, segment) = open(rows, distinct, &all_indexes());
        for name in segment.column_names() {
            let column = segment.column(name).unwrap();
            let Some(dictionary) = column.dictionary() else {
                assert!(column.inverted().is_none());
                continue;
            };
            let by_doc = ids(column, rows as u32);
            let mut expected = vec![RoaringBitmap::new(); dictionary.len() as usize];
            let mut counts = vec![0u32; dictionary.len() as usize];
            for (doc, ids) in by_doc.iter().enumerate() {
                for &id in ids {
                    expected[id as usize].insert(doc as u32);
                    counts[id as usize] += 1;
                }
            }
            let index = column.inverted().unwrap();
            for (id, expected) in expected.iter().enumerate() {
                assert_eq!(&*index.docs(id as u32), expected, "{name} {id}");
                assert_eq!(&*index.docs(id as u32), expected, "{name} {id}, from the cache");
            }
            if let Some(stored) = column.counts_per_id() {
                assert_eq!(stored, counts, "{name}");
            }
        }
    }
}

/// Docs with an entry in `low..=high`, by `matches`, must be inside or among those to check.
fn check_range(
    column: &dyn ColumnReader,
    low: Value,
    high: Value,
    matches: &dyn Fn(u32) -> bool,
    docs: u32,
    what: &str,
) {
    let (inside, check) = column.range().unwrap().docs(Some(&low), Some(&high));
    for doc in 0..docs {
        if matches(doc) {
            assert!(inside.contains(doc) || check.contains(doc), "{what}: doc {doc} is missing");
        } else {
            assert!(!inside.contains(doc), "{what}: doc {doc} is too much");
        }
    }
    assert!(inside.is_disjoint(&check));
}

#[test]
fn range_over_ids() {
    let rows = 2_000u32;
    let (_dir, segment) = open(rows as usize, 300, &all_indexes());
    for name in ["sv_STRING", "sv_LONG", "mv_INT", "day", "sv_BIG_DECIMAL"] {
        let column = segment.column(name).unwrap();
        let by_doc = ids(column, rows);
        for (low, high) in [(0, 0), (3, 9), (10, 250), (0, i32::MAX), (299, 400)] {
            let wanted = low as u32..=high as u32;
            let matches = |doc: u32| by_doc[doc as usize].iter().any(|id| wanted.contains(id));
            check_range(column, Value::Int(low), Value::Int(high), &matches, rows, name);
        }
    }
}

#[test]
fn range_over_numbers() {
    let rows = 4_000u32;
    let mut indexing = all_indexes();
    indexing.inverted.clear();
    indexing.no_dictionary = ["sv_DOUBLE", "sv_LONG", "mv_INT"].map(str::to_owned).into();
    let (_dir, segment) = open(rows as usize, 900, &indexing);
    let doubles: ArrayRef = segment.column("sv_DOUBLE").unwrap().values_range(0..rows);
    let doubles = doubles.as_primitive::<arrow::datatypes::Float64Type>();
    for (low, high) in [(-3.0, 4.5), (0.0, 0.0), (f64::NEG_INFINITY, f64::INFINITY), (50.0, 2.0)] {
        let matches = |doc: u32| (low..=high).contains(&doubles.value(doc as usize));
        let column = segment.column("sv_DOUBLE").unwrap();
        assert!(column.dictionary().is_none());
        check_range(column, Value::Double(low), Value::Double(high), &matches, rows, "sv_DOUBLE");
    }
    let lists = segment.column("mv_INT").unwrap().values_range(0..rows);
    let lists = lists.as_list::<i32>();
    for (low, high) in [(-70, 70), (700, 1400)] {
        let matches = |doc: u32| {
            let list = lists.value(doc as usize);
            let list = list.as_primitive::<arrow::datatypes::Int32Type>();
            list.values().iter().any(|v| (low..=high).contains(v))
        };
        let column = segment.column("mv_INT").unwrap();
        check_range(column, Value::Int(low), Value::Int(high), &matches, rows, "mv_INT");
    }
}

#[test]
fn bloom_knows_what_is_there() {
    for raw in [false, true] {
        let mut indexing = IndexingConfig::default();
        let schema = schema();
        for field in &schema.fields {
            indexing.bloom.insert(field.name.clone(), BloomConfig { fpp: 0.02, max_size_bytes: 0 });
            if raw {
                indexing.no_dictionary.insert(field.name.clone());
            }
        }
        let (_dir, segment) = open(3_000, 1_000, &indexing);
        let (_dir, with_values) = open(3_000, 1_000, &IndexingConfig::default());
        for field in &schema.fields {
            let column = segment.column(&field.name).unwrap();
            if matches!(field.data_type, DataType::Map | DataType::Boolean) {
                assert!(column.bloom().is_none());
                continue;
            }
            let bloom = column.bloom().unwrap();
            let meta = segment.metadata().column(&field.name).unwrap();
            let copy = meta.bloom.as_ref().map(|text| {
                use base64::{Engine, engine::general_purpose::STANDARD};
                BloomReader::from_bytes(field.data_type, &STANDARD.decode(text).unwrap()).unwrap()
            });
            let dictionary = with_values.column(&field.name).unwrap().dictionary().unwrap();
            for id in 0..dictionary.len() {
                let value = dictionary.value(id);
                assert!(bloom.might_contain(&value), "{} {value:?}", field.name);
                assert!(copy.as_ref().is_none_or(|c| segment::BloomFilter::might_contain(c, &value)));
            }
        }
        let bloom = segment.column("sv_LONG").unwrap().bloom().unwrap();
        let wrong = (1..10_000).filter(|n| bloom.might_contain(&Value::Long(n * 2 + 1))).count();
        assert!(wrong < 500, "{wrong} of 10,000 are wrong");
    }
}

#[test]
fn partitions_are_those_of_the_values() {
    let mut indexing = IndexingConfig::default();
    for (column, function) in [("sv_STRING", "Murmur"), ("sv_LONG", "Modulo")] {
        let config =
            PartitionConfig { function: function.to_owned(), num_partitions: 5, function_config: Default::default() };
        indexing.partition.insert(column.to_owned(), config);
    }
    let (_dir, segment) = open(40, 8, &indexing);
    for name in ["sv_STRING", "sv_LONG"] {
        let column = segment.column(name).unwrap();
        let (function, count, partitions) = column.partitions().unwrap();
        let function = PartitionFunction::new(function, count, &Default::default()).unwrap();
        let dictionary = column.dictionary().unwrap();
        let mut expected: Vec<u32> =
            (0..dictionary.len()).filter_map(|id| function.partition(&dictionary.value(id))).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(partitions, expected);
    }
    assert!(segment.column("sv_INT").unwrap().partitions().is_none());
}
