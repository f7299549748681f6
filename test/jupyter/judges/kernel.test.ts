import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JupyterEnvironment } from './environment.ts';

let jupyter: JupyterEnvironment;
beforeAll(async () => {
  jupyter = new JupyterEnvironment();
  const { code, output } = await jupyter.runLakebook(['jupyter', 'install', '--sys-prefix']);
  expect(code, output).toBe(0);
});
afterAll(() => jupyter.close());

// What each does and expects is in drive.py: jupyter_client is the judge.
test.each([
  'execute',
  'errors',
  'broken_lake',
  'interrupt',
  'assist',
  'restart',
  'signatures',
  'killed',
  'orphan',
  'encrypted',
])('jupyter_client drives the kernel: %s', async scenario => {
  const script = path.join(import.meta.dirname, 'drive.py');
  const { code, output } = await jupyter.runPython([script, scenario], jupyter.work());
  expect(output).toContain(`${scenario}: as it should be`);
  expect(code).toBe(0);
});
