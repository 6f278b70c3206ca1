#!/usr/bin/env python3
"""Makes docs/performance.md of the results that scripts/bench.sh collected.

    scripts/bench_report.py RESULTS.jsonl BENCH_FOLDER > docs/performance.md

Only the latest result of each step counts. What follows the line `<!-- by hand -->` of the present page is kept.
"""
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def geomean(values):
    product, n = 1.0, 0
    for v in values:
        product *= v
        n += 1
    return product ** (1 / n) if n else float("nan")


def number(v):
    if v is None or v != v:
        return "–"
    if v >= 100:
        return f"{v:,.0f}"
    return f"{v:.1f}" if v >= 10 else f"{v:.2f}"


class Results:
    def __init__(self, path):
        self.steps, self.notes = {}, {}
        with open(path) as f:
            for line in map(json.loads, f):
                if line["command"] == "note":
                    self.notes[line["step"], line["name"]] = line["value"]
                else:
                    self.steps[line["server"]["label"]] = line

    def of(self, step):
        line = self.steps.get(step)
        return line and line["results"]

    def queries(self, step, file=None):
        found = self.of(step)
        rows = found["results"] if found else []
        return [r for r in rows if file is None or r["file"] == file]


def ratio(rows, pick=lambda r: True):
    return geomean([r["ratio"] for r in rows if pick(r) and r["ratio"]])


def verdict(measured, holds, text):
    return f"{text} | {'yes' if holds else '**no**'}" if measured == measured and measured is not None else "not measured | –"


def goals(r, pinot):
    out = ["| what | goal | Cuvée | holds | Pinot |", "|---|---|---|---|---|"]

    def line(what, goal, measured, holds, text, other="–"):
        out.append(f"| {what} | {goal} | {verdict(measured, holds, text)} | {other} |")

    scans = [q for q in r.queries("scan", "scan.sql") if q["scan"]]
    if scans:
        mean, worst = ratio(scans), min(scans, key=lambda q: q["ratio"] or 0)
        line("`scan.sql`, the 11 scans", "≥ 5, none below 1", mean, mean >= 5 and (worst["ratio"] or 0) >= 1,
             f"{number(mean)}; least {number(worst['ratio'])} ({worst['query']})", "0.31")
        every = ratio(r.queries("scan", "scan.sql"))
        line("`scan.sql`, all 15", "≥ 12", every, every >= 12, number(every), "0.44")
        ssb = r.queries("scan", "ssb.sql")
        worst = min(ssb, key=lambda q: q["ratio"] or 0)
        line("`ssb.sql`, 13", "≥ 4, none below 1", ratio(ssb), ratio(ssb) >= 4 and (worst["ratio"] or 0) >= 1,
             f"{number(ratio(ssb))}; least {number(worst['ratio'])} ({worst['query']})", "0.80")
    serving = r.queries("serving")
    if serving:
        line("`serving.sql`, one client", "≥ 5", ratio(serving), ratio(serving) >= 5, number(ratio(serving)), "1.5")
    load = r.of("throughput")
    if load:
        ours, times, tail = load, load["ratio_queries_per_s"], load["p99_ms"] / load["duckdb_p99_ms"]
        line("8 clients, q/s relative to DuckDB's", "≥ 40", times, times >= 40,
             f"{number(times)} ({number(ours['queries_per_s'])} q/s)", "7.1–7.7")
        line("8 clients, p99 relative to DuckDB's", "≤ 0.02 (a fifth of Pinot's)", tail, tail <= 0.02,
             f"{tail:.4f} ({number(ours['p99_ms'])} ms)", "0.08–0.12")
        line("8 clients, errors", "0", ours["http_errors"], ours["http_errors"] + ours["watched_errors"] == 0,
             f"{ours['http_errors'] + ours['watched_errors']} of {ours['requests']:,}")
    star, off = r.queries("startree"), {q["query"]: q for q in r.queries("startree-off")}
    for q in star:
        without = off.get(q["query"])
        if without:
            times = without["server_ms"] / q["server_ms"]
            line(f"star-tree, {q['query']}", "≥ 20 × or < 1 ms", times, times >= 20 or q["server_ms"] < 1,
                 f"{number(times)} ×, {number(q['server_ms'])} ms", "14 ×")
    ingest, duck = r.of("load"), r.of("load-duckdb")
    if ingest and duck:
        share = ingest["disk_bytes_per_row"] / duck["disk_bytes_per_row_with_indexes"]
        line("bytes on disk per row, hot, relative to DuckDB's file", "≤ 0.75", share, share <= 0.75,
             f"{number(share)} ({number(ingest['disk_bytes_per_row'])} bytes)", "0.86")
        deep = r.notes.get(("load", "deep_store_bytes"))
        if deep:
            share = deep / ingest["rows"] / duck["disk_bytes_per_row_with_indexes"]
            line("the same, deep store", "≤ 0.35", share, share <= 0.35,
                 f"{number(share)} ({number(deep / ingest['rows'])} bytes)")
    resident, hot = r.notes.get(("memory", "resident_bytes")), r.notes.get(("memory", "hot_bytes"))
    if resident and hot:
        most = 1.3 * hot + 150 * 2**20
        line("resident memory of all roles, loaded and queried", f"≤ {number(most / 2**20)} MB", resident,
             resident <= most, f"{number(resident / 2**20)} MB", "> 5,000 MB")
    for step, what in (("skew", "skewed keys"), ("noindex", "without indexes"), ("onethread", "one thread")):
        rows = r.queries(step)
        if rows:
            worst = min(rows, key=lambda q: q["ratio"] or 0)
            below = [q["query"] for q in rows if (q["ratio"] or 0) < 1]
            text = f"least {number(worst['ratio'])} ({worst['query']})" + (f"; below: {', '.join(below)}" if below else "")
            line(f"{what}: every query", "≥ 1", worst["ratio"] or 0, not below, text)
    many = r.of("segments")
    if many:
        worst = max(many["by_range_ratio"], many["by_bloom_ratio"])
        line("point query, 2,000 segments against 20", "≤ 3 ×", worst, worst <= 3,
             f"by range {number(many['by_range_ratio'])} ×, by bloom filter {number(many['by_bloom_ratio'])} ×")
    again = r.of("restart")
    if again:
        line("restart with 2,020 segments, all rows back", "< 5 s", again["all_rows_after_s"],
             again["all_rows_after_s"] < 5, f"{number(again['all_rows_after_s'])} s", "21.5 s (6 M rows, 300 tables)")
    return out


def latencies(r, step, pinot, title):
    rows = r.queries(step)
    if not rows:
        return []
    out = [f"### {title}", "", "| query | Cuvée ms | DuckDB ms | ratio | Pinot's ratio |", "|---|---|---|---|---|"]
    for q in rows:
        theirs = pinot.get((q["file"], q["query"])) if step == "scan" else None
        problem = "" if q["ratio"] else f" ({q['problem']})"
        out.append(f"| {q['query']}{problem} | {number(q.get('server_ms'))} | {number(q.get('duckdb_ms'))} | "
                   f"{number(q['ratio'])} | {number(theirs) if theirs else '–'} |")
    means = ", ".join(f"{k}: **{number(v)}**" for k, v in r.of(step)["geomean_ratio"].items())
    return [*out, "", f"Geometric means: {means}.", ""]


def main():
    r = Results(sys.argv[1])
    with open(os.path.join(sys.argv[2], "pinot-2t.json")) as f:
        pinot = {(q["file"], q["query"]): q["ratio"] for q in json.load(f)["results"]}
    page = os.path.join(ROOT, "docs", "performance.md")
    by_hand = ""
    if os.path.exists(page):
        with open(page) as f:
            text = f.read()
        if "<!-- by hand -->" in text:
            by_hand = text[text.index("<!-- by hand -->"):]
    any_step = next(iter(r.steps[s] for s in ("scan", "load", "serving") if s in r.steps), None)
    machine = any_step["machine"] if any_step else {}
    packages = machine.get("packages", {})
    out = [
        "# Performance", "",
        "Written by `scripts/bench.sh` (`just bench`): the release build over HTTP, DuckDB beside it on the same data in the same run, "
        "with as many threads. Compare by the **ratio to DuckDB** (DuckDB's time / ours; above 1 we are faster): absolute times depend "
        "on the machine.", "",
        f"Machine: {machine.get('cores')} cores ({machine.get('cpu')}), {machine.get('memory_gb')} GB, kernel {machine.get('kernel')}; "
        f"DuckDB {packages.get('duckdb')}. Load of the machine when the scans ended: {machine.get('load_1min', float('nan')):.2f}. "
        "Data: a flat Star Schema Benchmark lineorder, 6,000,000 rows of 21 columns in four segments, 8 inverted indexes, a bloom filter; "
        "customers and parts uniform, in the skewed variant by Zipf's law with exponent 1.1. Pinot's figures: the same harness against "
        "Apache Pinot 1.5.1 (OpenJDK 17) in a run of its own on such a machine, warm.", "",
        "## The goals, and what was measured", "", *goals(r, pinot), "",
    ]
    ready, idle = r.notes.get(("start", "ready_ms")), r.notes.get(("start", "idle_bytes"))
    load, duck = r.of("load"), r.of("load-duckdb")
    if ready:
        out += ["## Start, weight, load", "", "| what | Cuvée | Pinot |", "|---|---|---|",
                f"| from the command to the first answer | {ready} ms | about 30 s |",
                f"| resident memory of all roles, idle | {number(idle / 2**20)} MB | 5,000 MB with ZooKeeper |",
                f"| the binary | {number(r.notes[('start', 'binary_bytes')] / 2**20)} MB | – |"]
    if load and duck:
        out += [f"| load, CSV by `POST /ingestFromFile`, indexes built | {number(load['rows_per_s'])} rows/s "
                f"({number(load['rows_per_s'] / duck['rows_per_s'])} of DuckDB's own load without HTTP and indexes) | "
                "63,000 rows/s (0.09) |",
                f"| the same, rows/s per core used | {number(load['rows_per_s_per_core'])} | 52,000 |",
                f"| peak resident memory while loading | {number(r.notes.get(('load', 'peak_bytes'), 0) / 2**20)} MB | – |", ""]
    out += ["## Latency, medians in ms over one kept connection", ""]
    for step, title in (("scan", "Default indexes, two threads"), ("serving", "What a page asks (`serving.sql`)"),
                        ("onethread", "One thread each"), ("noindex", "Without indexes"), ("skew", "Skewed keys"),
                        ("startree", "With a star-tree"), ("startree-off", "The same segments, `useStarTree=false`")):
        out += latencies(r, step, pinot, title)
    out += ["## Repeat it", "", "    cargo build --release -p cuvee-cli",
            "    scripts/bench.sh            # everything; needs the bench folder beside the project, or CUVEE_SHARED",
            "    scripts/bench.sh scan report  # some steps; results are kept from earlier ones", "",
            "Micro-benchmarks inside the process: `cargo bench` in `crates/segment`, `crates/engine`, `crates/ingest` and `benches`.", ""]
    if by_hand:
        out.append(by_hand.rstrip())
    print("\n".join(out))


if __name__ == "__main__":
    main()
