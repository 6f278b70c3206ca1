//! Statements that mean harm end in errors, on a small stack.

use super::bound;
use crate::{Bound, parse, parse_expression};

fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread");
    thread.join().expect("no panic, no overflow");
}

fn check(sql: String) {
    on_small_stack(move || match bound(&sql) {
        Ok(Bound::Query(query)) => drop(query.clone()),
        Ok(_) => {}
        Err(e) => assert!(!e.to_string().is_empty()),
    });
}

#[test]
fn nesting() {
    for n in [30, 100, 190, 300, 1_000, 100_000] {
        check(format!("select {}1{} from movies", "(".repeat(n), ")".repeat(n)));
        check(format!("select count(*) from movies where {}year = 1{}", "(".repeat(n), ")".repeat(n)));
        check(format!("select {} from movies", "(".repeat(n)));
        check(format!("select {}title{} from movies", "upper(".repeat(n), ")".repeat(n)));
        check(format!("select count(*) from movies where {} year = 1", "not ".repeat(n)));
        check(format!("select {}year from movies", "- ".repeat(n)));
        check(format!("select {} 1 {} from movies", "case when year = 1 then ".repeat(n), " end".repeat(n)));
        check(format!("select {}1{} from movies", "[".repeat(n), "]".repeat(n)));
        check(format!("select * from {}movies{}", "(".repeat(n.min(400)), ")".repeat(n.min(400))));
        check("select ((((".repeat(n));
    }
}

#[test]
fn chains() {
    for n in [300, 5_000, 100_000] {
        check(format!("select count(*) from movies where year = 1{}", " or year = 2".repeat(n)));
        check(format!("select count(*) from movies where year = 1{}", " and title = 'x'".repeat(n)));
        check(format!("select year{} from movies", " + 1".repeat(n)));
        check(format!("select year{} frm from from", " + 1".repeat(n)));
        check(format!("select count(*) from movies where year in (1{})", ", 2".repeat(n)));
    }
    check(format!("select 1{}", ";".repeat(100_000)));
    check(format!("{} select 1", "set a = 1;".repeat(10_000)));
}

#[test]
fn long_lists_are_fine() {
    let sql = format!(
        "select count(*) from movies where votes in (0{})",
        (1..20_000).map(|n| format!(",{n}")).collect::<String>()
    );
    assert!(matches!(bound(&sql), Ok(Bound::Query(_))));
    let sql = format!("select count(*) from movies where year = 1{}", " or votes = 2 or title = 'x'".repeat(5_000));
    assert!(matches!(bound(&sql), Ok(Bound::Query(_))));
}

#[test]
fn identifiers_and_bytes() {
    assert!(parse(&format!("select {} from movies", "x".repeat(1_025))).is_err());
    assert!(parse_expression(&"(".repeat(100_000)).is_err());
    for sql in [
        "\u{0}",
        "select \u{0}",
        "'",
        "\"",
        "/*",
        "--",
        "select /*+",
        "select $",
        "$$",
        "select ?",
        "select :x",
        "\u{feff}select 1",
        "select x'zz'",
        "select 1 from",
        "from",
        "select * from movies where",
        "select ;",
        "(",
        ")",
        "explain",
        "explain plan",
        "explain plan for",
        "insert",
        "insert into",
        "insert into a from file",
        "set",
        "set =",
        "set a",
        "set a =",
        "option(a=b)",
        "select 1 option(",
        "select 1 option(a)",
        "select a[ from movies",
        "select a[1:2] from movies",
        "select a.b.c.d from movies",
        "select * from a.b.c",
        "select 1 limit 99999999999999999999",
        "select sum() from movies",
        "select count(*, 1) from movies",
        "select sum(*) from movies",
        "select filter(1, 2) from movies",
        "select case end from movies",
        "select \u{1F600} from movies",
        "select title from movies where title = '\u{1F600}'",
        "select interval '1' day",
        "select date '2020-01-01'",
    ] {
        let _ = bound(sql);
    }
}
