"""PySpark's own client of Spark Connect, for bench/engines-spark.ts.

usage: spark_peer.py URL. One JSON string a line, a query, on standard input; for each one line on standard output:
{"seconds": ..., "rows": ...} of `spark.sql(query).toArrow()`. Prints a line when it is connected.
"""

import json
import sys
import time

from pyspark.sql.connect.session import SparkSession

spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
spark.sql("SELECT 1").toArrow()
print("ready", flush=True)
for line in sys.stdin:
    query = json.loads(line)
    start = time.perf_counter()
    table = spark.sql(query).toArrow()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "rows": table.num_rows}), flush=True)
