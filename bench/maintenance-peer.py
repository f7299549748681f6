"""Spark's side of bench/maintenance.ts: MERGE and compaction on the lake in DIR, warmed up on tables of its own.

usage: maintenance-peer.py DIR CACHE MERGE_SQL; prints {"merged", "compacted"} (seconds) as JSON.
"""

import json
import os
import sys
import time

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from pyspark.sql import SparkSession  # noqa: E402

folder, cache, merge = sys.argv[1:4]
jars = ":".join(
    os.path.join(cache, "jars", name)
    for name in ["iceberg-spark-runtime-4.1_2.13-1.12.0.jar", "sqlite-jdbc-3.54.1.0.jar"]
)
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.driver.extraClassPath", jars)
    .config("spark.driver.memory", "4g")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.lake.type", "jdbc")
    .config("spark.sql.catalog.lake.uri", f"jdbc:sqlite:{folder}/.lakebook/catalog.db")
    .config("spark.sql.catalog.lake.jdbc.schema-version", "V1")
    .config("spark.sql.catalog.lake.warehouse", f"file://{folder}/.lakebook/warehouse")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
spark.sql("USE lake")


def timed(text):
    start = time.perf_counter()
    spark.sql(text).collect()
    return time.perf_counter() - start


# Twice the same work on small tables, so that classes are loaded and code is compiled.
for n in range(2):
    spark.sql(
        f"CREATE TABLE default.warm{n} USING iceberg TBLPROPERTIES ('format-version'='3', "
        "'write.merge.mode'='merge-on-read') AS SELECT * FROM default.sales LIMIT 200000"
    )
    spark.sql(f"INSERT INTO default.warm{n} SELECT * FROM default.sales LIMIT 100000")
    timed(merge.replace("default.sales", f"default.warm{n}"))
    timed(f"CALL lake.system.rewrite_data_files(table => 'default.warm{n}', options => map('rewrite-all', 'true'))")

merged = timed(merge)
compacted = timed("CALL lake.system.rewrite_data_files(table => 'default.small')")
out.write(json.dumps({"merged": merged, "compacted": compacted}) + "\n")
