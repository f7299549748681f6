"""Another program that writes to the lake: PyIceberg. usage: other_writer.py ROOT make|append|upsert"""
import datetime
import decimal
import os
import sys

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

root, what = sys.argv[1:]
folder = os.path.join(root, ".lakebook")
os.makedirs(os.path.join(folder, "warehouse"), exist_ok=True)
catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")

schema = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("amount", pa.decimal128(10, 2)),
        pa.field("sold_at", pa.date32()),
        pa.field("address", pa.struct([pa.field("city", pa.string()), pa.field("zip", pa.int32())])),
    ]
)


def rows(first, count, amount):
    return pa.Table.from_pylist(
        [
            {
                "id": first + i,
                "amount": decimal.Decimal(amount) + i,
                "sold_at": datetime.date(2026, 1 + i % 3, 1 + i % 28),
                "address": {"city": "Berlin", "zip": 10115 + i},
            }
            for i in range(count)
        ],
        schema=schema,
    )


if what == "make":
    catalog.create_namespace_if_not_exists("default")
    table = catalog.create_table("default.orders", schema, properties={"owner": "tests"})
    with table.update_schema() as update:
        update.set_identifier_fields("id")
    table.append(rows(1, 20, "10.00"))
    first = table.current_snapshot().snapshot_id
    table.manage_snapshots().create_tag(first, "loaded").commit()
    table.append(rows(21, 10, "99.50"))
    table.manage_snapshots().create_branch(table.current_snapshot().snapshot_id, "audit").commit()
    table.delete("id = 3")
    table.append(rows(31, 5, "1.25"))
elif what == "append":
    catalog.load_table("default.orders").append(rows(1000, 7, "5.00"))
elif what == "upsert":
    catalog.load_table("default.orders").upsert(rows(1, 5, "7.77"), join_cols=["id"])
else:
    sys.exit(f"unknown: {what}")
