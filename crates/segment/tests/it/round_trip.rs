//! Every type, with and without dictionary, comes back as it went in.

use arrow::{
    array::{ArrayRef, UInt32Array},
    compute::take,
};
use model::{DataType, IndexingConfig, Schema};
use segment::{Forward, ImmutableSegment, SegmentReader};

use crate::support::{Rng, TYPES, batches, build, expected, schema};

fn check(schema: &Schema, indexing: IndexingConfig, rows: usize, distinct: u64) {
    let dir = tempfile::tempdir().unwrap();
    let data = batches(schema, rows, distinct);
    let built = build(dir.path(), "s", schema, indexing.clone(), &data);
    assert_eq!(built.num_docs as usize, rows);
    let segment = ImmutableSegment::open_verified(&built.file).unwrap();
    assert_eq!(segment.metadata(), &built.metadata);
    assert_eq!(std::fs::metadata(&built.file).unwrap().len(), built.size_bytes);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the segment is left: {left:?}");
    let mut rng = Rng(7);
    for field in &schema.fields {
        let name = field.name.as_str();
        let column = segment.column(name).unwrap();
        let expected: ArrayRef = expected(schema, &data, name);
        assert_eq!(column.ty(), field.column_type());
        assert_eq!(&column.values_range(0..rows as u32), &expected, "{name}");
        let middle = rows as u32 / 3..rows as u32 * 2 / 3;
        let slice = expected.slice(middle.start as usize, middle.len());
        assert_eq!(&column.values_range(middle), &slice, "{name}, a range");
        if rows > 0 {
            let docs: Vec<u32> = (0..50).map(|_| rng.below(rows as u64) as u32).collect();
            let picked = take(&expected, &UInt32Array::from(docs.clone()), None).unwrap();
            assert_eq!(&column.values(&docs), &picked, "{name}, docs in any order");
        }
        let raw = indexing.no_dictionary.contains(name) || field.data_type == DataType::Map;
        assert_eq!(column.dictionary().is_none(), raw, "{name}");
        if let Some(dictionary) = column.dictionary() {
            for id in 0..dictionary.len() {
                let value = dictionary.value(id);
                assert_eq!(dictionary.id_of(&value), Some(id), "{name}: {value:?}");
                assert_eq!(dictionary.rank(&value, false), id);
                assert_eq!(dictionary.rank(&value, true), id + 1);
            }
            assert_eq!(dictionary.all().len(), dictionary.len() as usize);
        }
        assert_eq!(column.total_entries(), entries(&expected));
    }
    if rows > 0 {
        assert!(segment.column("day").unwrap().is_sorted());
        assert_eq!(segment.time_range(), Some((0, (rows as i64 - 1) / 3 * 1000)));
    }
}

fn entries(array: &ArrayRef) -> u64 {
    use arrow::array::{Array, AsArray};
    array.as_list_opt::<i32>().map_or(array.len(), |list| list.values().len()) as u64
}

#[test]
fn dictionaries() {
    for (rows, distinct) in [(0, 5), (1, 5), (1000, 20), (3000, 700)] {
        check(&schema(), IndexingConfig::default(), rows, distinct);
    }
}

#[test]
fn raw() {
    let schema = schema();
    let no_dictionary = schema.fields.iter().map(|f| f.name.clone()).collect();
    let indexing = IndexingConfig { no_dictionary, ..IndexingConfig::default() };
    for (rows, distinct) in [(0, 5), (1, 5), (2500, 900)] {
        check(&schema, indexing.clone(), rows, distinct);
    }
}

#[test]
fn wide_ids() {
    let fields = schema().fields.into_iter().filter(|f| f.name.contains("STRING") || f.name == "day").collect();
    check(&Schema::new("narrow", fields), IndexingConfig::default(), 90_000, 400_000);
}

#[test]
fn sorted_columns_are_runs() {
    let dir = tempfile::tempdir().unwrap();
    let schema = schema();
    let data = batches(&schema, 100, 10);
    let built = build(dir.path(), "s", &schema, IndexingConfig::default(), &data);
    let segment = ImmutableSegment::open(&built.file).unwrap();
    match segment.column("day").unwrap().forward() {
        Forward::Sorted { starts } => assert_eq!(starts.len(), 35),
        _ => panic!("not sorted"),
    }
    assert_eq!(TYPES.len(), 11);
}

#[test]
fn nulls_are_kept_where_wanted() {
    let schema = schema();
    let data = batches(&schema, 300, 10);
    for wanted in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let indexing = IndexingConfig { null_handling_enabled: wanted, ..IndexingConfig::default() };
        let built = build(dir.path(), "s", &schema, indexing, &data);
        let segment = ImmutableSegment::open_verified(&built.file).unwrap();
        let column = segment.column("sv_INT").unwrap();
        let nulls: u64 = data.iter().map(|b| b.column_by_name("sv_INT").unwrap().null_count() as u64).sum();
        assert_eq!(column.nulls().map(|n| n.len()), wanted.then_some(nulls));
        assert!(segment.column("day").unwrap().nulls().is_none());
    }
}
