"""PyIceberg's side of bench/lake.ts: one step a process, so that peak memory belongs to the step.

usage: peer.py STEP DIR; prints {"seconds", "peakMiB", ...} as JSON.
Steps: ingest, aggregate, upsert, delete on the lake in DIR (catalog.db, warehouse/), from DIR/data.csv and
DIR/changes.csv.
"""

import json
import resource
import sys
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import DateType, DecimalType, LongType, NestedField, StringType

step, folder = sys.argv[1:3]
catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
arrow = pa.schema(
    [pa.field("id", pa.int64(), False), ("amount", pa.decimal128(10, 2)), ("sold_at", pa.date32()), ("category", pa.string())]
)


def read(name):
    convert = csv.ConvertOptions(column_types={f.name: f.type for f in arrow})
    return csv.read_csv(f"{folder}/{name}", convert_options=convert).cast(arrow)


answer = None
start = time.perf_counter()
if step == "ingest":
    catalog.create_namespace("default")
    schema = Schema(
        NestedField(1, "id", LongType(), True),
        NestedField(2, "amount", DecimalType(10, 2)),
        NestedField(3, "sold_at", DateType()),
        NestedField(4, "category", StringType()),
        identifier_field_ids=[1],
    )
    catalog.create_table("default.sales", schema=schema).append(read("data.csv"))
elif step == "aggregate":
    table = catalog.load_table("default.sales").scan(selected_fields=("amount", "category")).to_arrow()
    grouped = table.group_by("category").aggregate([("amount", "sum"), ("amount", "count")])
    answer = pc.sum(grouped["amount_count"]).as_py()
elif step == "upsert":
    result = catalog.load_table("default.sales").upsert(read("changes.csv"))
    answer = [result.rows_updated, result.rows_inserted]
elif step == "delete":
    catalog.load_table("default.sales").delete("category = 'c042'")
else:
    raise SystemExit(f"unknown step {step}")
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peakMiB": peak, "answer": answer}))
