"""TPC-H data and queries for bench/s3.ts, made by DuckDB's own generator.

usage: s3-tpch.py DIR SCALE; writes DIR/<table>.parquet and DIR/queries.json.
Needs duckdb 1.5.5 and duckdb-extension-tpch 1.5.5 (from PyPI).
"""

import json
import sys

import duckdb
from importlib import resources

folder, scale = sys.argv[1:3]
db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
extension = resources.files("duckdb_extension_tpch") / "extensions/v1.5.5/tpch.duckdb_extension"
db.execute(f"LOAD '{extension}'")
db.execute(f"CALL dbgen(sf = {scale})")
for (table,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall():
    db.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet)")
queries = db.execute("SELECT query FROM tpch_queries() ORDER BY query_nr").fetchall()
with open(f"{folder}/queries.json", "w") as file:
    json.dump([query for (query,) in queries], file)
