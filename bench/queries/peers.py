"""Peers of the benchmarks of queries, on the same Iceberg tables.

usage: peers.py duckdb-iceberg|pyiceberg|polars|spark SPEC [JARS]; prints QueryTimes (bench/queries/spec.ts) as JSON.
A query that an engine can't run has no times.
"""

import json
import os
import re
import resource
import sys
import time

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

kind, spec_file = sys.argv[1:3]
spec = json.load(open(spec_file))
tables = {name: table["metadata"] for name, table in spec["tables"].items()}
queries = [re.sub(r";\s*$", "", query) for query in spec["queries"]]


def named(query):
    return [name for name in tables if re.search(rf"\b{name}\b", query)]


def duckdb_iceberg():
    from importlib import resources

    import duckdb

    db = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": spec["threads"]})
    for name in ("avro", "iceberg"):
        path = resources.files(f"duckdb_extension_{name}") / f"extensions/v1.5.5/{name}.duckdb_extension"
        db.execute(f"LOAD '{path}'")
    for name, location in tables.items():
        db.execute(f"CREATE VIEW {name} AS SELECT * FROM iceberg_scan('{location}')")

    def run(query):
        db.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {query}")
        return db.execute("SELECT count(*) FROM answer").fetchone()[0]

    return run, f"DuckDB {duckdb.__version__} with its iceberg extension"


def pyiceberg():
    import duckdb
    import pyiceberg as package
    from pyiceberg.table import StaticTable

    loaded = {name: StaticTable.from_metadata(location) for name, location in tables.items()}
    db = duckdb.connect(config={"threads": spec["threads"]})

    def run(query):
        for name in named(query):
            # A person would name the columns: those that occur in the query.
            fields = [field.name for field in loaded[name].schema().fields]
            wanted = [field for field in fields if re.search(rf"\b{field}\b", query)]
            all_columns = "SELECT *" in query or not wanted
            db.register(name, loaded[name].scan(selected_fields=("*",) if all_columns else tuple(wanted)).to_arrow())
        db.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {query}")
        return db.execute("SELECT count(*) FROM answer").fetchone()[0]

    return run, f"PyIceberg {package.__version__} with DuckDB {duckdb.__version__}"


def polars():
    import polars as pl

    context = pl.SQLContext({name: pl.scan_iceberg(location) for name, location in tables.items()})
    return lambda query: context.execute(query, eager=True).height, f"Polars {pl.__version__}"


def spark():
    from pyspark.sql import SparkSession

    lake = spec["lake"]
    session = (
        SparkSession.builder.master(f"local[{spec['threads']}]")
        .config("spark.driver.extraClassPath", sys.argv[3])
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.lake.type", "jdbc")
        .config("spark.sql.catalog.lake.uri", f"jdbc:sqlite:{lake}/.lakebook/catalog.db")
        .config("spark.sql.catalog.lake.jdbc.schema-version", "V1")
        .config("spark.sql.catalog.lake.warehouse", f"file://{lake}/.lakebook/warehouse")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    session.sql("USE lake.default")
    return lambda query: len(session.sql(query).collect()), f"Spark {session.version} (local)"


run, version = {"duckdb-iceberg": duckdb_iceberg, "pyiceberg": pyiceberg, "polars": polars, "spark": spark}[kind]()
seconds, answers = [], []
for query in queries:
    runs, rows = [], None
    try:
        for _ in range(spec["repeats"]):
            start = time.perf_counter()
            rows = run(query)
            runs.append(time.perf_counter() - start)
    except Exception as error:
        print(f"{kind}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
        runs, rows = [], None
    seconds.append(runs)
    answers.append(rows)
usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if kind == "spark":
    # The work is done in the Java process.
    usage = max(usage, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
out.write(json.dumps({"seconds": seconds, "answers": answers, "peakMiB": usage / 1024, "version": version}) + "\n")
