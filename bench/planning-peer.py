"""PyIceberg's side of bench/planning.ts: plans one scan in a fresh process, then again.

usage: planning-peer.py METADATA_FILE FILTER; prints {"seconds", "cpu", "again", "files", "peakMiB"} as JSON.
"""

import json
import resource
import sys
import time

from pyiceberg.table import StaticTable

address, row_filter = sys.argv[1:3]
table = StaticTable.from_metadata(address)


def plan():
    start, cpu = time.perf_counter(), time.process_time()
    files = len(list(table.scan(row_filter=row_filter).plan_files()))
    return time.perf_counter() - start, time.process_time() - cpu, files


seconds, cpu, files = plan()
again, _, _ = plan()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "cpu": cpu, "again": again, "files": files, "peakMiB": peak}))
