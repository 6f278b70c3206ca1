//! The engine against a row-at-a-time evaluator, on random data in every encoding and random statements.

#![allow(clippy::unwrap_used, reason = "tests may unwrap; helpers of a test binary are not marked as tests")]

mod counters;
mod data;
mod naive;
mod statements;

use std::{sync::Arc, time::Instant};

use data::{Data, row_texts};
use engine::{CancelToken, Engine, EngineConfig, ExecuteContext};
use query::{BoundQuery, PartialResult, Shape};
use rand::{SeedableRng, rngs::StdRng};
use segment::reader::SegmentReader;

fn engine(threads: usize) -> Engine {
    Engine::new(EngineConfig { threads, parallel_from_docs: 0, ..EngineConfig::default() })
}

fn context() -> ExecuteContext {
    ExecuteContext { final_values: true, host_name: "host-1".to_owned(), ..ExecuteContext::default() }
}

fn answer(engine: &Engine, data: &Data, query: &BoundQuery) -> PartialResult {
    let result = engine.execute(query, &data.segments, &context());
    assert!(result.exceptions.is_empty(), "{:?}\n{query:#?}", result.exceptions);
    result
}

/// Checks one statement on one and on three threads.
fn check(data: &Data, engines: &[Engine], sql: &str) {
    let query = data.bind(sql);
    let want = naive::evaluate(data, &query);
    for engine in engines {
        let result = answer(engine, data, &query);
        let batch = result.batch.expect("a batch");
        let got = row_texts(&batch, &want.types);
        let ordered = match &query.shape {
            Shape::Selection(s) => !s.order_by.is_empty(),
            Shape::Distinct(d) => !d.order_by.is_empty(),
            Shape::Aggregate(a) => !a.order_by.is_empty(),
        };
        if let Err(reason) = want.accepts(&got, ordered) {
            panic!("{reason}\n{sql}\ngot  {got:?}\nwant {:?}", want.rows);
        }
        // Metadata and distinct paths count as Pinot does; all others count the rows that match.
        if let Some(docs) = want.docs {
            assert_eq!(result.stats.num_docs_scanned, docs, "docs scanned: {sql}");
        }
        assert_eq!(result.stats.total_docs, data.rows as u64);
    }
}

#[test]
fn random_statements_agree_with_the_naive_evaluator() {
    let engines = [engine(1), engine(3)];
    // More on demand: ORACLE_STATEMENTS=1000 cargo test -p cuvee-engine --test it
    let statements = std::env::var("ORACLE_STATEMENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    for seed in 0..3 {
        let data = Data::new(seed);
        let mut rng = StdRng::seed_from_u64(1_000 + seed);
        for _ in 0..statements {
            check(&data, &engines, &statements::random(&mut rng));
        }
    }
}

#[test]
fn chosen_statements_agree_with_the_naive_evaluator() {
    let engines = [engine(1), engine(3)];
    let data = Data::new(99);
    for sql in statements::CHOSEN {
        check(&data, &engines, sql);
    }
}

#[test]
fn virtual_columns_name_segment_and_host() {
    let data = Data::new(5);
    let query = data.bind("SELECT DISTINCT $segmentName, $hostName FROM t ORDER BY $segmentName LIMIT 100");
    let result = answer(&engine(1), &data, &query);
    let rows = row_texts(&result.batch.unwrap(), &["STRING", "STRING"].map(|_| model::DataType::String.sv()));
    assert_eq!(rows[0], ["seg_0", "host-1"]);
    assert_eq!(rows.len(), data.segments.len());
    let query = data.bind("SELECT COUNT(*) FROM t WHERE $docId < 3");
    let result = answer(&engine(1), &data, &query);
    let rows = row_texts(&result.batch.unwrap(), &[model::DataType::Long.sv()]);
    let want: u32 = data.segments.iter().map(|segment| segment.num_docs().min(3)).sum();
    assert_eq!(rows, [[want.to_string()]]);
}

#[test]
fn states_of_two_servers_merge_to_the_answer_of_one() {
    let data = Data::new(7);
    let engine = engine(2);
    let sql = "SELECT d8, COUNT(*), SUM(i), MIN(rl), MAX(rd), AVG(i), MINMAXRANGE(i), DISTINCTCOUNT(d16) FROM t \
               WHERE i > -20 GROUP BY d8 LIMIT 1000";
    let query = data.bind(sql);
    let Shape::Aggregate(aggregate) = &query.shape else { panic!("no aggregate") };
    let split = data.segments.len() / 2;
    let states = ExecuteContext { final_values: false, ..context() };
    let parts: Vec<_> = [&data.segments[..split], &data.segments[split..]]
        .iter()
        .map(|segments| engine.execute(&query, segments, &states).batch.expect("states"))
        .collect();
    let mut groups: std::collections::BTreeMap<String, u32> = Default::default();
    let mut accumulators: Vec<_> = aggregate
        .aggregates
        .iter()
        .map(|call| {
            let types: Vec<_> = call.args.iter().map(|arg| arg.ty()).collect();
            aggregates::resolve(&call.function, &types, &call.literals, false).unwrap()
        })
        .map(|function| (function.state_types().len(), function.accumulator()))
        .collect();
    for part in &parts {
        let keys = row_texts(&part.project(&[0]).unwrap(), &[model::DataType::String.sv()]);
        let next = groups.len() as u32;
        let ids: Vec<u32> = keys
            .iter()
            .enumerate()
            .map(|(row, key)| *groups.entry(key[0].clone()).or_insert(next + row as u32))
            .collect();
        let mut column = 1;
        for (width, accumulator) in &mut accumulators {
            accumulator.resize(1_000);
            let state = &part.columns()[column..column + *width];
            accumulator.merge(state, aggregates::Groups::PerRow(&ids)).unwrap();
            column += *width;
        }
    }
    let want = naive::evaluate(&data, &query);
    let finals: Vec<_> = accumulators.iter_mut().map(|(_, a)| a.finish().unwrap()).collect();
    let mut got: Vec<Vec<String>> = Vec::new();
    for (key, group) in &groups {
        let mut row = vec![key.clone()];
        for (call, array) in aggregate.aggregates.iter().zip(&finals) {
            row.push(data::text(&functions::arrays::value_at(array.as_ref(), call.result_type, *group as usize)));
        }
        got.push(row);
    }
    want.accepts(&got, false).unwrap();
}

#[test]
fn a_deadline_a_cancel_and_a_memory_limit_end_a_query() {
    let data = Data::new(3);
    let engine = engine(2);
    let query = data.bind("SELECT d16, i, rl, COUNT(*) FROM t GROUP BY d16, i, rl LIMIT 10");
    let code = |context: &ExecuteContext| engine.execute(&query, &data.segments, context).exceptions[0].error_code;
    assert_eq!(code(&ExecuteContext { deadline: Some(Instant::now()), ..context() }), 240);
    let deadline = Instant::now() + std::time::Duration::from_millis(20);
    let late: Arc<dyn SegmentReader> = Arc::new(data::Late { segment: Arc::clone(&data.segments[0]), deadline });
    let result = engine.execute(&query, &[late], &ExecuteContext { deadline: Some(deadline), ..context() });
    assert_eq!(result.exceptions[0].error_code, 250);
    let cancel = CancelToken::new();
    cancel.cancel();
    assert_eq!(code(&ExecuteContext { cancel, ..context() }), 503);
    assert_eq!(code(&ExecuteContext { memory_limit_bytes: 1, ..context() }), 245);
}

#[test]
fn a_panicking_segment_fails_its_query_only() {
    let data = Data::new(3);
    let engine = engine(3);
    let query = data.bind("SELECT COUNT(*) FROM t WHERE rs LIKE '%a%'");
    let mut segments: Vec<Arc<dyn SegmentReader>> = data.segments.clone();
    segments.push(Arc::new(data::Broken));
    let result = engine.execute(&query, &segments, &context());
    assert_eq!(result.exceptions[0].error_code, 200);
    assert!(result.exceptions[0].message.contains("unreadable page"), "{:?}", result.exceptions);
    assert!(engine.execute(&query, &data.segments, &context()).exceptions.is_empty());
}

#[test]
fn a_segment_without_the_column_answers_with_its_default() {
    let data = Data::new(3);
    let mut query = data.bind("SELECT d8, COUNT(*) FROM t WHERE d8 = 'null' GROUP BY d8 LIMIT 10");
    rename(&mut query, "d8", "added_later");
    let result = answer(&engine(1), &data, &query);
    let rows = row_texts(&result.batch.unwrap(), &[model::DataType::String.sv(), model::DataType::Long.sv()]);
    assert_eq!(rows, [["null".to_owned(), data.rows.to_string()]]);
}

fn rename(query: &mut BoundQuery, from: &str, to: &str) {
    let text = format!("{query:?}");
    assert!(text.contains(from));
    let name = |expr: &mut functions::Expr| {
        if let functions::Expr::Column { name, .. } = expr {
            *name = to.to_owned();
        }
    };
    if let query::Filter::Predicate(predicate) = &mut query.filter {
        name(&mut predicate.lhs);
    }
    if let Shape::Aggregate(aggregate) = &mut query.shape {
        aggregate.group_by.iter_mut().for_each(name);
    }
}

#[test]
fn the_groups_limit_is_per_segment_and_flagged() {
    let data = Data::new(11);
    let limited = data.bind("SET numGroupsLimit=2; SELECT d8, COUNT(*) FROM t GROUP BY d8 LIMIT 1000");
    let result = answer(&engine(1), &data, &limited);
    assert!(result.stats.num_groups_limit_reached);
    assert!(result.batch.unwrap().num_rows() <= 2 * data.segments.len());
    let free = data.bind("SELECT d8, COUNT(*) FROM t GROUP BY d8 LIMIT 1000");
    assert!(!answer(&engine(1), &data, &free).stats.num_groups_limit_reached);
}

#[test]
fn explain_names_the_operators() {
    let data = Data::new(2);
    let query = data.bind("EXPLAIN PLAN FOR SELECT d8, SUM(i) FROM t WHERE d16 = 'v0007' AND rl > 5 GROUP BY d8");
    let result = engine(1).execute(&query, &data.segments, &context());
    let texts: Vec<&str> = result.explain.iter().map(|(text, _, _)| text.as_str()).collect();
    assert_eq!(texts[0], "COMBINE_GROUP_BY");
    assert!(texts[1].starts_with("PLAN_START(numSegmentsForThisPlan:"), "{texts:?}");
    assert!(
        texts[2..].ends_with(&[
            "FILTER_AND",
            "FILTER_INVERTED_INDEX(indexLookUp:inverted_index,operator:EQ,predicate:d16 = 'v0007')",
            "FILTER_FULL_SCAN(operator:RANGE,predicate:rl > '5')"
        ]),
        "{texts:?}"
    );
    assert_eq!(result.stats.num_segments_processed, 0);
}
