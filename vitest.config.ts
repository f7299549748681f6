import { defineConfig } from 'vitest/config';

/** How long a test polls for what it waits for: a busy machine takes its time, only a hang is a failure. */
const patient = { poll: { timeout: 60_000 } };

/**
 * Tests with servers, browsers and sockets are tried again once: their machines are busy. `npm test` names at its end each
 * test that needed it (scripts/lib/flaky-reporter.mjs). Faults are never tried again, since there a rare failure is a find.
 */
const retry = 1;

/** What starts no kernel, command or server: it runs in less than a minute. */
const pure = [
  'test/{catalog,extension,iceberg,jupyter,notebook,renderers,security,storage}/**/*.test.ts',
  'test/engine/{sql,remote}/**/*.test.ts',
];
/** Among the folders of `pure`, what starts kernels. */
const processes = ['test/notebook/{assist,cell,kernel,long-cells,samples}.test.ts'];

/** Runs also what takes long and says little: for nights, not for every change. */
const whole = process.env.LAKEBOOK_TEST_WHOLE === '1';
/** Of the lake suite what reads sources of rows, or a table's rows again and again: the catalog has no part in it. */
const slowOnRest = [
  'test/engine/bind-filters.test.ts',
  'test/engine/dml/{model,adaptive}.test.ts',
  'test/lake/{ingest-csv,ingest-sources,on-error}.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles: ['test/fast-check.setup.ts'],
          include: pure,
          exclude: ['test/catalog/rest/**', 'test/jupyter/judges/**', 'test/storage/s3/*.test.ts', ...processes],
          // For slow machines: a test that hangs is what these are for, not one that takes its time.
          testTimeout: 90_000,
          hookTimeout: 90_000,
          expect: patient,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'engine',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/{cli,docs,engine,gateway,lake}/**/*.test.ts', ...processes],
          exclude: ['test/engine/{sql,remote}/**', 'test/gateway/judges/**'],
          testTimeout: 90_000,
          hookTimeout: 90_000,
          expect: patient,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'gateway',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/gateway/judges/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 180_000,
          expect: patient,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'jupyter',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/jupyter/judges/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'browser',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          expect: patient,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'vscode',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/vscode/**/*.test.ts'],
          globalSetup: ['test/vscode/support/pack.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          expect: patient,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 's3',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/storage/s3/*.test.ts', 'test/faults/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          expect: patient,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'faults',
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/faults/*/**/*.test.ts'],
          // The long runs take hours (docs/faults.md).
          testTimeout: process.env.LAKEBOOK_FAULTS === 'long' ? 12 * 3_600_000 : 900_000,
          hookTimeout: 120_000,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'lake-on-s3',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/engine/{dml,ddl}/**/*.test.ts', 'test/engine/bind*.test.ts', 'test/lake/**/*.test.ts'],
          // About the disk under a local lake.
          exclude: ['test/lake/disk.test.ts'],
          globalSetup: ['test/storage/s3/lake-server.ts'],
          env: { LAKEBOOK_TEST_STORAGE: 's3' },
          testTimeout: 120_000,
          hookTimeout: 180_000,
          expect: patient,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'spark',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/engines/spark/*.test.ts'],
          globalSetup: ['test/engines/spark/global-setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          expect: patient,
          fileParallelism: false,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'lake-on-rest',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: [
            'test/engine/{dml,ddl}/**/*.test.ts',
            'test/engine/bind-{queries,versions}.test.ts',
            'test/lake/{verbs,maintain,idempotency}.test.ts',
            ...(whole ? slowOnRest : []),
          ],
          exclude: whole ? [] : slowOnRest,
          globalSetup: ['test/catalog/rest/lake-server.ts'],
          env: { LAKEBOOK_TEST_STORAGE: 'rest' },
          testTimeout: 600_000,
          hookTimeout: 600_000,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'rest',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/catalog/rest/**/*.test.ts'],
          globalSetup: ['test/catalog/rest/lake-server.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'trino',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/engines/trino/**/*.test.ts'],
          globalSetup: ['test/engines/trino/servers.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          expect: patient,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'interop',
          retry,
          setupFiles: ['test/fast-check.setup.ts'],
          include: ['test/interop/**/*.test.ts'],
          globalSetup: ['test/interop/judge-process.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          expect: patient,
          pool: 'forks',
        },
      },
    ],
  },
});
