import { afterAll, beforeAll, expect, it } from 'vitest';
import { SharedLake } from './fixture.ts';
import { Judge } from './judge.ts';

let judge: Judge;
let lake: SharedLake;
beforeAll(async () => {
  judge = await Judge.connect();
  lake = await SharedLake.open(judge);
});
afterAll(async () => {
  await lake.close();
  judge.close();
});

/** Of each column: the estimate in the metadata, and what DataSketches makes of the blob in the Puffin file. */
interface Sketch {
  readonly ndv: number;
  readonly estimate: number;
  readonly retained: number;
  readonly theta: number;
  readonly hashes: readonly string[];
}

/** Reads a table's newest statistics file with Iceberg's own library and DataSketches. */
const sketches = () =>
  judge.python<Record<string, Sketch>>(`
    s = spark()
    jvm = s._jvm
    shaded = jvm.org.apache.iceberg.shaded.org.apache.datasketches
    table = jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(s._jsparkSession, 'lake.default.t')
    files = [f for f in table.statisticsFiles() if f.snapshotId() == table.currentSnapshot().snapshotId()]
    reader = jvm.org.apache.iceberg.puffin.Puffin.read(table.io().newInputFile(files[0].path())) \\
        .withFileSize(files[0].fileSizeInBytes()).withFooterSize(files[0].fileFooterSizeInBytes()).build()
    result = {}
    lists = jvm.org.apache.iceberg.relocated.com.google.common.collect.Lists
    for pair in lists.newArrayList(reader.readAll(reader.fileMetadata().blobs())):
        blob, data = pair.first(), pair.second()
        data = data.order(jvm.java.nio.ByteOrder.LITTLE_ENDIAN)
        sketch = shaded.theta.CompactSketch.heapify(shaded.memory.Memory.wrap(data))
        hashes, each = [], sketch.iterator()
        while each.next(): hashes.append(str(each.get()))
        name = table.schema().findColumnName(blob.inputFields().get(0))
        known = [b for b in files[0].blobMetadata() if b.fields() == blob.inputFields()][0]
        result[name] = {'ndv': int(known.properties()['ndv']), 'estimate': sketch.getEstimate(),
            'retained': sketch.getRetainedEntries(), 'theta': sketch.getTheta(), 'hashes': sorted(hashes)}`);

it("sketches of distinct values are those of Spark's compute_table_stats", async () => {
  await lake.sql(`
    CREATE TABLE t (id BIGINT, n INT, flag BOOLEAN, f FLOAT, d DOUBLE, day DATE, ts TIMESTAMP, tz TIMESTAMPTZ, text STRING,
      price DECIMAL(9, 2), big DECIMAL(38, 10), bin BINARY, nothing INT);
    INSERT INTO t SELECT i, i % 1000, i % 2 = 0, (i % 300) / 7, (i % 400) / 7, DATE '1969-10-01' + (i % 200)::INT,
      TIMESTAMP '1969-12-31' + to_microseconds(i % 500), TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i % 600),
      CASE i % 50 WHEN 0 THEN '' WHEN 1 THEN NULL ELSE 'ünï ' || (i % 3000) END, (i % 700 - 350) / 4,
      (i % 800 - 400)::DECIMAL(38, 10) * 12345678901.5, ('b' || (i % 900))::BLOB, NULL FROM range(30000) r(i)`);
  await lake.sql(`CALL system.compute_table_stats(table => 't')`);
  const ours = await sketches();
  await judge.python(`
    spark().sql("CALL lake.system.compute_table_stats(table => 'default.t')")
    result = None`);
  const theirs = await sketches();
  expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
  for (const [name, sketch] of Object.entries(theirs)) {
    const own = ours[name]!;
    if (sketch.theta === 1) {
      expect([name, own]).toEqual([name, sketch]);
      continue;
    }
    // Both keep the smallest hashes, up to thresholds of their own.
    expect(own.theta).toBeLessThan(1);
    const shared = BigInt(Math.floor(Math.min(own.theta, sketch.theta) * 2 ** 52)) << 11n;
    const below = (hashes: readonly string[]) => hashes.filter(hash => BigInt(hash) < shared);
    expect([name, below(own.hashes)]).toEqual([name, below(sketch.hashes)]);
    expect(below(own.hashes).length).toBeGreaterThan(3000);
    expect(Math.abs(own.ndv / sketch.ndv - 1)).toBeLessThan(0.1);
    expect(Math.round(own.estimate)).toBe(own.ndv);
  }
});
