#!/usr/bin/env python3
"""The same 200,000 rows in 2,000 segments and in 20: what a point query that prunes costs on each.

    scripts/many_segments.py RESULTS.jsonl

Uses one process on the default ports. Appends a line of medians in milliseconds to RESULTS.jsonl.
"""
import http.client
import json
import random
import statistics
import sys
import time
import urllib.parse
import uuid

CONTROLLER, BROKER = ("localhost", 9000), ("localhost", 8099)
ROWS, RUNS = 200_000, 300


class Connection:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(*address, timeout=300)

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text)


def make(controller, table, segments):
    columns = [("id", "INT"), ("customer", "STRING"), ("amount", "INT")]
    schema = {"schemaName": table,
              "dimensionFieldSpecs": [{"name": name, "dataType": kind} for name, kind in columns[:2]],
              "metricFieldSpecs": [{"name": "amount", "dataType": "INT"}]}
    config = {"tableName": table, "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
              "tableIndexConfig": {"invertedIndexColumns": ["customer"], "bloomFilterColumns": ["customer"]},
              "metadata": {}}
    controller.call("POST", "/schemas", json.dumps(schema))
    controller.call("POST", "/tables", json.dumps(config))
    size = ROWS // segments
    query = urllib.parse.urlencode({"tableNameWithType": f"{table}_OFFLINE",
                                    "batchConfigMapStr": json.dumps({"inputFormat": "csv"})})
    for first in range(0, ROWS, size):
        rows = "".join(f"{i},customer{i * 7919 % ROWS},{i % 1000}\n" for i in range(first, first + size))
        edge = uuid.uuid4().hex
        body = (f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="part{first}.csv"\r\n\r\n'
                f"id,customer,amount\n{rows}\r\n--{edge}--\r\n")
        controller.call("POST", f"/ingestFromFile?{query}", body,
                        {"Content-Type": f"multipart/form-data; boundary={edge}"})


def wait(broker, table):
    end = time.time() + 120
    while time.time() < end:
        answer = broker.call("POST", "/query/sql", json.dumps({"sql": f"select count(*) from {table}"}))
        if answer.get("resultTable") and answer["resultTable"]["rows"][0][0] == ROWS:
            return
        time.sleep(0.05)
    raise SystemExit(f"{table} is not whole after 120 s")


def median_ms(broker, statement, check):
    rng, times = random.Random(1), []
    for run in range(RUNS + 20):
        value = rng.randrange(ROWS)
        body = json.dumps({"sql": statement(value)})
        start = time.perf_counter()
        answer = broker.call("POST", "/query/sql", body)
        took = (time.perf_counter() - start) * 1000
        if not check(answer, value):
            raise SystemExit(f"wrong answer to {body}: {json.dumps(answer)[:500]}")
        if run >= 20:
            times.append(took)
    return statistics.median(times)


def main():
    controller, broker = Connection(CONTROLLER), Connection(BROKER)
    results = {}
    for segments in (20, 2000):
        table = f"many_{segments}"
        start = time.perf_counter()
        make(controller, table, segments)
        wait(broker, table)
        results[f"load_{segments}_s"] = time.perf_counter() - start
        # By range: id ascends over the segments. By filter: each customer is in one segment, anywhere.
        results[f"by_range_{segments}_ms"] = median_ms(
            broker, lambda v, t=table: f"select id, customer from {t} where id = {v} limit 10",
            lambda a, v: a["resultTable"]["rows"] == [[v, f"customer{v * 7919 % ROWS}"]])
        results[f"by_bloom_{segments}_ms"] = median_ms(
            broker, lambda v, t=table: f"select count(*) from {t} where customer = 'customer{v}'",
            lambda a, v: a["resultTable"]["rows"] == [[1]])
    for key in ("by_range", "by_bloom"):
        results[f"{key}_ratio"] = results[f"{key}_2000_ms"] / results[f"{key}_20_ms"]
    for key, value in results.items():
        print(f"  {key:20} {value:.3f}")
    with open(sys.argv[1], "a") as out:
        out.write(json.dumps({"command": "many_segments", "server": {"label": "segments"}, "results": results}) + "\n")


if __name__ == "__main__":
    main()
