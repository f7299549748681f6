"""Answers how PyIceberg itself reads its configuration, and makes tables in catalogs of it.

One JSON command a line, one JSON answer a line, until standard input ends:
  {"folder": DIR, "env": {...}}                  the catalogs' properties and the default's name, or {"error": TEXT}
  {"folder": DIR, "env": {...}, "table": NAME}   also makes a table of two rows in the default catalog
"""

import json
import os
import sys

out = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import pyarrow as pa  # noqa: E402
import pyiceberg.catalog  # noqa: E402
from pyiceberg.utils.config import Config  # noqa: E402

for line in sys.stdin:
    command = json.loads(line)
    os.environ.clear()
    os.environ.update(command["env"])
    os.chdir(command["folder"])
    try:
        config = Config()
        answer = {
            "default": config.get_default_catalog_name(),
            "catalogs": {name: config.get_catalog_config(name) for name in config.get_known_catalogs()},
        }
        if "table" in command:
            pyiceberg.catalog._ENV_CONFIG = config
            catalog = pyiceberg.catalog.load_catalog()
            catalog.create_namespace_if_not_exists("default")
            rows = pa.table({"id": [1, 2]})
            catalog.create_table(("default", command["table"]), schema=rows.schema).append(rows)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=out)
