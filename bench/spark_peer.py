"""PySpark's own client of Spark Connect, for bench/engines-spark.ts.

usage: spark_peer.py URL. For each line {"query": ..., "as": ...} on standard input, one line {"seconds": ..., "rows": ...}
on standard output: `spark.sql(query)` and one of DataFrame's methods, `toArrow`, `toPandas` or `collect`. Prints a line
when it is connected.
"""

import json
import sys
import time

from pyspark.sql.connect.session import SparkSession

spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
spark.sql("SELECT 1").toArrow()
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    start = time.perf_counter()
    rows = getattr(spark.sql(asked["query"]), asked["as"])()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "rows": len(rows)}), flush=True)
    del rows
