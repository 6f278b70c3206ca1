//! Filters, order and limits of bound queries.

use expect_test::{Expect, expect};

use super::query;
use crate::{Filter, Shape, StatementKind, parse, text::predicate_text};

fn filter_text(filter: &Filter) -> String {
    let joined = |children: &[Filter], name: &str| {
        format!("{name}({})", children.iter().map(filter_text).collect::<Vec<_>>().join("; "))
    };
    match filter {
        Filter::All => "ALL".to_owned(),
        Filter::Nothing => "NOTHING".to_owned(),
        Filter::And(children) => joined(children, "AND"),
        Filter::Or(children) => joined(children, "OR"),
        Filter::Not(child) => format!("NOT({})", filter_text(child)),
        Filter::Predicate(predicate) => predicate_text(predicate),
    }
}

fn check(condition: &str, expected: &str) {
    let query = query(&format!("select count(*) from types where {condition}"));
    assert_eq!(filter_text(&query.filter), expected, "{condition}");
}

#[test]
fn comparisons() {
    check("i = 1", "i = '1'");
    check("1 < i", "i > '1'");
    check("i != 1 and i <> 2", "AND(i != '1'; i != '2')");
    check("i between 1 and 5", "(i >= '1' AND i <= '5')");
    check("i not between 1 and 5", "NOT((i >= '1' AND i <= '5'))");
    check("i in (1, 2, 2)", "i IN ('1','2')");
    check("i not in (1)", "i != '1'");
    check("i = 1.5", "NOTHING");
    check("i > 1.5", "i >= '2'");
    check("i < 5000000000", "ALL");
    check("s = 5", "s = '5'");
    check("d >= 7", "d >= '7'");
    check("t > '2024-02-29 12:00:00'", "t > '1709208000000'");
    check("t = 1709208000000", "t = '1709208000000'");
    check("y = '00ff'", "y = '00ff'");
    check("i = l", "equals(i,l) = 'true'");
    check("i = 1 or i = 2 or i in (3, 4)", "i IN ('1','2','3','4')");
    check("i + 1 > 3", "plus(i,'1') > '3'");
}

#[test]
fn booleans() {
    check("b", "b = 'true'");
    check("not b", "NOT(b = 'true')");
    check("b = false", "b = 'false'");
    check("b = 1", "b = 'true'");
    check("1 = 1", "ALL");
    check("1 = 2", "NOTHING");
    check("1 = 2 or i = 3", "i = '3'");
    check("1 = 2 and i = 3", "NOTHING");
    check("not (1 = 2)", "ALL");
    check("true", "ALL");
    check("or(b, b) = b", "equals(or(b,b),b) = 'true'");
    check("i = 1 and (l = 2 and d = 3)", "AND(i = '1'; l = '2'; d = '3')");
    check("b is true", "istrue(b) = 'true'");
}

#[test]
fn texts_and_nulls() {
    check("s like 'Pull%'", "regexp_like(s,'^Pull')");
    check("s not like '%x_'", "NOT(regexp_like(s,'x.$'))");
    check("regexp_like(s, '^RED', 'i')", "regexp_like(s,'^RED')");
    check("s is null", "s IS NULL");
    check("s is not null", "s IS NOT NULL");
    check("text_match(s, 'java AND x')", "text_match(s,'java AND x')");
    check("json_match(j, '\"$.a\"=''b''')", "json_match(j,'\"$.a\"='b'')");
}

#[test]
fn null_handling_keeps_nulls_out() {
    let query = query("set enableNullHandling = true; select count(*) from types where i < 5000000000");
    assert!(query.null_handling);
    assert_eq!(filter_text(&query.filter), "i IS NOT NULL");
}

#[test]
fn now_is_folded() {
    check("t > ago('P1D')", "t > '1709164800000'");
    check("l > now() - 1000", "l > '1709251199000'");
}

fn check_limits(sql: &str, limit: usize, offset: usize) {
    let query = query(sql);
    assert_eq!((query.limit, query.offset), (limit, offset), "{sql}");
}

#[test]
fn limits() {
    check_limits("select title from movies", 10, 0);
    check_limits("select title from movies limit 3 offset 4", 3, 0);
    check_limits("select title from movies order by title limit 3 offset 4", 3, 4);
    check_limits("select title from movies order by title limit 4, 3", 3, 4);
    check_limits("select year, count(*) from movies group by year order by year limit 4, 3", 3, 0);
    check_limits("select title from movies order by title offset 4 rows fetch next 3 rows only", 3, 4);
    check_limits("select title from movies limit 0", 0, 0);
}

#[test]
fn tables() {
    assert_eq!(query("select 1 from movies_offline").table, "movies_OFFLINE");
    assert_eq!(query("select 1 from MOVIES").table, "movies");
    let statement = parse("SET taskName='x'; INSERT INTO db.movies FROM FILE 's3://a/', ARCHIVE 'b'").expect("dml");
    assert_eq!(
        statement.kind,
        StatementKind::InsertFromFile { table: "db.movies".into(), uris: vec!["s3://a/".into(), "b".into()] }
    );
}

#[test]
fn comments_and_hints() {
    check("i = 1 -- and i = 2", "i = '1'");
    check("i = /* x */ 1 // and i = 'it's", "i = '1'");
    check("s = 'http://x--/*'", "s = 'http://x--/*'");
    assert_eq!(query("select /*+ aggOptions(a='b') */ title from movies").limit, 10);
}

fn check_shape(sql: &str, expected: Expect) {
    expected.assert_debug_eq(&query(sql).shape);
}

#[test]
fn ordinals_aliases_and_slots() {
    check_shape(
        "select year as y, sum(votes) as v from movies group by 1 having v > 3 order by 2 desc, y",
        expect![[r#"
            Aggregate(
                Aggregate {
                    group_by: [
                        Column {
                            name: "year",
                            ty: ColumnType {
                                data_type: Int,
                                multi_value: false,
                            },
                        },
                    ],
                    aggregates: [
                        AggregateCall {
                            function: "sum",
                            args: [
                                Column {
                                    name: "votes",
                                    ty: ColumnType {
                                        data_type: Long,
                                        multi_value: false,
                                    },
                                },
                            ],
                            literals: [],
                            filter: None,
                            result_type: ColumnType {
                                data_type: Double,
                                multi_value: false,
                            },
                            text: "sum(votes)",
                        },
                    ],
                    projections: [
                        Projection {
                            expr: Input {
                                index: 0,
                                ty: ColumnType {
                                    data_type: Int,
                                    multi_value: false,
                                },
                            },
                            header: "y",
                        },
                        Projection {
                            expr: Input {
                                index: 1,
                                ty: ColumnType {
                                    data_type: Double,
                                    multi_value: false,
                                },
                            },
                            header: "v",
                        },
                    ],
                    having: Some(
                        Call {
                            function: "greaterthan",
                            args: [
                                Input {
                                    index: 1,
                                    ty: ColumnType {
                                        data_type: Double,
                                        multi_value: false,
                                    },
                                },
                                Literal(
                                    Int(
                                        3,
                                    ),
                                ),
                            ],
                            ty: ColumnType {
                                data_type: Boolean,
                                multi_value: false,
                            },
                        },
                    ),
                    order_by: [
                        OrderBy {
                            expr: Input {
                                index: 1,
                                ty: ColumnType {
                                    data_type: Double,
                                    multi_value: false,
                                },
                            },
                            ascending: false,
                            nulls_first: true,
                        },
                        OrderBy {
                            expr: Input {
                                index: 0,
                                ty: ColumnType {
                                    data_type: Int,
                                    multi_value: false,
                                },
                            },
                            ascending: true,
                            nulls_first: false,
                        },
                    ],
                },
            )
        "#]],
    );
    let Shape::Selection(selection) = query("select title from movies order by 1, title desc").shape else {
        panic!("a selection")
    };
    assert_eq!(selection.order_by.len(), 1);
}
