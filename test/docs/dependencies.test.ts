import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readPage, root } from './markdown.ts';

test('every package has a row that says what it is for', () => {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(path.join(root, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'devDependencies', Record<string, string>>;
  const named = new Set(
    readPage('docs/dependencies.md')
      .split('\n')
      .filter(line => line.startsWith('| '))
      .flatMap(line => line.split('|')[1]!.trim().split(', ')),
  );
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) expect([...named]).toContain(name);
});
