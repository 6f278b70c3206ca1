//! Texts that come as references to dictionaries make the same segment as texts in place.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, DictionaryArray, Int32Array, StringArray},
    compute::cast,
    datatypes::{DataType as ArrowType, Int32Type},
};
use model::{DataType, FieldSpec, IndexingConfig};

use super::*;

fn build(batches: &[RecordBatch], budget: usize) -> (String, SegmentMetadata) {
    let dir = tempfile::tempdir().unwrap();
    let mut creator = SegmentCreator::new(CreatorOptions {
        segment_name: "s".to_owned(),
        table_name: "t_OFFLINE".to_owned(),
        schema: Arc::new(Schema::new("t", vec![FieldSpec::dimension("c", DataType::String)])),
        indexing: IndexingConfig::default(),
        time_column: None,
        output_file: dir.path().join("s"),
        work_dir: dir.path().to_owned(),
        memory_budget_bytes: budget,
    })
    .unwrap();
    batches.iter().for_each(|batch| creator.append(batch).unwrap());
    let built = creator.finish().unwrap();
    (built.crc, built.metadata)
}

/// Batches that share a dictionary, then some with another one.
fn batches(words: &[&str], picks: &mut dyn FnMut(usize) -> usize) -> Vec<ArrayRef> {
    let mut out: Vec<ArrayRef> = Vec::new();
    for half in [words, &words[words.len() / 2..]] {
        let values: ArrayRef = Arc::new(StringArray::from(half.to_vec()));
        for _ in 0..3 {
            let keys: Int32Array = (0..50)
                .map(|_| match picks(half.len() + 1) {
                    at if at == half.len() => None,
                    at => Some(at as i32),
                })
                .collect();
            out.push(Arc::new(DictionaryArray::<Int32Type>::new(keys, values.clone())));
        }
    }
    out
}

#[test]
fn dictionaries_make_the_same_segment() {
    let mut state = 7u64;
    let mut random = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut next = 0;
    let mut rising = move |n: usize| {
        next += 1;
        (next / 20).min(n - 1)
    };
    let words = ["null", "delta", "alpha", "", "é", "beta", "gamma with some more text"];
    let sorted = ["a", "b", "c", "d", "e", "f"];
    for coded in [batches(&words, &mut random), batches(&sorted, &mut rising), batches(&sorted, &mut |_| 2)] {
        let batch = |array: &ArrayRef| RecordBatch::try_from_iter(vec![("c", array.clone())]).unwrap();
        let flat: Vec<_> = coded.iter().map(|a| batch(&cast(a, &ArrowType::Utf8).unwrap())).collect();
        let coded: Vec<_> = coded.iter().map(batch).collect();
        for budget in [1 << 30, 1] {
            let (a, b) = (build(&flat, budget), build(&coded, budget));
            assert_eq!(a.0, b.0);
            assert_eq!(a.1.columns, b.1.columns);
        }
    }
}
