//! Statements over the test table.

use rand::{Rng, rngs::StdRng};

pub const CHOSEN: &[&str] = &[
    "SELECT COUNT(*) FROM t",
    "SELECT MIN(i), MAX(rl), COUNT(*), DISTINCTCOUNT(d8), MINMAXRANGE(so), SUM(i) FROM t",
    "SELECT COUNT(*) FROM t WHERE d16 = 'v0003' AND d8 = 'a1'",
    "SELECT SUM(i * so), AVG(rl - i) FROM t WHERE so BETWEEN 3 AND 30 AND i < 20",
    "SELECT so, SUM(rl), COUNT(*) FROM t GROUP BY so ORDER BY so LIMIT 1000",
    "SELECT d8, d16, SUM(rl) FROM t GROUP BY d8, d16 ORDER BY SUM(rl) DESC, d8, d16 LIMIT 7",
    "SELECT d8, d16, i, so, COUNT(*), MAX(rd) FROM t GROUP BY d8, d16, i, so ORDER BY MAX(rd), d8, d16, i, so LIMIT 9",
    "SELECT d8, d16, i, so, rl, COUNT(*) FROM t GROUP BY d8, d16, i, so, rl LIMIT 100000",
    "SELECT i + 1, COUNT(*) FROM t GROUP BY i + 1 ORDER BY COUNT(*) DESC, i + 1 LIMIT 5",
    "SELECT mi, COUNT(*) FROM t GROUP BY mi LIMIT 1000",
    "SELECT mi, ms, SUM(i) FROM t WHERE mi > 3 GROUP BY mi, ms LIMIT 1000",
    "SELECT COUNT(*) FROM t WHERE mi != 3",
    "SELECT COUNT(*) FROM t WHERE NOT mi = 3",
    "SELECT COUNT(*) FROM t WHERE mi NOT IN (1, 2)",
    "SELECT COUNTMV(mi), SUMMV(mi), MAXMV(mi), DISTINCTCOUNTMV(ms) FROM t WHERE b = true",
    "SELECT d8, COUNT(*) FILTER (WHERE i > 0), SUM(i) FILTER (WHERE mi = 2), SUM(so) FROM t GROUP BY d8 LIMIT 1000",
    "SELECT SUM(i) FILTER (WHERE i > 0), COUNT(*) FILTER (WHERE d8 = 'a2') FROM t WHERE so < 30",
    "SELECT DISTINCT d8 FROM t ORDER BY d8 DESC LIMIT 3",
    "SELECT DISTINCT d8, b FROM t LIMIT 100000",
    "SELECT DISTINCT mi FROM t LIMIT 100000",
    "SELECT rs, i FROM t WHERE rs LIKE '%1%' ORDER BY rs, i DESC, rl LIMIT 12",
    "SELECT so, rl FROM t ORDER BY so, rl LIMIT 20",
    "SELECT so FROM t ORDER BY so LIMIT 5",
    "SELECT rl FROM t ORDER BY rl DESC LIMIT 4, 9",
    "SELECT d8, SUM(i) FROM t GROUP BY d8 HAVING SUM(i) > 0 ORDER BY d8 LIMIT 1000",
    "SELECT COUNT(*) FROM t WHERE d8 IS NULL OR rl IS NOT NULL AND i IN (1, 5, 9, 13, 17, 21)",
    "SET enableNullHandling=true; SELECT COUNT(*), COUNT(i), SUM(i), MIN(rl), AVG(rd) FROM t WHERE d16 != 'v0001'",
    "SET enableNullHandling=true; SELECT d8, COUNT(rl), SUM(rl) FROM t GROUP BY d8 LIMIT 1000",
    "SET enableNullHandling=true; SELECT COUNT(*) FROM t WHERE NOT (i > 3 AND d8 = 'a1')",
    "SET enableNullHandling=true; SELECT i FROM t ORDER BY i LIMIT 5000",
    "SET enableNullHandling=true; SELECT i FROM t ORDER BY i DESC NULLS LAST LIMIT 50",
    "SET enableNullHandling=true; SELECT DISTINCTCOUNT(d8), DISTINCTCOUNT(i) FROM t WHERE so > 2",
    "SET enableNullHandling=true; SELECT SUM(i), MAX(i) FROM t WHERE so > 1000",
    "SELECT SUM(i), MAX(i), AVG(i) FROM t WHERE so > 1000",
    "SELECT COUNT(*) FROM t WHERE i + so > 30 AND upper(d8) = 'A1'",
    "SELECT upper(d8), COUNT(*) FROM t WHERE lower(d16) LIKE 'v000%' GROUP BY upper(d8) LIMIT 100",
    "SELECT CASE WHEN i > 0 THEN 'up' ELSE 'down' END, COUNT(*) FROM t GROUP BY 1 LIMIT 10",
    "SELECT rf, COUNT(*) FROM t GROUP BY rf LIMIT 100000",
    "SELECT floor(so / 7), SUM(i) FROM t GROUP BY floor(so / 7) ORDER BY 1 LIMIT 100",
    "SELECT floor(i / -9), so - 3, COUNT(*) FROM t WHERE rl > 0 GROUP BY floor(i / -9), so - 3 LIMIT 10000",
    "SELECT floor(i / 9) FROM t WHERE floor(i / 9) > 1 ORDER BY 1, i LIMIT 10",
    "SELECT d8, DISTINCTCOUNT(d16), COUNT(*), MAX(i) FROM t GROUP BY d8 ORDER BY 2 DESC, d8 LIMIT 4",
    "SELECT d8, so, DISTINCTCOUNT(d16), DISTINCTCOUNT(d16), SUM(rl) FROM t WHERE i > 0 GROUP BY d8, so LIMIT 10000",
    "SELECT d16, i, DISTINCTCOUNT(so) FROM t GROUP BY d16, i ORDER BY d16, i LIMIT 50",
    "SET enableNullHandling=true; SELECT so, DISTINCTCOUNT(i), COUNT(*) FROM t GROUP BY so LIMIT 10000",
    "SELECT DISTINCT d16, i, so FROM t ORDER BY d16 DESC, i, so LIMIT 30",
    "SELECT ts, b, COUNT(*) FROM t GROUP BY ts, b LIMIT 100000",
    "SET skipIndexes='d16=inverted&so=sorted'; SELECT COUNT(*) FROM t WHERE d16 = 'v0003' AND so = 4",
    "SELECT d16, DISTINCTCOUNT(i), PERCENTILE(rl, 50) FROM t WHERE d8 IN ('a1', 'a3') GROUP BY d16 LIMIT 100000",
];

fn pick<'a>(rng: &mut StdRng, from: &[&'a str]) -> &'a str {
    from[rng.random_range(0..from.len())]
}

fn predicate(rng: &mut StdRng) -> String {
    let small = |rng: &mut StdRng| rng.random_range(-60..60i64);
    match rng.random_range(0..15) {
        0 => format!("d8 = 'a{}'", rng.random_range(0..7)),
        1 => format!("d8 != 'a{}'", rng.random_range(0..7)),
        2 => format!("d16 IN ('v{:04}', 'v{:04}', 'v0009')", rng.random_range(0..400), rng.random_range(0..400)),
        3 => format!("d16 NOT IN ('v{:04}', 'v0009')", rng.random_range(0..400)),
        4 => format!("d16 > 'v{:04}'", rng.random_range(0..400)),
        5 => format!("i {} {}", pick(rng, &["<", "<=", ">", ">=", "=", "!="]), small(rng)),
        6 => format!("so BETWEEN {} AND {}", rng.random_range(-1..40), rng.random_range(-1..60)),
        7 => format!("rl {} {}", pick(rng, &["<", "<=", ">", ">=", "=", "!="]), small(rng)),
        8 => format!("rd > {}.5", small(rng)),
        9 => format!("mi {} {}", pick(rng, &["<", ">", "=", "!="]), rng.random_range(0..12)),
        10 => format!("ms IN ('m{}', 'm{}')", rng.random_range(0..9), rng.random_range(0..9)),
        11 => format!("{} IS {}NULL", pick(rng, &["i", "d8", "rl", "so", "mi"]), pick(rng, &["", "NOT "])),
        12 => format!("rs LIKE '%{}%'", rng.random_range(0..99)),
        13 => format!("b = {}", pick(rng, &["true", "false"])),
        _ => format!("i + {} {} rl", rng.random_range(0..9), pick(rng, &["<", ">"])),
    }
}

fn filter(rng: &mut StdRng, depth: usize) -> String {
    let kind = if depth == 0 { 0 } else { rng.random_range(0..6) };
    match kind {
        0..=2 => predicate(rng),
        3 => format!("({} AND {})", filter(rng, depth - 1), filter(rng, depth - 1)),
        4 => format!("({} OR {})", filter(rng, depth - 1), filter(rng, depth - 1)),
        _ => format!("NOT ({})", filter(rng, depth - 1)),
    }
}

fn wher(rng: &mut StdRng) -> String {
    if rng.random_range(0..6) == 0 { String::new() } else { format!(" WHERE {}", filter(rng, 3)) }
}

fn aggregates(rng: &mut StdRng) -> String {
    let all = [
        "COUNT(*)",
        "SUM(i)",
        "SUM(rl)",
        "MIN(rd)",
        "MAX(so)",
        "AVG(rl)",
        "MINMAXRANGE(i)",
        "DISTINCTCOUNT(d8)",
        "DISTINCTCOUNT(rl)",
        "SUM(i * so)",
        "MAX(i - rl)",
        "COUNT(i)",
        "DISTINCTCOUNT(i)",
        "SUM(rf)",
        "SUMMV(mi)",
        "SUM(i) FILTER (WHERE so > 9)",
    ];
    let n = rng.random_range(1..5);
    (0..n).map(|_| pick(rng, &all)).collect::<Vec<_>>().join(", ")
}

fn keys(rng: &mut StdRng) -> Vec<&'static str> {
    let all = [
        "d8",
        "d16",
        "i",
        "so",
        "rl",
        "b",
        "mi",
        "ts",
        "rs",
        "upper(d8)",
        "floor(so / 5)",
        "i + so",
        "rf",
        "ms",
        "d8",
        "so",
    ];
    let n = rng.random_range(1..4);
    let mut keys: Vec<&str> = (0..n).map(|_| pick(rng, &all)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

pub fn random(rng: &mut StdRng) -> String {
    let nulls = if rng.random_range(0..3) == 0 { "SET enableNullHandling=true; " } else { "" };
    let body = match rng.random_range(0..10) {
        0..=2 => format!("SELECT {} FROM t{}", aggregates(rng), wher(rng)),
        3..=6 => {
            let keys = keys(rng).join(", ");
            let aggregates = aggregates(rng);
            let filter = wher(rng);
            match rng.random_range(0..3) {
                0 => format!("SELECT {keys}, {aggregates} FROM t{filter} GROUP BY {keys} LIMIT 1000000"),
                1 => format!("SELECT {keys}, {aggregates} FROM t{filter} GROUP BY {keys} ORDER BY {keys} LIMIT 13"),
                _ => {
                    let first = aggregates.split(", ").next().unwrap_or("COUNT(*)");
                    format!(
                        "SELECT {keys}, {aggregates} FROM t{filter} GROUP BY {keys} ORDER BY {first} DESC, {keys} LIMIT 11"
                    )
                }
            }
        }
        7 => {
            let keys = keys(rng).join(", ");
            format!("SELECT DISTINCT {keys} FROM t{} ORDER BY {keys} LIMIT {}", wher(rng), rng.random_range(1..40))
        }
        8 => format!("SELECT d8, i, rl, mi, rs, rd, b, ts FROM t{} LIMIT 1000000", wher(rng)),
        _ => {
            let order = pick(
                rng,
                &["i, rl, rs, so", "so, rl, rs", "rs DESC, i", "d8, d16 DESC, rl, rs", "rd, rl, rs", "i + so, rl, rs"],
            );
            let limit = rng.random_range(1..60);
            format!(
                "SELECT {}, d8, i, rl FROM t{} ORDER BY {order} LIMIT {limit}",
                order.replace(" DESC", ""),
                wher(rng)
            )
        }
    };
    format!("{nulls}{body}")
}
