#!/usr/bin/env python3
"""How long a small ingestion takes, by the number of segments that its table has already.

    small_ingest.py BINARY [SEGMENTS …]        # default 600 5000

Starts controller, server and broker of BINARY as processes of their own on free ports with data in a temporary folder,
fills one table with segments of two rows, and prints at each number the median of 15 ingestions, each from the request
until the row is queryable.
"""
import json, os, shutil, socket, statistics, subprocess, sys, tempfile, time, urllib.parse, urllib.request, uuid
from concurrent.futures import ThreadPoolExecutor


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def call(url, body=None, content_type="application/json"):
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type} if body else {})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def wait(url):
    for _ in range(600):
        try:
            call(url)
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def main():
    binary, sizes = sys.argv[1], [int(n) for n in sys.argv[2:]] or [600, 5000]
    controller, query, admin, broker = free_ports(4)
    base, sql = f"http://localhost:{controller}", f"http://localhost:{broker}/query/sql"
    work = tempfile.mkdtemp(prefix="small-ingest-")
    log = open(os.path.join(work, "log"), "w")
    roles = []

    def start(*args):
        roles.append(subprocess.Popen([binary, *args], stdout=log, stderr=log))

    def ingest(number):
        boundary = uuid.uuid4().hex
        body = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n"
                f"town,amount\nOslo,{number}\nBergen,{number}\n\r\n--{boundary}--\r\n").encode()
        config = {"inputFormat": "csv", "segmentNameGenerator.type": "fixed",
                  "segmentNameGenerator.configs.segment.name": f"s{number}"}
        query = urllib.parse.urlencode({"tableNameWithType": "t_OFFLINE", "batchConfigMapStr": json.dumps(config)})
        call(f"{base}/ingestFromFile?{query}", body, f"multipart/form-data; boundary={boundary}")

    def rows():
        answer = json.loads(call(sql, json.dumps({"sql": "select count(*) from t"}).encode()))
        return answer["resultTable"]["rows"][0][0] if answer.get("resultTable") else -1

    try:
        start("StartController", "-controllerPort", str(controller), "-dataDir", os.path.join(work, "controller"))
        wait(f"{base}/health")
        start("StartServer", "-serverPort", str(query), "-serverAdminPort", str(admin),
              "-dataDir", os.path.join(work, "server"), "-controller", f"localhost:{controller}")
        start("StartBroker", "-brokerPort", str(broker), "-controller", f"localhost:{controller}")
        wait(f"http://localhost:{admin}/health")
        wait(f"http://localhost:{broker}/health")
        schema = {"schemaName": "t", "dimensionFieldSpecs": [{"name": "town", "dataType": "STRING"}],
                  "metricFieldSpecs": [{"name": "amount", "dataType": "INT"}]}
        call(f"{base}/schemas", json.dumps(schema).encode())
        table = {"tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
                 "tableIndexConfig": {}, "metadata": {}}
        call(f"{base}/tables", json.dumps(table).encode())
        done = 0
        for size in sizes:
            started = time.time()
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(ingest, range(done, size)))
            print(f"{size} segments: filled in {time.time() - started:.1f} s", flush=True)
            done, times, queryable = size, [], []
            for _ in range(15):
                started = time.time()
                ingest(done)
                times.append(time.time() - started)
                done += 1
                while rows() != 2 * done:
                    pass
                queryable.append(time.time() - started)
            print(f"{size} segments: answered after {statistics.median(times) * 1e3:.1f} ms, "
                  f"queryable after {statistics.median(queryable) * 1e3:.1f} ms", flush=True)
    finally:
        for role in roles:
            role.kill()
            role.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
