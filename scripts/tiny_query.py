#!/usr/bin/env python3
"""Median milliseconds of a tiny query over one kept HTTP connection, on a table of 100 rows that it makes."""
import http.client
import json
import time
import urllib.parse
import uuid

NAME = "tiny_query"
CONTROLLER, BROKER = ("localhost", 9000), ("localhost", 8099)


def call(address, method, path, body=None, headers=None):
    c = http.client.HTTPConnection(*address, timeout=60)
    c.request(method, path, body, headers or {"Content-Type": "application/json"})
    r = c.getresponse()
    text = r.read().decode()
    if r.status not in (200, 404):
        raise SystemExit("%s %s: %d %s" % (method, path, r.status, text[:300]))
    return text


def make_table():
    schema = {"schemaName": NAME, "dimensionFieldSpecs": [{"name": "id", "dataType": "INT"}, {"name": "kind", "dataType": "STRING"}]}
    config = {"tableName": NAME, "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
              "tableIndexConfig": {"invertedIndexColumns": ["kind"]}, "metadata": {}}
    call(CONTROLLER, "POST", "/schemas", json.dumps(schema))
    call(CONTROLLER, "POST", "/tables", json.dumps(config))
    edge = uuid.uuid4().hex
    rows = "".join('{"id":%d,"kind":"k%d"}\n' % (i, i % 7) for i in range(100))
    form = ('--%s\r\nContent-Disposition: form-data; name="file"; filename="t.json"\r\n\r\n%s\r\n--%s--\r\n' % (edge, rows, edge)).encode()
    query = urllib.parse.urlencode({"tableNameWithType": NAME + "_OFFLINE", "batchConfigMapStr": '{"inputFormat":"json"}'})
    call(CONTROLLER, "POST", "/ingestFromFile?" + query, form, {"Content-Type": "multipart/form-data; boundary=" + edge})
    end = time.time() + 30
    while time.time() < end:
        doc = json.loads(call(BROKER, "POST", "/query/sql", json.dumps({"sql": "select count(*) from " + NAME})))
        if doc.get("resultTable", {}).get("rows") == [[100]]:
            return
        time.sleep(0.05)
    raise SystemExit("the table did not become queryable")


def main():
    make_table()
    c = http.client.HTTPConnection(*BROKER, timeout=60)
    took = []
    for i in range(5000):
        body = json.dumps({"sql": "select count(*) from %s where kind = 'k%d'" % (NAME, i % 7)})
        start = time.perf_counter()
        c.request("POST", "/query/sql", body, {"Content-Type": "application/json"})
        answer = c.getresponse().read()
        took.append((time.perf_counter() - start) * 1000)
        if i == 0 and b'"exceptions":[]' not in answer:
            raise SystemExit(answer.decode()[:500])
    took = sorted(took[500:])
    print("tiny query: p50 %.3f ms, p99 %.3f ms" % (took[len(took) // 2], took[len(took) * 99 // 100]))
    call(CONTROLLER, "DELETE", "/tables/%s?type=offline&retention=0d" % NAME)
    call(CONTROLLER, "DELETE", "/schemas/" + NAME)


main()
