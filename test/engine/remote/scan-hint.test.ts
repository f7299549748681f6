import { expect, test } from 'vitest';
import { Engines } from '../../../src/engine/remote/engines.ts';
import { scanHint } from '../../../src/engine/remote/scan-hint.ts';
import type { ScanStats } from '../../../src/iceberg/scan.ts';

const scan = { bytesScanned: 34.2e9, dataFilesScanned: 1234 } as ScanStats;
const trino = { uri: 'https://trino.example', catalog: 'lake', user: 'ann', session: {} };

test('names an engine that there is', () => {
  expect(scanHint(new Engines({ hintBytes: 20e9, trino }), scan)).toBe(
    "This query reads 34.2 GB in 1,234 files here. `-- engine: trino` as the cell's first line runs it on Trino at https://trino.example.",
  );
  expect(scanHint(new Engines({ hintBytes: 20e9 }), scan)).toContain('`engines` in lakebook.json');
});

test('says nothing of less, or of what reads no table', () => {
  const engines = new Engines({ hintBytes: 34.2e9, trino });
  expect(scanHint(engines, scan)).toBeUndefined();
  expect(scanHint(engines, undefined)).toBeUndefined();
  engines.hintBytes = 5;
  expect(scanHint(engines, { ...scan, bytesScanned: 12_345_678 })).toContain('12.3 MB');
});
