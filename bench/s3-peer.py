"""DuckDB's httpfs and iceberg extensions, and PyIceberg, on the tables of bench/s3.ts.

usage: s3-peer.py duckdb|pyiceberg ENDPOINT KEY SECRET TABLES QUERIES; TABLES is a JSON file of table names and metadata
addresses, QUERIES a JSON file of SQL texts. Prints {"cold": [seconds], "warm": [seconds], "answers": [rows]}: cold is a
new database for each query, warm the same query again.
Needs duckdb, duckdb-extension-httpfs, -iceberg and -avro 1.5.5 and pyiceberg (from PyPI).
"""

import json
import sys
import time
from importlib import resources

import duckdb

kind, endpoint, key, secret, tables_file, queries_file = sys.argv[1:7]
tables = json.load(open(tables_file))
queries = json.load(open(queries_file))


def with_extensions():
    db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in ("httpfs", "avro", "iceberg"):
        path = resources.files(f"duckdb_extension_{name}") / f"extensions/v1.5.5/{name}.duckdb_extension"
        db.execute(f"LOAD '{path}'")
    host = endpoint.removeprefix("http://")
    db.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', ENDPOINT '{host}', USE_SSL false, URL_STYLE path)"
    )
    return db


def timed(work):
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def run_duckdb(query):
    db = with_extensions()

    def cold():
        for name, location in tables.items():
            if name in query:
                db.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM iceberg_scan('{location}')")
        return db.execute(query).fetchall()

    first, rows = timed(cold)
    again, _ = timed(lambda: db.execute(query).fetchall())
    db.close()
    return first, again, len(rows)


def run_pyiceberg(query):
    from pyiceberg.table import StaticTable

    properties = {
        "s3.endpoint": endpoint,
        "s3.region": "us-east-1",
        "s3.access-key-id": key,
        "s3.secret-access-key": secret,
    }
    loaded = {}

    def work():
        db = duckdb.connect()
        for name, location in tables.items():
            if name not in query:
                continue
            if name not in loaded:
                loaded[name] = StaticTable.from_metadata(location, properties)
            table = loaded[name]
            # A person would name the columns: those that occur in the query.
            fields = tuple(field.name for field in table.schema().fields if field.name in query)
            db.register(name, table.scan(selected_fields=fields or ("*",)).to_arrow())
        return db.execute(query).fetchall()

    first, rows = timed(work)
    again, _ = timed(work)
    return first, again, len(rows)


run = {"duckdb": run_duckdb, "pyiceberg": run_pyiceberg}[kind]
results = [run(query) for query in queries]
print(json.dumps({"cold": [r[0] for r in results], "warm": [r[1] for r in results], "answers": [r[2] for r in results]}))
