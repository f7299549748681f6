"""Judges Lakebook's tables with PyIceberg and Spark.

usage: judge.py SOCKET. A long-lived process: it listens on a Unix socket, prints one line when it does (whatever the
libraries print goes to stderr), serves one connection after the other and ends when its standard input does. One JSON
command a line, one JSON answer a line. Commands:

  {"op": "open", "db": FILE, "warehouse": DIR, "name": CATALOG}   points both judges at a lake
  {"op": "exec", "code": PYTHON}            runs code; the variable `result` is the answer. In scope: catalog
                                            (PyIceberg SqlCatalog), spark() (a session whose current catalog is the
                                            same lake), pa, pq, datetime, Decimal, uuid, ...
  {"op": "compare", "ours": ARROW_FILE, "code": PYTHON}   `code` sets `result` to a pyarrow table; rows are compared
                                            as multisets with those in ARROW_FILE (Arrow IPC stream), column by name
"""

import datetime
import json
import math
import os
import socket
import sys
import threading
import traceback
import uuid
from collections import Counter
from decimal import Decimal

out = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402


class Judge:
    def __init__(self):
        self.scope = {}
        self.config = None
        self._spark = None
        self._session = None

    def open(self, db, warehouse, name):
        from pyiceberg.catalog.sql import SqlCatalog

        self._session = None
        self.config = {"db": db, "warehouse": warehouse, "name": name}
        catalog = SqlCatalog(name, uri=f"sqlite:///{db}", warehouse=f"file://{warehouse}")
        self.scope = {
            "catalog": catalog,
            "spark": self.spark,
            "pa": pa,
            "pq": pq,
            "datetime": datetime,
            "Decimal": Decimal,
            "uuid": uuid,
            "os": os,
            "config": self.config,
        }

    def spark(self):
        """A Spark session whose current catalog is the open lake."""
        from pyspark.sql import SparkSession

        if self._spark is None:
            jars = os.environ["LAKEBOOK_SPARK_JARS"]
            self._spark = (
                SparkSession.builder.master("local[2]")
                .config("spark.driver.extraClassPath", jars)
                .config("spark.driver.memory", "2g")
                .config("spark.ui.enabled", "false")
                .config("spark.ui.showConsoleProgress", "false")
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.sql.shuffle.partitions", "2")
                .config(
                    "spark.sql.extensions",
                    "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
                )
                .getOrCreate()
            )
            self._spark.sparkContext.setLogLevel("ERROR")
        if self._session is None:
            # A catalog's settings are read once a session: a new session for each lake, so that the catalog can
            # bear the lake's own name (it must equal the `catalog_name` column).
            session = self._spark.newSession()
            name = self.config["name"]
            settings = {
                "": "org.apache.iceberg.spark.SparkCatalog",
                ".type": "jdbc",
                ".uri": f"jdbc:sqlite:{self.config['db']}",
                ".jdbc.schema-version": "V1",
                ".warehouse": f"file://{self.config['warehouse']}",
                ".cache-enabled": "false",
            }
            for key, value in settings.items():
                session.conf.set(f"spark.sql.catalog.{name}{key}", value)
            session.sql(f"USE {name}")
            self._session = session
        return self._session

    def execute(self, code):
        scope = dict(self.scope)
        exec(compile(code, "<command>", "exec"), scope)
        return scope.get("result")

    def compare(self, ours, code):
        theirs = self.execute(code)
        with open(ours, "rb") as f:
            mine = pa.ipc.open_stream(f).read_all()
        names = sorted(mine.column_names)
        if names != sorted(theirs.column_names):
            extra = sorted(set(mine.column_names) - set(theirs.column_names))
            missing = sorted(set(theirs.column_names) - set(mine.column_names))
            return {"equal": False, "why": f"columns only in ours {extra}, only in theirs {missing}"}
        left = Counter(map(json.dumps, rows(mine, names)))
        right = Counter(map(json.dumps, rows(theirs, names)))
        if left == right:
            return {"equal": True, "rows": mine.num_rows}
        only_ours = [json.loads(row) for row in (left - right).elements()]
        only_theirs = [json.loads(row) for row in (right - left).elements()]
        return {"equal": False, "rows": mine.num_rows, "why": difference(names, only_ours, only_theirs, theirs.num_rows)}


def difference(names, ours, theirs, total):
    """Says how a row differs from the one most like it."""
    why = f"{len(ours)} rows only in ours, {len(theirs)} only in theirs (of {total})"
    if not ours or not theirs:
        return f"{why}; columns {names}; first: {json.dumps((ours or theirs)[0])[:2000]}"
    row = ours[0]
    other = min(theirs, key=lambda r: sum(a != b for a, b in zip(row, r)))
    parts = [part for name, a, b in zip(names, row, other) for part in differences(name, a, b)]
    return f"{why}; first: {'; '.join(parts)[:3000]}"


def differences(path, ours, theirs):
    if ours == theirs:
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        return [part for key in ours for part in differences(f"{path}.{key}", ours[key], theirs[key])]
    return [f"{path}: ours {json.dumps(ours)[:1000]}, theirs {json.dumps(theirs)[:1000]}"]


def rows(table, names):
    columns = []
    for name in names:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            # Exact ticks: to_pylist would lose nanoseconds.
            scale = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[column.type.unit]
            ticks = column.cast(pa.int64()).to_pylist()
            columns.append([None if v is None else f"ts:{v * scale}" for v in ticks])
        else:
            columns.append([canonical(v) for v in column.to_pylist()])
    return zip(*columns) if columns else [()] * table.num_rows


def canonical(value):
    """A JSON value that is equal exactly when the values are."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return f"int:{value}"
    if isinstance(value, float):
        if math.isnan(value):
            return "float:nan"
        return f"float:{value!r}"
    if isinstance(value, Decimal):
        return f"dec:{value}"
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return f"bytes:{bytes(value).hex()}"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return f"ts:{(value - epoch) // datetime.timedelta(microseconds=1) * 1000}"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return f"td:{value // datetime.timedelta(microseconds=1)}"
    if isinstance(value, dict):
        return {k: canonical(v) for k, v in sorted(value.items())}
    if isinstance(value, tuple):
        return [canonical(v) for v in value]
    if isinstance(value, list):
        items = [canonical(v) for v in value]
        # A map comes as a list of (key, value) tuples; its order means nothing.
        if value and all(isinstance(v, tuple) for v in value):
            items.sort(key=json.dumps)
        return items
    raise TypeError(f"no canonical form for {type(value)}")


def jsonable(value):
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return str(value)


def answer(judge, line):
    command = json.loads(line)
    try:
        op = command.pop("op")
        if op == "open":
            return {"ok": judge.open(**command)}
        if op == "exec":
            return {"ok": jsonable(judge.execute(command["code"]))}
        if op == "compare":
            return {"ok": judge.compare(**command)}
        raise ValueError(f"unknown op {op}")
    except BaseException as error:  # noqa: BLE001 - the test decides what a failure means
        trace = traceback.format_exc()[-4000:]
        return {"error": f"{type(error).__name__}: {error}"[:4000], "trace": trace}


def end_with_parent():
    sys.stdin.read()
    # Spark's Java process ends with its end of the pipe.
    os._exit(0)


def main():
    judge = Judge()
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen()
    threading.Thread(target=end_with_parent, daemon=True).start()
    out.write("ready\n")
    out.flush()
    while True:
        connection, _ = server.accept()
        try:
            with connection, connection.makefile("r", encoding="utf-8") as commands:
                for line in commands:
                    connection.sendall((json.dumps(answer(judge, line)) + "\n").encode())
        except OSError as error:
            # A test process that died takes its connection with it, not the judge.
            print(f"connection lost: {error}", file=sys.stderr)


main()
