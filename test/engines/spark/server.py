"""A Spark Connect server for tests and benchmarks.

usage: server.py JARS OPTIONS. JARS are put on the class path, OPTIONS is a JSON object of Spark settings. Prints one
JSON line when it listens: {"port": ..., "ui": "http://..."}; everything that Spark prints goes to stderr. Ends when its
standard input does.
"""

import json
import os
import sys

out = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

from pyspark.sql import SparkSession  # noqa: E402

settings = {
    "spark.driver.extraClassPath": sys.argv[1],
    "spark.driver.memory": "1536m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.grpc.binding.port": "0",
    "spark.ui.port": "0",
    "spark.ui.showConsoleProgress": "false",
    "spark.connect.progress.reportInterval": "100ms",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    **json.loads(sys.argv[2]),
}
builder = SparkSession.builder.master("local[2]")
for key, value in settings.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
service = getattr(spark._jvm, "org.apache.spark.sql.connect.service.SparkConnectService$")
port = getattr(service, "MODULE$").localPort()
out.write(json.dumps({"port": port, "ui": spark.sparkContext.uiWebUrl}) + "\n")
sys.stdin.read()
# Spark waits for its own threads, which a test has no time for.
os._exit(0)
