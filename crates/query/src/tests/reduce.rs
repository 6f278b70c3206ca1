//! Partial results of several servers to rows.

use std::sync::Arc;

use arrow::{
    array::ArrayRef,
    datatypes::{Field, Schema},
    record_batch::RecordBatch,
};
use model::{ColumnType, DataType, Value};

use super::query;
use crate::{BrokerResponse, ExecutionStats, PartialResult, QueryException, reduce};

fn partial(types: &[ColumnType], rows: &[Vec<Value>]) -> PartialResult {
    let columns: Vec<ArrayRef> = types
        .iter()
        .enumerate()
        .map(|(i, &ty)| {
            let cells: Vec<Value> = rows.iter().map(|row| row[i].clone()).collect();
            functions::arrays::from_values(ty, &cells).expect("column")
        })
        .collect();
    let fields: Vec<Field> =
        columns.iter().enumerate().map(|(i, c)| Field::new(format!("c{i}"), c.data_type().clone(), true)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("batch");
    let stats = ExecutionStats { total_docs: 10, ..ExecutionStats::default() };
    PartialResult { batch: Some(batch), stats, ..PartialResult::default() }
}

fn check(sql: &str, partials: Vec<PartialResult>, expected: &str) {
    let reduced = reduce(&query(sql), partials);
    assert!(reduced.exceptions.is_empty(), "{sql}: {:?}", reduced.exceptions);
    let reply = BrokerResponse { result_table: reduced.table, ..BrokerResponse::default() }.to_json();
    let rows = reply.split("\"rows\":").nth(1).and_then(|t| t.split("},\"numRows").next()).expect("rows");
    assert_eq!(rows, expected, "{sql}");
}

fn text(t: &str) -> Value {
    Value::String(t.into())
}

const STRING: ColumnType = DataType::String.sv();
const LONG: ColumnType = DataType::Long.sv();
const DOUBLE: ColumnType = DataType::Double.sv();
const INT: ColumnType = DataType::Int.sv();

#[test]
fn selections() {
    let one = || partial(&[STRING], &[vec![text("a")], vec![text("c")]]);
    let two = || partial(&[STRING], &[vec![text("b")], vec![text("d")]]);
    check("select title from movies limit 3", vec![one(), two()], "[[\"a\"],[\"c\"],[\"b\"]]");
    check("select title from movies limit 0", vec![], "[]");
    check("select title from movies order by title limit 2", vec![one(), two()], "[[\"a\"],[\"b\"]]");
    check("select title from movies order by title limit 1, 2", vec![one(), two()], "[[\"b\"],[\"c\"]]");
    check("select title from movies order by title limit 1, 5", vec![one()], "[[\"c\"]]");
    let hidden = |rows: &[(&str, i64)]| {
        let rows: Vec<_> = rows.iter().map(|(t, v)| vec![text(t), Value::Long(*v)]).collect();
        partial(&[STRING, LONG], &rows)
    };
    check(
        "select title from movies order by votes desc limit 3",
        vec![hidden(&[("a", 9), ("b", 1)]), hidden(&[("c", 5), ("d", 4)])],
        "[[\"a\"],[\"c\"],[\"d\"]]",
    );
}

#[test]
fn nulls_and_decimals_sort() {
    let numbers = |texts: &[Option<&str>]| {
        let rows: Vec<_> = texts
            .iter()
            .map(|t| vec![t.map_or(Value::Null, |t| Value::BigDecimal(t.parse().expect("decimal")))])
            .collect();
        partial(&[DataType::BigDecimal.sv()], &rows)
    };
    let both = || vec![numbers(&[Some("-3"), Some("10.5"), None]), numbers(&[Some("9"), Some("100")])];
    check("select bd from types order by bd", both(), "[[\"-3\"],[\"9\"],[\"10.5\"],[\"100\"],[null]]");
    check("select bd from types order by bd desc", both(), "[[null],[\"100\"],[\"10.5\"],[\"9\"],[\"-3\"]]");
    check("select bd from types order by bd nulls first limit 2", both(), "[[null],[\"-3\"]]");
}

#[test]
fn distinct_rows() {
    let part = |rows: &[(i32, &str)]| {
        let rows: Vec<_> = rows.iter().map(|(i, t)| vec![Value::Int(*i), text(t)]).collect();
        partial(&[INT, STRING], &rows)
    };
    let both = || vec![part(&[(1, "a"), (2, "b")]), part(&[(2, "b"), (3, "a"), (1, "b")])];
    check("select distinct year, title from movies", both(), "[[1,\"a\"],[2,\"b\"],[3,\"a\"],[1,\"b\"]]");
    check(
        "select distinct year, title from movies order by title desc, year limit 3",
        both(),
        "[[1,\"b\"],[2,\"b\"],[1,\"a\"]]",
    );
}

#[test]
fn aggregations() {
    let part = |count: i64, sum: f64| partial(&[LONG, DOUBLE], &[vec![Value::Long(count), Value::Double(sum)]]);
    let sql = "select count(*), sum(votes), sum(votes) / count(*), count(*) + 1 from movies";
    check(sql, vec![part(2, 10.0), part(3, 5.0)], "[[5,15.0,3.0,6]]");
    check(sql, vec![], "[[0,0.0,\"NaN\",1]]");
    check("select count(*) from movies where 1 = 2", vec![], "[[0]]");
}

#[test]
fn groups() {
    let part = |rows: &[(&str, i64)]| {
        let rows: Vec<_> = rows.iter().map(|(k, n)| vec![text(k), Value::Long(*n)]).collect();
        partial(&[STRING, LONG], &rows)
    };
    let both = || vec![part(&[("a", 1), ("b", 2)]), part(&[("b", 3), ("c", 4)])];
    check(
        "select country, count(*) from movies group by country order by count(*) desc limit 2",
        both(),
        "[[\"b\",5],[\"c\",4]]",
    );
    check(
        "select count(*) as n, country from movies group by country having n > 1 order by country",
        both(),
        "[[5,\"b\"],[4,\"c\"]]",
    );
    check("select country, count(*) from movies group by country limit 1", both(), "[[\"a\",1]]");
    check("select country, count(*) from movies group by country", vec![], "[]");
    check(
        "select upper(country), count(*) * 2 from movies group by upper(country) order by 1 limit 1",
        both(),
        "[[\"a\",2]]",
    );
    let mut only = part(&[("x", 7)]);
    only.final_values = true;
    check("select country, count(*) from movies group by country", vec![only], "[[\"x\",7]]");
}

#[test]
fn exceptions_and_counters_are_collected() {
    let query = query("select title from movies");
    let failed = PartialResult {
        exceptions: vec![QueryException { error_code: 250, message: "late".into() }],
        ..PartialResult::default()
    };
    let reduced = reduce(&query, vec![failed.clone()]);
    assert!(reduced.table.is_none());
    let reduced = reduce(&query, vec![failed, partial(&[STRING], &[vec![text("a")]])]);
    assert_eq!(reduced.table.map(|t| t.num_rows), Some(1));
    assert_eq!((reduced.exceptions.len(), reduced.stats.total_docs), (1, 10));
    let wrong = reduce(&query, vec![partial(&[STRING, LONG], &[vec![text("a"), Value::Long(1)]])]);
    assert_eq!(wrong.exceptions[0].error_code, 500);
}

#[test]
fn plans() {
    let plan = |segments: u32| PartialResult {
        explain: vec![
            ("COMBINE_SELECT_ORDERBY_MINMAX".into(), 2, 1),
            (format!("PLAN_START(numSegmentsForThisPlan:{segments})"), -1, -1),
            ("SELECT_ORDERBY".into(), 3, 2),
            ("PROJECT(title)".into(), 4, 3),
        ],
        ..PartialResult::default()
    };
    check(
        "explain plan for select title from movies order by title limit 3",
        vec![plan(1), plan(2)],
        "[[\"BROKER_REDUCE(sort:[title ASC],limit:3)\",1,0],[\"COMBINE_SELECT_ORDERBY_MINMAX\",2,1],\
         [\"PLAN_START(numSegmentsForThisPlan:3)\",-1,-1],[\"SELECT_ORDERBY\",3,2],[\"PROJECT(title)\",4,3]]",
    );
    check(
        "explain plan for select year, count(*) from movies where 1 = 2 group by year",
        vec![],
        "[[\"BROKER_EVALUATE\",0,-1]]",
    );
    check(
        "explain plan for select year, count(*) / 2 from movies group by year having count(*) > 3 and year <> 7 order by year desc",
        vec![PartialResult::default()],
        "[[\"BROKER_REDUCE(havingFilter:(count(*) > '3' AND year != '7'),sort:[year DESC],limit:10,\
         postAggregations:divide(count(*),'2'))\",1,0],[\"ALL_SEGMENTS_PRUNED_ON_SERVER\",2,1]]",
    );
}
