"""PyIceberg and Spark on one REST catalog.

usage: judge.py URI S3_ENDPOINT ACCESS_KEY SECRET_KEY. Reads one JSON command a line, {"code": PYTHON}, and answers one
JSON line, {"ok": result} or {"error": text}; ends with standard input. In scope: `catalog` (PyIceberg's RestCatalog),
`spark()` (a session whose current catalog, `lake`, is the same one) and `pa`.
"""

import json
import os
import sys
import traceback

out = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import pyarrow as pa  # noqa: E402
from pyiceberg.catalog import load_catalog  # noqa: E402

uri, endpoint, access_key, secret_key = sys.argv[1:]
s3 = {
    "s3.endpoint": endpoint,
    "s3.access-key-id": access_key,
    "s3.secret-access-key": secret_key,
    "s3.path-style-access": "true",
}
session = None


def spark():
    global session
    if session is None:
        from pyspark.sql import SparkSession

        builder = (
            SparkSession.builder.master("local[2]")
            .config("spark.driver.extraClassPath", os.environ["LAKEBOOK_SPARK_JARS"])
            .config("spark.driver.memory", "1500m")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        )
        settings = {
            "": "org.apache.iceberg.spark.SparkCatalog",
            ".type": "rest",
            ".uri": uri,
            ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            ".client.region": "us-east-1",
            ".cache-enabled": "false",
            **{f".{key}": value for key, value in s3.items()},
        }
        for key, value in settings.items():
            builder = builder.config(f"spark.sql.catalog.lake{key}", value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        session.sql("CREATE NAMESPACE IF NOT EXISTS lake.default")
        session.sql("USE lake.default")
    return session


def rows(table):
    return sorted(([str(value) for value in row.values()] for row in table.to_pylist()))


scope = {
    "catalog": load_catalog("lake", type="rest", uri=uri, **{**s3, "s3.region": "us-east-1"}),
    "spark": spark,
    "rows": rows,
    "pa": pa,
}
for line in sys.stdin:
    try:
        here = dict(scope)
        exec(compile(json.loads(line)["code"], "<command>", "exec"), here)
        out.write(json.dumps({"ok": here.get("result")}, default=str) + "\n")
    except Exception:
        out.write(json.dumps({"error": traceback.format_exc()}) + "\n")
