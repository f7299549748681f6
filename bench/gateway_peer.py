"""A gateway of FastAPI, DuckDB and PyIceberg, the peer of bench/gateway.ts: upload a CSV, run SQL.

usage: uvicorn gateway_peer:app --app-dir bench --port N, with LAKE_DIR in the environment.

POST /ingest/{table} reads the CSV with PyArrow and appends it with PyIceberg, trying again when another upload
committed first; GET /query binds the table's Arrow data into a DuckDB connection and runs the SQL.
"""

import os
import random
import re
import time
from typing import Annotated

import duckdb
import pyarrow.csv as csv
from fastapi import FastAPI, HTTPException, UploadFile
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError

folder = os.environ["LAKE_DIR"]
catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
app = FastAPI()


@app.post("/ingest/{table}")
def ingest(table: str, file: UploadFile) -> dict:
    rows = csv.read_csv(file.file)
    catalog.create_namespace_if_not_exists("default")
    for attempt in range(50):
        try:
            target = catalog.load_table(f"default.{table}")
        except NoSuchTableError:
            target = catalog.create_table(f"default.{table}", schema=rows.schema)
        try:
            target.append(rows)
            return {"rows": rows.num_rows}
        except CommitFailedException:
            time.sleep(random.random() * 0.05 * (attempt + 1))
    raise HTTPException(409, "other uploads kept committing first")


@app.get("/query")
def query(sql: Annotated[str, "one query"]) -> dict:
    connection = duckdb.connect()
    for name in set(re.findall(r"\bfrom\s+(\w+)", sql, re.IGNORECASE)):
        try:
            connection.register(name, catalog.load_table(f"default.{name}").scan().to_arrow())
        except NoSuchTableError:
            raise HTTPException(404, f"no table {name}") from None
    try:
        result = connection.execute(sql)
        columns = [column[0] for column in result.description]
        return {"columns": columns, "rows": result.fetchall()}
    except duckdb.Error as error:
        raise HTTPException(400, str(error)) from None


@app.get("/healthz")
def healthz() -> dict:
    return {"status": "ok"}
