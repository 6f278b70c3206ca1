//! Column headers and types.

use super::{bound, query};
use crate::Bound;

/// `headers` as `name TYPE` joined by ` | `.
fn check(sql: &str, expected: &str) {
    let (names, types) = match bound(sql) {
        Ok(Bound::Query(query)) => query.result_schema(),
        Ok(Bound::Answer(table)) => (table.names, table.types),
        Err(e) => panic!("{sql}: {e}"),
    };
    let got: Vec<String> = names.iter().zip(&types).map(|(n, t)| format!("{n} {t}")).collect();
    assert_eq!(got.join(" | "), expected, "{sql}");
}

#[test]
fn columns() {
    check(
        "select * from movies limit 3",
        "Rank INT | country STRING | genres STRING_ARRAY | rating DOUBLE | released LONG | title STRING | votes LONG | year INT",
    );
    check("select TITLE, Country from MOVIES order by TITLE limit 2", "title STRING | country STRING");
    check("select movies.title, default.movies.votes from default.movies", "title STRING | votes LONG");
    check("select m.title from movies m", "title STRING");
    check("select m.title from movies as m", "title STRING");
    check("select \"title\" from \"movies\" where \"country\" = 'US'", "title STRING");
    check("select title as x, title 'y z', votes as 'total' from movies", "x STRING | y z STRING | total LONG");
    check("select distinct $hostName, $docId from movies", "$hostName STRING | $docId INT");
    check("select distinct genres from movies", "genres STRING");
    check("select title, title from movies", "title STRING | title STRING");
}

#[test]
fn keywords_are_names() {
    check("select year, rank from movies where year > 3 group by year, rank", "year INT | Rank INT");
    check("select count(*) as count, sum(votes) as value from movies order by value", "count LONG | value DOUBLE");
    check("select year as language from movies order by language desc", "language INT");
    check("select year as end, rank as start, title as user from movies", "end INT | start INT | user STRING");
    check("select case when year > 1 then 1 else 0 end as method from movies", "method INT");
}

#[test]
fn transforms() {
    check("select votes / 0, mod(votes, 0) from movies", "divide(votes,'0') DOUBLE | mod(votes,'0') DOUBLE");
    check(
        "select (d - d) / 0, (0 - d) / 0 from types",
        "divide(minus(d,d),'0') DOUBLE | divide(minus('0',d),'0') DOUBLE",
    );
    check(
        "select cast(i as varchar), cast(d as long), cast(b as int), cast(l as double) from types",
        "cast(i,'STRING') STRING | cast(d,'LONG') LONG | cast(b,'INTEGER') INT | cast(l,'DOUBLE') DOUBLE",
    );
    check("select case when i > 7 then 1 else 0 end from types", "case(greater_than(i,'7'),'1','0') INT");
    check("select case i when 1 then 'a' end from types", "case(equals(i,'1'),'a','null') STRING");
    check("select m['k1'] from types", "item(m,'k1') INT");
    check("select i + 1, i * 2.5, -i from types", "plus(i,'1') DOUBLE | times(i,'2.5') DOUBLE | minus('0',i) DOUBLE");
    check("select and(b, b), or(b, b), not(b) from types", "and(b,b) BOOLEAN | or(b,b) BOOLEAN | not(b) BOOLEAN");
    check("select i in (1, 2), i is null from types", "in(i,'1','2') BOOLEAN | is_null(i) BOOLEAN");
}

#[test]
fn literals() {
    check("select 1, 'a', 2.5, true, null", "1 INT | 'a' STRING | 2.5 DOUBLE | true BOOLEAN | null UNKNOWN");
    check("select 1, title from movies", "1 INT | title STRING");
    check("select 3000000000, -1, 1e3, -2147483648", "3000000000 LONG | -1 INT | 1000.0 DOUBLE | -2147483648 INT");
    check("select 1 + 1, 1.5 + 1, 1 / 2", "2 LONG | 2.5 DOUBLE | 0.5 DOUBLE");
    check("select 'it''s' from movies", "'it's' STRING");
    check("select true as result from movies", "result BOOLEAN");
}

#[test]
fn aggregates() {
    check("select count(*), sum(votes) from movies", "count(*) LONG | sum(votes) DOUBLE");
    check("select count(title), count(1) from movies", "count(*) LONG | count(*) LONG");
    check(
        "set enableNullHandling = true; select count(title), count(*) from movies",
        "count(title) LONG | count(*) LONG",
    );
    check(
        "select min(votes), max(votes), avg(votes) from movies",
        "min(votes) DOUBLE | max(votes) DOUBLE | avg(votes) DOUBLE",
    );
    check(
        "select count(*) filter (where country = 'XX'), sum(votes) filter (where votes > 7) from movies",
        "count(*) FILTER(WHERE country = 'XX') LONG | sum(votes) FILTER(WHERE votes > '7') DOUBLE",
    );
    check(
        "select sum(votes) filter (where country in ('a', 'b') and (year >= 3 or title is null)) from movies",
        "sum(votes) FILTER(WHERE (country IN ('a','b') AND (year >= '3' OR title IS NULL))) DOUBLE",
    );
    check("select sum(votes) / count(*) from movies", "divide(sum(votes),count(*)) DOUBLE");
    check("select count(*) + 1 from movies", "plus(count(*),'1') LONG");
    check("select countMV(genres), count(genres) from movies", "countmv(genres) LONG | countmv(genres) LONG");
    check("select sum(mi), summv(mi) from types", "summv(mi) DOUBLE | summv(mi) DOUBLE");
    check("select genres, count(*) from movies group by genres", "genres STRING | count(*) LONG");
    check("select sum(votes + 2) from movies", "plus(sum(votes),times('2',count(votes))) DOUBLE");
    check("select sum(votes) as x from movies having x > 3", "x DOUBLE");
}

#[test]
fn sketches_and_percentiles() {
    check("select count(distinct title) from movies", "distinctcount(title) INT");
    check(
        "select percentile(votes, 50), percentile95(votes), percentileest(votes, 90) from movies",
        "percentile(votes, 50.0) DOUBLE | percentile95(votes) DOUBLE | percentileest(votes, 90.0) LONG",
    );
    check("select distinctCountHLL(title, 12) from movies", "distinctcounthll(title) LONG");
    check("select percentileTDigest90MV(mi) from types", "percentiletdigest90mv(mi) DOUBLE");
}

#[test]
fn folded_calls_show_their_value() {
    check(
        "select datediff('DAY', fromdatetime('2024-01-01','yyyy-MM-dd'), t) from types",
        "datediff('DAY','1704067200000',t) LONG",
    );
    check(
        "select trim(s), trim(leading 'x' from s) from types",
        "trim('BOTH',' ',s) STRING | trim('LEADING','x',s) STRING",
    );
    check("select now() from types", "1709251200000 LONG");
    check("select datetrunc('month', t) from types", "datetrunc('month',t) LONG");
    check(
        "select extract(year from t), substring(s from 2 for 3) from types",
        "extract('YEAR',t) INT | substring(s,'2','3') STRING",
    );
}

#[test]
fn distinct_from_group_by() {
    let query = query("select year, country from movies group by country, year");
    assert!(matches!(query.shape, crate::Shape::Distinct(_)), "{query:?}");
}
