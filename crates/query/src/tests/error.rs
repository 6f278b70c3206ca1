//! Error numbers and texts.

use super::error;
use crate::{BindContext, Bound, bind, parse};

fn check(sql: &str, expected: &str) {
    assert_eq!(error(sql), expected, "{sql}");
}

const HINT: &str = "150 SQLParsingError: It seems that the query is only supported by the multi-stage query engine, \
please retry the query using the multi-stage query engine \
(https://docs.pinot.apache.org/developers/advanced/v2-multi-stage-query-engine)";

#[test]
fn only_the_multi_stage_engine_can() {
    for sql in [
        "select a.title from movies a join movies b on a.title = b.title",
        "select row_number() over (order by title) from movies",
        "select title from movies union select title from movies",
        "select title from movies where votes in (select max(votes) from movies)",
        "with m as (select 1) select * from m",
        "select * from movies a, movies b",
        "select year, count(*) from movies group by rollup(year)",
        "select year, count(*) from movies group by grouping sets ((year), ())",
        "select a.x from movies a asof join movies b match_condition(a.x > b.y) on a.k = b.k",
    ] {
        check(sql, HINT);
    }
    check("select count(*) from (select title from movies)", "450 Nested query is not supported without gapfill");
}

#[test]
fn statements() {
    check(
        "",
        "150 SQLParsingError: Caught exception while parsing query: : SqlNode with executable statement not found!",
    );
    check(
        "SET timeoutMs=100",
        "150 SQLParsingError: Caught exception while parsing query: SET timeoutMs=100: SqlNode with executable statement not found!",
    );
    check(
        "select 1; select 2",
        "150 SQLParsingError: Caught exception while parsing query: select 1; select 2: SqlNode with executable statement already exist with type: DQL",
    );
    check(
        "SET timeoutMs=abc; select count(*) from movies",
        "150 SQLParsingError: Caught exception while parsing query: SET timeoutMs=abc; select count(*) from movies: null",
    );
    check(
        "selec title from movies",
        "150 SQLParsingError: Caught exception while parsing query: selec title from movies: From line 1, column 1 to line 1, column 5: Non-query expression encountered in illegal context",
    );
    check("select title from movies limit -1", "150 SQLParsingError: LIMIT needs a non-negative whole number, not -1");
    check(
        "select title frm movies",
        "150 SQLParsingError: Caught exception while parsing query: select title frm movies: Encountered \"movies\" at line 1, column 18.",
    );
    assert!(error("select 'abc from movies").starts_with(
        "150 SQLParsingError: Caught exception while parsing query: select 'abc from movies: Encountered \"\" at line 1, column 8."
    ));
    assert!(error("update movies set votes = 1").starts_with("150 SQLParsingError: UPDATE"));
}

#[test]
fn names() {
    check("select nope from movies", "710 UnknownColumnError: Unknown columnName 'nope' found in the query");
    check(
        "select title from movies where nope = 3",
        "710 UnknownColumnError: Unknown columnName 'nope' found in the query",
    );
    check("select count(*) from nowhere", "190 TableDoesNotExistError");
    check("select count(*) from movies_REALTIME", "190 TableDoesNotExistError");
    check("select frobnicate(title) from movies", "700 Unsupported function: frobnicate");
    check("select title from movies where sum(votes) > 3", "700 Unsupported function: sum");
}

#[test]
fn types() {
    check("select title from movies where votes = 'many'", "700 Cannot convert value: 'many' to type: LONG");
    check(
        "select title from movies where genres = title",
        "700 equals(genres,title): both sides of = must be single-valued; compare a multi-value column with a literal",
    );
    check(
        "select title from movies where votes = null",
        "150 SQLParsingError: Using NULL in EQUALS filter is not supported",
    );
    check(
        "select title from movies where votes in (1, null)",
        "150 SQLParsingError: Using NULL in IN filter is not supported",
    );
}

#[test]
fn shapes() {
    check(
        "select title, count(*) from movies group by country",
        "150 SQLParsingError: 'title' should be functionally dependent on the columns used in GROUP BY clause.",
    );
    check(
        "select title, count(*) from movies",
        "150 SQLParsingError: Columns and Aggregate functions can't co-exist without GROUP BY clause",
    );
    check("select distinct title from movies limit 0", "150 SQLParsingError: DISTINCT must have positive LIMIT");
    check(
        "select distinct title from movies order by votes",
        "150 SQLParsingError: ORDER-BY columns should be included in the DISTINCT columns",
    );
    check(
        "select year, count(*) from movies group by 3",
        "150 SQLParsingError: Expected Ordinal value to be between 1 and 2.",
    );
    check("select year as a, votes as a from movies", "150 SQLParsingError: Duplicated alias name found: a");
    check(
        "select title from movies order by genres",
        "150 SQLParsingError: MV expression: genres should not be included in the ORDER-BY clause",
    );
    check(
        "select title from movies limit 3000000000",
        "700 QueryValidationError: Value for 'LIMIT' (3000000000) exceeds maximum allowed value of 2147483647",
    );
}

#[test]
fn options() {
    let check = |sql: &str, expected: &str| {
        let statement = parse(sql).expect(sql);
        let error = bind(&statement, &super::Tables, &BindContext::new(0)).expect_err(sql);
        assert!(error.is_raw_http_error());
        assert_eq!(error.to_string(), expected);
    };
    check("SET timeoutMs=0; select count(*) from movies", "timeoutMs must be a number between 1 and 2^63-1, got: 0");
    check(
        "SET NUMGROUPSLIMIT='x'; select count(*) from movies",
        "numGroupsLimit must be a number between 1 and 2^31-1, got: x",
    );
}

#[test]
fn options_are_merged() {
    let mut statement = parse(
        "SET TimeoutMs = 7; SET noSuch = 'x'; SET a.b.c = true; select count(*) from movies option(timeoutMs=5000, skipUpsert=true)",
    )
    .expect("statement");
    statement.add_options("timeoutms=9;numGroupsLimit=5").expect("options");
    let options: Vec<String> = statement.options.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(options, ["a.b.c=true", "noSuch=x", "numGroupsLimit=5", "skipUpsert=true", "timeoutMs=7"]);
    assert!(matches!(bind(&statement, &super::Tables, &BindContext::new(0)), Ok(Bound::Query(_))));
    let error = statement.add_options("x").expect_err("no equals sign");
    assert_eq!(error.to_string(), "SQLParsingError: Chunk [x] is not a valid entry");
}
