//! Queries and partial results survive the wire; damaged bytes are errors.

use std::sync::Arc;

use arrow::{
    array::{Float64Array, StringArray},
    datatypes::{DataType, Field, Schema},
    record_batch::RecordBatch,
};

use super::query;
use crate::{
    ExecutionStats, PartialResult, QueryException,
    codec::{decode_partial, decode_query, encode_partial, encode_query},
};

fn statements() -> Vec<crate::BoundQuery> {
    [
        "select * from types where d > 1.5 and ms = 'x' order by i desc limit 5",
        "select s, count(*), sum(d) from types where y = '00ff' or bd > 1.25 group by s having count(*) > 1 order by 2",
        "select distinct b, t from types where t between 0 and '2024-01-01' and s like 'a%'",
    ]
    .map(query)
    .to_vec()
}

#[test]
fn queries_round_trip() {
    for query in statements() {
        let bytes = encode_query(&query).expect("encode");
        assert_eq!(decode_query(&bytes).expect("decode"), query);
    }
}

fn partial() -> PartialResult {
    let schema = Schema::new(vec![Field::new("s", DataType::Utf8, true), Field::new("d", DataType::Float64, true)]);
    let batch = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(StringArray::from(vec![Some("a"), None])),
            Arc::new(Float64Array::from(vec![1.0, f64::NEG_INFINITY])),
        ],
    );
    PartialResult {
        batch: batch.ok(),
        final_values: true,
        stats: ExecutionStats { total_docs: 7, num_groups_limit_reached: true, ..ExecutionStats::default() },
        exceptions: vec![QueryException { error_code: 200, message: "x".into() }],
        explain: vec![("A".into(), 1, 0)],
    }
}

#[test]
fn partial_results_round_trip() {
    for with_batch in [true, false] {
        let mut partial = partial();
        if !with_batch {
            partial.batch = None;
        }
        let back = decode_partial(&encode_partial(&partial).expect("encode")).expect("decode");
        assert_eq!(format!("{back:?}"), format!("{partial:?}"));
    }
}

#[test]
fn damaged_bytes_are_errors_or_other_answers_never_panics() {
    let good = encode_partial(&partial()).expect("encode");
    for cut in 0..good.len() {
        let _ = decode_partial(&good[..cut]);
    }
    for at in 0..good.len() {
        for bit in [1, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            let _ = decode_partial(&bad);
        }
    }
    for query in statements() {
        let good = encode_query(&query).expect("encode");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let _ = decode_query(&bad);
            let _ = decode_query(&good[..at]);
        }
    }
    assert!(decode_query(&[]).is_err());
    assert!(decode_query(&[9, 1]).expect_err("version").to_string().contains("version 9"));
    // Nested far deeper than any query.
    assert!(decode_query(&[&[1u8][..], &[0x91; 100_000]].concat()).is_err());
}
