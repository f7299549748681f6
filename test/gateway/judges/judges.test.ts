import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestGateway, tokens } from '../support.ts';

/** Installed by scripts/gateway-judge.sh. */
const judges = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache/lakebook-ci');
const root = path.resolve(import.meta.dirname, '../../..');
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-judges-'));
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.open({ limits: { timeoutMs: 10_000, idleMs: 5_000 } });
  await gateway.ingest('sales', 'id,amount\n1,1.5\n2,2.5\n', '?create=true&key=id');
});
afterAll(async () => {
  await gateway.close();
  rmSync(work, { recursive: true, force: true });
});

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: work, env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (output += data));
    child.once('error', reject);
    child.once('close', code => resolve({ code, output }));
  });
}

const serverErrors = () => gateway.lines.filter(line => /"level":"error"|"status":5\d\d/.test(line));

test('test_api passes against a started server', async () => {
  const file = path.join(work, 'tokens.json');
  writeFileSync(file, JSON.stringify(tokens));
  const ran = await run(process.execPath, [
    path.join(root, 'scripts/test_api.mjs'),
    gateway.url,
    '--token-file',
    file,
  ]);
  expect(ran.output).toMatch(/\n\d\d passed, 0 failed\n$/);
  expect(ran.code).toBe(0);
});

test('newman finds every test of the Postman collection passing', async () => {
  const [folder] = readdirSync(judges).filter(name => name.startsWith('newman-'));
  const newman = path.join(judges, folder ?? 'newman', 'node_modules/newman/bin/newman.js');
  const ran = await run(process.execPath, [
    newman,
    'run',
    path.join(root, 'docs/gateway.postman_collection.json'),
    ...['--env-var', `baseUrl=${gateway.url}`, '--env-var', `token=${tokens.write}`],
    ...['--env-var', `readToken=${tokens.read}`, '--color', 'off'],
  ]);
  expect([ran.code, ran.output]).toEqual([0, expect.stringMatching(/assertions[^\n]*\d\d/)]);
});

test('schemathesis finds no server error, and no answer that the OpenAPI document does not have', async () => {
  const ran = await run(path.join(judges, 'gateway-venv/bin/schemathesis'), [
    'run',
    `${gateway.url}/openapi.json`,
    ...['--header', `Authorization: Bearer ${tokens.write}`],
    ...['--phases', 'examples,coverage,fuzzing', '--max-examples', '40', '--continue-on-failure'],
    // A stream has no end to wait for.
    ...['--exclude-path', '/events'],
    // A schema can't tell right SQL from wrong, so it can't say what must be accepted.
    ...['--exclude-checks', 'positive_data_acceptance,negative_data_rejection'],
    ...['--request-timeout', '30', '--no-color'],
  ]);
  expect(serverErrors()).toEqual([]);
  expect([ran.code, ran.code === 0 ? '' : ran.output]).toEqual([0, '']);
  expect(ran.output).toMatch(/Selected: \d+\/\d+/);
  expect((await gateway.get('/readyz')).status).toBe(200);
});
