import { expect, test } from 'vitest';
import { openSession } from './bind-support.ts';

const session = await openSession();

test.each([
  ["SELECT * FROM read_csv('s3://b/a.csv')", 's3://b/a.csv', /%lake ingest/],
  ["SELECT * FROM 's3a://b/*.parquet'", 's3a://b/*.parquet', /%lake ingest/],
  ["CREATE TABLE t AS SELECT * FROM 's3://b/x.csv'", 's3://b/x.csv', /%lake ingest/],
  ["FROM read_parquet('https://host/y.parquet')", 'https://host/y.parquet', /Download it/],
])('%s is refused with what to do, and no advice to install something', async (sql, address, hint) => {
  const error = await session.execute(sql).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'UNSUPPORTED', hint: expect.stringMatching(hint) });
  expect((error as Error).message).toContain(address);
  expect((error as Error).message).not.toMatch(/httpfs|INSTALL/);
});
