"""Published clients and what others are known to call, against a cluster that holds the table `cellar`.

    clients.py CONTROLLER BROKER SERVER_ADMIN     (URLs without a trailing slash)

Every check is a function; all run, failures are listed at the end.
"""

import sys
import traceback
from datetime import datetime
from urllib.parse import urlsplit

import pandas
import pinotdb
import requests
import sqlalchemy
from sqlalchemy import Integer, String, column, func, select, table

CONTROLLER, BROKER, ADMIN = sys.argv[1:4]
HOST, PORT = urlsplit(BROKER).hostname, urlsplit(BROKER).port
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def connection(**options):
    return pinotdb.connect(host=HOST, port=PORT, path="/query/sql", scheme="http", **options)


def raises(expected, call):
    try:
        call()
    except expected as error:
        return str(error)
    raise AssertionError(f"no {expected.__name__}")


def get(url, status=200, **options):
    answer = requests.get(url, timeout=30, **options)
    assert answer.status_code == status, f"{url}: {answer.status_code} {answer.text[:200]}"
    return answer


# pinotdb, DB-API


@check
def rows_and_description():
    cursor = connection().cursor()
    cursor.execute("SELECT name, year, price FROM cellar WHERE colour = %(colour)s ORDER BY price LIMIT 10", {"colour": "red"})
    assert [d[0] for d in cursor.description] == ["name", "year", "price"]
    assert [d[1] for d in cursor.description] == [pinotdb.db.Type.STRING, pinotdb.db.Type.NUMBER, pinotdb.db.Type.NUMBER]
    assert cursor.fetchall() == [["Fina", 2018, 14.5], ["Alba", 2010, 52.5], ["Cora", 2015, 80.25]]


@check
def fetching_by_parts():
    cursor = connection().cursor()
    cursor.execute("SELECT id FROM cellar ORDER BY id LIMIT 8")
    assert cursor.fetchone() == [1]
    assert cursor.fetchmany(2) == [[2], [3]]
    assert [row[0] for row in cursor] == [4, 5, 6, 7, 8]


@check
def every_type():
    cursor = connection().cursor()
    cursor.execute(
        "SELECT big, ratio, weight, open, doc, hash, grapes, scores, bought, exact FROM cellar WHERE id = 1 LIMIT 1"
    )
    big, ratio, weight, is_open, doc, hashed, grapes, scores, bought, exact = cursor.fetchone()
    assert (big, ratio, weight, hashed) == (9000000000, 0.5, 1.25, "00ff")
    assert is_open is True and (grapes, scores) == (["Nebbiolo"], [90, 92])
    assert doc["soil"]["kind"] == "clay"
    assert bought == datetime(2023, 1, 15, 10, 30)
    assert "12345678901234567890.125" in str(exact)


@check
def placeholders():
    cursor = connection().cursor()
    cursor.execute("SELECT count(*) FROM cellar WHERE name = %(name)s", {"name": "O'Hara"})
    assert cursor.fetchone() == [0]
    cursor.execute("SELECT count(*) FROM cellar WHERE colour IN (%(colours)s)", {"colours": ["red", "white"]})
    assert cursor.fetchone() == [6]


@check
def errors_are_database_errors():
    cursor = connection().cursor()
    assert "190" in raises(pinotdb.exceptions.DatabaseError, lambda: cursor.execute("SELECT * FROM nowhere"))
    assert "710" in raises(pinotdb.exceptions.DatabaseError, lambda: cursor.execute("SELECT nothing FROM cellar"))
    assert "150" in raises(pinotdb.exceptions.DatabaseError, lambda: cursor.execute("SELEC 1"))


@check
def options_and_types():
    cursor = connection(preserve_types=True, extra_request_headers="a=b,c=d").cursor()
    cursor.execute("SELECT count(*) FROM cellar", queryOptions="timeoutMs=5000;clientQueryId=mine")
    assert cursor.fetchone() == [8]
    cursor = connection(timeout=30, session=None).cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == [1]


@check
def multi_stage_is_refused_with_a_sentence():
    cursor = connection(use_multistage_engine=True).cursor()
    text = raises(pinotdb.exceptions.DatabaseError, lambda: cursor.execute("SELECT count(*) FROM cellar"))
    assert "Multi-Stage query engine not enabled" in text, text


@check
def asynchronously():
    import asyncio

    async def ask():
        conn = pinotdb.connect_async(host=HOST, port=PORT, path="/query/sql", scheme="http")
        cursor = conn.cursor()
        await cursor.execute("SELECT max(price) FROM cellar")
        row = cursor.fetchone()
        await conn.close()
        return row

    assert asyncio.run(ask()) == [120.0]


# SQLAlchemy, as Superset uses it


def engine():
    return sqlalchemy.create_engine(f"pinot+http://{HOST}:{PORT}/query/sql?controller={CONTROLLER}/")


@check
def inspection():
    inspector = sqlalchemy.inspect(engine())
    assert inspector.get_schema_names() == ["default"]
    assert "cellar" in inspector.get_table_names()
    assert inspector.has_table("cellar")
    columns = {c["name"]: str(c["type"]) for c in inspector.get_columns("cellar")}
    assert set(columns) >= {"id", "name", "price", "bought", "grapes"}, columns
    assert inspector.get_pk_constraint("cellar") is not None
    assert inspector.get_indexes("cellar") == [] and inspector.get_view_names() == []


@check
def core_statements():
    cellar = table("cellar", column("colour", String), column("bottles", Integer), column("id", Integer))
    with engine().connect() as conn:
        total = func.sum(cellar.c.bottles)
        statement = select(cellar.c.colour, total).where(cellar.c.id < 5).group_by(cellar.c.colour)
        rows = conn.execute(statement.order_by(total.desc()).limit(10)).fetchall()
        assert [tuple(row) for row in rows] == [("rosé", 24.0), ("white", 12.0), ("red", 9.0)], rows
        assert conn.execute(sqlalchemy.text("SELECT count(*) FROM cellar")).scalar() == 8
        page = conn.execute(select(cellar.c.id).order_by(cellar.c.id).limit(2).offset(3)).fetchall()
        assert [row[0] for row in page] == [4, 5]


@check
def superset_time_grains():
    with engine().connect() as conn:
        for grain in ["second", "minute", "hour", "day", "week", "month", "quarter", "year"]:
            bucket = f"CAST(DATE_TRUNC('{grain}', CAST(bought AS TIMESTAMP)) AS TIMESTAMP)"
            sql = f"SELECT {bucket}, COUNT(*) FROM cellar GROUP BY {bucket} ORDER BY COUNT(*) DESC LIMIT 100"
            rows = conn.execute(sqlalchemy.text(sql.replace(":", "\\:"))).fetchall()
            assert sum(row[1] for row in rows) == 8, (grain, rows)
        for millis in [300000, 600000, 900000, 1800000]:
            bucket = f"CAST(ROUND(DATE_TRUNC('minute', CAST(bought AS TIMESTAMP)), {millis}) AS TIMESTAMP)"
            sql = f"SELECT {bucket}, COUNT(*) FROM cellar GROUP BY {bucket} LIMIT 100"
            rows = conn.execute(sqlalchemy.text(sql.replace(":", "\\:"))).fetchall()
            assert sum(row[1] for row in rows) == 8, (millis, rows)


@check
def a_data_frame():
    frame = pandas.read_sql("SELECT colour, price FROM cellar ORDER BY price LIMIT 3", engine())
    assert list(frame.columns) == ["colour", "price"] and frame["price"].tolist() == [9.9, 11.0, 14.5]


# What other clients call


@check
def every_answer_has_the_counters():
    for body in [
        {"sql": "SELECT count(*) FROM cellar"},
        {"sql": "SELECT * FROM nowhere"},
        {"sql": "SELEC"},
        {"sql": None},
        {"sql": "SELECT 1", "queryOptions": "nothing"},
    ]:
        answer = requests.post(f"{BROKER}/query/sql", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        reply = answer.json()
        for key in ["numServersQueried", "numServersResponded", "timeUsedMs", "numDocsScanned"]:
            assert type(reply[key]) is int, (body, key)
        assert isinstance(reply["exceptions"], list) and isinstance(reply["traceInfo"], dict)
        assert reply.get("resultTable", {}) is not None
        code = reply["exceptions"][0]["errorCode"] if reply["exceptions"] else -1
        assert answer.headers["X-Pinot-Error-Code"] == str(code)


@check
def odd_requests():
    ask = lambda **options: requests.post(f"{BROKER}/query/sql", timeout=30, **options)
    go = {"sql": "SELECT 1", "queryOptions": "groupByMode=sql;responseFormat=sql;timeoutMs=1000", "trace": "true"}
    grafana = {"sql": "SET timeoutMs=1000;\nSELECT count(*) FROM cellar", "trace": False}
    for body in [go, grafana, {"sql": "SELECT 1;", "queryOptions": ";;timeoutMs=1000;;"}]:
        reply = ask(json=body).json()
        assert not reply["exceptions"], reply
        assert all(isinstance(v, str) for v in reply["traceInfo"].values())
    text = '{"sql":"SELECT name FROM cellar ORDER BY id LIMIT 1 OPTION(preserveType=\'true\')"}'
    for headers in [{"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": ""}, {"Accept": "text/plain"}]:
        answer = ask(data=text, headers=headers)
        assert answer.json()["resultTable"]["rows"] == [["Alba"]], answer.text
    assert ask(data="{}").status_code == 500 and ask(data="{").status_code == 500
    status = ask(json={"sql": "SELECT * FROM nowhere"}, headers={"Pinot-Use-Http-Status-For-Errors": "true"})
    assert status.status_code == 404


@check
def brokers_are_found():
    go = get(f"{CONTROLLER}/v2/brokers/tables?state=ONLINE").json()["cellar"][0]
    jdbc = get(f"{CONTROLLER}/v2/brokers/tenants/DefaultTenant?state=ONLINE").json()[0]
    live = get(f"{CONTROLLER}/tables/livebrokers", headers={"Accept": "application/json"}).json()
    java = live["cellar_OFFLINE"][0]
    for found in [go, jdbc, java]:
        assert (found["host"], found["port"]) == (HOST, PORT), found
        assert "_" not in found["host"] and found["instanceName"].startswith("Broker_")
    assert type(java["grpcPort"]) is int
    assert get(f"{CONTROLLER}/brokers/tables/cellar").json() == [go["instanceName"]]
    assert get(f"{CONTROLLER}/brokers/tenants/DefaultTenant").json() == [go["instanceName"]]
    spark = get(f"{CONTROLLER}/tables/livebrokers", params={"tables": "cellar"}).json()
    assert list(spark) == ["cellar_OFFLINE"]
    trino = get(f"{CONTROLLER}/tables/cellar/instances").json()
    assert trino["brokers"][0]["instances"] == [go["instanceName"]] and trino["server"][0]["instances"]


@check
def tables_and_their_metadata():
    assert get(f"{CONTROLLER}/tables").json()["tables"] == ["cellar"]
    schema = get(f"{CONTROLLER}/tables/cellar/schema").json()
    assert schema["schemaName"] == "cellar"
    for part in ["dimensionFieldSpecs", "metricFieldSpecs", "dateTimeFieldSpecs"]:
        assert all(field["name"] and field["dataType"] for field in schema[part])
    assert "OFFLINE" in get(f"{CONTROLLER}/tables/cellar").json()
    metadata = get(f"{CONTROLLER}/tables/cellar/metadata").json()
    assert metadata["numRows"] == 8 and metadata["numSegments"] == 2
    assert isinstance(get(f"{CONTROLLER}/databases").json(), list)
    assert get(f"{CONTROLLER}/tables/cellar/size").json()["reportedSizeInBytes"] > 0
    assert get(f"{CONTROLLER}/segments/cellar").json()[0]["OFFLINE"]
    server = trino_servers()[0]
    instance = get(f"{CONTROLLER}/instances/{server}").json()
    assert type(instance["grpcPort"]) is int and isinstance(instance["port"], str)
    for method in [requests.head, requests.get]:
        assert method(f"{CONTROLLER}/mytables", timeout=30).status_code == 404


def trino_servers():
    return list(get(f"{BROKER}/debug/routingTable/cellar").json()["cellar_OFFLINE"])


@check
def routing_for_connectors():
    table = get(f"{BROKER}/debug/routingTable/cellar").json()
    segments = [name for names in table["cellar_OFFLINE"].values() for name in names]
    assert len(segments) == 2
    sql = {"query": "SELECT * FROM cellar_OFFLINE"}
    assert get(f"{BROKER}/debug/routingTable/sql", params=sql).json() == table["cellar_OFFLINE"]
    get(f"{BROKER}/debug/routingTable/nowhere", status=404)
    get(f"{BROKER}/debug/timeBoundary/cellar", status=404)
    assert requests.head(f"{BROKER}/timeseries/api/v1/query_range", timeout=30).status_code == 404


@check
def cursors_of_the_java_client():
    ask = {"sql": "SELECT id FROM cellar ORDER BY id LIMIT 8"}
    answer = requests.post(f"{BROKER}/query/sql?getCursor=true&numRows=3", json=ask, timeout=30)
    first = answer.json()
    assert first["resultTable"]["rows"] == [[1], [2], [3]], answer.text
    assert (first["offset"], first["numRows"], first["numRowsResultSet"]) == (0, 3, 8)
    at = f"http://{first['brokerHost']}:{first['brokerPort']}/responseStore/{first['requestId']}"
    page = get(f"{at}/results", params={"offset": 6, "numRows": 3}).json()
    assert page["resultTable"]["rows"] == [[7], [8]] and page["numRows"] == 2
    assert "resultTable" not in get(f"{at}/").json()
    assert requests.delete(f"{at}/", timeout=30).status_code == 200
    get(f"{at}/", status=404)


@check
def health_of_every_role():
    for url in [CONTROLLER, BROKER, ADMIN]:
        assert get(f"{url}/health").text == "OK"
    assert get(f"{ADMIN}/health/readiness").text == "OK"


def main():
    failed = []
    for function in CHECKS:
        try:
            function()
            print("ok    ", function.__name__)
        except Exception:  # noqa: BLE001 - the next check is to run all the same
            failed.append(function.__name__)
            print("FAILED", function.__name__)
            traceback.print_exc(file=sys.stdout)
    print(f"{len(CHECKS) - len(failed)} of {len(CHECKS)} checks passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
