import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
// @ts-expect-error a script of plain JavaScript
import { judgeAudit, lockFaults } from '../../scripts/audit.mjs';
// @ts-expect-error a script of plain JavaScript
import { isAllowed, licenceFaults } from '../../scripts/licences.mjs';
// @ts-expect-error a script of plain JavaScript
import { narrowed } from '../../scripts/sbom.mjs';

const root = path.join(import.meta.dirname, '../..');
const read = (file: string) => JSON.parse(readFileSync(path.join(root, file), 'utf8'));

test('the lock file pins every package by its content, and none runs a script that nobody decided on', () => {
  expect(lockFaults(read('package-lock.json'), read('package.json').allowScripts)).toEqual([]);
  const integrity = 'sha512-x';
  const planted = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { integrity: 'sha1-x' },
      'node_modules/c': { integrity, resolved: 'git+ssh://example.org/c.git' },
      'node_modules/d': { integrity, hasInstallScript: true },
      'node_modules/e/node_modules/f': { integrity, hasInstallScript: true },
      'node_modules/g': { integrity, resolved: 'https://example.org/g.tgz' },
    },
  };
  expect(lockFaults(planted, { f: false })).toEqual([
    'node_modules/a: has no SHA-512 of its content',
    'node_modules/b: has no SHA-512 of its content',
    'node_modules/c: comes from git+ssh://example.org/c.git',
    'node_modules/d: runs a script when it is installed (decide on it in package.json: allowScripts)',
  ]);
});

test('advisories that fail are those of what is shipped, unless there is a reason', () => {
  const advisory = (id: string, severity: string) => ({
    title: 'T',
    severity,
    url: `https://x/advisories/${id}`,
  });
  const report = {
    vulnerabilities: {
      fastify: { severity: 'critical', via: [advisory('A1', 'critical'), advisory('A2', 'low')] },
      vitest: { severity: 'high', via: [advisory('A3', 'high'), 'esbuild'] },
      ajv: { severity: 'high', via: [advisory('A4', 'high')] },
    },
  };
  expect(judgeAudit(report, new Set(['fastify', 'ajv']), { A4: 'no regular expressions of others' })).toEqual(
    {
      failed: ['fastify: critical: T (A1)'],
      told: [
        'fastify: low: T (A2)',
        'vitest: high: T (A3)',
        'ajv: high: T (A4): no regular expressions of others',
      ],
    },
  );
});

test('licences are allowed by what they ask for, stricter for what is shipped', () => {
  const allowed = new Set(['MIT', 'Apache-2.0']);
  expect(isAllowed('MIT', allowed)).toBe(true);
  expect(isAllowed('(MIT OR GPL-3.0-or-later)', allowed)).toBe(true);
  expect(isAllowed('MIT AND GPL-2.0', allowed)).toBe(false);
  expect(isAllowed('SEE LICENSE IN LICENSE.txt', allowed)).toBe(false);
  const lock = {
    '': { license: 'MIT' },
    'node_modules/a': { license: 'GPL-3.0' },
    'node_modules/b': { dev: true, license: 'Artistic-2.0' },
    'node_modules/c': { dev: true, license: 'Artistic-2.0' },
    'node_modules/d': { dev: true },
  };
  expect(licenceFaults(lock, new Set(['node_modules/b']))).toEqual([
    'node_modules/a: the licence GPL-3.0, of what is shipped',
    'node_modules/b: the licence Artistic-2.0, of what is shipped',
    'node_modules/d: the licence is missing',
  ]);
});

test('a bill of materials has what is shipped and nothing else', () => {
  const component = (name: string) => ({
    name,
    version: '1.0.0',
    'bom-ref': `${name}@1.0.0`,
    properties: [],
  });
  const bill = {
    metadata: { component: { 'bom-ref': 'main', type: 'library', name: 'main' } },
    components: [component('a'), component('b'), component('c')],
    dependencies: [
      { ref: 'main', dependsOn: ['a@1.0.0', 'c@1.0.0'] },
      { ref: 'a@1.0.0', dependsOn: ['b@1.0.0', 'c@1.0.0'] },
      { ref: 'b@1.0.0' },
      { ref: 'c@1.0.0', dependsOn: [] },
    ],
  };
  expect(narrowed(bill, new Set(['a@1.0.0', 'b@1.0.0', 'c@2.0.0']))).toEqual({
    metadata: { component: { 'bom-ref': 'main', type: 'application', name: 'lakebook' } },
    components: ['a', 'b'].map(name => ({
      name,
      version: '1.0.0',
      'bom-ref': `${name}@1.0.0`,
      scope: 'required',
    })),
    dependencies: [
      { ref: 'main', dependsOn: ['a@1.0.0'] },
      { ref: 'a@1.0.0', dependsOn: ['b@1.0.0'] },
      { ref: 'b@1.0.0', dependsOn: [] },
    ],
  });
});
