"""usage: appender.py DB WAREHOUSE CATALOG COUNT. The same as appender.ts with PyIceberg, which asks to be called again
when another process committed first."""

import sys

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import OperationalError

db, warehouse, name, count = sys.argv[1:]
catalog = SqlCatalog(name, uri=f"sqlite:///{db}", warehouse=f"file://{warehouse}")
for i in range(int(count)):
    while True:
        try:
            catalog.load_table("default.t").append(pa.table({"id": pa.array([i], pa.int64()), "who": ["pyiceberg"]}))
            break
        except (CommitFailedException, OperationalError) as error:
            # OperationalError: the database is locked by the other process's commit.
            print(error, file=sys.stderr)
    print(i, flush=True)
